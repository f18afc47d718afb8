//! The problem details of failures of Entra ID and Graph.

use super::details::{ProblemDetails, misconfigured};
use crate::code::Code;
use crate::graph::analyzed_emails::{ReadError, ReadErrorKind};
use crate::graph::error::{GraphError, GraphErrorKind, TokenEndpointError};
use crate::runtime::SendError;

fn app_token(error: TokenEndpointError) -> ProblemDetails {
    match error {
        TokenEndpointError::Rejected { .. } | TokenEndpointError::NoConsent { .. } => credential_rejected(),
        TokenEndpointError::Assertion(_) => misconfigured(),
        TokenEndpointError::Throttled { retry_after } => ProblemDetails::new(
            Code::GraphThrottled,
            "Entra ID is throttling the gateway. Retry later. Nothing was sent.",
        )
        .retry_after(retry_after),
        TokenEndpointError::Unavailable { retry_after, .. } => {
            ProblemDetails::new(Code::GraphUnavailable, "Entra ID is unavailable. Retry later. Nothing was sent.")
                .retry_after(retry_after)
        }
        TokenEndpointError::Send(SendError::Connection) => ProblemDetails::new(
            Code::GraphUnavailable,
            "The connection to Entra ID failed. Retry later. Nothing was sent.",
        )
        .retry_after(None),
        TokenEndpointError::Send(SendError::Deadline) => {
            ProblemDetails::new(Code::GraphTimeout, "Entra ID did not respond in time. Retry later. Nothing was sent.")
        }
        TokenEndpointError::Unexpected { .. } => ProblemDetails::new(
            Code::GraphError,
            "Entra ID responded unexpectedly. The gateway's log has the reason. Nothing was sent.",
        ),
    }
}

pub(super) fn submit(error: &GraphError) -> ProblemDetails {
    match &error.kind {
        GraphErrorKind::AppToken(error) => app_token(*error),
        GraphErrorKind::Refused { code, message } => ProblemDetails::new(
            Code::GraphRefused,
            format!("Microsoft Graph rejected the remediation with {code}: {message}"),
        ),
        GraphErrorKind::TokenRejected => credential_rejected(),
        GraphErrorKind::PermissionMissing => ProblemDetails::new(
            Code::GraphPermissionMissing,
            "Microsoft Graph denied the gateway. The gateway's log has the reason. Graph did not accept the remediation.",
        ),
        GraphErrorKind::Conflict => ProblemDetails::new(
            Code::GraphConflict,
            "Microsoft Graph responded with a conflict that is not a duplicate remediation. Graph did not accept the remediation.",
        ),
        GraphErrorKind::QuotingConflict => ProblemDetails::new(
            Code::GraphConflict,
            "Microsoft Graph responded with a conflict that may quote the words \"duplicate remediation\" of the payload. \
             Remove them from displayName and description, and retry. The outcome is unknown; it is safe to retry.",
        ),
        GraphErrorKind::Throttled { retry_after } => ProblemDetails::new(
            Code::GraphThrottled,
            "Microsoft Graph is throttling the gateway. Retry later. Graph did not accept the remediation.",
        )
        .retry_after(*retry_after),
        GraphErrorKind::Unavailable { retry_after } => ProblemDetails::new(
            Code::GraphUnavailable,
            "Microsoft Graph is unavailable. Retry later. Graph did not accept the remediation.",
        )
        .retry_after(*retry_after),
        GraphErrorKind::Unexpected if error.is_certain() => ProblemDetails::new(
            Code::GraphError,
            "Microsoft Graph responded unexpectedly. The gateway's log has the reason. Graph did not accept the remediation.",
        ),
        GraphErrorKind::Unexpected => ProblemDetails::new(
            Code::GraphError,
            "Microsoft Graph responded unexpectedly. The outcome is unknown; it is safe to retry.",
        ),
        GraphErrorKind::Send(SendError::Connection) => ProblemDetails::new(
            Code::GraphUnavailable,
            "The connection to Microsoft Graph failed. The outcome is unknown; it is safe to retry.",
        )
        .retry_after(None),
        GraphErrorKind::Send(SendError::Deadline) => ProblemDetails::new(
            Code::GraphTimeout,
            "Microsoft Graph did not respond in time. The outcome is unknown; it is safe to retry.",
        ),
    }
}

/// What the caller learns if the status could not be read. Nothing was changed by it, so that a retry is always safe.
pub(super) fn read(error: &ReadError) -> ProblemDetails {
    let unexpected =
        "Microsoft Graph answered the read of the status unexpectedly. No state was determined; it is safe to retry.";
    match &error.kind {
        ReadErrorKind::AppToken(error) => app_token(*error),
        ReadErrorKind::Refused { code, message } => {
            ProblemDetails::new(Code::GraphRefused, format!("Microsoft Graph answered {code}: {message}"))
        }
        ReadErrorKind::TokenRejected => credential_rejected(),
        ReadErrorKind::PermissionMissing => ProblemDetails::new(
            Code::GraphPermissionMissing,
            "Microsoft Graph denied the gateway. The gateway's log has the reason. No state was determined.",
        ),
        ReadErrorKind::Throttled { retry_after } => ProblemDetails::new(
            Code::GraphThrottled,
            "Microsoft Graph is throttling. No state was determined; it is safe to retry.",
        )
        .retry_after(*retry_after),
        ReadErrorKind::Unavailable { retry_after } => ProblemDetails::new(
            Code::GraphUnavailable,
            "Microsoft Graph is unavailable. No state was determined; it is safe to retry.",
        )
        .retry_after(*retry_after),
        ReadErrorKind::Unexpected
        | ReadErrorKind::MalformedPage
        | ReadErrorKind::OtherMessage
        | ReadErrorKind::ForeignLink => ProblemDetails::new(Code::GraphError, unexpected),
        ReadErrorKind::PageTooLarge | ReadErrorKind::ListTooLong => ProblemDetails::new(
            Code::GraphError,
            "Microsoft Graph lists more for these messages than one request can read. Send fewer messages in one \
             request. No state was determined.",
        ),
        ReadErrorKind::Send(SendError::Connection) => ProblemDetails::new(
            Code::GraphUnavailable,
            "The connection to Microsoft Graph failed. No state was determined; it is safe to retry.",
        )
        .retry_after(None),
        ReadErrorKind::Send(SendError::Deadline) => ProblemDetails::new(
            Code::GraphTimeout,
            "Microsoft Graph did not answer in time. No state was determined; it is safe to retry.",
        ),
    }
}

fn credential_rejected() -> ProblemDetails {
    ProblemDetails::new(
        Code::GraphCredentialRejected,
        "Microsoft rejected the gateway's credential. The gateway's log has the reason. Nothing was sent.",
    )
}
