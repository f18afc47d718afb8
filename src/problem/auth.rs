//! The problem details of failed authentication.

use super::details::ProblemDetails;
use crate::auth::credentials::CredentialsError;
use crate::auth::token_error::TokenError;
use crate::auth::{AuthError, SCOPE};
use crate::code::Code;

const BEARER: &str = r#"Bearer realm="remediation-gateway""#;
const BEARER_INVALID_TOKEN: &str = r#"Bearer realm="remediation-gateway", error="invalid_token""#;
const BEARER_INSUFFICIENT_SCOPE: &str = r#"Bearer realm="remediation-gateway", error="insufficient_scope""#;

/// Returns the same details for all invalid credentials. Only the log has the reason.
pub(super) fn auth(error: AuthError) -> ProblemDetails {
    let invalid = |challenge: &str| {
        ProblemDetails::new(
            Code::InvalidCredentials,
            "The token or key is invalid. Send an API key of the gateway, or an Entra ID token for the gateway's audience, not for Microsoft Graph. Nothing was sent.",
        )
        .header("WWW-Authenticate", challenge)
    };
    match error {
        AuthError::Credentials(CredentialsError::Absent) => ProblemDetails::new(
            Code::Unauthenticated,
            "Credentials are missing. Send an Entra ID bearer token for the gateway's audience, or an API key as X-API-Key or Basic. Nothing was sent.",
        )
        .header("WWW-Authenticate", BEARER),
        AuthError::Credentials(CredentialsError::Several) => {
            ProblemDetails::new(Code::InvalidRequest, "The request has two credentials. Send either Authorization or X-API-Key. Nothing was sent.")
        }
        AuthError::Credentials(CredentialsError::Repeated) => {
            ProblemDetails::new(Code::InvalidRequest, "Authorization is given more than once. Send it once. Nothing was sent.")
        }
        AuthError::RepeatedKey => {
            ProblemDetails::new(Code::InvalidRequest, "X-API-Key is given more than once. Send it once. Nothing was sent.")
        }
        AuthError::Credentials(
            CredentialsError::EmptyToken | CredentialsError::UnknownScheme | CredentialsError::MalformedBasic,
        )
        | AuthError::UnknownKey
        | AuthError::NotTheOwner => invalid(BEARER),
        // It is unknown whether the token is valid, and a workflow engine would not retry a 401.
        AuthError::Token(TokenError::KeysUnavailable) => keys_unavailable().retry_after(None),
        AuthError::Token(TokenError::UnknownKey { retry_after }) => keys_unavailable().retry_after(Some(retry_after)),
        AuthError::Token(_) => invalid(BEARER_INVALID_TOKEN),
        AuthError::UnknownObjectId => ProblemDetails::new(
            Code::UnknownCaller,
            "The token is valid, but its object ID (oid) belongs to no caller of the gateway. Nothing was sent.",
        ),
        AuthError::MissingScope | AuthError::NotAnApplication => {
            ProblemDetails::new(Code::UnknownCaller, format!("The token is a user token and lacks the scope {SCOPE}. Nothing was sent."))
                .header("WWW-Authenticate", BEARER_INSUFFICIENT_SCOPE)
        }
        AuthError::MissingRole => {
            ProblemDetails::new(Code::UnknownCaller, "The token lacks the app role that the caller requires. Nothing was sent.")
                .header("WWW-Authenticate", BEARER_INSUFFICIENT_SCOPE)
        }
    }
}

/// Returns one response for unavailable keys and for a missing key.
fn keys_unavailable() -> ProblemDetails {
    ProblemDetails::new(
        Code::GraphUnavailable,
        "The token's signing key cannot be fetched from Entra ID now. Retry after the time in Retry-After. Nothing was sent.",
    )
}
