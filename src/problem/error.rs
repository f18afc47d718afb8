//! Every error of a request, with its log reason.

use crate::auth::AuthError;
use crate::auth::permissions::PermissionError;
use crate::expansion::{AttemptError, ExpansionError};
use crate::graph::error::GraphError;
use crate::http::RequestBodyError;
use crate::ledger::{LedgerError, Quota};
use crate::preconditions::error::RequestError;
use crate::preconditions::{ContentHeadersError, NotHttps};
use crate::remediation::{JsonError, ParseError};
use crate::route::Route;

/// Reason why a request is rejected.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No such path.
    #[error("unknown path")]
    NotFound,
    /// A method that the route does not support.
    #[error("the route does not allow the method")]
    MethodNotAllowed(Route),
    /// The request came over plain HTTP.
    #[error(transparent)]
    NotHttps(#[from] NotHttps),
    /// Declared size or type.
    #[error(transparent)]
    ContentHeaders(#[from] ContentHeadersError),
    /// The configuration has errors, which were logged for the first request with its environment.
    #[error("the configuration is invalid")]
    Misconfigured,
    /// The rate limit of the client's network.
    #[error("the rate limit of the client's address is exceeded")]
    TooManyRequests,
    /// Authentication failed.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The query, or a header that changes the remediation.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The operator has stopped all remediations.
    #[error("remediations are stopped")]
    Stopped,
    /// The body is incomplete, too large, or no gzip although declared so.
    #[error(transparent)]
    Body(#[from] RequestBodyError),
    /// The body is no JSON, or no remediation.
    #[error("{}", body_reason(.0))]
    Parse(#[from] ParseError),
    /// The caller lacks a permission.
    #[error("{caller} lacks a permission: {error}")]
    Permission {
        /// The caller's name.
        caller: String,
        /// The missing permission.
        error: PermissionError,
    },
    /// The same remediation is in flight.
    #[error("the same remediation is in flight")]
    InProgress,
    /// The idempotency key belongs to another payload.
    #[error("the idempotency key belongs to another payload")]
    KeyReused,
    /// The request exceeds the quota.
    #[error("the quota has no room for {emails} emails")]
    QuotaExceeded {
        /// Number of emails that the request needs.
        emails: u64,
        /// Quota.
        quota: Quota,
    },
    /// The remediation was not accepted, or the list not read.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The recipients that Graph lists do not lead to a remediation.
    #[error(transparent)]
    Expansion(#[from] ExpansionError),
    /// The error of a retry, after which Graph may have accepted an earlier attempt.
    #[error("{0}; the outcome of an earlier attempt is unknown")]
    Retry(Box<Self>),
    /// When the body had arrived, too little time was left for a call to Graph.
    #[error("the body came too late")]
    TooLate,
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The instance that executed the request was lost by a trap.
    #[error("the module was lost, or failed, during the request")]
    Lost,
}

impl From<AttemptError> for GatewayError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Graph(error) => Self::Graph(error),
            AttemptError::Expansion(error) => Self::Expansion(error),
        }
    }
}

/// Returns the error of a body without pointers, which may contain the caller's texts.
fn body_reason(error: &ParseError) -> String {
    match error {
        ParseError::NotJson(JsonError::Repeated { .. }) => "a repeated member".to_owned(),
        ParseError::NotJson(error) => error.to_string(),
        ParseError::Invalid(errors) => errors.to_string(),
    }
}
