//! Why a call to Graph fails: no token, or Graph itself.

use super::assertion::AssertionError;
use super::list_limits::{MAX_PAGE_BYTES, MAX_PAGES, MAX_READ_BYTES};
use crate::runtime::SendError;

/// What the gateway calls Graph for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphOperation {
    /// To submit a remediation.
    Remediate,
    /// To read the list of analyzed emails, which changes nothing.
    List,
}

impl GraphOperation {
    /// Returns the error of an operation that no response of Graph explains.
    #[must_use]
    pub fn error(self, kind: impl Into<GraphErrorKind>) -> GraphError {
        GraphError { operation: self, kind: kind.into(), status: None, graph_request_id: None }
    }

    /// What stands before the reason in the log.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Remediate => "",
            Self::List => "reading the list: ",
        }
    }
}

/// Why a remediation is not accepted, or not known to be, or why the list was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{kind}", operation.prefix())]
pub struct GraphError {
    /// The operation that failed.
    pub operation: GraphOperation,
    /// What happened.
    pub kind: GraphErrorKind,
    /// Graph's status, where one came.
    pub status: Option<u16>,
    /// Graph's `request-id`.
    pub graph_request_id: Option<String>,
}

/// The ways in which a call to Graph fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphErrorKind {
    /// There was no token; nothing was sent.
    #[error(transparent)]
    AppToken(#[from] TokenEndpointError),
    /// 400. The message is for the caller, who sent what it speaks of; the code alone is logged.
    #[error("Graph refused the request: {code}")]
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
        "Graph denied the gateway: is SecurityAnalyzedMessage.ReadWrite.All granted (to read, SecurityAnalyzedMessage.Read.All \
         suffices), and Defender for Office 365 Plan 2 there?"
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
    /// A page of the list that is not JSON, or has other types than Graph documents.
    #[error("a page of the list has another form than Graph documents")]
    MalformedPage,
    /// A row of a message that was not asked for.
    #[error("Graph listed a message that was not asked for")]
    OtherMessage,
    /// A `@odata.nextLink` that must not be followed.
    #[error("the list's nextLink does not lead to the configured host and the same path")]
    ForeignLink,
    /// A page larger than [`MAX_PAGE_BYTES`].
    #[error("a page of the list has more than {MAX_PAGE_BYTES} bytes")]
    PageTooLarge,
    /// More than [`MAX_PAGES`] or [`MAX_READ_BYTES`].
    #[error("the list has more than {MAX_PAGES} pages or {MAX_READ_BYTES} bytes")]
    ListTooLong,
    /// No answer.
    #[error("Graph: {0}")]
    Send(#[from] SendError),
}

impl GraphError {
    /// Whether it is certain that Graph did not accept a remediation. A read submits none. An answer below 500 refuses it, and 503 is Graph's
    /// own word that it does not serve now; behind any other failure it may have been accepted.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        match self.kind {
            _ if self.operation == GraphOperation::List => true,
            GraphErrorKind::AppToken(_)
            | GraphErrorKind::Refused { .. }
            | GraphErrorKind::TokenRejected
            | GraphErrorKind::PermissionMissing
            | GraphErrorKind::Conflict
            | GraphErrorKind::QuotingConflict
            | GraphErrorKind::Throttled { .. }
            | GraphErrorKind::Unavailable { .. } => true,
            GraphErrorKind::Unexpected => self.status.is_some_and(|status| status < 500),
            GraphErrorKind::Send(_)
            | GraphErrorKind::MalformedPage
            | GraphErrorKind::OtherMessage
            | GraphErrorKind::ForeignLink
            | GraphErrorKind::PageTooLarge
            | GraphErrorKind::ListTooLong => false,
        }
    }
}

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
