//! The problem details of failures of Entra ID and Graph.

use super::details::{
    NOT_ACCEPTED, NOTHING_SENT, ProblemDetails, UNKNOWN, misconfigured, nothing_sent, unknown_outcome,
};
use crate::code::Code;
use crate::graph::error::{GraphError, GraphErrorKind, GraphOperation, TokenEndpointError};
use crate::runtime::SendError;

fn app_token(error: TokenEndpointError) -> ProblemDetails {
    match error {
        TokenEndpointError::Rejected { .. } | TokenEndpointError::NoConsent { .. } => credential_rejected(),
        TokenEndpointError::Assertion(_) => misconfigured(),
        TokenEndpointError::Throttled { retry_after } => {
            nothing_sent(Code::GraphThrottled, "Entra ID is throttling the gateway. Retry later.")
                .retry_after(retry_after)
        }
        TokenEndpointError::Unavailable { retry_after, .. } => {
            nothing_sent(Code::GraphUnavailable, "Entra ID is unavailable. Retry later.").retry_after(retry_after)
        }
        TokenEndpointError::Send(SendError::Connection) => {
            nothing_sent(Code::GraphUnavailable, "The connection to Entra ID failed. Retry later.").retry_after(None)
        }
        TokenEndpointError::Send(SendError::Deadline) => {
            nothing_sent(Code::GraphTimeout, "Entra ID did not respond in time. Retry later.")
        }
        TokenEndpointError::Unexpected { .. } => {
            nothing_sent(Code::GraphError, "Entra ID responded unexpectedly. The gateway's log has the reason.")
        }
    }
}

/// Returns the caller's view of a failed call to Graph. The last sentence states the outcome of the remediation.
pub(super) fn graph(error: &GraphError) -> ProblemDetails {
    let outcome = match (error.operation, error.is_certain()) {
        (GraphOperation::List, _) => NOTHING_SENT,
        (GraphOperation::Remediate, true) => NOT_ACCEPTED,
        (GraphOperation::Remediate, false) => UNKNOWN,
    };
    let details = |code, text: &str| ProblemDetails::new(code, format!("{text} {outcome}"));
    match &error.kind {
        GraphErrorKind::AppToken(error) => app_token(*error),
        GraphErrorKind::Refused { code, message } => {
            let object = match error.operation {
                GraphOperation::Remediate => "the remediation",
                GraphOperation::List => "the list of these messages",
            };
            ProblemDetails::new(Code::GraphRefused, format!("Microsoft Graph rejected {object} with {code}: {message}"))
        }
        GraphErrorKind::TokenRejected => credential_rejected(),
        GraphErrorKind::PermissionMissing => details(
            Code::GraphPermissionMissing,
            "Microsoft Graph denied the gateway. The gateway's log has the reason.",
        ),
        GraphErrorKind::Conflict => details(
            Code::GraphConflict,
            "Microsoft Graph responded with a conflict that is not a duplicate remediation.",
        ),
        GraphErrorKind::QuotingConflict => unknown_outcome(
            Code::GraphConflict,
            "Microsoft Graph responded with a conflict that may quote the words \"duplicate remediation\" of the payload. \
             Remove them from displayName and description, and retry.",
        ),
        GraphErrorKind::Throttled { retry_after } => {
            details(Code::GraphThrottled, "Microsoft Graph is throttling the gateway. Retry later.")
                .retry_after(*retry_after)
        }
        GraphErrorKind::Unavailable { retry_after } => {
            details(Code::GraphUnavailable, "Microsoft Graph is unavailable. Retry later.").retry_after(*retry_after)
        }
        GraphErrorKind::Unexpected if !error.is_certain() => {
            details(Code::GraphError, "Microsoft Graph responded unexpectedly.")
        }
        GraphErrorKind::Unexpected
        | GraphErrorKind::MalformedPage
        | GraphErrorKind::OtherMessage
        | GraphErrorKind::ForeignLink => {
            details(Code::GraphError, "Microsoft Graph responded unexpectedly. The gateway's log has the reason.")
        }
        GraphErrorKind::PageTooLarge | GraphErrorKind::ListTooLong => details(
            Code::GraphError,
            "Microsoft Graph lists more for these messages than one request can read. Send fewer messages in one request.",
        ),
        GraphErrorKind::TooManyReads => {
            details(Code::GraphTimeout, "The gateway reads too many lists at the same time. Retry later.")
        }
        GraphErrorKind::Send(SendError::Connection) => {
            details(Code::GraphUnavailable, "The connection to Microsoft Graph failed.").retry_after(None)
        }
        GraphErrorKind::Send(SendError::Deadline) => {
            details(Code::GraphTimeout, "Microsoft Graph did not respond in time.")
        }
    }
}

fn credential_rejected() -> ProblemDetails {
    nothing_sent(
        Code::GraphCredentialRejected,
        "Microsoft rejected the gateway's credential. The gateway's log has the reason.",
    )
}
