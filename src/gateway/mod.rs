//! The pipeline: the steps of a request, in this order. The first step that fails responds.
//!
//! | step | where | rejects with |
//! |---|---|---|
//! | 1. route and method | Worker | 404, 405 |
//! | 2. scheme; content headers | Worker | 400, 403, 413, 415 |
//! | 3. configuration | Worker | 500 |
//! | 4. rate limit, authentication | Worker | 400, 401, 403, 429; 503 if Entra's keys cannot be fetched |
//! | 5. query, idempotency key | Worker | 400 |
//! | 6. emergency stop | Worker, and again in the object | 503 |
//! | 7. body, with a running cap; gzip | Worker | 400, 413 |
//! | 8. JSON and payload | Worker | 400 |
//! | 9. permissions | Worker | 403; 504 if too little time is left |
//! | 10. ledger and Graph | object | 409, 422, 429, 503; for Microsoft: 400, 409, 429, 500, 502, 503, 504 |
//! | 11. response | object | |
//!
//! "The object" is the Durable Object of the caller from step 4. The Worker passes the object's response through, and
//! the object writes the log entry; [`crate::ledger`] says why. With `?validateOnly=true` step 9 is the last one, and
//! no object is called.
//!
//! Each kind of request has its own steps 8 and 9: [`remediate`], [`messages`] and [`status`]. `POST /remediate/status`
//! skips step 6, because reading removes nothing, and then reads from Graph in the Worker: 400, 429, 500, 502, 503, 504
//! after Microsoft's response. `POST /remediate/messages` reads in the object, within step 10. Its responses 403, 404
//! and 409 are about the list. With `?validateOnly=true` it reads in the Worker.
//!
//! An unauthenticated client learns nothing of the payload's rules, and no client learns what is wrong with the
//! configuration. Step 6 precedes the body, so that no caller uploads a body without need. It lets `validateOnly` pass,
//! which removes nothing, so that an operator can check corrected permissions during a stop.

mod authenticated_request;
pub mod daily;
pub mod handover;
pub mod job;
mod messages;
mod rate_limit;
mod remediate;
mod response;
pub mod status;

use crate::auth;
use crate::caches::{Environment, IsolateCaches};
use crate::code::Code;
use crate::deadline::REQUEST_DEADLINE;
use crate::guid::Guid;
use crate::http::{Request, RequestBody, Response};
use crate::ledger::storage::Storage;
use crate::ledger::{LedgerError, LedgerOutcome, LedgerResponse, LedgerService};
use crate::log::{self, LogEntry};
use crate::openapi;
use crate::preconditions;
use crate::problem::error::GatewayError;
use crate::route::Route;
use crate::runtime::{Clock, Domains, Guids, HttpClient, Log, Runtime, Signer, Timers};
use authenticated_request::AuthenticatedRequest;
use handover::Handover;
use job::{RemediationJob, RequestContext, ResponseFormat};

pub use authenticated_request::Handled;

/// Runs the Worker's steps.
pub async fn handle_request<P: Runtime, E: Environment>(
    runtime: &P,
    caches: &IsolateCaches<E, P::Key>,
    environment: &E,
    request: &Request,
    body: impl RequestBody,
) -> Handled {
    let context = RequestContext::of(request, runtime);
    let mut entry = LogEntry::default();
    let outcome = match validate(runtime, caches, environment, request, body, &context, &mut entry).await {
        Ok(Handled::Response(response)) => Ok(response),
        Ok(job) => return job,
        Err(error) => Err(error),
    };
    Handled::Response(response::close(runtime, context, outcome, None, entry_if_post(request, entry)))
}

/// Returns the log entry of a POST. Other requests are not logged.
fn entry_if_post(request: &Request, entry: LogEntry) -> Option<LogEntry> {
    (request.method == "POST").then_some(entry)
}

