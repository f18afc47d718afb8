//! Every refusal: its reason for the log, and what of it the caller learns.
//!
//! A [`Refusal`] is rich and goes to the log through `Display`, which shows no secret, no address and no text of the caller's. A [`Code`] is
//! one of a closed set, part of the contract (section 4). [`Refusal::public`] is the one place where the one becomes the other.

mod code;
mod public;

use serde::Serialize;

pub use self::code::Code;
use crate::caller::IdentityFault;
use crate::caller::rights::Denied;
use crate::http::{Answer, BodyFailure, Route};
use crate::intake::{DeclaredFault, NotHttps, RequestFault};
use crate::ledger::{Quota, SubmitFault};
use crate::ports::LedgerFailure;
use crate::remediation::{Fault, JsonFault, Unreadable};
use crate::time::Timestamp;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No such path.
    #[error("no such path")]
    NotFound,
    /// A method that the route does not have.
    #[error("a method that the route does not have")]
    MethodNotAllowed(Route),
    /// The request came over plain HTTP.
    #[error(transparent)]
    NotHttps(#[from] NotHttps),
    /// Size or type as declared.
    #[error(transparent)]
    Declared(#[from] DeclaredFault),
    /// The configuration has faults, which were logged when the isolate started.
    #[error("the configuration has faults")]
    Misconfigured,
    /// The caller is nobody.
    #[error(transparent)]
    Identity(#[from] IdentityFault),
    /// The query, or a header that shapes the remediation.
    #[error(transparent)]
    Request(#[from] RequestFault),
    /// The operator has stopped all remediations.
    #[error("remediations are stopped")]
    Stopped,
    /// The body did not come, or is too large.
    #[error(transparent)]
    Body(#[from] BodyFailure),
    /// The body is no JSON, or no remediation.
    #[error("{}", unreadable_reason(.0))]
    Unreadable(#[from] Unreadable),
    /// The caller lacks a right.
    #[error("{caller} lacks a right: {denied}")]
    Denied {
        /// The caller's name.
        caller: String,
        /// The right.
        denied: Denied,
    },
    /// The same remediation is on its way.
    #[error("the same remediation is on its way")]
    InProgress,
    /// The idempotency key stands for another payload.
    #[error("the idempotency key stands for another payload")]
    KeyReused,
    /// The quota has no room.
    #[error("the quota has no room for {emails} emails")]
    QuotaExceeded {
        /// How many emails the request has.
        emails: u64,
        /// The quota.
        quota: Quota,
    },
    /// The remediation was not accepted.
    #[error(transparent)]
    Submit(#[from] SubmitFault),
    /// So little was left of the request's time when its body had come that Graph was not asked.
    #[error("the body came too late")]
    TooLate,
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerFailure),
    /// The module was lost while it answered, by a panic or an execution that was ended, or failed.
    #[error("the module was lost, or failed, while it answered")]
    Lost,
}

/// What is wrong with a body, without the pointers, which may hold texts of the caller's.
fn unreadable_reason(unreadable: &Unreadable) -> String {
    match unreadable {
        Unreadable::NotJson(JsonFault::Repeated { .. }) => "a repeated member".to_owned(),
        Unreadable::NotJson(fault) => fault.to_string(),
        Unreadable::Faulty(faults) => faults.to_string(),
    }
}

/// What a refusal says of the exchange that it ends.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The path of the request, where it is worth telling.
    pub instance: Option<&'a str>,
    /// The gateway's id of the exchange.
    pub request_id: &'a str,
    /// The caller's.
    pub client_request_id: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
}

/// RFC 9457 members and Graph's error object in one body (contract, section 4).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Fault],
    error: GraphError<'a>,
}

/// Graph's error object (facts, section 1), which its SDKs read into typed errors.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GraphError<'a> {
    code: &'a str,
    message: &'a str,
    inner_error: InnerError<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct InnerError<'a> {
    date: Timestamp,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_id: Option<&'a str>,
}

/// The answer that a refusal gives, but for the headers that every answer carries.
#[must_use]
pub fn answer(refusal: &Refusal, context: Context<'_>) -> (Code, Answer) {
    let public = refusal.public();
    let (status, code) = (public.code.status(), public.code.as_str());
    let message = public.message();
    let body = Body {
        r#type: format!("urn:remediation-gateway:problem:{code}"),
        title: public.code.title(),
        status,
        detail: &public.detail,
        instance: context.instance,
        request_id: context.request_id,
        errors: &public.errors,
        error: GraphError {
            code,
            message: &message,
            inner_error: InnerError {
                date: context.now,
                request_id: context.request_id,
                client_request_id: context.client_request_id,
            },
        },
    };
    let mut headers = public.headers;
    headers.push(("Content-Type", "application/problem+json".to_owned()));
    let body = serde_json::to_string(&body).unwrap_or_default();
    (public.code, Answer { status, headers, body })
}
