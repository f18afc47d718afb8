//! The pipeline: what happens to a request, in which order. The first step that fails answers.

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::caller;
use crate::config::{Config, Variables};
use crate::graph::answer::Accepted;
use crate::graph::tracking::Tracking;
use crate::http::{Answer, Body, Request, Route};
use crate::intake;
use crate::isolate::Isolate;
use crate::ledger::{Order, Quota, Settlement, SubmitFault};
use crate::log::{self, Record};
use crate::openapi;
use crate::ports::Platform;
use crate::problem::{self, Context, Refusal};
use crate::remediation;
use crate::time::{Timestamp, millis_of};

/// The longest path of an unknown resource that a refusal repeats, in characters: no text of ours echoes more of a request.
const MAX_ECHOED_PATH: usize = 64;

/// The whole time that a request may take (contract, section 8): below the 100 s of the SDKs and the 120 s of Logic Apps (facts, sections 4 and 5).
const BUDGET: Duration = Duration::from_secs(90);

/// How a request ends when no step refuses it.
enum Outcome {
    /// `GET /healthz`.
    Healthy,
    /// `GET /openapi.json`.
    Described,
    /// `?validateOnly=true`: the payload as it would be sent.
    Valid { emails: usize, duplicates_removed: usize, graph_request: String },
    /// Graph has the remediation.
    Accepted { emails: usize, accepted: Accepted, replayed: bool },
}

/// What is learnt on the way and told whichever way the request ends.
#[derive(Default)]
struct Trace {
    record: Record,
    quota: Option<Quota>,
}

/// What identifies an exchange.
struct Exchange<'a> {
    request_id: String,
    client_request_id: Option<&'a str>,
    began: Timestamp,
}

