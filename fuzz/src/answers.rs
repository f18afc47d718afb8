//! Responses of Graph and Entra ID.

use std::time::Duration;

use fluent_uri::Uri;
use remediation_gateway::code::Code;
use remediation_gateway::config::Config;
use remediation_gateway::graph::app_token::AppTokenCache;
use remediation_gateway::graph::error::{GraphError, GraphErrorKind, GraphOperation, TokenEndpointError};
use remediation_gateway::graph::response;
use remediation_gateway::graph::response::{Accepted, MAX_RETRY_AFTER};
use remediation_gateway::graph::settings::GraphSettings;
use remediation_gateway::graph::tracking::Tracking;
use remediation_gateway::percent;
use remediation_gateway::problem::error::GatewayError;
use remediation_gateway::runtime::{BodyError, HttpResponse, SendError};
use remediation_gateway::time::Timestamp;
use serde_json::{Value, json};

use crate::message::Message;
use crate::world::{CONFIG, FakeRuntime, NOW, TENANT, error_response, run, settings};

/// Maximum length of a message from Graph in an error response, in characters.
const MAX_MESSAGE: usize = 1000;

/// Checks a response as text: `graph 202` or `entra 200` or a failure, then the headers and a body.
///
/// Every response has one public error code. The log gets no free text of the response, and the caller gets a limited
/// part. A link is a valid URI, and waits last at most a day.
///
/// Returns whether the gateway accepts the response as a success.
///
/// # Panics
///
/// Panics if a property does not hold.
#[must_use]
pub fn answers(bytes: &[u8]) -> bool {
    let message = Message::parse(bytes);
    let (sender, outcome) = message.start.split_once(' ').unwrap_or((message.start.as_str(), "200"));
    let result = parse_result(outcome, &message);
    if let Ok(response) = &result {
        check_retry_after(response);
    }
    match sender {
        "entra" => check_entra(&result),
        _ => check_graph(&result, message.header("sent").as_deref().unwrap_or_default(), &CONFIG),
    }
}

/// Returns the result of a call: the response, or the failure that `outcome` names.
fn parse_result(outcome: &str, message: &Message<'_>) -> Result<HttpResponse, SendError> {
    let status = match outcome {
        "refused" => return Err(SendError::Connection),
        "silent" => return Err(SendError::Deadline),
        _ => outcome.parse().unwrap_or(500),
    };
    let header = |name| message.header(name).map(|value| (name, value));
    let headers = ["location", "request-id", "retry-after"].into_iter().filter_map(header).collect();
    let body = match message.header("body").as_deref() {
        Some("skipped") => Err(BodyError::Skipped),
        Some("too large") => Err(BodyError::TooLarge),
        Some("cut off") => Err(BodyError::Failed(SendError::Connection)),
        _ => Ok(message.body.to_vec()),
    };
    Ok(HttpResponse { status, headers, body })
}

fn check_retry_after(response: &HttpResponse) {
    let given = response.header("retry-after").map(str::trim);
    let seconds = response::retry_after(response);
    assert!(seconds.is_none_or(|seconds| seconds <= MAX_RETRY_AFTER));
    let expected = given.and_then(|given| given.parse::<u32>().ok()).map(|seconds| seconds.min(MAX_RETRY_AFTER));
    // Retry-After has no plus sign, and more digits than fit are still a number.
    if given.is_none_or(|given| !given.starts_with('+') && given.len() < 10) {
        assert_eq!(seconds, expected, "{given:?}");
    }
}

