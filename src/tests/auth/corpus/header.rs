//! Headers that select another algorithm or key, or that parsers read differently (RFC 8725, sections 2.1, 2.4, 3.1,
//! 3.10).

use hmac::{Hmac, KeyInit, Mac};
use rsa::pkcs1v15::SigningKey;
use rsa::pss;
use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::signature::{RandomizedSigner, SignatureEncoding, Signer};
use serde_json::{Value, json};

use super::Forged;
use crate::auth::token_error::TokenError::{Algorithm, ForbiddenHeader, HeaderNotObject, KeyId, Type};
use crate::tests::support::entra::{CURRENT, Draft, FOREIGN, base64url};

pub(super) fn cases() -> Vec<Forged> {
    [algorithm(), key(), form()].concat()
}

fn algorithm() -> Vec<Forged> {
    let alg = |alg: Value| Draft::v2().header("alg", alg).token();
    let header = |name: &str, value: Value| Draft::v2().header(name, value).token();
    vec![
        ("alg none", Draft::v2().header("alg", "none").signature([0]).token(), Algorithm),
        ("alg none with the good signature", alg(json!("none")), Algorithm),
        ("alg NONE", alg(json!("NONE")), Algorithm),
        ("alg nOnE", alg(json!("nOnE")), Algorithm),
        ("alg empty", alg(json!("")), Algorithm),
        ("alg null", alg(Value::Null), Algorithm),
        ("alg missing", Draft::v2().without_header("alg").token(), Algorithm),
        ("alg a number", alg(json!(256)), Algorithm),
        ("alg an array", alg(json!(["RS256"])), Algorithm),
        ("alg an object", alg(json!({ "alg": "RS256" })), Algorithm),
        ("alg in lower case", alg(json!("rs256")), Algorithm),
        ("alg with a blank", alg(json!("RS256 ")), Algorithm),
        ("alg with a NUL", alg(json!("RS256\0")), Algorithm),
        (
            "alg in another case of the name",
            Draft::v2().without_header("alg").header("Alg", "RS256").token(),
            Algorithm,
        ),
        ("HS256, the secret being the modulus", hs256(&modulus_of_current()), Algorithm),
        ("HS256, the secret being the published key", hs256(CURRENT.jwk().to_string().as_bytes()), Algorithm),
        ("RS384, rightly signed", sign_with_alg("RS384", pkcs1::<Sha384>), Algorithm),
        ("RS512, rightly signed", sign_with_alg("RS512", pkcs1::<Sha512>), Algorithm),
        ("PS256, rightly signed", sign_with_alg("PS256", pss256), Algorithm),
        ("ES256", alg(json!("ES256")), Algorithm),
        ("EdDSA", alg(json!("EdDSA")), Algorithm),
        ("an encryption algorithm", alg(json!("RSA-OAEP")), Algorithm),
        ("a header without members", Draft::v2().rewrite_header(|_| b"{}".into()).token(), Algorithm),
        ("typ of RFC 9068", header("typ", json!("at+jwt")), Type),
        ("typ JWE", header("typ", json!("JWE")), Type),
        ("typ of a proof of possession", header("typ", json!("dpop+jwt")), Type),
        ("typ a number", header("typ", json!(1)), Type),
        ("typ null", header("typ", Value::Null), Type),
    ]
}

fn key() -> Vec<Forged> {
    let header = |name: &str, value: Value| Draft::v2().header(name, value).token();
    // The attacker signs the token and puts the attacker's key into the header.
    let embedded = |name: &str, value: Value| Draft::v2().by(&FOREIGN).header(name, value).token();
    vec![
        ("crit with an extension", header("crit", json!(["exp"])), ForbiddenHeader),
        (
            "crit of unencoded claims",
            Draft::v2().header("b64", false).header("crit", json!(["b64"])).token(),
            ForbiddenHeader,
        ),
        ("crit empty", header("crit", json!([])), ForbiddenHeader),
        ("crit null", header("crit", Value::Null), ForbiddenHeader),
        ("jku of an attacker", embedded("jku", json!("https://evil.example/keys")), ForbiddenHeader),
        ("jku of Entra itself", header("jku", json!(crate::tests::support::KEYS_V2)), ForbiddenHeader),
        ("jwk of an attacker", embedded("jwk", FOREIGN.jwk()), ForbiddenHeader),
        (
            "jwk of an attacker under Entra's kid",
            Draft::v2().forged_by(&FOREIGN).header("jwk", FOREIGN.jwk()).token(),
            ForbiddenHeader,
        ),
        ("x5c of an attacker", embedded("x5c", json!(["MIIC"])), ForbiddenHeader),
        ("x5u of an attacker", embedded("x5u", json!("https://evil.example/certificate")), ForbiddenHeader),
        ("zip", header("zip", json!("DEF")), ForbiddenHeader),
        ("kid missing", Draft::v2().without_header("kid").token(), KeyId),
        ("kid null", header("kid", Value::Null), KeyId),
        ("kid empty", header("kid", json!("")), KeyId),
        ("kid a number", header("kid", json!(1)), KeyId),
        ("kid an array", header("kid", json!([CURRENT.kid])), KeyId),
        ("kid of 257 bytes", header("kid", json!("k".repeat(257))), KeyId),
        (
            "kid in another case of the name",
            Draft::v2().without_header("kid").header("KID", CURRENT.kid).token(),
            KeyId,
        ),
    ]
}