/// Answers `request`.
///
/// | step | refused with |
/// |---|---|
/// | 1. route and method | 404, 405 |
/// | 2. size and type of the body as declared | 400, 413, 415 |
/// | 3. configuration | 500 |
/// | 4. identity | 400, 401, 403 |
/// | 5. query, idempotency key | 400 |
/// | 6. emergency stop | 503 |
/// | 7. body, with a running cap | 400, 413 |
/// | 8. JSON and payload | 400 |
/// | 9. rights | 403 |
/// | 10. ledger, which has Graph accept the remediation once | 409, 422, 429, 500, 503; of Microsoft: 400, 409, 429, 502, 503, 504 |
/// | 11. answer | |
///
/// Nobody learns of the payload's rules or the configuration before step 4 has said who asks. Step 6 is before the body, which nobody has to send in
/// vain; and it lets `validateOnly` pass, which removes nothing: with it an operator sees, while nothing can be sent, that mended rights are right.
pub async fn handle<P: Platform>(
    platform: &P,
    isolate: &Isolate<P::Key>,
    variables: impl FnOnce() -> Variables,
    request: &Request,
    body: impl Body,
) -> Answer {
    let exchange = Exchange {
        request_id: platform.new_guid(),
        client_request_id: intake::sane_id(request.headers.client_request_id.as_deref()),
        began: platform.now(),
    };
    let mut trace = Trace::default();
    let outcome = steps(platform, isolate, variables, request, body, exchange.began, &mut trace).await;
    let Trace { mut record, quota } = trace;
    let mut answer = match &outcome {
        Ok(outcome) => outcome_answer(outcome, request, &exchange, &mut record),
        Err(refusal) => {
            record.reason = Some(refusal.to_string());
            let instance = Route::of(&request.path).is_some() || request.path.len() <= MAX_ECHOED_PATH;
            let context = Context {
                instance: instance.then_some(request.path.as_str()),
                request_id: &exchange.request_id,
                client_request_id: exchange.client_request_id,
                now: exchange.began,
            };
            let (code, answer) = problem::answer(refusal, context);
            record.code = Some(code.as_str());
            answer
        }
    };
    answer.headers.extend([
        ("request-id", exchange.request_id.clone()),
        ("Cache-Control", "no-store".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
    ]);
    answer.headers.extend(quota.map(rate_limit).into_iter().flatten());
    answer.headers.extend(exchange.client_request_id.map(|id| ("client-request-id", id.to_owned())));
    if request.method == "POST" {
        record.status = answer.status;
        record.duration_ms = millis_of(platform.now().since(exchange.began));
        record.client_request_id = exchange.client_request_id.map(str::to_owned);
        record.workflow_run_id = intake::sane_id(request.headers.workflow_run_id.as_deref()).map(str::to_owned);
        record.request_id = exchange.request_id;
        platform.log(&record.line());
    }
    answer
}

async fn steps<P: Platform>(
    platform: &P,
    isolate: &Isolate<P::Key>,
    variables: impl FnOnce() -> Variables,
    request: &Request,
    body: impl Body,
    began: Timestamp,
    trace: &mut Trace,
) -> Result<Outcome, Refusal> {
    let record = &mut trace.record;
    // 1. Route and method.
    let route = Route::of(&request.path).ok_or(Refusal::NotFound)?;
    record.route = Some(route.name());
    if request.method != route.method() {
        return Err(Refusal::MethodNotAllowed(route));
    }
    let version = match route {
        Route::Health => return Ok(Outcome::Healthy),
        Route::Description => return Ok(Outcome::Described),
        Route::Remediate => None,
        Route::GraphPath(version) => Some(version),
    };

    // 2. Size and type of the body as declared.
    let declared = intake::declared(&request.headers)?;

    // 3. Configuration.
    let config = configuration(platform, isolate, variables).ok_or(Refusal::Misconfigured)?;

    // 4. Identity.
    let caller = caller::identify(platform, isolate, &config, &request.headers).await?;
    record.caller = Some(caller.name.clone());

    // 5. Query, idempotency key.
    let validate_only = intake::validate_only(&request.query)?;
    let idempotency_key = intake::idempotency_key(request.headers.idempotency_key.as_deref())?;

    // 6. Emergency stop.
    if config.stopped && !validate_only {
        return Err(Refusal::Stopped);
    }

    // 7. Body.
    let body = body.read(declared, intake::MAX_BODY_BYTES).await?;

    // 8. JSON and payload.
    let remediation = remediation::read(&body)?;
    let emails = remediation.emails.len();
    record.action = Some(remediation.action.as_str());
    record.emails = Some(emails);

    // 9. Rights.
    caller::rights::check(caller, &remediation, platform)
        .map_err(|denied| Refusal::Denied { caller: caller.name.clone(), denied })?;
    if validate_only {
        let graph_request = remediation.to_graph_json();
        return Ok(Outcome::Valid { emails, duplicates_removed: remediation.duplicates_removed, graph_request });
    }

    // 10. Ledger.
    let order = Order {
        key: idempotency_key.map(|key| Sha256::digest(key).into()),
        payload: remediation.fingerprint(),
        emails: count(emails),
        emails_per_hour: count(caller.max_emails_per_hour),
        version: version.unwrap_or(config.graph_version),
        patience: millis_of(BUDGET.saturating_sub(platform.now().since(began))),
        newer_member: remediation.action.is_newer_member(),
    };
    let settled = platform.settle(&caller.name, &order, remediation.to_graph_json().as_bytes()).await?;
    trace.quota = Some(settled.quota);
    match settled.settlement {
        Settlement::Accepted { accepted, replayed } => {
            record.replayed = Some(replayed);
            record.duplicate = Some(accepted.duplicate);
            record.graph_status = Some(accepted.status);
            record.graph_request_id.clone_from(&accepted.graph_request_id);
            Ok(Outcome::Accepted { emails, accepted, replayed })
        }
        Settlement::Failed(fault) => {
            if let SubmitFault::Graph(fault) = &fault {
                record.graph_status = fault.status;
                record.graph_request_id.clone_from(&fault.graph_request_id);
            }
            Err(fault.into())
        }
        Settlement::Stopped => Err(Refusal::Stopped),
        Settlement::InProgress => Err(Refusal::InProgress),
        Settlement::KeyReused => Err(Refusal::KeyReused),
        Settlement::QuotaExceeded => Err(Refusal::QuotaExceeded { emails, quota: settled.quota }),
    }
}

fn count(emails: usize) -> u64 {
    u64::try_from(emails).unwrap_or(u64::MAX)
}

/// The quota as headers (IETF draft-ietf-httpapi-ratelimit-headers): emails per rolling hour.
fn rate_limit(quota: Quota) -> [(&'static str, String); 2] {
    let Quota { limit, remaining, reset } = quota;
    let reset = if reset > 0 { format!(";t={reset}") } else { String::new() };
    [
        ("RateLimit-Policy", format!("\"emails\";q={limit};w=3600")),
        ("RateLimit", format!("\"emails\";r={remaining}{reset}")),
    ]
}

/// The configuration of the isolate. Its faults are logged once, each with its variable's name.
fn configuration<P: Platform>(
    platform: &P,
    isolate: &Isolate<P::Key>,
    variables: impl FnOnce() -> Variables,
) -> Option<Rc<Config>> {
    isolate.config(
        || Config::check(&variables(), platform, platform.now()),
        |faults| faults.iter().for_each(|fault| platform.log(&log::config_line(fault))),
    )
}

/// The body of a success (contract, section 3).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AcceptedBody<'a> {
    status: &'static str,
    duplicate: bool,
    emails: usize,
    bulk_id: Option<&'a str>,
    tenant_id: Option<&'a str>,
    tracking_url: &'a str,
    request_id: &'a str,
    graph_request_id: Option<&'a str>,
}

fn outcome_answer(outcome: &Outcome, request: &Request, exchange: &Exchange<'_>, record: &mut Record) -> Answer {
    let json = |status, body| Answer { status, headers: vec![("Content-Type", "application/json".to_owned())], body };
    match outcome {
        Outcome::Healthy => json(200, r#"{"status":"ok"}"#.to_owned()),
        Outcome::Described => json(200, openapi::DESCRIPTION.to_owned()),
        Outcome::Valid { emails, duplicates_removed, graph_request } => json(
            200,
            format!(
                r#"{{"status":"valid","emails":{emails},"duplicatesRemoved":{duplicates_removed},"request":{graph_request}}}"#
            ),
        ),
        Outcome::Accepted { emails, accepted, replayed } => {
            let tracking = Tracking::of(&accepted.location);
            record.bulk_id.clone_from(&tracking.bulk_id);
            let mut answer = accepted_answer(*emails, accepted, &tracking, request, exchange);
            if *replayed {
                answer.headers.push(("Idempotency-Replayed", "true".to_owned()));
            }
            answer
        }
    }
}

fn accepted_answer(
    emails: usize,
    accepted: &Accepted,
    tracking: &Tracking,
    request: &Request,
    exchange: &Exchange<'_>,
) -> Answer {
    let location = ("Location", accepted.location.clone());
    if intake::prefers_minimal(request.headers.prefer.as_deref()) {
        let headers = vec![location, ("Preference-Applied", "return=minimal".to_owned())];
        return Answer { status: 202, headers, body: String::new() };
    }
    let body = AcceptedBody {
        status: "accepted",
        duplicate: accepted.duplicate,
        emails,
        bulk_id: tracking.bulk_id.as_deref(),
        tenant_id: tracking.tenant_id.as_deref(),
        tracking_url: &tracking.url,
        request_id: &exchange.request_id,
        graph_request_id: accepted.graph_request_id.as_deref(),
    };
    // A workflow engine would poll the Location of a 202, and this one is a portal page (facts, section 4).
    let status = if request.headers.workflow_run_id.is_some() { 200 } else { 202 };
    Answer {
        status,
        headers: vec![location, ("Content-Type", "application/json".to_owned())],
        body: serde_json::to_string(&body).unwrap_or_default(),
    }
}
