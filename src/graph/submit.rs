//! The call to Graph. It contains only validated values, and nothing of the caller's bytes, headers or query.

use std::time::Duration;

use super::app_token::AppTokenCache;
use super::error::{GraphError, GraphErrorKind, GraphOperation, TokenEndpointError};
use super::response;
use super::response::Accepted;
use super::settings::GraphSettings;
use crate::deadline::{GRAPH_DEADLINE, MAX_GRAPH_WAIT, MAX_GRAPH_WAITS, MIN_GRAPH_TIME};
use crate::remediation::GraphVersion;
use crate::runtime::{Clock, Guids, HttpClient, HttpRequest, HttpResponse, SendError, Signer, Timers};
use crate::secret::Secret;
use crate::time::Timestamp;

/// Maximum size of an error body in bytes. Graph's error objects have about 1 KiB.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A remediation for Graph.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'a> {
    /// Version of Graph.
    pub version: GraphVersion,
    /// Whether Graph needs `Prefer: include-unknown-enum-members`.
    pub newer_member: bool,
    /// Request body.
    pub body: &'a [u8],
}

/// Submits a remediation to Graph before `until`.
///
/// Retries once with a new token after a 401, and after a 429 or 503 with a short `Retry-After`: these responses say
/// that Graph did nothing. Other calls are not retried, because their outcome may be unknown (contract, section 8).
///
/// # Errors
///
/// [`GraphError`].
pub async fn submit(
    runtime: &(impl HttpClient + Clock + Guids + Signer + Timers),
    app_token: &AppTokenCache,
    settings: &GraphSettings,
    submission: Submission<'_>,
    until: Timestamp,
) -> Result<Accepted, GraphError> {
    let mut renewed = false;
    let mut waits = 0;
    loop {
        let token = app_token.get(runtime, settings, until).await;
        let token = token.map_err(|error| GraphOperation::Remediate.error(error))?;
        if runtime.now().plus(MIN_GRAPH_TIME) > until {
            return Err(GraphOperation::Remediate.error(TokenEndpointError::Send(SendError::Deadline)));
        }
        let response = send(runtime, settings, submission, &token, until).await;
        let error = match response::read(response, settings.tenant_id, submission.body, runtime.now()) {
            Ok(accepted) => return Ok(accepted),
            Err(error) => error,
        };
        match error.kind {
            GraphErrorKind::TokenRejected => {
                app_token.drop_rejected(&token);
                if renewed {
                    return Err(error);
                }
                renewed = true;
            }
            GraphErrorKind::Throttled { retry_after: Some(seconds) }
            | GraphErrorKind::Unavailable { retry_after: Some(seconds) }
                if Duration::from_secs(seconds.into()) <= MAX_GRAPH_WAIT && waits < MAX_GRAPH_WAITS =>
            {
                let wait = Duration::from_secs(seconds.into());
                if runtime.now().plus(wait).plus(MIN_GRAPH_TIME) >= until {
                    return Err(error);
                }
                waits += 1;
                runtime.sleep(wait).await;
            }
            _ => return Err(error),
        }
    }
}

/// Sends the remediation with a new client request ID, which Graph logs.
async fn send(
    runtime: &(impl HttpClient + Clock + Guids),
    settings: &GraphSettings,
    submission: Submission<'_>,
    token: &Secret,
    until: Timestamp,
) -> Result<HttpResponse, SendError> {
    let version = submission.version.as_str();
    let url = format!("{}/{version}/security/collaboration/analyzedEmails/remediate", settings.graph_url);
    let authorization = format!("Bearer {}", token.expose());
    let client_request_id = runtime.new_guid();
    let mut headers = vec![
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
        ("client-request-id", client_request_id.as_str()),
        ("User-Agent", crate::runtime::USER_AGENT),
    ];
    if submission.newer_member {
        headers.push(("Prefer", "include-unknown-enum-members"));
    }
    let request = HttpRequest {
        url: &url,
        headers: &headers,
        body: Some(submission.body),
        deadline: GRAPH_DEADLINE.min(until.since(runtime.now())),
        wanted: &["location", "request-id", "retry-after"],
        body_cap: MAX_ANSWER_BYTES,
        skip_success_body: true,
    };
    runtime.send(request).await
}
