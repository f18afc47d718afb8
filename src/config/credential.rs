//! `CLIENT_SECRET` or `CLIENT_CERTIFICATE`: the gateway's credential at Entra.

use serde_json::Value;

use super::certificate::ClientCertificate;
use super::error::ConfigErrors;
use super::variables::text;
use crate::secret::Secret;
use crate::time::Timestamp;

/// The gateway's credential.
#[derive(Debug)]
pub enum Credential {
    /// `CLIENT_SECRET`.
    Secret(Secret),
    /// `CLIENT_CERTIFICATE`. Its key signs an assertion.
    Certificate(ClientCertificate),
}

/// Returns the credential that is set.
pub(super) fn read(
    secret: Option<&Value>,
    certificate: Option<&Value>,
    now: Timestamp,
    errors: &mut ConfigErrors,
) -> Option<Credential> {
    let secret = errors.check("CLIENT_SECRET", text(secret));
    let certificate = errors.check("CLIENT_CERTIFICATE", text(certificate));
    match (secret?, certificate?) {
        (Some(secret), None) => Some(Credential::Secret(Secret::new(secret.to_owned()))),
        (None, Some(pem)) => match ClientCertificate::read(pem, now) {
            Ok(certificate) => Some(Credential::Certificate(certificate)),
            Err(found) => {
                for error in found {
                    errors.add("CLIENT_CERTIFICATE", error.to_string());
                }
                None
            }
        },
        (None, None) => errors.check("CLIENT_SECRET", Err("is required, or CLIENT_CERTIFICATE instead")),
        (Some(_), Some(_)) => {
            errors.check("CLIENT_SECRET", Err("is set beside CLIENT_CERTIFICATE; remove one of them"))
        }
    }
}
