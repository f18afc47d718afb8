//! The call to Graph. It contains only validated values, and nothing of the caller's bytes, headers or query.

use std::time::Duration;

use super::access::{GraphAccess, GraphCalls};
use super::error::{GraphError, GraphErrorKind, GraphOperation};
use super::response::{self, Accepted};
use crate::deadline::{GRAPH_DEADLINE, MAX_GRAPH_RETRIES, MAX_GRAPH_WAIT, MIN_GRAPH_TIME};
use crate::remediation::GraphVersion;
use crate::runtime::{Clock, Guids, HttpClient, HttpRequest, Signer, Timers};
use crate::time::Timestamp;

/// Maximum size of an error body in bytes. Graph's error objects have about 1 KiB.
const MAX_ERROR_BYTES: usize = 64 * 1024;

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
/// Retries once with a new token after a 401, and at most [`MAX_GRAPH_RETRIES`] times after a 429 or 503 with a short
/// `Retry-After`: these responses say that Graph did nothing. Other calls are not retried, because their outcome may be
/// unknown (contract, section 8).
///
/// # Errors
///
/// [`GraphError`].
pub async fn submit(
    runtime: &(impl HttpClient + Clock + Guids + Signer + Timers),
    access: &GraphAccess,
    submission: Submission<'_>,
    until: Timestamp,
) -> Result<Accepted, GraphError> {
    let version = submission.version.as_str();
    let url = format!("{}/{version}/security/collaboration/analyzedEmails/remediate", access.settings.graph_url);
    let mut headers = vec![("Content-Type", "application/json")];
    if submission.newer_member {
        headers.push(("Prefer", "include-unknown-enum-members"));
    }
    let request = HttpRequest {
        url: &url,
        headers: &headers,
        body: Some(submission.body),
        deadline: GRAPH_DEADLINE,
        wanted: &["location", "request-id", "retry-after"],
        body_cap: MAX_ERROR_BYTES,
        skip_success_body: true,
    };
    let mut calls = GraphCalls { runtime, access, until, min_time: MIN_GRAPH_TIME, is_renewed: false };
    let mut retries = 0;
    loop {
        let response = calls.send(&request).await.map_err(|kind| GraphOperation::Remediate.error(kind))?;
        let error = match response::read(&response, access.settings.tenant_id, submission.body, runtime.now()) {
            Ok(accepted) => return Ok(accepted),
            Err(error) => error,
        };
        let (GraphErrorKind::Throttled { retry_after: Some(seconds) }
        | GraphErrorKind::Unavailable { retry_after: Some(seconds) }) = error.kind
        else {
            return Err(error);
        };
        let wait = Duration::from_secs(seconds.into());
        let has_time = runtime.now().plus(wait).plus(MIN_GRAPH_TIME) < until;
        if wait > MAX_GRAPH_WAIT || retries == MAX_GRAPH_RETRIES || !has_time {
            return Err(error);
        }
        retries += 1;
        runtime.sleep(wait).await;
    }
}
