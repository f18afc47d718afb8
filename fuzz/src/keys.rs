//! Keys that an issuer publishes.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use remediation_gateway::auth::jwks;
use serde_json::Value;

use crate::world::TENANT;

/// Maximum number of stored keys.
const MAX_KEYS: usize = 64;

/// Checks a document with an issuer's keys.
///
/// The gateway accepts exactly the RSA keys for RS256 signatures of 2,048 to 8,192 bits with the exponent 65,537. The
/// key must name this issuer or none, and must be the first with its ID.
///
/// Returns whether the gateway accepts at least one of the keys.
///
/// # Panics
///
/// Panics if a property does not hold.
#[must_use]
pub fn keys(bytes: &[u8]) -> bool {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let Some(keys) = jwks::parse(bytes, &issuer, TENANT) else { return false };
    let document: Value = serde_json::from_slice(bytes).expect("it is JSON");
    let published = document["keys"].as_array().expect("it is a key set");
    let mut expected: Vec<[&str; 3]> = Vec::new();
    for key in published.iter().filter_map(|key| usable_key(key, &issuer)) {
        if !expected.iter().any(|[name, ..]| *name == key[0]) {
            expected.push(key);
        }
    }
    expected.truncate(MAX_KEYS);
    let keys: Vec<_> = keys.iter().map(|key| [key.kid.as_str(), &key.n, &key.e]).collect();
    assert_eq!(keys, expected);
    !keys.is_empty()
}

/// Returns ID, modulus and exponent of a key that satisfies the rules.
fn usable_key<'a>(key: &'a Value, issuer: &str) -> Option<[&'a str; 3]> {
    let [kid, n, e] = ["kid", "n", "e"].map(|name| key[name].as_str());
    let is_for_rs256 = key["kty"] == "RSA" && key["use"] == "sig" && key.get("alg").is_none_or(|alg| alg == "RS256");
    let names_issuer =
        |named: &Value| named.as_str().is_some_and(|named| named.replace("{tenantid}", TENANT) == issuer);
    let matches_issuer = key.get("issuer").is_none_or(names_issuer);
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(n?).ok()?;
    let number: Vec<u8> = modulus.into_iter().skip_while(|byte| *byte == 0).collect();
    let zeros = number.first().map_or(0, |first| first.leading_zeros());
    let bits = number.len() * 8 - usize::try_from(zeros).expect("8 at most");
    let is_strong = (2048..=8192).contains(&bits) && e == Some("AQAB");
    (is_for_rs256 && matches_issuer && is_strong).then_some([kid?, n?, e?])
}
