//! Errors of a submission: no token, or Graph's response.

use super::assertion::AssertionError;
use crate::runtime::SendError;

/// Error of a submission. The remediation was not accepted, or its outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct GraphError {
    /// Kind of the error.
    pub kind: GraphErrorKind,
    /// Graph's status, if a response arrived.
    pub status: Option<u16>,
    /// Graph's `request-id`.
    pub graph_request_id: Option<String>,
}

impl<E: Into<GraphErrorKind>> From<E> for GraphError {
    /// Returns the error of a call without a response from Graph.
    fn from(kind: E) -> Self {
        Self { kind: kind.into(), status: None, graph_request_id: None }
    }
}

/// Kinds of errors of a submission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphErrorKind {
    /// No token; nothing was sent.
    #[error(transparent)]
    AppToken(#[from] TokenEndpointError),
    /// 400. The caller, who sent the payload, gets code and message; only the code is logged.
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
    /// 409 for another reason than a duplicate.
    #[error("Graph answered a conflict that is no duplicate")]
    Conflict,
    /// 409 that mentions a duplicate. The payload contains the same words, so Graph may be quoting it.
    #[error("Graph answered a conflict whose words the payload holds too")]
    QuotingConflict,
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
    /// No response.
    #[error("Graph: {0}")]
    Send(#[from] SendError),
}

impl GraphError {
    /// Returns whether Graph certainly did not accept the remediation. A status below 500 rejects it, and with 503
    /// Graph says that it is unavailable. After any other error Graph may have accepted it.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        match self.kind {
            GraphErrorKind::AppToken(_)
            | GraphErrorKind::Refused { .. }
            | GraphErrorKind::TokenRejected
            | GraphErrorKind::PermissionMissing
            | GraphErrorKind::Conflict
            | GraphErrorKind::QuotingConflict
            | GraphErrorKind::Throttled { .. }
            | GraphErrorKind::Unavailable { .. } => true,
            GraphErrorKind::Unexpected => self.status.is_some_and(|status| status < 500),
            GraphErrorKind::Send(_) => false,
        }
    }
}

/// Reason why no token was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenEndpointError {
    /// Entra rejects the gateway's credential or application.
    #[error(
        "the token endpoint refused the gateway with status {status}{}",
        code.map(|code| format!(", AADSTS{code}")).unwrap_or_default()
    )]
    Rejected {
        /// Status.
        status: u16,
        /// Number of its `AADSTS` code, if present: 7000215 wrong secret, 7000222 expired secret, 700016 unknown
        /// application, 90002 unknown tenant.
        code: Option<u32>,
    },
    /// Entra is throttling.
    #[error("the token endpoint throttles (429)")]
    Throttled {
        /// `Retry-After` in seconds.
        retry_after: Option<u32>,
    },
    /// Entra is unavailable.
    #[error("the token endpoint answered {status}")]
    Unavailable {
        /// Status, 500 to 599.
        status: u16,
        /// `Retry-After` in seconds.
        retry_after: Option<u32>,
    },
    /// Any other response: a redirect, or a success without a bearer token.
    #[error("the token endpoint answered {status} without a usable token")]
    Unexpected {
        /// Status.
        status: u16,
    },
    /// No call to Entra, because no assertion was created.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    /// No response.
    #[error("the token endpoint: {0}")]
    Send(#[from] SendError),
}
