//! The gateway's own token for Graph, by the client credentials flow (facts, section 2).

use std::cell::RefCell;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::assertion;
use super::error::{NO_CONSENT, TokenEndpointError};
use super::response::retry_after;
use super::settings::GraphSettings;
use crate::config::Credential;
use crate::deadline::TOKEN_DEADLINE;
use crate::json;
use crate::percent::encode_form;
use crate::runtime::{BodyError, Clock, Guids, HttpClient, HttpRequest, HttpResponse, SendError, Signer};
use crate::secret::Secret;
use crate::time::Timestamp;

/// Time before a token's expiry at which the gateway stops using the token, so that no token expires in flight
/// (contract, section 8).
const SAFETY_MARGIN: Duration = Duration::from_mins(5);

/// Maximum size of the token endpoint's response in bytes: Entra's tokens have a few KiB.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Maximum accepted lifetime of a token in seconds: one day. Entra's app tokens last 60 to 90 minutes (facts, section
/// 2). Its longest tokens, those of managed identities, last about a day (section 3).
const MAX_LIFETIME_SECONDS: u64 = 24 * 60 * 60;

/// The cached token.
#[derive(Debug, Default)]
pub struct AppTokenCache(RefCell<Option<AppToken>>);

#[derive(Clone, Debug)]
struct AppToken {
    token: Secret,
    usable_until: Timestamp,
}

impl AppTokenCache {
    /// Returns a token for Graph: the cached one if it is still valid, or a new one, fetched before `until`.
    ///
    /// If the connection fails or the endpoint responds with 5xx, the fetch is retried once (contract, section 8).
    /// Concurrent requests without a token each fetch one, because no request may wait for another one's fetch. A
    /// failed fetch is not cached.
    ///
    /// # Errors
    ///
    /// [`TokenEndpointError`].
    pub async fn get(
        &self,
        runtime: &(impl HttpClient + Clock + Guids + Signer),
        settings: &GraphSettings,
        until: Timestamp,
    ) -> Result<Secret, TokenEndpointError> {
        let cached = self.0.borrow().as_ref().filter(|cached| runtime.now() < cached.usable_until).cloned();
        if let Some(cached) = cached {
            return Ok(cached.token);
        }
        let fetched = match fetch(runtime, settings, until).await {
            Err(TokenEndpointError::Send(SendError::Connection) | TokenEndpointError::Unavailable { .. }) => {
                fetch(runtime, settings, until).await?
            }
            other => other?,
        };
        self.0.replace(Some(fetched.clone()));
        Ok(fetched.token)
    }

    /// Removes the token from the cache if it is still `rejected`, which Graph did not accept.
    pub fn drop_rejected(&self, rejected: &Secret) {
        let mut cached = self.0.borrow_mut();
        if cached.as_ref().is_some_and(|cached| cached.token == *rejected) {
            *cached = None;
        }
    }
}

async fn fetch(
    runtime: &(impl HttpClient + Clock + Guids + Signer),
    settings: &GraphSettings,
    until: Timestamp,
) -> Result<AppToken, TokenEndpointError> {
    let sent_at = runtime.now();
    let url = format!("{}/{}/oauth2/v2.0/token", settings.login_url, settings.tenant_id);
    let body = format!(
        "grant_type=client_credentials&client_id={}&scope={}&{}",
        settings.client_id,
        encode_form("https://graph.microsoft.com/.default"),
        credential_parameters(runtime, settings, &url).await?.expose(),
    );
    let request = HttpRequest {
        url: &url,
        headers: &[
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "application/json"),
            ("User-Agent", crate::runtime::USER_AGENT),
        ],
        body: Some(body.as_bytes()),
        deadline: TOKEN_DEADLINE.min(until.since(sent_at)),
        wanted: &["retry-after"],
        body_cap: MAX_RESPONSE_BYTES,
        skip_success_body: false,
    };
    let response = runtime.send(request).await?;
    parse_response(&response, sent_at).map_err(|error| match error {
        TokenEndpointError::Rejected { code: Some(NO_CONSENT), .. } => {
            TokenEndpointError::NoConsent { tenant_id: settings.tenant_id, client_id: settings.client_id }
        }
        other => other,
    })
}

