//! What the caller learns where it is nobody.

use super::Public;
use crate::caller::credentials::CredentialsFault;
use crate::caller::token::TokenFault;
use crate::caller::{IdentityFault, SCOPE};
use crate::problem::Code;

const BEARER: &str = r#"Bearer realm="remediation-gateway""#;
const BEARER_INVALID_TOKEN: &str = r#"Bearer realm="remediation-gateway", error="invalid_token""#;
const BEARER_INSUFFICIENT_SCOPE: &str = r#"Bearer realm="remediation-gateway", error="insufficient_scope""#;

/// One answer for all bad credentials, whatever is wrong with them: the log has the reason.
pub(super) fn identity(fault: IdentityFault) -> Public {
    let invalid = |challenge: &str| {
        Public::new(
            Code::InvalidCredentials,
            "The token or key is not valid here. A token must be issued by the gateway's tenant for the gateway's own audience, not for Microsoft Graph.",
        )
        .header("WWW-Authenticate", challenge)
    };
    match fault {
        IdentityFault::Credentials(CredentialsFault::Absent) => Public::new(
            Code::Unauthenticated,
            "Send a bearer token of Entra ID for the gateway's audience, or an API key as X-API-Key or Basic.",
        )
        .header("WWW-Authenticate", BEARER),
        IdentityFault::Credentials(CredentialsFault::Several) => {
            Public::new(Code::InvalidRequest, "Send either Authorization or X-API-Key, not both.")
        }
        IdentityFault::Credentials(CredentialsFault::Repeated) => {
            Public::new(Code::InvalidRequest, "Authorization is given more than once.")
        }
        IdentityFault::Credentials(CredentialsFault::UnknownScheme | CredentialsFault::MalformedBasic)
        | IdentityFault::UnknownKey
        | IdentityFault::NotTheOwner => invalid(BEARER),
        // Whether the token is valid is not known, and a workflow engine would take a 401 for final.
        IdentityFault::Token(TokenFault::KeysUnavailable) => keys_unavailable().retry_after(None),
        IdentityFault::Token(TokenFault::UnknownKey { retry_after }) => {
            keys_unavailable().retry_after(Some(retry_after))
        }
        IdentityFault::Token(_) => invalid(BEARER_INVALID_TOKEN),
        IdentityFault::UnknownObjectId => Public::new(
            Code::UnknownCaller,
            "The token is valid, but its object id (oid) is not that of a caller here.",
        ),
        IdentityFault::MissingScope | IdentityFault::NotAnApplication => {
            Public::new(Code::UnknownCaller, format!("The token is a user's and lacks the scope {SCOPE}."))
                .header("WWW-Authenticate", BEARER_INSUFFICIENT_SCOPE)
        }
        IdentityFault::MissingRole => {
            Public::new(Code::UnknownCaller, "The token lacks the app role that this caller must have.")
                .header("WWW-Authenticate", BEARER_INSUFFICIENT_SCOPE)
        }
    }
}

/// One response, whether Entra's keys or one of them cannot be had.
fn keys_unavailable() -> Public {
    Public::new(
        Code::GraphUnavailable,
        "The key of Entra ID that the token names is not available now. Retry after the time in Retry-After. Nothing was sent.",
    )
}
