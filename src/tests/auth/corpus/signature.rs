//! Tokens with correct content and an invalid signature, or a signature of other content.

use rsa::sha2::{Sha384, Sha512};

use super::Forged;
use super::header::{pkcs1, pss256};
use crate::auth::token_error::TokenError::Signature;
use crate::tests::support::entra::{CURRENT, Draft, FOREIGN, ONLY_V1, base64url};
use crate::tests::support::runtime::START;
use crate::tests::support::{NOBODY, PLAYBOOK, ROLE_BEARER};

pub(super) fn cases() -> Vec<Forged> {
    let [h, c, s] = Draft::v2().parts();
    let good = CURRENT.sign(Draft::v2().signed().as_bytes());
    let signature = |bytes: Vec<u8>| Draft::v2().signature(bytes).token();
    let signed = |sign: fn(&[u8]) -> Vec<u8>| signature(sign(Draft::v2().signed().as_bytes()));
    let with_claims = |draft: Draft| format!("{h}.{}.{s}", draft.parts()[1]);
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        signature(bytes)
    };
    vec![
        ("of an attacker's key under Entra's kid", Draft::v2().forged_by(&FOREIGN).token(), Signature),
        ("of version 1.0's key under version 2.0's kid", Draft::v2().forged_by(&ONLY_V1).token(), Signature),
        ("of an attacker's key in version 1.0", Draft::v1().forged_by(&FOREIGN).token(), Signature),
        ("of the token of version 1.0", format!("{h}.{c}.{}", Draft::v1().parts()[2]), Signature),
        ("with another oid", with_claims(Draft::v2().claim("oid", ROLE_BEARER)), Signature),
        ("with an unknown oid", with_claims(Draft::v2().claim("oid", NOBODY)), Signature),
        ("with a longer life", with_claims(Draft::v2().claim("exp", START + 86_400)), Signature),
        ("with a role more", with_claims(Draft::v2().claim("roles", vec!["Remediation.Execute"])), Signature),
        ("with the claims of version 1.0", with_claims(Draft::v1().claim("oid", PLAYBOOK)), Signature),
        ("with a blank in the header", format!("{}.{c}.{s}", header_with_blank()), Signature),
        ("of the bytes before base64url", signature(CURRENT.sign(&decoded(&h, &c))), Signature),
        ("of the header alone", signature(CURRENT.sign(h.as_bytes())), Signature),
        ("of nothing", signature(CURRENT.sign(b"")), Signature),
        ("by PS256 under RS256", signed(pss256), Signature),
        ("with SHA-384 under RS256", signed(pkcs1::<Sha384>), Signature),
        ("with SHA-512 under RS256", signed(pkcs1::<Sha512>), Signature),
        ("of one byte", signature(vec![0]), Signature),
        ("of noughts", signature(vec![0; 256]), Signature),
        ("of ones", signature(vec![0xff; 256]), Signature),
        ("the number one", signature([vec![0; 255], vec![1]].concat()), Signature),
        ("cut short at its end", signature(good[..255].to_vec()), Signature),
        ("cut short at its start", signature(good[1..].to_vec()), Signature),
        ("cut in half", signature(good[..128].to_vec()), Signature),
        ("with a byte more at its end", signature([good.as_slice(), &[0]].concat()), Signature),
        ("with a nought more at its start", signature([&[0], good.as_slice()].concat()), Signature),
        ("twice", signature([good.as_slice(), &good].concat()), Signature),
        ("in reverse", signature(good.iter().rev().copied().collect()), Signature),
        ("with its first bit flipped", flipped(0), Signature),
        ("with its last bit flipped", flipped(255), Signature),
        (
            "in hexadecimal",
            signature(good.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()),
            Signature,
        ),
        ("encoded twice", format!("{h}.{c}.{}", base64url(&s)), Signature),
    ]
}

fn header_with_blank() -> String {
    Draft::v2().rewrite_header(|json| format!("{json} ").into()).parts()[0].clone()
}

fn decoded(header: &str, claims: &str) -> Vec<u8> {
    use base64::Engine;
    let decode = |part: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    [decode(header), b".".to_vec(), decode(claims)].concat()
}
