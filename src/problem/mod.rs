//! Errors of requests: a reason for the log, and a view for the caller.
//!
//! The log gets a [`GatewayError`] through `Display`, which shows no secret, no address and none of the caller's texts.
//! The caller gets a [`Code`] of a closed set, which is part of the contract (section 4). [`GatewayError::details`]
//! maps one to the other.

mod auth;
mod details;
pub mod error;
mod mapping;
mod microsoft;

use serde::Serialize;

use crate::code::Code;
use crate::http::Response;
use crate::remediation::PayloadError;
use crate::time::Timestamp;
use error::GatewayError;

/// Context of an error: the request that it ends.
#[derive(Clone, Copy, Debug)]
pub struct ProblemContext<'a> {
    /// Path of the request, if the response may contain it.
    pub instance: Option<&'a str>,
    /// Whether the path is Graph's own. Graph sends its errors as `application/json`, and the classic JavaScript client
    /// parses no other type.
    pub is_graph_path: bool,
    /// The gateway's ID of the request.
    pub request_id: &'a str,
    /// The caller's ID of the request.
    pub client_request_id: Option<&'a str>,
    /// Time at which the request began.
    pub began: Timestamp,
}

/// RFC 9457 members and Graph's error object in one body (contract, section 4).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemBody<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [PayloadError],
    error: GraphErrorBody<'a>,
}

/// Graph's error object (facts, section 1), which its SDKs read into typed errors.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GraphErrorBody<'a> {
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

/// Returns the response of an error, without the headers of every response.
#[must_use]
pub fn to_response(error: &GatewayError, context: ProblemContext<'_>) -> (Code, Response) {
    let details = error.details();
    let (status, code) = (details.code.status(), details.code.as_str());
    let message = details.message();
    let body = ProblemBody {
        r#type: format!("urn:remediation-gateway:problem:{code}"),
        title: details.code.title(),
        status,
        detail: &details.detail,
        instance: context.instance,
        request_id: context.request_id,
        errors: &details.errors,
        error: GraphErrorBody {
            code,
            message: &message,
            inner_error: InnerError {
                date: context.began,
                request_id: context.request_id,
                client_request_id: context.client_request_id,
            },
        },
    };
    let mut headers = details.headers;
    let media_type = if context.is_graph_path { "application/json" } else { "application/problem+json" };
    headers.push(("Content-Type", media_type.to_owned()));
    let body = serde_json::to_string(&body).unwrap_or_default();
    (details.code, Response { status, headers, body })
}
