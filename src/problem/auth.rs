//! What the caller learns where it is nobody.

use super::details::ProblemDetails;
use crate::auth::credentials::CredentialsError;
use crate::auth::token_error::TokenError;
use crate::auth::{AuthError, SCOPE};
use crate::code::Code;

const BEARER: &str = r#"Bearer realm="remediation-gateway""#;
const BEARER_INVALID_TOKEN: &str = r#"Bearer realm="remediation-gateway", error="invalid_token""#;
const BEARER_INSUFFICIENT_SCOPE: &str = r#"Bearer realm="remediation-gateway", error="insufficient_scope""#;

/// One answer for all bad credentials, whatever is wrong with them: the log has the reason.
pub(super) fn auth(error: AuthError) -> ProblemDetails {
    let invalid = |challenge: &str| {
        ProblemDetails::new(
            Code::InvalidCredentials,
            "The token or key is not valid here. A token must be issued by the gateway's tenant for the gateway's own audience, not for Microsoft Graph.",
        )
        .header("WWW-Authenticate", challenge)
    };
    match error {
        AuthError::Credentials(CredentialsError::Absent) => ProblemDetails::new(
            Code::Unauthenticated,
            "Send a bearer token of Entra ID for the gateway's audience, or an API key as X-API-Key or Basic.",
        )
        .header("WWW-Authenticate", BEARER),
        AuthError::Credentials(CredentialsError::Several) => {
            ProblemDetails::new(Code::InvalidRequest, "Send either Authorization or X-API-Key, not both.")
        }
        AuthError::Credentials(CredentialsError::Repeated) => {
            ProblemDetails::new(Code::InvalidRequest, "Authorization is given more than once. Send it once.")
        }
        AuthError::RepeatedKey => {
            ProblemDetails::new(Code::InvalidRequest, "X-API-Key is given more than once. Send it once.")
        }
        AuthError::Credentials(
            CredentialsError::EmptyToken | CredentialsError::UnknownScheme | CredentialsError::MalformedBasic,
        )
        | AuthError::UnknownKey
        | AuthError::NotTheOwner => invalid(BEARER),
        // Whether the token is valid is not known, and a workflow engine would take a 401 for final.
        AuthError::Token(TokenError::KeysUnavailable) => keys_unavailable().retry_after(None),
        AuthError::Token(TokenError::UnknownKey { retry_after }) => keys_unavailable().retry_after(Some(retry_after)),
        AuthError::Token(_) => invalid(BEARER_INVALID_TOKEN),
        AuthError::UnknownObjectId => ProblemDetails::new(
            Code::UnknownCaller,
            "The token is valid, but its object id (oid) is not that of a caller here.",
        ),
        AuthError::MissingScope | AuthError::NotAnApplication => {
            ProblemDetails::new(Code::UnknownCaller, format!("The token is a user's and lacks the scope {SCOPE}."))
                .header("WWW-Authenticate", BEARER_INSUFFICIENT_SCOPE)
        }
        AuthError::MissingRole => {
            ProblemDetails::new(Code::UnknownCaller, "The token lacks the app role that this caller must have.")
                .header("WWW-Authenticate", BEARER_INSUFFICIENT_SCOPE)
        }
    }
}

/// One response, whether Entra's keys or one of them cannot be had.
fn keys_unavailable() -> ProblemDetails {
    ProblemDetails::new(
        Code::GraphUnavailable,
        "The key of Entra ID that the token names is not available now. Retry after the time in Retry-After. Nothing was sent.",
    )
}
