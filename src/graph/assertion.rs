//! The client assertion: a JWT that the gateway signs instead of sending a secret (RFC 7523; facts, section 2).

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use super::settings::GraphSettings;
use crate::config::ClientCertificate;
use crate::runtime::{Clock, Guids, Signer};
use crate::secret::Secret;

/// Reason why no assertion was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// The certificate has expired since the configuration was validated.
    #[error("CLIENT_CERTIFICATE: the certificate has expired")]
    CertificateExpired,
    /// The platform rejects the key.
    #[error("CLIENT_CERTIFICATE: the platform does not sign with its key")]
    NotSigned,
}

/// Lifetime of an assertion. The gateway sends an assertion once and immediately, so the lifetime only has to cover
/// clock differences. Entra advises 5 to 10 minutes.
const LIFETIME: Duration = Duration::from_mins(5);

/// Creates an assertion for the token endpoint at `audience`.
///
/// # Errors
///
/// [`AssertionError::CertificateExpired`], [`AssertionError::NotSigned`].
pub(super) async fn sign(
    runtime: &(impl Clock + Guids + Signer),
    settings: &GraphSettings,
    certificate: &ClientCertificate,
    audience: &str,
) -> Result<Secret, AssertionError> {
    let now = runtime.now();
    if now > certificate.not_after {
        return Err(AssertionError::CertificateExpired);
    }
    let client_id = settings.client_id.to_string();
    let issued = now.millis() / 1000;
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": certificate.thumbprint });
    let claims = json!({
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": runtime.new_guid(),
        "nbf": issued,
        "iat": issued,
        "exp": issued + LIFETIME.as_secs(),
    });
    let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = runtime.sign_ps256(&certificate.private_key, signed.as_bytes()).await;
    let signature = signature.ok_or(AssertionError::NotSigned)?;
    Ok(Secret::new(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
}