fn form() -> Vec<Forged> {
    let rewritten = |rewrite: fn(String) -> Vec<u8>| Draft::v2().rewrite_header(rewrite).token();
    let inserted =
        |member: &str| Draft::v2().rewrite_header(|json| json.replacen('{', &format!("{{{member},"), 1).into()).token();
    vec![
        ("alg twice", inserted(r#""alg":"none""#), HeaderNotObject),
        ("alg twice, once by escapes", inserted(r#""\u0061lg":"none""#), HeaderNotObject),
        ("kid twice", inserted(r#""kid":"key-of-an-attacker""#), HeaderNotObject),
        ("an unused member twice", inserted(r#""a":1,"a":1"#), HeaderNotObject),
        ("a member twice, further in", inserted(r#""a":[{"b":1,"b":1}]"#), HeaderNotObject),
        ("an array of the header", rewritten(|json| format!("[{json}]").into()), HeaderNotObject),
        (
            "an array of the values",
            rewritten(|_| json!(["RS256", "JWT", CURRENT.kid]).to_string().into()),
            HeaderNotObject,
        ),
        ("a text of the header", rewritten(|json| Value::String(json).to_string().into()), HeaderNotObject),
        ("null for a header", rewritten(|_| b"null".into()), HeaderNotObject),
        ("a number for a header", rewritten(|_| b"1".into()), HeaderNotObject),
        ("two headers", rewritten(|json| format!("{json}{json}").into()), HeaderNotObject),
        ("something behind the header", rewritten(|json| format!("{json} x").into()), HeaderNotObject),
        ("a NUL behind the header", rewritten(|json| format!("{json}\0").into()), HeaderNotObject),
        ("a byte order mark", rewritten(|json| format!("\u{feff}{json}").into()), HeaderNotObject),
        ("UTF-16", rewritten(|json| json.encode_utf16().flat_map(u16::to_be_bytes).collect()), HeaderNotObject),
        (
            "not UTF-8",
            rewritten(|json| [json.trim_end_matches('}').as_bytes(), b",\"x\":\"\xff\"}"].concat()),
            HeaderNotObject,
        ),
        ("half a surrogate pair", inserted(r#""x":"\ud800""#), HeaderNotObject),
        ("a comment", rewritten(|json| format!("/**/{json}").into()), HeaderNotObject),
        ("a comma too many", rewritten(|json| json.replace('}', ",}").into()), HeaderNotObject),
        ("single quotes", rewritten(|json| json.replace('"', "'").into()), HeaderNotObject),
        ("not a number", inserted(r#""x":NaN"#), HeaderNotObject),
        ("a number beyond all measure", inserted(r#""x":1e999"#), HeaderNotObject),
        ("a control character", inserted("\"x\":\"\u{1}\""), HeaderNotObject),
        ("nested without end", inserted(&format!("\"x\":{}", "[".repeat(2_000))), HeaderNotObject),
        ("nested 200 deep", inserted(&format!("\"x\":{}{}", "[".repeat(200), "]".repeat(200))), HeaderNotObject),
    ]
}

/// Returns a valid token with another algorithm, signed accordingly.
fn sign_with_alg(alg: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = Draft::v2().header("alg", alg).signed();
    format!("{signed}.{}", base64url(sign(signed.as_bytes())))
}

/// Signs with a public value as the HMAC secret, the algorithm confusion of RFC 8725, section 2.1.
fn hs256(secret: &[u8]) -> String {
    sign_with_alg("HS256", |message| {
        Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(message).finalize().into_bytes().to_vec()
    })
}

pub(super) fn pkcs1<D>(message: &[u8]) -> Vec<u8>
where
    SigningKey<D>: From<rsa::PrivateKey> + Signer<rsa::pkcs1v15::Signature>,
    D: rsa::sha2::Digest,
{
    SigningKey::<D>::from(CURRENT.private.clone()).sign(message).to_vec()
}

pub(super) fn pss256(message: &[u8]) -> Vec<u8> {
    use rand::SeedableRng;
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    pss::SigningKey::<Sha256>::new(CURRENT.private.clone()).sign_with_rng(&mut random, message).to_vec()
}

fn modulus_of_current() -> Vec<u8> {
    use rsa::traits::PublicKeyParts;
    CURRENT.private.n_bytes().to_vec()
}
