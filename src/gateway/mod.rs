//! The pipeline: what happens to a request, in this order. The first step that fails responds.
//!
//! | step | where | rejects with |
//! |---|---|---|
//! | 1. route and method | Worker | 404, 405 |
//! | 2. scheme; content headers | Worker | 400, 403, 413, 415 |
//! | 3. configuration | Worker, and again in the object | 500 |
//! | 4. authentication | Worker | 400, 401, 403; 503 if Entra's keys cannot be fetched |
//! | 5. query, idempotency key | Worker | 400 |
//! | 6. emergency stop | Worker, and again in the object | 503 |
//! | 7. body, with a running cap; gzip | Worker | 400, 413 |
//! | 8. JSON and payload | Worker | 400 |
//! | 9. permissions | Worker | 403; 504 if too little time is left |
//! | 10. ledger and Graph | object | 409, 422, 429, 503; for Microsoft: 400, 409, 429, 500, 502, 503, 504 |
//! | 11. response | object | |
//!
//! "The object" is the Durable Object of the caller that step 4 has found. The Worker passes the object's response on unread, and the object
//! writes the log entry; [`crate::ledger`] says why. With `?validateOnly=true` step 9 is the last, and no object is called.
//!
//! `POST /remediate/status` takes the same steps up to 9, and passes step 6, since reading removes nothing. Then [`status`] reads from Graph in
//! the Worker: 400, 429, 502, 503, 504 for Microsoft.
//!
//! A caller learns nothing of the payload's rules before step 4 has authenticated it, and at no step what is wrong with the configuration.
//! Step 6 comes before the body, so that no caller uploads one for nothing. It lets `validateOnly` pass, which removes nothing: with it an
//! operator checks corrected permissions while nothing can be sent.

pub mod handover;
pub mod job;
mod response;
pub mod status;

use sha2::{Digest, Sha256};

use crate::auth;
use crate::caches::{Environment, IsolateCaches};
use crate::code::Code;
use crate::config::Jurisdiction;
use crate::deadline::{MIN_GRAPH_TIME, RECORD_MARGIN, REQUEST_DEADLINE};
use crate::guid::Guid;
use crate::http::{Request, RequestBody, Response};
use crate::ledger::storage::Storage;
use crate::ledger::{LedgerError, LedgerOutcome, LedgerRequest, LedgerResponse, LedgerService};
use crate::log::{self, LogEntry};
use crate::openapi;
use crate::preconditions;
use crate::problem::error::GatewayError;
use crate::remediation::{self, StatusQuery};
use crate::route::Route;
use crate::runtime::{Clock, Guids, HttpClient, Log, Runtime, Signer, Timers};
use crate::secret::{Secret, SecretBytes};
use crate::time::{Timestamp, millis_of};
use handover::Handover;
use job::{RemediationJob, RequestContext, ResponseFormat};

/// What the Worker makes of a request.
#[derive(Debug)]
pub enum Handled {
    /// It is answered.
    Response(Response),
    /// It is for the caller's object: the lines that come first in the message (see [`handover`]), and the body for Graph.
    Job(Box<RemediationJob>, SecretBytes, String),
}

/// What the Worker's steps come to when none of them refuses.
enum Validated {
    /// `GET /healthz`, `GET /openapi.json`, `GET /openapi-3.0.json`, `POST /remediate/status`, or `?validateOnly=true`.
    Response(Response),
    /// A remediation to be carried out, with the body for Graph.
    Remediation {
        caller: String,
        tenant_id: Option<String>,
        ledger_request: LedgerRequest,
        settings: Secret,
        graph_request: String,
        jurisdiction: Option<Jurisdiction>,
    },
}

/// Takes the Worker's steps.
pub async fn handle_request<P: Runtime, E: Environment>(
    runtime: &P,
    caches: &IsolateCaches<E, P::Key>,
    environment: &E,
    request: &Request,
    body: impl RequestBody,
) -> Handled {
    let began = runtime.now();
    let context = RequestContext::of(request, runtime.new_guid());
    let mut entry = LogEntry::default();
    let validated = validate(runtime, caches, environment, request, body, began, &mut entry).await;
    let outcome = validated.and_then(|validated| {
        let spent = runtime.now().since(began);
        // A call that is begun without the time to hear of its end leaves an outcome that nobody knows.
        if matches!(validated, Validated::Remediation { .. })
            && REQUEST_DEADLINE.saturating_sub(spent) < MIN_GRAPH_TIME + RECORD_MARGIN
        {
            return Err(GatewayError::TooLate);
        }
        Ok((validated, spent))
    });
    let outcome = match outcome {
        Ok((
            Validated::Remediation { caller, tenant_id, ledger_request, settings, graph_request, jurisdiction },
            spent,
        )) => {
            let (format, spent) = (ResponseFormat::of(&request.headers), millis_of(spent));
            let job = RemediationJob { context, caller, tenant_id, ledger_request, format, jurisdiction, spent };
            let head = handover::head(&settings, &job);
            return Handled::Job(Box::new(job), head, graph_request);
        }
        Ok((Validated::Response(response), _)) => Ok(response),
        Err(error) => Err(error),
    };
    Handled::Response(response::close(runtime, context, began, outcome, None, logged(request, entry)))
}