/// Checks how the gateway reads a result of Graph. `sent` is the caller's text in the request.
fn check_graph(result: &Result<HttpResponse, SendError>, sent: &str, config: &Config) -> bool {
    let graph_request = json!({ "displayName": "x", "description": sent }).to_string();
    let read = |response: &HttpResponse| {
        response::read(response, config.tenant_id, graph_request.as_bytes(), Timestamp::default())
    };
    match result.as_ref().map_err(|error| GraphOperation::Remediate.error(*error)).and_then(read) {
        Ok(accepted) => {
            let response = result.as_ref().expect("there is a response");
            let is_duplicate = response.status == 409
                && reports_duplicate(response.body_or_empty())
                && !contains_duplicate_phrase(sent);
            assert!((200..300).contains(&response.status) || is_duplicate);
            assert_eq!((accepted.status, accepted.duplicate), (response.status, is_duplicate));
            let default = format!("https://security.microsoft.com/action-center/history?tid={TENANT}");
            let given = response.header("location").filter(|location| !location.is_empty());
            let usable = given.filter(|location| is_link(location));
            assert_eq!(accepted.location, usable.unwrap_or(&default));
            assert_eq!(accepted.location_error.is_some(), given.is_some() && usable.is_none());
            assert_eq!(accepted.clone().with_usable_location(config.tenant_id), accepted, "a replay differs");
            check_id(accepted.graph_request_id.as_deref());
            check_tracking(&accepted);
            true
        }
        Err(error) => {
            check_graph_error(&error, result);
            check_outputs(error);
            false
        }
    }
}

/// Returns whether Graph's error object reports a duplicate.
fn reports_duplicate(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    ["/error/code", "/error/message"]
        .iter()
        .filter_map(|pointer| body.pointer(pointer)?.as_str())
        .any(|text| text.to_ascii_lowercase().contains("duplicate remediation"))
}

/// Returns whether the caller's text contains the phrase for a duplicate, which Graph may then quote.
fn contains_duplicate_phrase(text: &str) -> bool {
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    letters.to_ascii_lowercase().contains("duplicateremediation")
}

/// Returns whether clients can parse the link and people can open it, by a URI parser that tolerates Graph's raw
/// characters.
fn is_link(location: &str) -> bool {
    let tracking = Tracking::parse(location);
    let uri = Uri::parse(tracking.url.as_str()).ok();
    let authority = uri.as_ref().and_then(Uri::authority);
    let is_host = |host: &str| {
        host.split('.').all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    };
    location.len() <= 8 * 1024
        && location.bytes().all(|byte| byte.is_ascii_graphic())
        && uri.as_ref().is_some_and(|uri| uri.scheme().as_str().eq_ignore_ascii_case("https"))
        && authority.is_some_and(|authority| {
            !authority.has_userinfo() && is_host(authority.host()) && !authority.as_str().ends_with(':')
        })
}

/// Checks that an ID from Graph is short and contains neither an address nor a line break.
fn check_id(id: Option<&str>) {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    assert!(id.is_none_or(|id| (1..=100).contains(&id.len()) && id.bytes().all(is_allowed)), "{id:?}");
}

/// Checks that a tracking URL is a valid URI, equivalent to the location.
fn check_tracking(accepted: &Accepted) {
    let tracking = Tracking::parse(&accepted.location);
    let mut rest = tracking.url.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        assert!(byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&byte), "{}", tracking.url);
        assert!(byte != b'%' || percent::read_escape(rest).is_some(), "{}", tracking.url);
        rest = after;
    }
    if accepted.location.starts_with("https://security.microsoft.com/") {
        assert!(Uri::parse(tracking.url.as_str()).is_ok(), "{}", tracking.url);
    }
    if Uri::parse(accepted.location.as_str()).is_ok_and(|uri| !uri.as_str().contains('[')) {
        assert_eq!(tracking.url, accepted.location, "a valid URI was changed");
    }
    let again = Tracking::parse(&tracking.url);
    assert_eq!(again, tracking, "an escaped link differs");
    check_id(tracking.bulk_id.as_deref());
    check_id(tracking.tenant_id.as_deref());
}

