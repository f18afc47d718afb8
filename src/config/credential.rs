//! `CLIENT_SECRET` or `CLIENT_CERTIFICATE`: the gateway's credential at Entra.

use super::certificate::ClientCertificate;
use super::error::ConfigErrors;
use super::variables::{Variables, text};
use crate::secret::Secret;
use crate::time::Timestamp;

/// The gateway's credential.
#[derive(Debug)]
pub enum Credential {
    /// A secret.
    Secret(Secret),
    /// A certificate. Its key signs an assertion.
    Certificate(ClientCertificate),
}

/// Returns the credential that is set.
pub(super) fn read(variables: &Variables, now: Timestamp, errors: &mut ConfigErrors) -> Option<Credential> {
    let before = errors.0.len();
    let secret = text(variables, "CLIENT_SECRET", errors);
    let certificate = text(variables, "CLIENT_CERTIFICATE", errors);
    match (secret, certificate) {
        _ if errors.0.len() > before => None,
        (None, None) => {
            errors.add("CLIENT_SECRET", "or CLIENT_CERTIFICATE is required");
            None
        }
        (Some(_), Some(_)) => {
            errors.add("CLIENT_SECRET", "and CLIENT_CERTIFICATE are both set, of which one must go");
            None
        }
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
    }
}
