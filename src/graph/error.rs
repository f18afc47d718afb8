//! Errors of calls to Graph: no token, or Graph's response.

use super::assertion::AssertionError;
use super::list_limits::{MAX_PAGE_BYTES, MAX_PAGES, MAX_PAIRS, MAX_READ_BYTES};
use crate::guid::Guid;
use crate::runtime::SendError;

/// Purpose of a call to Graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphOperation {
    /// Submits a remediation.
    Remediate,
    /// Reads the list of analyzed emails, which changes nothing.
    List,
}

impl GraphOperation {
    /// Returns an error of this operation without Graph's status and request ID.
    #[must_use]
    pub fn error(self, kind: impl Into<GraphErrorKind>) -> GraphError {
        GraphError { operation: self, kind: kind.into(), status: None, graph_request_id: None }
    }

    /// Returns the prefix of the reason in the log.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Remediate => "",
            Self::List => "reading the list: ",
        }
    }
}

/// Error of a call to Graph: a remediation was not accepted or has an unknown outcome, or the list was not read
/// completely.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{kind}", operation.prefix())]
pub struct GraphError {
    /// The operation that failed.
    pub operation: GraphOperation,
    /// Kind of the error.
    pub kind: GraphErrorKind,
    /// Graph's status, if a response arrived.
    pub status: Option<u16>,
    /// Graph's `request-id`.
    pub graph_request_id: Option<String>,
}

/// Kinds of errors of a call to Graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphErrorKind {
    /// No token; nothing was sent.
    #[error(transparent)]
    AppToken(#[from] TokenEndpointError),
    /// 400. The caller, who sent the payload, gets code and message; only the code is logged.
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
    /// 409 for a reason other than a duplicate.
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
    /// A page of the list that is not JSON, or has other types than Graph documents.
    #[error("the form of a list page is not the documented one")]
    MalformedPage,
    /// A row of a message that the gateway did not request.
    #[error("Graph listed a message that was not asked for")]
    OtherMessage,
    /// An `@odata.nextLink` that must not be followed.
    #[error("the list's nextLink does not lead to the configured host and the same path")]
    ForeignLink,
    /// A page larger than [`MAX_PAGE_BYTES`].
    #[error("a page of the list has more than {MAX_PAGE_BYTES} bytes")]
    PageTooLarge,
    /// More than [`MAX_PAGES`], [`MAX_READ_BYTES`] or [`MAX_PAIRS`].
    #[error("the list has more than {MAX_PAGES} pages, {MAX_READ_BYTES} bytes or {MAX_PAIRS} recipients")]
    ListTooLong,
    /// The isolate read other pages until the deadline.
    #[error("too many lists are read at the same time")]
    TooManyReads,
    /// No response.
    #[error("Graph: {0}")]
    Send(#[from] SendError),
}

impl GraphError {
    /// Returns whether Graph certainly did not accept a remediation. A read submits no remediation. A status below 500
    /// rejects the remediation, and with 503 Graph says that it is unavailable. After any other error Graph may have
    /// accepted the remediation.
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
            | GraphErrorKind::ListTooLong
            | GraphErrorKind::TooManyReads => false,
        }
    }
}

/// Number of the `AADSTS` code for a tenant without consent (facts, section 2).
pub(super) const NO_CONSENT: u32 = 7_000_229;

/// Reason why no token was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenEndpointError {
    /// Entra rejects the gateway's credential or application.
    #[error(
        "the token endpoint refused the gateway with status {status}{}",
        code.map(|code| format!(", AADSTS{code}")).unwrap_or_default()
    )]
    Rejected {
        /// Status of Entra's response.
        status: u16,
        /// Number of its `AADSTS` code, if present: 7000215 wrong secret, 7000222 expired secret, 700016 unknown
        /// application, 90002 unknown tenant.
        code: Option<u32>,
    },
    /// The tenant has not consented to the gateway's application.
    #[error(
        "the token endpoint refused the gateway with AADSTS{NO_CONSENT}: the tenant {tenant_id} has not consented; its \
         administrator consents at https://login.microsoftonline.com/{tenant_id}/adminconsent?client_id={client_id}"
    )]
    NoConsent {
        /// Tenant.
        tenant_id: Guid,
        /// The gateway's application.
        client_id: Guid,
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
