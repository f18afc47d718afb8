//! Client assertions, which the owner of a certificate sends instead of a secret (facts, section 2).
//!
//! The `rsa` and `x509-cert` crates verify them, so that sandbox and gateway share no code.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{
    PublicKey,
    pkcs8::DecodePublicKey as _,
    pss::{Signature, VerifyingKey},
    sha2::{Digest as _, Sha256},
    signature::Verifier as _,
};
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;
use x509_cert::{
    Certificate,
    der::{DecodePem as _, Encode as _},
};

/// Only value of `client_assertion_type`.
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Maximum lifetime of an assertion, in seconds (facts, section 2).
const MAX_LIFETIME: i64 = 600;
/// Maximum clock difference, in seconds (facts, section 3).
const CLOCK_SKEW: i64 = 300;
/// Salt length of PS256, which equals the digest length (RFC 7518, section 3.5).
const SALT_LENGTH: usize = 32;

/// Certificate of the gateway's application, without its private key.
#[derive(Clone)]
pub struct ClientCertificate {
    thumbprint: String,
    key: PublicKey,
    valid: std::ops::RangeInclusive<i64>,
}

/// Error for text that is not a certificate of an RSA key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text is not an X.509 certificate of an RSA key in PEM")]
pub struct InvalidCertificate;

impl ClientCertificate {
    /// Parses a certificate from PEM.
    ///
    /// # Errors
    /// Returns an error if the text is not a certificate of an RSA key.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidCertificate> {
        let read = || {
            let certificate = Certificate::from_pem(pem.as_bytes()).ok()?;
            let tbs = certificate.tbs_certificate();
            let key = PublicKey::from_public_key_der(&tbs.subject_public_key_info().to_der().ok()?).ok()?;
            let second = |time: &x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).ok();
            let valid = second(&tbs.validity().not_before)?..=second(&tbs.validity().not_after)?;
            let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.to_der().ok()?));
            Some(Self { thumbprint, key, valid })
        };
        read().ok_or(InvalidCertificate)
    }
}

/// Error of an assertion: Entra ID's error number and text. Public reports show the numbers; no documentation lists
/// them.
#[derive(Debug)]
pub(crate) struct AssertionError(pub(crate) u32, pub(crate) &'static str);

const MALFORMED: AssertionError = AssertionError(50_027, "Invalid JWT token.");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    #[serde(rename = "x5t#S256")]
    thumbprint: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    jti: Uuid,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// `jti`s of accepted assertions, each with its expiry in Unix seconds.
#[derive(Default)]
pub(crate) struct SeenAssertions(BTreeMap<Uuid, i64>);

/// Values that an assertion must match.
pub(crate) struct Expected<'a> {
    pub(crate) certificates: &'a [ClientCertificate],
    pub(crate) audience: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) now: i64,
}

/// Verifies an assertion and accepts it once.
pub(crate) fn verify(
    assertion: &str,
    expected: &Expected<'_>,
    seen: &mut SeenAssertions,
) -> Result<(), AssertionError> {
    let [header, claims, signature] = assertion.split('.').collect::<Vec<_>>()[..] else {
        return Err(MALFORMED);
    };
    let signed = assertion.rsplit_once('.').map(|(signed, _)| signed).unwrap_or_default();
    let header: Header = decode_part(header)?;
    if header.alg != "PS256" || header.typ != "JWT" {
        return Err(MALFORMED);
    }
    let unknown =
        AssertionError(700_027, "The certificate used to sign the client assertion is not registered on application.");
    let known = expected.certificates.iter().find(|known| known.thumbprint == header.thumbprint).ok_or(unknown)?;
    let unsigned = || AssertionError(700_027, "Client assertion failed signature validation.");
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| unsigned())?;
    let signature = Signature::try_from(signature.as_slice()).map_err(|_| unsigned())?;
    let verifying = VerifyingKey::<Sha256>::new_with_salt_len(known.key.clone(), SALT_LENGTH);
    verifying.verify(signed.as_bytes(), &signature).map_err(|_| unsigned())?;

    let claims: Claims = decode_part(claims)?;
    if claims.iss != claims.sub || !claims.sub.eq_ignore_ascii_case(expected.client_id) {
        return Err(AssertionError(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    if claims.aud != expected.audience {
        return Err(AssertionError(700_023, "Client assertion audience claim does not match Realm issuer."));
    }
    let lifetime = claims.exp.saturating_sub(claims.nbf);
    let times = expected.now.saturating_sub(CLOCK_SKEW)..=expected.now.saturating_add(CLOCK_SKEW);
    let in_time = times.contains(&claims.nbf) && times.contains(&claims.iat) && expected.now < claims.exp;
    if !in_time || !(1..=MAX_LIFETIME).contains(&lifetime) || !known.valid.contains(&expected.now) {
        return Err(AssertionError(700_024, "Client assertion is not within its valid time range."));
    }
    seen.0.retain(|_, end| *end > expected.now);
    if seen.0.insert(claims.jti, claims.exp).is_some() {
        return Err(AssertionError(50_013, "The client assertion was used before."));
    }
    Ok(())
}

fn decode_part<T: DeserializeOwned>(part: &str) -> Result<T, AssertionError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED)?;
    serde_json::from_slice(&bytes).map_err(|_| MALFORMED)
}
