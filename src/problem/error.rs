//! Every error of a request, with its log reason.

use crate::auth::AuthError;
use crate::auth::permissions::PermissionError;
use crate::graph::analyzed_emails::ReadError;
use crate::graph::error::GraphError;
use crate::http::RequestBodyError;
use crate::ledger::{LedgerError, Quota};
use crate::preconditions::error::RequestError;
use crate::preconditions::{ContentHeadersError, NotHttps};
use crate::remediation::{JsonError, ParseError};
use crate::route::Route;

/// Why a request is rejected.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No such path.
    #[error("unknown path")]
    NotFound,
    /// A method that the route does not have.
    #[error("the route does not allow the method")]
    MethodNotAllowed(Route),
    /// The request came over plain HTTP.
    #[error(transparent)]
    NotHttps(#[from] NotHttps),
    /// Size or type as declared.
    #[error(transparent)]
    ContentHeaders(#[from] ContentHeadersError),
    /// The configuration has errors, which were logged when its environment was first seen.
    #[error("the configuration is invalid")]
    Misconfigured,
    /// The rate limit of the client's network.
    #[error("the rate limit of the client's address is exceeded")]
    TooManyRequests,
    /// Authentication failed.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The query, or a header that shapes the remediation.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The operator has stopped all remediations.
    #[error("remediations are stopped")]
    Stopped,
    /// The body did not come, is too large, or is not the gzip that it is declared to be.
    #[error(transparent)]
    Body(#[from] RequestBodyError),
    /// The body is no JSON, or no remediation.
    #[error("{}", parse_reason(.0))]
    Parse(#[from] ParseError),
    /// The caller lacks a right.
    #[error("{caller} lacks a permission: {error}")]
    Permission {
        /// The caller's name.
        caller: String,
        /// The right.
        error: PermissionError,
    },
    /// The same remediation is in flight.
    #[error("the same remediation is in flight")]
    InProgress,
    /// The idempotency key belongs to another payload.
    #[error("the idempotency key belongs to another payload")]
    KeyReused,
    /// The quota has no room.
    #[error("the quota has no room for {emails} emails")]
    QuotaExceeded {
        /// How many emails the request has.
        emails: u64,
        /// The quota.
        quota: Quota,
    },
    /// The remediation was not accepted.
    #[error(transparent)]
    Submit(#[from] GraphError),
    /// The status was not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// So little was left of the request's time when its body had come that Graph was not asked.
    #[error("the body came too late")]
    TooLate,
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The module was lost while it answered, by a panic or an execution that was ended, or failed.
    #[error("the module was lost, or failed, during the request")]
    Lost,
}

/// What is wrong with a body, without the pointers, which may hold texts of the caller's.
fn parse_reason(error: &ParseError) -> String {
    match error {
        ParseError::NotJson(JsonError::Repeated { .. }) => "a repeated member".to_owned(),
        ParseError::NotJson(error) => error.to_string(),
        ParseError::Invalid(errors) => errors.to_string(),
    }
}