/// What is logged of a request: the line of a POST, and nothing of any other.
fn logged(request: &Request, entry: LogEntry) -> Option<LogEntry> {
    (request.method == "POST").then_some(entry)
}

async fn validate<P: Runtime, E: Environment>(
    runtime: &P,
    caches: &IsolateCaches<E, P::Key>,
    environment: &E,
    request: &Request,
    body: impl RequestBody,
    began: Timestamp,
    entry: &mut LogEntry,
) -> Result<Validated, GatewayError> {
    // 1. Route and method.
    let route = Route::of(&request.path).ok_or(GatewayError::NotFound)?;
    entry.route = Some(route.name());
    if !route.methods().contains(&request.method.as_str()) {
        return Err(GatewayError::MethodNotAllowed(route));
    }
    let version = match route {
        Route::Health => return Ok(Validated::Response(response::json(r#"{"status":"ok"}"#.to_owned()))),
        Route::Description => return Ok(Validated::Response(response::json(openapi::DESCRIPTION.to_owned()))),
        Route::Description30 => return Ok(Validated::Response(response::json(openapi::DESCRIPTION_3_0.clone()))),
        Route::Remediate | Route::Status => None,
        Route::GraphPath(version) => Some(version),
    };

    // 2. Scheme; size and type of the body as declared.
    preconditions::transport(&request.scheme, &request.host)?;
    let declared = preconditions::check_content_headers(&request.headers)?;

    // 3. Configuration.
    let configured = caches.configured(runtime, environment).ok_or(GatewayError::Misconfigured)?;
    let config = &configured.config;

    // 4. Identity.
    let caller = auth::authenticate(runtime, &configured.tokens, config, &request.headers).await?;
    entry.caller = Some(caller.name.clone());
    entry.tenant_id = caller.tenant_id.map(|id| id.to_string());

    // 5. Query, idempotency key.
    let validate_only = preconditions::validate_only(&request.query)?;
    let idempotency_key = preconditions::idempotency_key(request.headers.idempotency_key.as_deref())?;

    // 6. Emergency stop.
    let is_status = route == Route::Status;
    if config.stopped && !validate_only && !is_status {
        return Err(GatewayError::Stopped);
    }

    // 7. Body.
    let body = body.read(declared, preconditions::MAX_BODY_BYTES).await?;

    // 8. JSON and payload.
    let query = if is_status {
        remediation::parse_status(&body)?
    } else {
        StatusQuery { remediation: remediation::parse(&body)?, accepted_at: None, messages: Vec::new() }
    };
    let remediation = &query.remediation;
    let emails = count(remediation.emails.len());
    entry.action = Some(remediation.action.as_str());
    entry.emails = Some(emails);

    // 9. Rights.
    auth::permissions::check(config, caller, remediation, runtime)
        .map_err(|error| GatewayError::Permission { caller: caller.name.clone(), error })?;
    if is_status && validate_only {
        let (repeated, messages) = (remediation.duplicates_removed, query.messages.len());
        return Ok(Validated::Response(response::json(format!(
            r#"{{"status":"valid","emails":{emails},"duplicatesRemoved":{repeated},"messages":{messages}}}"#
        ))));
    }
    if is_status {
        let deadline = began.plus(REQUEST_DEADLINE);
        if runtime.now().plus(MIN_GRAPH_TIME + RECORD_MARGIN) > deadline {
            return Err(GatewayError::TooLate);
        }
        let settings = configured.graph_settings.expose().as_bytes();
        let access = caches.graph_access(settings, entry.tenant_id.as_deref()).ok_or(GatewayError::Misconfigured)?;
        let response = status::read(runtime, &access, config.graph_version, &query, deadline, entry).await?;
        return Ok(Validated::Response(response));
    }
    let graph_request = remediation.to_graph_json();
    if validate_only {
        let repeated = remediation.duplicates_removed;
        return Ok(Validated::Response(response::json(format!(
            r#"{{"status":"valid","emails":{emails},"duplicatesRemoved":{repeated},"request":{graph_request}}}"#
        ))));
    }
    let ledger_request = LedgerRequest {
        key: idempotency_key.map(|key| Sha256::digest(key).into()),
        payload_hash: remediation.payload_hash(),
        pairs: remediation.pairs(),
        action: remediation.action,
        emails,
        emails_per_hour: count(caller.max_emails_per_hour),
        version: version.unwrap_or(config.graph_version),
        newer_member: remediation.action.is_newer_member(),
    };
    let settings = configured.graph_settings.clone();
    Ok(Validated::Remediation {
        caller: caller.name.clone(),
        tenant_id: entry.tenant_id.clone(),
        ledger_request,
        settings,
        graph_request,
        jurisdiction: config.ledger_jurisdiction,
    })
}

/// Carries a job out in the caller's object. `message` is what the Worker sent: see [`handover`]. `is_stopped` is what the
/// object's environment says of the emergency stop.
pub async fn execute<E, K>(
    runtime: &(impl HttpClient + Clock + Guids + Signer + Timers + Log),
    caches: &IsolateCaches<E, K>,
    is_stopped: bool,
    ledger: &LedgerService<impl Storage>,
    message: Vec<u8>,
) -> Response {
    // 10. Format of the job.
    let handover = handover::parse(message);
    let job = handover.and_then(|handover| {
        Some((caches.graph_access(handover.settings.expose(), handover.job.tenant_id.as_deref())?, handover))
    });
    let mut response = match job {
        None => other_format(runtime),
        Some((graph, Handover { job, graph_request, .. })) => {
            let began = job.began(runtime.now());
            let mut entry = job.entry();
            let mut quota = None;
            // 6. Emergency stop, once more.
            let outcome = if is_stopped {
                Err(GatewayError::Stopped)
            } else {
                // 11. Ledger.
                let until = began.plus(REQUEST_DEADLINE);
                let responded = ledger.submit_once(runtime, &graph, &job.ledger_request, graph_request, until).await;
                responded.map_err(GatewayError::from).and_then(|responded| {
                    quota = Some(responded.quota);
                    conclude(responded, &job, graph.settings.tenant_id, &mut entry)
                })
            };
            response::close(runtime, job.context, began, outcome, quota, Some(entry))
        }
    };
    response.headers.push((handover::FORMAT_HEADER, handover::format().to_owned()));
    response
}

/// Answers a job of another format, of which nothing else is known. A Worker that knows [`handover::FORMAT_HEADER`] answers its
/// caller itself.
fn other_format(runtime: &(impl Clock + Guids + Log)) -> Response {
    let error = GatewayError::Ledger(LedgerError::OtherFormat);
    runtime.log(&log::failure_line(Code::LedgerUnavailable, "a job of another format was rejected"));
    let context = RequestContext {
        request_id: runtime.new_guid(),
        client_request_id: None,
        workflow_run_id: None,
        path: Route::Remediate.name().to_owned(),
    };
    response::close(runtime, context, runtime.now(), Err(error), None, None)
}

/// Step 12 for what the ledger says.
fn conclude(
    responded: LedgerResponse,
    job: &RemediationJob,
    tenant_id: Guid,
    entry: &mut LogEntry,
) -> Result<Response, GatewayError> {
    match responded.outcome {
        LedgerOutcome::Accepted { accepted, replayed } => {
            // What is replayed may have been recorded by a version that passed any location on.
            let accepted = accepted.with_usable_location(tenant_id);
            entry.reason = accepted.location_error.map(|error| error.to_string());
            entry.replayed = Some(replayed);
            entry.duplicate = Some(accepted.duplicate);
            entry.graph_status = Some(accepted.status);
            entry.graph_request_id.clone_from(&accepted.graph_request_id);
            Ok(response::accepted(&accepted, replayed, job, entry))
        }
        LedgerOutcome::Failed(error) => {
            entry.graph_status = error.status;
            entry.graph_request_id.clone_from(&error.graph_request_id);
            Err(error.into())
        }
        LedgerOutcome::InProgress => Err(GatewayError::InProgress),
        LedgerOutcome::KeyReused => Err(GatewayError::KeyReused),
        LedgerOutcome::QuotaExceeded => {
            Err(GatewayError::QuotaExceeded { emails: job.ledger_request.emails, quota: responded.quota })
        }
    }
}

fn count(emails: usize) -> u64 {
    u64::try_from(emails).unwrap_or(u64::MAX)
}

/// Answers for an object that did not answer. Unless the failure says otherwise, it is unknown whether the object has sent the remediation.
pub fn unanswered(runtime: &(impl Clock + Log), job: RemediationJob, error: LedgerError) -> Response {
    let began = job.began(runtime.now());
    let entry = job.entry();
    response::close(runtime, job.context, began, Err(error.into()), None, Some(entry))
}

/// Answers a request that the Worker had begun to answer when its module was lost, by a panic or an execution that was ended, in it or in another.
pub fn lost(runtime: &(impl Clock + Guids + Log), request: &Request) -> Response {
    let context = RequestContext::of(request, runtime.new_guid());
    let entry = LogEntry { route: Route::of(&request.path).map(Route::name), ..LogEntry::default() };
    response::close(runtime, context, runtime.now(), Err(GatewayError::Lost), None, logged(request, entry))
}