async fn validate<P: Runtime, E: Environment>(
    runtime: &P,
    caches: &IsolateCaches<E, P::Key>,
    environment: &E,
    request: &Request,
    body: impl RequestBody,
    context: &RequestContext,
    entry: &mut LogEntry,
) -> Result<Handled, GatewayError> {
    // 1. Route and method.
    let route = Route::of(&request.path).ok_or(GatewayError::NotFound)?;
    entry.route = Some(route.name());
    if !route.methods().contains(&request.method.as_str()) {
        return Err(GatewayError::MethodNotAllowed(route));
    }
    let version = match route {
        Route::Health => return Ok(Handled::Response(response::json(r#"{"status":"ok"}"#))),
        Route::Description => return Ok(Handled::Response(response::json(openapi::DESCRIPTION))),
        Route::Description30 => return Ok(Handled::Response(response::json(openapi::DESCRIPTION_3_0.as_str()))),
        Route::Remediate | Route::Messages | Route::Status => None,
        Route::GraphPath(version) => Some(version),
    };

    // 2. Scheme; size and type of the body as declared.
    preconditions::check_transport(&request.scheme, &request.host)?;
    let declared = preconditions::check_content_headers(&request.headers)?;

    // 3. Configuration.
    let configured = caches.configured(runtime, environment).ok_or(GatewayError::Misconfigured)?;
    let config = &configured.config;

    // 4. Rate limit, authentication.
    if config.has_rate_limiter {
        rate_limit::check(runtime, environment, request.headers.client_address.as_ref()).await?;
    }
    let caller = auth::authenticate(runtime, &configured.tokens, config, &request.headers).await?;
    entry.caller = Some(caller.name.clone());
    entry.tenant_id = caller.tenant_id.map(|id| id.to_string());

    // 5. Query, idempotency key.
    let validate_only = preconditions::validate_only(&request.query)?;
    let idempotency_key = preconditions::idempotency_key(request.headers.idempotency_key.as_deref())?;

    // 6. Emergency stop.
    if config.stopped && !validate_only && route != Route::Status {
        return Err(GatewayError::Stopped);
    }

    // 7. Body.
    let body = body.read(declared, preconditions::MAX_BODY_BYTES).await?;

    // 8. JSON and payload. 9. Permissions.
    let authenticated = AuthenticatedRequest {
        runtime,
        caches,
        configured: &configured,
        caller,
        context,
        format: ResponseFormat::of(&request.headers),
        validate_only,
        idempotency_key: idempotency_key.as_deref(),
    };
    match route {
        Route::Messages => messages::respond(&authenticated, &body, entry).await,
        Route::Status => status::respond(&authenticated, &body, entry).await.map(Handled::Response),
        _ => remediate::validate(&authenticated, version.unwrap_or(config.graph_version), &body, entry),
    }
}

/// Executes a job in the caller's object. `message` is the Worker's message: see [`handover`]. `is_stopped` is the
/// emergency stop of the object's environment.
pub async fn execute<E, K>(
    runtime: &(impl HttpClient + Clock + Guids + Signer + Timers + Log + Domains),
    caches: &IsolateCaches<E, K>,
    is_stopped: bool,
    ledger: &LedgerService<impl Storage>,
    message: Vec<u8>,
) -> Response {
    // Format of the job.
    let handover = handover::parse(message);
    let job = handover.and_then(|handover| {
        Some((caches.graph_access(handover.settings.expose(), handover.job.tenant_id.as_deref())?, handover))
    });
    let mut response = match job {
        None => reject_other_format(runtime),
        Some((graph, Handover { mut job, conditions, work, .. })) => {
            job.set_start(runtime.now());
            let mut entry = job.entry();
            let mut quota = None;
            // 6. Emergency stop, once more.
            let outcome = if is_stopped {
                Err(GatewayError::Stopped)
            } else {
                // 10. Ledger and Graph.
                let until = job.context.began.plus(REQUEST_DEADLINE);
                let ledger_response =
                    ledger.submit_once(runtime, &graph, &job.ledger_request, conditions, work, until).await;
                ledger_response.map_err(GatewayError::from).and_then(|ledger_response| {
                    quota = Some(ledger_response.quota);
                    to_response(ledger_response, &job, graph.settings.tenant_id, &mut entry)
                })
            };
            response::close(runtime, job.context, outcome, quota, Some(entry))
        }
    };
    response.headers.push((handover::FORMAT_HEADER, handover::format().to_owned()));
    response
}

/// Returns the response to a job of another format, of which only the format is known. A Worker that knows
/// [`handover::FORMAT_HEADER`] builds the caller's response itself.
fn reject_other_format(runtime: &(impl Clock + Guids + Log)) -> Response {
    let error = GatewayError::Ledger(LedgerError::OtherFormat);
    runtime.log(&log::failure_line(Code::LedgerUnavailable, "a job of another format was rejected"));
    let request = Request { path: Route::Remediate.name().to_owned(), ..Request::default() };
    let context = RequestContext::of(&request, runtime);
    response::close(runtime, context, Err(error), None, None)
}

/// 11. Returns the response for the ledger's outcome.
fn to_response(
    ledger_response: LedgerResponse,
    job: &RemediationJob,
    tenant_id: Guid,
    entry: &mut LogEntry,
) -> Result<Response, GatewayError> {
    let (error, is_retry) = match ledger_response.outcome {
        LedgerOutcome::Accepted { accepted, replayed } => {
            // An older version may have recorded an unusable location.
            let accepted = accepted.with_usable_location(tenant_id);
            entry.reason = accepted.location_error.map(|error| error.to_string());
            entry.replayed = Some(replayed);
            entry.duplicate = Some(accepted.duplicate);
            entry.graph_status = Some(accepted.status);
            entry.graph_request_id.clone_from(&accepted.graph_request_id);
            entry.count_recipients(accepted.recipients);
            return Ok(response::accepted(&accepted, replayed, job, entry));
        }
        LedgerOutcome::Failed { error, recipients, is_retry } => {
            entry.count_recipients(recipients);
            (error.into(), is_retry)
        }
        LedgerOutcome::InProgress => (GatewayError::InProgress, false),
        LedgerOutcome::KeyReused => (GatewayError::KeyReused, false),
        LedgerOutcome::QuotaExceeded { is_retry } => {
            (GatewayError::QuotaExceeded { emails: job.ledger_request.emails, quota: ledger_response.quota }, is_retry)
        }
    };
    Err(if is_retry { GatewayError::Retry(Box::new(error)) } else { error })
}

/// Returns the response if the object did not respond. Except for errors that exclude it, the object may have sent the
/// remediation.
pub fn respond_without_ledger(runtime: &(impl Clock + Log), mut job: RemediationJob, error: LedgerError) -> Response {
    job.set_start(runtime.now());
    let entry = job.entry();
    response::close(runtime, job.context, Err(error.into()), None, Some(entry))
}

/// Returns the response to a request whose instance was lost by a trap, in this request or in another one.
pub fn respond_after_loss(runtime: &(impl Clock + Guids + Log), request: &Request) -> Response {
    let context = RequestContext::of(request, runtime);
    let entry = LogEntry { route: Route::of(&request.path).map(Route::name), ..LogEntry::default() };
    response::close(runtime, context, Err(GatewayError::Lost), None, entry_if_post(request, entry))
}
