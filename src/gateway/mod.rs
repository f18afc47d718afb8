//! The pipeline: what happens to a request, in which order. The first step that fails answers.
//!
//! | step | where | refused with |
//! |---|---|---|
//! | 1. route and method | Worker | 404, 405 |
//! | 2. scheme; size and type of the body as declared | Worker | 400, 403, 413, 415 |
//! | 3. configuration | Worker, and again in the object | 500 |
//! | 4. identity | Worker | 400, 401, 403; 503 where Entra's keys cannot be had |
//! | 5. query, idempotency key | Worker | 400 |
//! | 6. emergency stop | Worker, and again in the object | 503 |
//! | 7. body, with a running cap | Worker | 400, 413 |
//! | 8. JSON and payload | Worker | 400 |
//! | 9. rights | Worker | 403; 504 where too little time is left |
//! | 10. ledger, which has Graph accept the remediation once | object | 409, 422, 429, 503; of Microsoft: 400, 409, 429, 500, 502, 503, 504 |
//! | 11. answer | object | |
//!
//! "The object" is the Durable Object of the caller that step 4 has found. What it answers goes to the caller as it is, and the line in the log is the object's
//! too: see [`crate::ledger`] for why the work is there. With `?validateOnly=true` step 9 is the last, and no object is asked.
//!
//! Nobody learns of the payload's rules before step 4 has said who asks, nor at any step what is wrong with the configuration. Step 6 is before the body, which
//! nobody has to send in vain; and it lets `validateOnly` pass, which removes nothing: with it an operator sees, while nothing can be sent, that mended rights
//! are right.

mod answer;
pub mod errand;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sha2::{Digest, Sha256};

use self::errand::{Errand, Exchange, Form};
use crate::caller;
use crate::config::Variables;
use crate::graph::request::MIN_CALL;
use crate::http::{Answer, Body, Request, Route};
use crate::intake;
use crate::isolate::Isolate;
use crate::ledger::{Order, RECORDING, Settled, Settlement, SubmitFault};
use crate::log::Record;
use crate::openapi;
use crate::ports::{Clock, Domains, Guids, Ledger, LedgerFailure, Log, Platform};
use crate::problem::Refusal;
use crate::remediation::{self, Guid};
use crate::time::millis_of;

/// The whole time that a request may take (contract, section 8): below the 100 s of the SDKs and the 120 s of Logic Apps (facts, sections 4 and 5).
const BUDGET: Duration = Duration::from_secs(90);

/// What the Worker makes of a request.
#[derive(Debug)]
pub enum Received {
    /// It is answered.
    Answer(Answer),
    /// It is for the caller's object, with the body for Graph.
    Errand(Errand, String),
}

/// What the Worker's steps come to when none of them refuses.
enum Admitted {
    /// `GET /healthz`, `GET /openapi.json`, or `?validateOnly=true`.
    Answer(Answer),
    /// A remediation to be carried out, with the body for Graph.
    Remediation { caller: String, order: Order, graph_request: String },
}

/// Takes the Worker's steps.
pub async fn receive<P: Platform>(
    platform: &P,
    isolate: &Isolate<P::Key>,
    variables: impl FnOnce() -> Variables,
    request: &Request,
    body: impl Body,
) -> Received {
    let began = platform.now();
    let exchange = Exchange::of(request, platform.new_guid());
    let mut record = Record::default();
    let outcome = admit(platform, isolate, variables, request, body, &mut record).await.and_then(|admitted| {
        let spent = platform.now().since(began);
        // A call that is begun without the time to hear of its end leaves an outcome that nobody knows.
        if matches!(admitted, Admitted::Remediation { .. }) && BUDGET.saturating_sub(spent) < MIN_CALL + RECORDING {
            return Err(Refusal::TooLate);
        }
        Ok((admitted, spent))
    });
    let outcome = match outcome {
        Ok((Admitted::Remediation { caller, order, graph_request }, spent)) => {
            let (form, spent) = (Form::of(&request.headers), millis_of(spent));
            let errand = Errand { exchange, caller, order, form, spent };
            return Received::Errand(errand, graph_request);
        }
        Ok((Admitted::Answer(answer), _)) => Ok(answer),
        Err(refusal) => Err(refusal),
    };
    Received::Answer(answer::close(platform, exchange, began, outcome, None, logged(request, record)))
}

/// What is logged of a request: the line of a POST, and nothing of any other.
fn logged(request: &Request, record: Record) -> Option<Record> {
    (request.method == "POST").then_some(record)
}

