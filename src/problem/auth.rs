//! The problem details of failed authentication.

use super::details::{ProblemDetails, nothing_sent};
use crate::auth::credentials::CredentialsError;
use crate::auth::token_error::TokenError;
use crate::auth::{AuthError, SCOPE};
use crate::code::Code;

const BEARER: &str = r#"Bearer realm="remediation-gateway""#;
const BEARER_INVALID_TOKEN: &str = r#"Bearer realm="remediation-gateway", error="invalid_token""#;
const BEARER_INSUFFICIENT_SCOPE: &str = r#"Bearer realm="remediation-gateway", error="insufficient_scope""#;

/// Returns the details of failed authentication. All invalid credentials have the same details, so only the log has the
/// reason.
pub(super) fn auth(error: AuthError) -> ProblemDetails {
    let invalid = |challenge: &str| {
        nothing_sent(
            Code::InvalidCredentials,
            "The token or key is invalid. Send an API key of the gateway, or an Entra ID token for the gateway's \
             audience, not for Microsoft Graph.",
        )
        .header("WWW-Authenticate", challenge)
    };
    let unknown = |text: &str| nothing_sent(Code::UnknownCaller, text);
    match error {
        AuthError::Credentials(CredentialsError::Absent) => nothing_sent(
            Code::Unauthenticated,
            "Credentials are missing. Send an Entra ID bearer token for the gateway's audience, or an API key as \
             X-API-Key or Basic.",
        )
        .header("WWW-Authenticate", BEARER),
        AuthError::Credentials(CredentialsError::Several) => nothing_sent(
            Code::InvalidRequest,
            "The request has two credentials. Send either Authorization or X-API-Key.",
        ),
        AuthError::Credentials(CredentialsError::Repeated) => {
            nothing_sent(Code::InvalidRequest, "Authorization is given more than once. Send it once.")
        }
        AuthError::RepeatedApiKey => {
            nothing_sent(Code::InvalidRequest, "X-API-Key is given more than once. Send it once.")
        }
        AuthError::Credentials(
            CredentialsError::EmptyToken | CredentialsError::UnknownScheme | CredentialsError::MalformedBasic,
        )
        | AuthError::UnknownApiKey
        | AuthError::NotTheOwner => invalid(BEARER),
        // It is unknown whether the token is valid, and a workflow engine would not retry a 401.
        AuthError::Token(TokenError::KeysUnavailable) => keys_unavailable(None),
        AuthError::Token(TokenError::UnknownKey { retry_after }) => keys_unavailable(Some(retry_after)),
        AuthError::Token(_) => invalid(BEARER_INVALID_TOKEN),
        AuthError::UnknownObjectId => {
            unknown("The token is valid, but its object ID (oid) belongs to no caller of the gateway.")
        }
        AuthError::MissingScope | AuthError::NotAnApplication => {
            unknown(&format!("The token is neither an application token nor a user token with the scope {SCOPE}."))
                .header("WWW-Authenticate", BEARER_INSUFFICIENT_SCOPE)
        }
        AuthError::MissingRole => unknown("The token lacks the app role that the caller requires.")
            .header("WWW-Authenticate", BEARER_INSUFFICIENT_SCOPE),
    }
}

/// Returns one response for unavailable keys and for a missing key.
fn keys_unavailable(retry_after: Option<u32>) -> ProblemDetails {
    nothing_sent(
        Code::GraphUnavailable,
        "The token's signing key cannot be fetched from Entra ID now. Retry after the time in Retry-After.",
    )
    .retry_after(retry_after)
}
