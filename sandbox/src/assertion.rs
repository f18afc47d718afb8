//! Client assertions: what a certificate's owner sends in place of a secret (facts, section 2). Verified by the `rsa` and `x509-cert` crates,
//! which the gateway does not use.

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

/// The one value of `client_assertion_type`.
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest life of an assertion, in seconds (facts, section 2).
const LONGEST: i64 = 600;
/// How far clocks may differ, in seconds (facts, section 3).
const SKEW: i64 = 300;
/// The salt of PS256 is as long as its digest (RFC 7518, section 3.5).
const SALT: usize = 32;

/// A certificate that the gateway's application is registered with: the public part alone.
#[derive(Clone)]
pub struct ClientCertificate {
    thumbprint: String,
    key: PublicKey,
    valid: std::ops::RangeInclusive<i64>,
}

/// What is no certificate of an RSA key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text is not an X.509 certificate of an RSA key in PEM")]
pub struct InvalidCertificate;

impl ClientCertificate {
    /// Reads it from PEM.
    ///
    /// # Errors
    /// Where the text is something else.
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

/// Why an assertion is refused: Entra's number and what it says. The numbers are those of public reports; the documentation has no list of them.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) u32, pub(crate) &'static str);

const MALFORMED: Refused = Refused(50_027, "Invalid JWT token.");

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

/// The `jti`s of assertions that were taken, with the second at which each ends.
#[derive(Default)]
pub(crate) struct Seen(BTreeMap<Uuid, i64>);

/// What an assertion is judged against.
pub(crate) struct Expected<'a> {
    pub(crate) certificates: &'a [ClientCertificate],
    pub(crate) audience: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) now: i64,
}

/// Takes an assertion, once.
pub(crate) fn verify(assertion: &str, expected: &Expected<'_>, seen: &mut Seen) -> Result<(), Refused> {
    let [header, claims, signature] = assertion.split('.').collect::<Vec<_>>()[..] else {
        return Err(MALFORMED);
    };
    let signed = assertion.rsplit_once('.').map(|(signed, _)| signed).unwrap_or_default();
    let header: Header = part(header)?;
    if header.alg != "PS256" || header.typ != "JWT" {
        return Err(MALFORMED);
    }
    let unknown =
        Refused(700_027, "The certificate used to sign the client assertion is not registered on application.");
    let known = expected.certificates.iter().find(|known| known.thumbprint == header.thumbprint).ok_or(unknown)?;
    let unsigned = || Refused(700_027, "Client assertion failed signature validation.");
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| unsigned())?;
    let signature = Signature::try_from(signature.as_slice()).map_err(|_| unsigned())?;
    let verifying = VerifyingKey::<Sha256>::new_with_salt_len(known.key.clone(), SALT);
    verifying.verify(signed.as_bytes(), &signature).map_err(|_| unsigned())?;

    let claims: Claims = part(claims)?;
    if claims.iss != claims.sub || !claims.sub.eq_ignore_ascii_case(expected.client_id) {
        return Err(Refused(700_021, "Client assertion application identifier doesn't match 'client_id' parameter."));
    }
    if claims.aud != expected.audience {
        return Err(Refused(700_023, "Client assertion audience claim does not match Realm issuer."));
    }
    let lasts = claims.exp.saturating_sub(claims.nbf);
    let times = expected.now.saturating_sub(SKEW)..=expected.now.saturating_add(SKEW);
    let in_time = times.contains(&claims.nbf) && times.contains(&claims.iat) && expected.now < claims.exp;
    if !in_time || !(1..=LONGEST).contains(&lasts) || !known.valid.contains(&expected.now) {
        return Err(Refused(700_024, "Client assertion is not within its valid time range."));
    }
    seen.0.retain(|_, end| *end > expected.now);
    if seen.0.insert(claims.jti, claims.exp).is_some() {
        return Err(Refused(50_013, "The client assertion was used before."));
    }
    Ok(())
}

fn part<T: DeserializeOwned>(part: &str) -> Result<T, Refused> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED)?;
    serde_json::from_slice(&bytes).map_err(|_| MALFORMED)
}
