//! What the caller learns where Entra ID or Graph fails.

use super::details::{ProblemDetails, misconfigured};
use crate::code::Code;
use crate::graph::analyzed_emails::{ReadError, ReadErrorKind};
use crate::graph::error::{GraphError, GraphErrorKind, TokenEndpointError};
use crate::runtime::SendError;

fn app_token(error: TokenEndpointError) -> ProblemDetails {
    match error {
        TokenEndpointError::Rejected { .. } => credential_rejected(),
        TokenEndpointError::Assertion(_) => misconfigured(),
        TokenEndpointError::Throttled { retry_after } => {
            ProblemDetails::new(Code::GraphThrottled, "Entra ID is throttling. Nothing was sent to Graph; try again.")
                .retry_after(retry_after)
        }
        TokenEndpointError::Unavailable { retry_after, .. } => ProblemDetails::new(
            Code::GraphUnavailable,
            "Entra ID is unavailable. Nothing was sent to Graph; try again.",
        )
        .retry_after(retry_after),
        TokenEndpointError::Send(SendError::Connection) => ProblemDetails::new(
            Code::GraphUnavailable,
            "Entra ID could not be reached. Nothing was sent to Graph; try again.",
        )
        .retry_after(None),
        TokenEndpointError::Send(SendError::Deadline) => ProblemDetails::new(
            Code::GraphTimeout,
            "Entra ID did not answer in time. Nothing was sent to Graph; a retry is safe.",
        ),
        TokenEndpointError::Unexpected { .. } => {
            ProblemDetails::new(Code::GraphError, "Entra ID answered unexpectedly. Nothing was sent to Graph.")
        }
    }
}

pub(super) fn submit(error: &GraphError) -> ProblemDetails {
    match &error.kind {
        GraphErrorKind::AppToken(error) => app_token(*error),
        GraphErrorKind::Refused { code, message } => {
            ProblemDetails::new(Code::GraphRefused, format!("Microsoft Graph answered {code}: {message}"))
        }
        GraphErrorKind::TokenRejected => credential_rejected(),
        GraphErrorKind::PermissionMissing => permission_missing(),
        GraphErrorKind::Conflict => {
            ProblemDetails::new(Code::GraphConflict, "Microsoft Graph answered a conflict that is not a duplicate remediation.")
        }
        GraphErrorKind::QuotingConflict => ProblemDetails::new(
            Code::GraphConflict,
            "Microsoft Graph answered a conflict that may only quote the payload's own words \"duplicate remediation\". \
             Take them out of displayName and description, and send it again. The outcome is unknown; it is safe to retry.",
        ),
        GraphErrorKind::Throttled { retry_after } => {
            ProblemDetails::new(Code::GraphThrottled, "Microsoft Graph is throttling. The remediation was not accepted; try again.")
                .retry_after(*retry_after)
        }
        GraphErrorKind::Unavailable { retry_after } => {
            ProblemDetails::new(Code::GraphUnavailable, "Microsoft Graph is unavailable. The remediation was not accepted; try again.")
                .retry_after(*retry_after)
        }
        GraphErrorKind::Unexpected if error.is_certain() => {
            ProblemDetails::new(Code::GraphError, "Microsoft Graph answered unexpectedly. The remediation was not accepted.")
        }
        GraphErrorKind::Unexpected => ProblemDetails::new(
            Code::GraphError,
            "Microsoft Graph answered unexpectedly. Whether it accepted the remediation is unknown; a retry is safe.",
        ),
        GraphErrorKind::Send(SendError::Connection) => ProblemDetails::new(
            Code::GraphUnavailable,
            "The connection to Microsoft Graph failed. Whether it accepted the remediation is unknown; a retry is safe.",
        )
        .retry_after(None),
        GraphErrorKind::Send(SendError::Deadline) => ProblemDetails::new(
            Code::GraphTimeout,
            "Microsoft Graph did not answer in time. Whether it accepted the remediation is unknown; a retry is safe.",
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
        ReadErrorKind::PermissionMissing => permission_missing(),
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

fn permission_missing() -> ProblemDetails {
    ProblemDetails::new(
        Code::GraphPermissionMissing,
        "Microsoft Graph denied the gateway. The operator of the gateway finds the reason in its log.",
    )
}

fn credential_rejected() -> ProblemDetails {
    ProblemDetails::new(
        Code::GraphCredentialRejected,
        "Microsoft refused the gateway's own credential. The operator of the gateway finds the reason in its log.",
    )
}
