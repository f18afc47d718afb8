//! Texts that resemble a JWT but are not one in compact serialization (RFC 7515, section 7.1).

use super::Forged;
use crate::auth::token::MAX_TOKEN_BYTES;
use crate::auth::token_error::TokenError::{ClaimsNotObject, HeaderNotObject, Shape, TooLarge};
use crate::tests::support::entra::{Draft, base64url};

pub(super) fn cases() -> Vec<Forged> {
    let good = Draft::v2().token();
    let [h, c, s] = Draft::v2().parts();
    let [ph, pc, ps] =
        [with_tail(&Draft::v2(), true), with_tail(&Draft::v2(), false), Draft::v2()].map(|draft| draft.parts());
    let underscores = base64url([0xff; 256]);
    vec![
        ("one part", h.clone(), Shape),
        ("two parts", format!("{h}.{c}"), Shape),
        ("four parts", format!("{good}.{s}"), Shape),
        ("five parts, as an encrypted token has", format!("{h}.{s}.{c}.{c}.{s}"), Shape),
        ("no signature behind the last dot", format!("{h}.{c}."), Shape),
        ("no claims (detached content)", format!("{h}..{s}"), Shape),
        ("no header", format!(".{c}.{s}"), Shape),
        ("dots alone", "..".to_owned(), Shape),
        ("a dot before", format!(".{good}"), Shape),
        ("a dot behind", format!("{good}."), Shape),
        ("padding behind the header", format!("{}={}.{}", ph[0], ph[1], ph[2]).replacen('=', "=.", 1), Shape),
        ("padding behind the claims", format!("{}.{}=.{}", pc[0], pc[1], pc[2]), Shape),
        ("padding behind the signature", format!("{}.{}.{}==", ps[0], ps[1], ps[2]), Shape),
        ("the standard alphabet", format!("{h}.{c}.{}", underscores.replace('_', "/")), Shape),
        ("both alphabets", format!("{h}.{c}.+{}", &s[1..]), Shape),
        ("stray bits at the end of the header", format!("{}.{}.{}", set_unused_bit(&ph[0]), ph[1], ph[2]), Shape),
        ("stray bits at the end of the claims", format!("{}.{}.{}", pc[0], set_unused_bit(&pc[1]), pc[2]), Shape),
        ("stray bits at the end of the signature", format!("{h}.{c}.{}", set_unused_bit(&s)), Shape),
        ("a length that base64 does not have", format!("{h}.{c}.{s}AAA"), Shape),
        ("a blank within", format!("{h}. {c}.{s}"), Shape),
        ("a line break within", format!("{h}.\r\n{c}.{s}"), Shape),
        ("a tab before", format!("\t{good}"), Shape),
        ("two blank-separated tokens", format!("{good} {good}"), Shape),
        ("the scheme twice", format!("Bearer {good}"), Shape),
        ("quotes around", format!("\"{good}\""), Shape),
        ("escaped dots", good.replace('.', "%2E"), Shape),
        ("a NUL at the end", format!("{good}\0"), Shape),
        ("full-width dots", good.replace('.', "\u{ff0e}"), Shape),
        ("a letter beyond ASCII", format!("\u{e9}{good}"), Shape),
        ("JSON serialisation (RFC 7515 section 7.2)", flattened(&h, &c, &s), Shape),
        ("the header as plain JSON", format!("{{\"alg\":\"RS256\"}}.{c}.{s}"), Shape),
        ("a parameter behind", format!("{good};v=1"), Shape),
        ("one byte above the limit", token_of_size(MAX_TOKEN_BYTES + 1), TooLarge),
        ("a megabyte", "A".repeat(1 << 20), TooLarge),
        ("dots by the thousand", ".".repeat(16_000), Shape),
        ("parts in another order", format!("{c}.{h}.{s}"), crate::auth::token_error::TokenError::Algorithm),
        ("each part encoded twice", [h, c, s].map(base64url).join("."), HeaderNotObject),
        ("a token inside a token", Draft::v2().rewrite_claims(|_| good.clone().into_bytes()).token(), ClaimsNotObject),
        (
            "a token inside a token, said so",
            Draft::v2().header("cty", "JWT").rewrite_claims(|_| good.into_bytes()).token(),
            ClaimsNotObject,
        ),
    ]
}

fn flattened(header: &str, claims: &str, signature: &str) -> String {
    format!(r#"{{"payload":"{claims}","protected":"{header}","signature":"{signature}"}}"#).replace(',', ";")
}

/// Extends the header or claims of a draft until the last character has unused bits.
fn with_tail(draft: &Draft, header: bool) -> Draft {
    let grown = (0..3).map(|count| {
        let filler = "x".repeat(count);
        if header { draft.clone().header("x", filler) } else { draft.clone().claim("x", filler) }
    });
    grown.into_iter().find(|draft| !draft.parts()[usize::from(!header)].len().is_multiple_of(4)).unwrap()
}

/// Sets an unused bit of the last character, so that a lenient parser reads the same bytes.
fn set_unused_bit(part: &str) -> String {
    assert!(!part.len().is_multiple_of(4), "no idle bits");
    let (rest, last) = part.split_at(part.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(last).unwrap();
    format!("{rest}{}", &alphabet[at + 1..at + 2])
}

/// Returns a valid token of exactly `bytes` bytes.
pub(super) fn token_of_size(bytes: usize) -> String {
    let filled =
        |header: usize, claims: usize| Draft::v2().header("x", "x".repeat(header)).claim("x", "x".repeat(claims));
    let signature = 1 + base64url([0; 256]).len();
    let about = (bytes - filled(0, 0).signed().len() - signature) * 3 / 4;
    (0..4)
        .flat_map(|header| (about - 4..=about).map(move |claims| (header, claims)))
        .map(|(header, claims)| filled(header, claims))
        .find(|draft| draft.signed().len() + signature == bytes)
        .map(|draft| draft.token())
        .unwrap()
}