async fn admit<P: Platform>(
    platform: &P,
    isolate: &Isolate<P::Key>,
    variables: impl FnOnce() -> Variables,
    request: &Request,
    body: impl Body,
    record: &mut Record,
) -> Result<Admitted, Refusal> {
    // 1. Route and method.
    let route = Route::of(&request.path).ok_or(Refusal::NotFound)?;
    record.route = Some(route.name());
    if request.method != route.method() {
        return Err(Refusal::MethodNotAllowed(route));
    }
    let version = match route {
        Route::Health => return Ok(Admitted::Answer(answer::json(r#"{"status":"ok"}"#.to_owned()))),
        Route::Description => return Ok(Admitted::Answer(answer::json(openapi::DESCRIPTION.to_owned()))),
        Route::Remediate => None,
        Route::GraphPath(version) => Some(version),
    };

    // 2. Scheme; size and type of the body as declared.
    intake::transport(&request.scheme, &request.host)?;
    let declared = intake::declared(&request.headers)?;

    // 3. Configuration.
    let config = isolate.config(platform, variables).ok_or(Refusal::Misconfigured)?;

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
    let emails = count(remediation.emails.len());
    record.action = Some(remediation.action.as_str());
    record.emails = Some(emails);

    // 9. Rights.
    caller::rights::check(caller, &remediation, platform)
        .map_err(|denied| Refusal::Denied { caller: caller.name.clone(), denied })?;
    let graph_request = remediation.to_graph_json();
    if validate_only {
        let repeated = remediation.duplicates_removed;
        return Ok(Admitted::Answer(answer::json(format!(
            r#"{{"status":"valid","emails":{emails},"duplicatesRemoved":{repeated},"request":{graph_request}}}"#
        ))));
    }
    let order = Order {
        key: idempotency_key.map(|key| Sha256::digest(key).into()),
        fingerprint: remediation.fingerprint(),
        pairs: remediation.pairs(),
        action: remediation.action,
        emails,
        emails_per_hour: count(caller.max_emails_per_hour),
        version: version.unwrap_or(config.graph_version),
        newer_member: remediation.action.is_newer_member(),
    };
    Ok(Admitted::Remediation { caller: caller.name.clone(), order, graph_request })
}

/// Carries an errand out in the caller's object, with the body for Graph that came along.
pub async fn carry_out<K>(
    platform: &(impl Clock + Domains + Log),
    isolate: &Isolate<K>,
    variables: impl FnOnce() -> Variables,
    ledger: &impl Ledger,
    errand: Errand,
    graph_request: Vec<u8>,
) -> Answer {
    let began = errand.began(platform.now());
    let mut record = errand.record();
    let mut quota = None;
    // 3. Configuration, once more: the Worker that sent the errand may be of another deployment than this object.
    let outcome = match isolate.config(platform, variables) {
        None => Err(Refusal::Misconfigured),
        // 6. Emergency stop, once more.
        Some(config) if config.stopped => Err(Refusal::Stopped),
        Some(config) => {
            // 10. Ledger.
            let settled = ledger.settle(&config, &errand.order, graph_request, began.plus(BUDGET)).await;
            settled.map_err(Refusal::from).and_then(|settled| {
                quota = Some(settled.quota);
                conclude(settled, &errand, config.tenant_id, &mut record)
            })
        }
    };
    answer::close(platform, errand.exchange, began, outcome, quota, Some(record))
}

/// Step 11 for what the ledger says.
fn conclude(settled: Settled, errand: &Errand, tenant_id: Guid, record: &mut Record) -> Result<Answer, Refusal> {
    match settled.settlement {
        Settlement::Accepted { accepted, replayed } => {
            // What is replayed may have been recorded by a version that passed any location on.
            let accepted = accepted.with_usable_location(tenant_id);
            record.reason = accepted.location_error.map(|error| error.to_string());
            record.replayed = Some(replayed);
            record.duplicate = Some(accepted.duplicate);
            record.graph_status = Some(accepted.status);
            record.graph_request_id.clone_from(&accepted.graph_request_id);
            Ok(answer::accepted(&accepted, replayed, errand, record))
        }
        Settlement::Failed(fault) => {
            if let SubmitFault::Graph(fault) = &fault {
                record.graph_status = fault.status;
                record.graph_request_id.clone_from(&fault.graph_request_id);
            }
            Err(fault.into())
        }
        Settlement::InProgress => Err(Refusal::InProgress),
        Settlement::KeyReused => Err(Refusal::KeyReused),
        Settlement::QuotaExceeded => Err(Refusal::QuotaExceeded { emails: errand.order.emails, quota: settled.quota }),
    }
}

fn count(emails: usize) -> u64 {
    u64::try_from(emails).unwrap_or(u64::MAX)
}

/// Answers for an object that did not answer. Unless the failure says otherwise, it is unknown whether the object has sent the remediation.
pub fn unanswered(platform: &(impl Clock + Log), errand: Errand, failure: LedgerFailure) -> Answer {
    let began = errand.began(platform.now());
    let record = errand.record();
    answer::close(platform, errand.exchange, began, Err(failure.into()), None, Some(record))
}

/// Answers a request that the Worker had begun to answer when its module was lost, by a panic or an execution that was ended, in it or in another.
pub fn lost(platform: &(impl Clock + Guids + Log), request: &Request) -> Answer {
    let exchange = Exchange::of(request, platform.new_guid());
    let record = Record { route: Route::of(&request.path).map(Route::name), ..Record::default() };
    answer::close(platform, exchange, platform.now(), Err(Refusal::Lost), None, logged(request, record))
}