/// Returns the gateway's credential as form parameters for the token endpoint `url`. Each call creates a new assertion.
async fn credential_parameters(
    runtime: &(impl Clock + Guids + Signer),
    settings: &GraphSettings,
    url: &str,
) -> Result<Secret, TokenEndpointError> {
    let members = match &settings.credential {
        Credential::Secret(secret) => format!("client_secret={}", encode_form(secret.expose())),
        Credential::Certificate(certificate) => format!(
            "client_assertion_type={}&client_assertion={}",
            encode_form("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            assertion::sign(runtime, settings, certificate, url).await?.expose(),
        ),
    };
    Ok(Secret::new(members))
}

/// Parses the endpoint's response to a request that was sent at `sent_at`. The lifetime counts from then, so the token
/// expires early rather than late.
fn parse_response(response: &HttpResponse, sent_at: Timestamp) -> Result<AppToken, TokenEndpointError> {
    let status = response.status;
    match status {
        200 => match &response.body {
            Err(BodyError::Failed(error)) => Err((*error).into()),
            Ok(body) => parse_token(body, sent_at).ok_or(TokenEndpointError::Unexpected { status }),
            Err(BodyError::Skipped | BodyError::TooLarge) => Err(TokenEndpointError::Unexpected { status }),
        },
        429 => Err(TokenEndpointError::Throttled { retry_after: retry_after(response) }),
        400..=499 => Err(TokenEndpointError::Rejected { status, code: parse_aadsts_code(response.body_or_empty()) }),
        500..=599 => Err(TokenEndpointError::Unavailable { status, retry_after: retry_after(response) }),
        _ => Err(TokenEndpointError::Unexpected { status }),
    }
}

/// The endpoint's response with a token (facts, section 2).
#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    token_type: String,
    /// Lifetime in seconds. Entra's older endpoints write the number as a text.
    expires_in: Value,
}

fn parse_token(body: &[u8], sent_at: Timestamp) -> Option<AppToken> {
    let TokenResponse { access_token, token_type, expires_in } = json::read(body)?;
    let lifetime = match expires_in {
        Value::String(seconds) => seconds.parse().ok()?,
        other => other.as_u64()?,
    };
    let is_header_value = !access_token.is_empty() && access_token.bytes().all(|byte| byte.is_ascii_graphic());
    let is_bearer = token_type.eq_ignore_ascii_case("bearer");
    let lifetime = Duration::from_secs(lifetime.min(MAX_LIFETIME_SECONDS)).saturating_sub(SAFETY_MARGIN);
    (is_bearer && is_header_value)
        .then(|| AppToken { token: Secret::new(access_token), usable_until: sent_at.plus(lifetime) })
}

/// Returns the number of the `AADSTS` code at the start of `error_description`. The rest is free text, which is not
/// logged.
fn parse_aadsts_code(body: &[u8]) -> Option<u32> {
    let body: Value = json::read(body)?;
    let digits = body.get("error_description")?.as_str()?.strip_prefix("AADSTS")?;
    digits.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> HttpResponse {
        HttpResponse { status, headers: vec![("retry-after", "7".into())], body: Ok(body.as_bytes().to_vec()) }
    }

    #[test]
    fn token_response_is_classified_by_status_and_body() {
        let sent_at = Timestamp::from_seconds(1000);
        let usable_until = |body: &str| {
            parse_response(&response(200, body), sent_at)
                .map(|token| (token.token.expose().to_owned(), token.usable_until))
        };
        let good = Ok(("t.t.t".to_owned(), Timestamp::from_seconds(1000 + 3599 - 300)));
        assert_eq!(usable_until(r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t.t.t"}"#), good);
        assert_eq!(usable_until(r#"{"token_type":"bearer","expires_in":"3599","access_token":"t.t.t","x":1}"#), good);
        assert_eq!(
            usable_until(r#"{"token_type":"Bearer","expires_in":60,"access_token":"t"}"#),
            Ok(("t".to_owned(), sent_at)),
            "a token that ends within the margin serves the request that fetched it and no other"
        );
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"token_type":"pop","expires_in":3599,"access_token":"t"}"#,
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":""}"#,
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":"a\r\nb"}"#,
            r#"{"token_type":"Bearer","expires_in":-1,"access_token":"t"}"#,
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t","x":1,"x":2}"#,
        ] {
            assert_eq!(usable_until(body), Err(TokenEndpointError::Unexpected { status: 200 }), "{body}");
        }
        for (status, body, expected) in [
            (
                401,
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}"#,
                TokenEndpointError::Rejected { status: 401, code: Some(7_000_215) },
            ),
            (400, "<html>", TokenEndpointError::Rejected { status: 400, code: None }),
            (429, "", TokenEndpointError::Throttled { retry_after: Some(7) }),
            (500, "", TokenEndpointError::Unavailable { status: 500, retry_after: Some(7) }),
            (302, "", TokenEndpointError::Unexpected { status: 302 }),
            (204, "", TokenEndpointError::Unexpected { status: 204 }),
        ] {
            assert_eq!(parse_response(&response(status, body), sent_at).map(|_| ()), Err(expected));
        }
    }

    #[test]
    fn token_endpoint_error_contains_aadsts_code_if_present() {
        for (code, logged) in [
            (Some(7_000_222), "the token endpoint refused the gateway with status 400, AADSTS7000222"),
            (None, "the token endpoint refused the gateway with status 400"),
        ] {
            assert_eq!(TokenEndpointError::Rejected { status: 400, code }.to_string(), logged);
        }
    }
}
