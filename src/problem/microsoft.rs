//! What the caller learns where Entra ID or Graph fails.

use super::{Public, misconfigured};
use crate::graph::answer::{GraphFault, GraphFaultKind};
use crate::graph::app_token::TokenEndpointFault;
use crate::ports::SendFailure;
use crate::problem::Code;

pub(super) fn app_token(fault: TokenEndpointFault) -> Public {
    match fault {
        TokenEndpointFault::Rejected { .. } => credential_rejected(),
        TokenEndpointFault::CertificateExpired | TokenEndpointFault::NotSigned => misconfigured(),
        TokenEndpointFault::Throttled { retry_after } => {
            Public::new(Code::GraphThrottled, "Entra ID is throttling. Nothing was sent to Graph; try again.")
                .retry_after(retry_after)
        }
        TokenEndpointFault::Unavailable { retry_after, .. } => {
            Public::new(Code::GraphUnavailable, "Entra ID is unavailable. Nothing was sent to Graph; try again.")
                .retry_after(retry_after)
        }
        TokenEndpointFault::Send(SendFailure::Connection) => {
            Public::new(Code::GraphUnavailable, "Entra ID could not be reached. Nothing was sent to Graph; try again.")
                .retry_after(None)
        }
        TokenEndpointFault::Send(SendFailure::Deadline) => Public::new(
            Code::GraphTimeout,
            "Entra ID did not answer in time. Nothing was sent to Graph; a retry is safe.",
        ),
        TokenEndpointFault::Unexpected { .. } => {
            Public::new(Code::GraphError, "Entra ID answered unexpectedly. Nothing was sent to Graph.")
        }
    }
}

pub(super) fn graph(fault: &GraphFault) -> Public {
    match &fault.kind {
        GraphFaultKind::Refused { code, message } => {
            Public::new(Code::GraphRefused, format!("Microsoft Graph answered {code}: {message}"))
        }
        GraphFaultKind::TokenRejected => credential_rejected(),
        GraphFaultKind::PermissionMissing => Public::new(
            Code::GraphPermissionMissing,
            "Microsoft Graph denied the gateway. The operator of the gateway finds the reason in its log.",
        ),
        GraphFaultKind::Conflict => {
            Public::new(Code::GraphConflict, "Microsoft Graph answered a conflict that is not a duplicate remediation.")
        }
        GraphFaultKind::QuotingConflict => Public::new(
            Code::GraphConflict,
            "Microsoft Graph answered a conflict that may only quote the payload's own words \"duplicate remediation\". \
             Take them out of displayName and description, and send it again. The outcome is unknown; it is safe to retry.",
        ),
        GraphFaultKind::Throttled { retry_after } => {
            Public::new(Code::GraphThrottled, "Microsoft Graph is throttling. The remediation was not accepted; try again.")
                .retry_after(*retry_after)
        }
        GraphFaultKind::Unavailable { retry_after } => {
            Public::new(Code::GraphUnavailable, "Microsoft Graph is unavailable. The remediation was not accepted; try again.")
                .retry_after(*retry_after)
        }
        GraphFaultKind::Unexpected if fault.is_certain() => {
            Public::new(Code::GraphError, "Microsoft Graph answered unexpectedly. The remediation was not accepted.")
        }
        GraphFaultKind::Unexpected => Public::new(
            Code::GraphError,
            "Microsoft Graph answered unexpectedly. Whether it accepted the remediation is unknown; a retry is safe.",
        ),
        GraphFaultKind::Send(SendFailure::Connection) => Public::new(
            Code::GraphUnavailable,
            "The connection to Microsoft Graph failed. Whether it accepted the remediation is unknown; a retry is safe.",
        )
        .retry_after(None),
        GraphFaultKind::Send(SendFailure::Deadline) => Public::new(
            Code::GraphTimeout,
            "Microsoft Graph did not answer in time. Whether it accepted the remediation is unknown; a retry is safe.",
        ),
    }
}

fn credential_rejected() -> Public {
    Public::new(
        Code::GraphCredentialRejected,
        "Microsoft refused the gateway's own credential. The operator of the gateway finds the reason in its log.",
    )
}
