//! What Graph's answer means.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::is_plain;
use crate::ports::{Received, SendFailure, Unread};
use crate::remediation::Guid;

/// The longest error code or request id of Graph's that is passed on or logged, in characters. Its longest documented code has about 60.
const MAX_CODE_LENGTH: usize = 100;
/// The longest error message of Graph's that is passed on, in characters: several times what Graph writes, a sentence or two, and less than a
/// screen of a console that shows it.
const MAX_MESSAGE_LENGTH: usize = 1000;
/// The largest `Retry-After` that is believed, in seconds. A day: Graph's are seconds to minutes, and a number that was written by mistake puts
/// nobody off for longer.
pub const MAX_RETRY_AFTER: u32 = 24 * 60 * 60;

/// Graph took the remediation on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Where people can follow it, exactly as Graph gave it, or the Action center's history where it gave nothing.
    pub location: String,
    /// Graph had it already: the 409 "Duplicate remediation".
    pub duplicate: bool,
    /// Graph's `request-id`.
    pub graph_request_id: Option<String>,
    /// Graph's status.
    pub status: u16,
}

/// Graph did not take the remediation on, or did not say so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct GraphFault {
    /// What happened.
    pub kind: GraphFaultKind,
    /// Graph's status, where one came.
    pub status: Option<u16>,
    /// Graph's `request-id`.
    pub graph_request_id: Option<String>,
}

/// The ways in which Graph fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphFaultKind {
    /// 400. The message is for the caller, who sent what it speaks of; the code alone is logged.
    #[error("Graph refused the remediation: {code}")]
    Refused {
        /// `error.code`.
        code: String,
        /// `error.message`.
        message: String,
    },
    /// 401.
    #[error("Graph refused the gateway's token")]
    TokenRejected,
    /// 403.
    #[error(
        "Graph denied the gateway: is SecurityAnalyzedMessage.ReadWrite.All granted, and Defender for Office 365 Plan 2 there?"
    )]
    PermissionMissing,
    /// 409, but not for a duplicate.
    #[error("Graph answered a conflict that is no duplicate")]
    Conflict,
    /// 429.
    #[error("Graph throttles")]
    Throttled {
        /// Graph's `Retry-After`, in seconds.
        retry_after: Option<u32>,
    },
    /// 503.
    #[error("Graph is unavailable")]
    Unavailable {
        /// Graph's `Retry-After`, in seconds.
        retry_after: Option<u32>,
    },
    /// Any other status.
    #[error("Graph answered with an unexpected status")]
    Unexpected,
    /// No answer.
    #[error("Graph: {0}")]
    Send(#[from] SendFailure),
}

impl GraphFault {
    /// Whether it is certain that Graph did not accept the remediation. An answer below 500 refuses it, and 503 is Graph's own word that it
    /// does not serve now; behind any other failure it may have been accepted.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        match self.kind {
            GraphFaultKind::Refused { .. }
            | GraphFaultKind::TokenRejected
            | GraphFaultKind::PermissionMissing
            | GraphFaultKind::Conflict
            | GraphFaultKind::Throttled { .. }
            | GraphFaultKind::Unavailable { .. } => true,
            GraphFaultKind::Unexpected => self.status.is_some_and(|status| status < 500),
            GraphFaultKind::Send(_) => false,
        }
    }
}

/// Reads Graph's answer to a remediation.
///
/// # Errors
///
/// [`GraphFault`] for everything but a 2xx and the 409 of a duplicate.
pub fn read(answer: Result<Received, SendFailure>, tenant_id: Guid) -> Result<Accepted, GraphFault> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => {
            return Err(GraphFault { kind: failure.into(), status: None, graph_request_id: None });
        }
    };
    let status = answer.status;
    let graph_request_id = answer.header("request-id").filter(|id| is_plain(id, MAX_CODE_LENGTH)).map(str::to_owned);
    let duplicate = status == 409 && is_duplicate(answer.body_or_empty());
    if answer.is_success() || duplicate {
        let location = match answer.header("location") {
            Some(location) if !location.is_empty() => location.to_owned(),
            _ => format!("https://security.microsoft.com/action-center/history?tid={tenant_id}"),
        };
        return Ok(Accepted { location, duplicate, graph_request_id, status });
    }
    let kind = match status {
        400 => refused(answer.body_or_empty()),
        401 => GraphFaultKind::TokenRejected,
        403 => GraphFaultKind::PermissionMissing,
        409 => match answer.body {
            // Whether it spoke of a duplicate, which is a success, is unknown.
            Err(Unread::Failed(failure)) => failure.into(),
            Ok(_) | Err(Unread::Skipped | Unread::TooLarge) => GraphFaultKind::Conflict,
        },
        429 => GraphFaultKind::Throttled { retry_after: retry_after(&answer) },
        503 => GraphFaultKind::Unavailable { retry_after: retry_after(&answer) },
        _ => GraphFaultKind::Unexpected,
    };
    Err(GraphFault { kind, status: Some(status), graph_request_id })
}

/// Whether the body of a 409 says that the remediation is registered already. Where in the body the words stand is known from public code
/// only (facts, section 1), so the whole of it is searched.
fn is_duplicate(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).to_ascii_lowercase().contains("duplicate remediation")
}

fn refused(body: &[u8]) -> GraphFaultKind {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let member = |name: &str| body.get("error").and_then(|error| error.get(name)).and_then(Value::as_str);
    let code = member("code").filter(|code| is_plain(code, MAX_CODE_LENGTH)).unwrap_or("badRequest");
    let message = member("message").unwrap_or("Microsoft Graph gave no message.");
    let message = message.chars().filter(|character| !character.is_control()).take(MAX_MESSAGE_LENGTH).collect();
    GraphFaultKind::Refused { code: code.to_owned(), message }
}

/// The seconds of `Retry-After`. Its other form, a date, is not Microsoft's (facts, section 1) and counts as none.
#[must_use]
pub fn retry_after(answer: &Received) -> Option<u32> {
    let seconds = answer.header("retry-after")?.trim();
    let is_number = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| seconds.parse().unwrap_or(MAX_RETRY_AFTER).min(MAX_RETRY_AFTER))
}
