//! Why a remediation is not accepted: no token, or Graph itself.

use super::assertion::AssertionError;
use crate::guid::Guid;
use crate::runtime::SendError;

/// Why a remediation that was sent, or was to be sent, is not accepted, or not known to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct GraphError {
    /// What happened.
    pub kind: GraphErrorKind,
    /// Graph's status, where one came.
    pub status: Option<u16>,
    /// Graph's `request-id`.
    pub graph_request_id: Option<String>,
}

impl<E: Into<GraphErrorKind>> From<E> for GraphError {
    /// The error of a call that got no response from Graph.
    fn from(kind: E) -> Self {
        Self { kind: kind.into(), status: None, graph_request_id: None }
    }
}

/// The ways in which a submission fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphErrorKind {
    /// There was no token; nothing was sent.
    #[error(transparent)]
    AppToken(#[from] TokenEndpointError),
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
    /// 409 that speaks of a duplicate, but for a payload that holds the same words: Graph may be quoting it.
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
    /// No answer.
    #[error("Graph: {0}")]
    Send(#[from] SendError),
}

impl GraphError {
    /// Whether it is certain that Graph did not accept the remediation. An answer below 500 refuses it, and 503 is Graph's own word that it
    /// does not serve now; behind any other failure it may have been accepted.
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

/// The number of the `AADSTS` code for a tenant without consent (facts, section 2).
pub(super) const NO_CONSENT: u32 = 7_000_229;

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenEndpointError {
    /// Entra refuses the gateway's credential or application.
    #[error(
        "the token endpoint refused the gateway with status {status}{}",
        code.map(|code| format!(", AADSTS{code}")).unwrap_or_default()
    )]
    Rejected {
        /// The status.
        status: u16,
        /// The number of its `AADSTS` code, where it named one: 7000215 wrong secret, 7000222 expired secret, 700016 unknown application, 90002 unknown tenant.
        code: Option<u32>,
    },
    /// The tenant has no service principal of the gateway's application: nobody has consented to it there.
    #[error(
        "the token endpoint refused the gateway with AADSTS{NO_CONSENT}: the tenant {tenant_id} has not consented; its \
         administrator consents at https://login.microsoftonline.com/{tenant_id}/adminconsent?client_id={client_id}"
    )]
    NoConsent {
        /// The tenant.
        tenant_id: Guid,
        /// The gateway's application.
        client_id: Guid,
    },
    /// Entra is throttling.
    #[error("the token endpoint throttles (429)")]
    Throttled {
        /// Its `Retry-After`, in seconds.
        retry_after: Option<u32>,
    },
    /// Entra is not available.
    #[error("the token endpoint answered {status}")]
    Unavailable {
        /// The status, 500 to 599.
        status: u16,
        /// Its `Retry-After`, in seconds.
        retry_after: Option<u32>,
    },
    /// Any other answer: a redirect, or a success that holds no bearer token.
    #[error("the token endpoint answered {status} without a usable token")]
    Unexpected {
        /// The status.
        status: u16,
    },
    /// Entra was not asked: there is no assertion to send.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    /// No answer.
    #[error("the token endpoint: {0}")]
    Send(#[from] SendError),
}
