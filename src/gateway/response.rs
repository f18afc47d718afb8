//! What a success looks like, and what every answer carries.

use serde::Serialize;

use super::errand::{Errand, Exchange, Form};
use crate::graph::answer::Accepted;
use crate::graph::tracking::Tracking;
use crate::http::{Answer, Route};
use crate::ledger::Quota;
use crate::ledger::window::SPAN;
use crate::log::Record;
use crate::ports::{Clock, Log};
use crate::problem::{self, Context, Refusal};
use crate::time::{Timestamp, millis_of};

/// 200 and this JSON.
pub(super) fn json(body: String) -> Answer {
    Answer { status: 200, headers: vec![("Content-Type", "application/json".to_owned())], body }
}

/// The body of a success (contract, section 3).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    status: &'static str,
    duplicate: bool,
    emails: u64,
    bulk_id: Option<&'a str>,
    tenant_id: Option<&'a str>,
    tracking_url: &'a str,
    request_id: &'a str,
    graph_request_id: Option<&'a str>,
}

/// The answer to a remediation that Graph has accepted.
pub(super) fn accepted(accepted: &Accepted, replayed: bool, errand: &Errand, record: &mut Record) -> Answer {
    let tracking = Tracking::of(&accepted.location);
    let mut headers = vec![("Location", accepted.location.clone())];
    if replayed {
        headers.push(("Idempotency-Replayed", "true".to_owned()));
    }
    let answer = if errand.form == Form::Minimal {
        headers.push(("Preference-Applied", "return=minimal".to_owned()));
        Answer { status: 202, headers, body: String::new() }
    } else {
        headers.push(("Content-Type", "application/json".to_owned()));
        let body = Body {
            status: "accepted",
            duplicate: accepted.duplicate,
            emails: errand.order.emails,
            bulk_id: tracking.bulk_id.as_deref(),
            tenant_id: tracking.tenant_id.as_deref(),
            tracking_url: &tracking.url,
            request_id: &errand.exchange.request_id,
            graph_request_id: accepted.graph_request_id.as_deref(),
        };
        let status = if errand.form == Form::Workflow { 200 } else { 202 };
        Answer { status, headers, body: serde_json::to_string(&body).unwrap_or_default() }
    };
    record.bulk_id = tracking.bulk_id;
    answer
}

/// The quota as headers (IETF draft-ietf-httpapi-ratelimit-headers): emails per rolling hour.
fn rate_limit(quota: Quota) -> [(&'static str, String); 2] {
    let Quota { limit, remaining, reset } = quota;
    let reset = if reset > 0 { format!(";t={reset}") } else { String::new() };
    [
        ("RateLimit-Policy", format!("\"emails\";q={limit};w={}", SPAN.as_secs())),
        ("RateLimit", format!("\"emails\";r={remaining}{reset}")),
    ]
}

/// Ends an exchange that began at the moment `began`: makes the answer of a refusal, adds what every answer carries, and logs a POST.
pub(super) fn close(
    platform: &(impl Clock + Log),
    exchange: Exchange,
    began: Timestamp,
    outcome: Result<Answer, Refusal>,
    quota: Option<Quota>,
    mut record: Option<Record>,
) -> Answer {
    let mut answer = outcome.unwrap_or_else(|refusal| {
        let context = Context {
            // Another path is the caller's own text, which may hold a key.
            instance: Route::of(&exchange.path).map(|_| exchange.path.as_str()),
            request_id: &exchange.request_id,
            client_request_id: exchange.client_request_id.as_deref(),
            now: began,
        };
        let (code, answer) = problem::answer(&refusal, context);
        if let Some(record) = &mut record {
            record.reason = Some(refusal.to_string());
            record.code = Some(code.as_str());
        }
        answer
    });
    answer.headers.extend([
        ("request-id", exchange.request_id.clone()),
        ("Cache-Control", "no-store".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
    ]);
    answer.headers.extend(quota.map(rate_limit).into_iter().flatten());
    answer.headers.extend(exchange.client_request_id.clone().map(|id| ("client-request-id", id)));
    if let Some(mut record) = record {
        record.status = answer.status;
        record.duration_ms = millis_of(platform.now().since(began));
        record.request_id = exchange.request_id;
        record.client_request_id = exchange.client_request_id;
        record.workflow_run_id = exchange.workflow_run_id;
        platform.log(&record.line());
    }
    answer
}
