//! Responses of success, and the headers of every response.

use serde::Serialize;

use super::job::{RemediationJob, RequestContext, ResponseFormat};
use crate::graph::response::Accepted;
use crate::graph::tracking::Tracking;
use crate::http::Response;
use crate::ledger::Quota;
use crate::ledger::quota::SPAN;
use crate::log::LogEntry;
use crate::problem::error::GatewayError;
use crate::problem::{self, ProblemContext};
use crate::remediation::Recipients;
use crate::route::Route;
use crate::runtime::{Clock, Log};
use crate::time::millis_of;

/// Returns 200 with this JSON.
pub(super) fn json(body: impl Into<String>) -> Response {
    Response { status: 200, headers: vec![("Content-Type", "application/json".to_owned())], body: body.into() }
}

/// Body of a success (contract, section 3).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AcceptedBody<'a> {
    status: &'static str,
    duplicate: bool,
    emails: u64,
    accepted_at: String,
    bulk_id: Option<&'a str>,
    tenant_id: Option<&'a str>,
    tracking_url: &'a str,
    request_id: &'a str,
    graph_request_id: Option<&'a str>,
    #[serde(flatten)]
    recipients: Option<Recipients>,
}

/// Returns the response to an accepted remediation.
pub(super) fn accepted(accepted: &Accepted, replayed: bool, job: &RemediationJob, entry: &mut LogEntry) -> Response {
    let tracking = Tracking::parse(&accepted.location);
    let mut headers = vec![("Location", accepted.location.clone())];
    if replayed {
        headers.push(("Idempotency-Replayed", "true".to_owned()));
    }
    let response = if job.format == ResponseFormat::Minimal {
        headers.push(("Preference-Applied", "return=minimal".to_owned()));
        Response { status: 202, headers, body: String::new() }
    } else {
        headers.push(("Content-Type", "application/json".to_owned()));
        let body = AcceptedBody {
            status: "accepted",
            duplicate: accepted.duplicate,
            emails: accepted.recipients.map_or(job.ledger_request.emails, |recipients| recipients.emails()),
            accepted_at: accepted.at.to_rfc3339(),
            bulk_id: tracking.bulk_id.as_deref(),
            tenant_id: tracking.tenant_id.as_deref(),
            tracking_url: &tracking.url,
            request_id: &job.context.request_id,
            graph_request_id: accepted.graph_request_id.as_deref(),
            recipients: accepted.recipients,
        };
        let status = if job.format == ResponseFormat::Workflow { 200 } else { 202 };
        Response { status, headers, body: serde_json::to_string(&body).unwrap_or_default() }
    };
    entry.bulk_id = tracking.bulk_id;
    response
}

/// Returns the quota as headers (IETF draft-ietf-httpapi-ratelimit-headers): emails per rolling hour.
fn quota_headers(quota: Quota) -> [(&'static str, String); 2] {
    let Quota { limit, remaining, reset } = quota;
    let reset = if reset > 0 { format!(";t={reset}") } else { String::new() };
    [
        ("RateLimit-Policy", format!("\"emails\";q={limit};w={}", SPAN.as_secs())),
        ("RateLimit", format!("\"emails\";r={remaining}{reset}")),
    ]
}

/// Adds to the entry what an error says of Graph.
fn add_graph_details(error: GatewayError, entry: &mut LogEntry) {
    match error {
        GatewayError::Graph(error) => {
            entry.graph_status = error.status;
            entry.graph_request_id = error.graph_request_id;
        }
        GatewayError::Expansion(error) => entry.count_recipients(Some(error.recipients())),
        GatewayError::Retry(error) => add_graph_details(*error, entry),
        _ => {}
    }
}

/// Ends a request: builds the response of an error, adds the headers of every response, and logs a POST.
pub(super) fn close(
    runtime: &(impl Clock + Log),
    context: RequestContext,
    outcome: Result<Response, GatewayError>,
    quota: Option<Quota>,
    mut entry: Option<LogEntry>,
) -> Response {
    let mut response = outcome.unwrap_or_else(|error| {
        let context = ProblemContext {
            // An unknown path is the caller's text, which may contain a key.
            instance: Route::of(&context.path).map(|_| context.path.as_str()),
            is_graph_path: Route::is_graph_path(&context.path),
            request_id: &context.request_id,
            client_request_id: context.client_request_id.as_deref(),
            began: context.began,
        };
        let (code, response) = problem::to_response(&error, context);
        if let Some(entry) = &mut entry {
            entry.reason = Some(error.to_string());
            entry.code = Some(code.as_str());
            add_graph_details(error, entry);
        }
        response
    });
    response.headers.extend([
        ("request-id", context.request_id.clone()),
        ("Cache-Control", "no-store".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
    ]);
    response.headers.extend(quota.map(quota_headers).into_iter().flatten());
    response.headers.extend(context.client_request_id.clone().map(|id| ("client-request-id", id)));
    if let Some(mut entry) = entry {
        entry.status = response.status;
        entry.duration_ms = millis_of(runtime.now().since(context.began));
        entry.request_id = context.request_id;
        entry.client_request_id = context.client_request_id;
        entry.workflow_run_id = context.workflow_run_id;
        runtime.log(&entry.line());
    }
    response
}
