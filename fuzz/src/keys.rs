//! The keys that an issuer publishes.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use remediation_gateway::caller::jwks;
use serde_json::Value;

use crate::world::TENANT;

/// A document from where an issuer publishes its keys. What is taken of it stands in it, is an RSA key for signatures of 2,048 to 8,192 bits
/// with the exponent 65,537, of this issuer or of none by name, and each name stands for one key.
///
/// # Panics
///
/// Where that is not so.
pub fn keys(bytes: &[u8]) {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let Some(keys) = jwks::parse(bytes, &issuer, TENANT) else { return };
    let document: Value = serde_json::from_slice(bytes).expect("it is JSON");
    let published = document["keys"].as_array().expect("it is a key set");
    let names: BTreeSet<&str> = keys.iter().map(|key| key.kid.as_str()).collect();
    assert_eq!(names.len(), keys.len(), "two keys of one name");
    assert!(keys.len() <= 64);
    for key in &keys {
        let is_it = |found: &Value| found["kid"] == *key.kid && found["n"] == *key.n && found["e"] == *key.e;
        let is_for_rs256 = |found: &Value| {
            found["kty"] == "RSA" && found["use"] == "sig" && found.get("alg").is_none_or(|alg| alg == "RS256")
        };
        let names_issuer =
            |named: &Value| named.as_str().is_some_and(|named| named.replace("{tenantid}", TENANT) == issuer);
        let is_own = |found: &Value| found.get("issuer").is_none_or(names_issuer);
        let is_published = published.iter().any(|found| is_it(found) && is_for_rs256(found) && is_own(found));
        assert!(is_published, "{}", key.kid);
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(&key.e).ok(), Some(vec![1, 0, 1]));
        let modulus = BASE64_URL_SAFE_NO_PAD.decode(&key.n).expect("base64url");
        let number: Vec<u8> = modulus.into_iter().skip_while(|byte| *byte == 0).collect();
        let zeros = number.first().map_or(0, |first| first.leading_zeros());
        let bits = number.len() * 8 - usize::try_from(zeros).expect("8 at most");
        assert!((2048..=8192).contains(&bits), "{bits} bits");
    }
}