/// Compares an error with the table in the contract, section 4.
fn check_graph_error(error: &GraphError, result: &Result<HttpResponse, SendError>) {
    let (code, _) = error_response(&error.clone().into());
    let was_cut_off = matches!(result, Ok(HttpResponse { body: Err(BodyError::Failed(_)), .. }));
    let expected = match result {
        Err(SendError::Deadline) => Code::GraphTimeout,
        Ok(HttpResponse { status: 409, .. }) if was_cut_off => Code::GraphUnavailable,
        Ok(HttpResponse { status: 400, .. }) => Code::GraphRefused,
        Ok(HttpResponse { status: 401, .. }) => Code::GraphCredentialRejected,
        Ok(HttpResponse { status: 403, .. }) => Code::GraphPermissionMissing,
        Ok(HttpResponse { status: 409, .. }) => Code::GraphConflict,
        Ok(HttpResponse { status: 429, .. }) => Code::GraphThrottled,
        Err(SendError::Connection) | Ok(HttpResponse { status: 503, .. }) => Code::GraphUnavailable,
        Ok(_) => Code::GraphError,
    };
    assert_eq!(code, expected);
    let status = result.as_ref().ok().map(|response| response.status);
    assert_eq!(error.status, status);
    let is_refused = status.is_some_and(|status| status < 500 || status == 503);
    assert_eq!(error.is_certain(), is_refused && !(status == Some(409) && was_cut_off));
    check_id(error.graph_request_id.as_deref());
    if let GraphErrorKind::Refused { code, message } = &error.kind {
        check_id(Some(code));
        assert!(message.chars().count() <= MAX_MESSAGE && !message.chars().any(char::is_control), "{message}");
    }
}

/// Checks the caller's response and the log line for a failure.
fn check_outputs(error: GraphError) {
    let error = GatewayError::from(error);
    let logged = error.to_string();
    assert!(logged.len() <= 300 && logged.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{logged}");
    let (code, response) = error_response(&error);
    assert_eq!(response.status, code.status());
    let body: Value = serde_json::from_str(&response.body).expect("it is JSON");
    assert_eq!(body["error"]["code"], code.as_str());
    assert!(body["detail"].as_str().is_some_and(|detail| detail.chars().count() <= MAX_MESSAGE + 200));
    for (name, value) in &response.headers {
        let is_wait = |value: &str| value.parse::<u32>().is_ok_and(|seconds| seconds <= MAX_RETRY_AFTER);
        assert!(*name != "Retry-After" || is_wait(value), "{value}");
        assert!(value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{name}: {value}");
    }
}

/// Checks how the gateway reads a result of Entra ID's token endpoint.
fn check_entra(result: &Result<HttpResponse, SendError>) -> bool {
    let runtime = FakeRuntime::default();
    let until = NOW.plus(Duration::from_mins(1));
    // Scripted twice, because the gateway retries some failures. No usable response follows.
    runtime.script_response(result.clone());
    runtime.script_response(result.clone());
    runtime.script_response(Err(SendError::Deadline));
    runtime.script_response(Err(SendError::Deadline));
    let settings = GraphSettings::parse(settings().expose().as_bytes(), None).expect("the Worker's settings are valid");
    let cache = AppTokenCache::default();
    match run(cache.get(&runtime, &settings, until)) {
        Ok(token) => {
            let response = result.as_ref().expect("there is a response");
            let body: Value = serde_json::from_slice(response.body_or_empty()).expect("it is JSON");
            assert_eq!(response.status, 200);
            assert!(body["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")));
            assert_eq!(body["access_token"], token.expose());
            assert!(!token.expose().is_empty() && token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
            assert_eq!(runtime.calls().len(), 1);
            cache.drop_rejected(&token);
            let _ = run(cache.get(&runtime, &settings, until));
            assert_eq!(runtime.calls().len(), 2, "a token that Graph rejects is not used again");
            true
        }
        Err(error) => {
            let is_retried = match result {
                Err(error) => *error == SendError::Connection,
                Ok(HttpResponse { status: 200, body: Err(BodyError::Failed(_)), .. }) => true,
                Ok(response) => (500..600).contains(&response.status),
            };
            assert_eq!(runtime.calls().len(), if is_retried { 2 } else { 1 }, "{error}");
            if let TokenEndpointError::Throttled { retry_after } | TokenEndpointError::Unavailable { retry_after, .. } =
                error
            {
                assert!(retry_after.is_none_or(|seconds| seconds <= MAX_RETRY_AFTER));
            }
            check_outputs(GraphOperation::Remediate.error(error));
            false
        }
    }
}
