//! The pipeline: what happens to a request, in which order. The first step that fails answers.

use std::rc::Rc;

use serde::Serialize;

use crate::caller;
use crate::config::{Config, Variables};
use crate::graph;
use crate::graph::answer::Accepted;
use crate::http::{Answer, Body, Request, Route};
use crate::intake;
use crate::isolate::Isolate;
use crate::log::{self, Record};
use crate::ports::Platform;
use crate::problem::{self, Context, Refusal};
use crate::remediation;
use crate::time::{Timestamp, millis_of};

/// The longest path of an unknown resource that a refusal repeats, in characters: no text of ours echoes more of a request.
const MAX_ECHOED_PATH: usize = 64;

/// How a request ends when no step refuses it.
enum Outcome {
    /// `GET /healthz`.
    Healthy,
    /// `?validateOnly=true`: the payload as it would be sent.
    Valid { emails: usize, duplicates_removed: usize, graph_request: String },
    /// Graph has the remediation.
    Accepted { emails: usize, accepted: Accepted },
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
/// | 5. query | 400 |
/// | 6. body, with a running cap | 400, 413 |
/// | 7. JSON and payload | 400 |
/// | 8. rights | 403 |
/// | 9. token for Graph | 429, 502, 503, 504 |
/// | 10. Graph | 400, 409, 429, 502, 503, 504 |
/// | 11. answer | |
///
/// Nobody learns of the payload's rules or the configuration before step 4 has said who asks.
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
    let mut record = Record::default();
    let outcome = steps(platform, isolate, variables, request, body, &mut record).await;
    let mut answer = match &outcome {
        Ok(outcome) => outcome_answer(outcome, request, &exchange),
        Err(refusal) => {
            record.code = Some(refusal.code().as_str());
            record.reason = Some(refusal.to_string());
            let instance = Route::of(&request.path).is_some() || request.path.len() <= MAX_ECHOED_PATH;
            let context = Context {
                instance: instance.then_some(request.path.as_str()),
                request_id: &exchange.request_id,
                client_request_id: exchange.client_request_id,
                now: exchange.began,
            };
            problem::answer(refusal, context)
        }
    };
    answer.headers.extend([
        ("request-id", exchange.request_id.clone()),
        ("Cache-Control", "no-store".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
    ]);
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
    record: &mut Record,
) -> Result<Outcome, Refusal> {
    // 1. Route and method.
    let route = Route::of(&request.path).ok_or(Refusal::NotFound)?;
    record.route = Some(route.name());
    if request.method != route.method() {
        return Err(Refusal::MethodNotAllowed(route));
    }
    if route == Route::Health {
        return Ok(Outcome::Healthy);
    }

    // 2. Size and type of the body as declared.
    let declared = intake::declared(&request.headers)?;

    // 3. Configuration.
    let config = configuration(platform, isolate, variables).ok_or(Refusal::Misconfigured)?;

    // 4. Identity.
    let caller = caller::identify(platform, isolate, &config, &request.headers).await?;
    record.caller = Some(caller.name.clone());

    // 5. Query.
    let validate_only = intake::validate_only(&request.query)?;

    // 6. Body.
    let body = body.read(declared, intake::MAX_BODY_BYTES).await?;

    // 7. JSON and payload.
    let remediation = remediation::read(&body)?;
    let emails = remediation.emails.len();
    record.action = Some(remediation.action.as_str());
    record.emails = Some(emails);

    // 8. Rights.
    caller::rights::check(caller, &remediation, platform)
        .map_err(|denied| Refusal::Denied { caller: caller.name.clone(), denied })?;
    if validate_only {
        let graph_request = remediation.to_graph_json();
        return Ok(Outcome::Valid { emails, duplicates_removed: remediation.duplicates_removed, graph_request });
    }

    // 9. Token for Graph.
    let token = isolate.app_token.get(platform, &config).await?;

    // 10. Graph.
    let version = match route {
        Route::GraphPath(version) => version,
        Route::Health | Route::Remediate => config.graph_version,
    };
    let answer =
        graph::request::remediate(platform, &config, version, &token, &platform.new_guid(), &remediation).await;
    if answer.as_ref().is_ok_and(|answer| answer.status == 401) {
        isolate.app_token.drop_rejected(&token);
    }
    let accepted = graph::answer::read(answer, config.tenant_id).inspect_err(|fault| {
        record.graph_status = fault.status;
        record.graph_request_id.clone_from(&fault.graph_request_id);
    })?;
    record.graph_status = Some(accepted.status);
    record.graph_request_id.clone_from(&accepted.graph_request_id);
    record.bulk_id.clone_from(&accepted.tracking.bulk_id);
    record.duplicate = Some(accepted.duplicate);

    // 11. Answer.
    Ok(Outcome::Accepted { emails, accepted })
}

/// The configuration of the isolate. Its faults are logged once, each with its variable's name.
fn configuration<P: Platform>(
    platform: &P,
    isolate: &Isolate<P::Key>,
    variables: impl FnOnce() -> Variables,
) -> Option<Rc<Config>> {
    isolate.config(
        || Config::check(&variables(), platform),
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

fn outcome_answer(outcome: &Outcome, request: &Request, exchange: &Exchange<'_>) -> Answer {
    let json = |status, body| Answer { status, headers: vec![("Content-Type", "application/json".to_owned())], body };
    match outcome {
        Outcome::Healthy => json(200, r#"{"status":"ok"}"#.to_owned()),
        Outcome::Valid { emails, duplicates_removed, graph_request } => json(
            200,
            format!(
                r#"{{"status":"valid","emails":{emails},"duplicatesRemoved":{duplicates_removed},"request":{graph_request}}}"#
            ),
        ),
        Outcome::Accepted { emails, accepted } => accepted_answer(*emails, accepted, request, exchange),
    }
}

fn accepted_answer(emails: usize, accepted: &Accepted, request: &Request, exchange: &Exchange<'_>) -> Answer {
    let tracking = &accepted.tracking;
    let location = ("Location", tracking.location.clone());
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
