//! An issuer's published keys (RFC 7517), and which of them the gateway accepts.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::json::{self, Member};

/// Maximum number of cached keys. Entra publishes about six per tenant.
pub const MAX_KEYS: usize = 64;
/// Accepted lengths of an RSA modulus in bits. The minimum is from RFC 7518 section 3.3. A longer key than the maximum
/// makes a verification too expensive.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// The public exponent 65,537, which Entra uses.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// An RSA public key that verifies signatures.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PublishedKey {
    kty: String,
    r#use: String,
    #[serde(default)]
    alg: Member<String>,
    #[serde(default)]
    issuer: Member<String>,
    /// `kid`.
    pub kid: String,
    /// The modulus, base64url.
    pub n: String,
    /// The public exponent, base64url.
    pub e: String,
}

/// A key set. Values that are not keys of this form are left out.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Member<PublishedKey>>,
}

/// Returns the keys in `document` with which `issuer` may sign.
///
/// An accepted key has type `RSA`, use `sig`, a `kid`, the exponent 65,537 and an accepted length. If the key names an
/// algorithm, it must be `RS256`. If the key names an issuer, it must be `issuer` after `{tenantid}` is replaced by
/// `tenant`. The function leaves out other keys. If two keys have the same `kid`, the first counts.
///
/// Returns `None` if the document is not a key set.
#[must_use]
pub fn parse(document: &[u8], issuer: &str, tenant: &str) -> Option<Vec<PublishedKey>> {
    let document: KeySet = json::read(document)?;
    let mut keys: Vec<PublishedKey> = Vec::new();
    for key in document.keys {
        if let Member::Valid(key) = key
            && is_usable(&key, issuer, tenant)
            && keys.len() < MAX_KEYS
            && !keys.iter().any(|known| known.kid == key.kid)
        {
            keys.push(key);
        }
    }
    Some(keys)
}

fn is_usable(key: &PublishedKey, issuer: &str, tenant: &str) -> bool {
    let decode = |number: &str| BASE64_URL_SAFE_NO_PAD.decode(number).unwrap_or_default();
    let is_own = |named: &String| named.replace("{tenantid}", tenant) == issuer;
    key.kty == "RSA"
        && key.r#use == "sig"
        && key.alg.optional(()).is_ok_and(|alg| alg.is_none_or(|alg| alg == "RS256"))
        && key.issuer.optional(()).is_ok_and(|named| named.is_none_or(is_own))
        && MODULUS_BITS.contains(&bit_length(&decode(&key.n)))
        && decode(&key.e) == EXPONENT
}

/// Returns the length in bits of a big-endian number.
fn bit_length(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let zeros_of_first = number.get(zeros).map_or(0, |first| first.leading_zeros());
    (number.len() - zeros) * 8 - usize::try_from(zeros_of_first).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://login.example/t/v2.0";

    #[test]
    fn key_is_accepted_only_if_strong_rsa_signing_key_of_issuer() {
        let modulus = |bits: usize| {
            let mut bytes = vec![0xff; bits.div_ceil(8)];
            if !bits.is_multiple_of(8) {
                bytes[0] = (1 << (bits % 8)) - 1;
            }
            BASE64_URL_SAFE_NO_PAD.encode(bytes)
        };
        let good = json!({"kty": "RSA", "use": "sig", "kid": "k", "n": modulus(2048), "e": "AQAB"});
        let with = |name: &str, value: Value| {
            let mut key = good.clone();
            key[name] = value;
            key
        };
        let without = |name: &str| {
            let mut key = good.clone();
            key.as_object_mut().unwrap().remove(name);
            key
        };
        for (key, taken) in [
            (good.clone(), true),
            (with("alg", json!("RS256")), true),
            (with("issuer", json!(ISSUER)), true),
            (with("issuer", json!("https://login.example/{tenantid}/v2.0")), true),
            (with("n", json!(modulus(4096))), true),
            (with("x5c", json!(["MII"])), true),
            (with("n", json!(modulus(2047))), false),
            (with("n", json!(modulus(8193))), false),
            (with("n", json!(format!("AAAA{}", modulus(1024)))), false),
            (with("n", json!("")), false),
            (with("n", json!("!")), false),
            (with("e", json!("Aw")), false),
            (with("e", json!("AQ")), false),
            (with("kty", json!("EC")), false),
            (with("kty", json!("oct")), false),
            (with("use", json!("enc")), false),
            (without("use"), false),
            (without("kid"), false),
            (with("kid", json!(1)), false),
            (with("alg", json!("PS256")), false),
            (with("alg", json!(null)), false),
            (with("issuer", json!("https://login.example/other/v2.0")), false),
            (with("issuer", json!(1)), false),
        ] {
            let document = json!({"keys": [key]}).to_string();
            let keys = parse(document.as_bytes(), ISSUER, "t").unwrap();
            assert_eq!(keys.len(), usize::from(taken), "{document}");
        }
    }

    #[test]
    fn invalid_key_set_is_rejected_and_invalid_keys_are_ignored() {
        for document in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, "<html>"] {
            assert_eq!(parse(document.as_bytes(), ISSUER, "t"), None, "{document}");
        }
        let values = json!(["RSA", "sig", "RS256", ISSUER, "k", BASE64_URL_SAFE_NO_PAD.encode([0xff; 256]), "AQAB"]);
        let no_keys = json!({"keys": [1, null, {}, values]}).to_string();
        assert_eq!(parse(no_keys.as_bytes(), ISSUER, "t"), Some(Vec::new()));
    }
}
