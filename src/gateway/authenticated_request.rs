//! A request of an authenticated caller with its body, and the result of the Worker's steps.

use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::handover;
use super::job::{RemediationJob, RequestContext, ResponseFormat};
use crate::auth::permissions::{self, PermissionError};
use crate::caches::{Configured, IsolateCaches};
use crate::config::{Caller, Config};
use crate::deadline::{MIN_GRAPH_TIME, RECORD_MARGIN, REQUEST_DEADLINE};
use crate::graph::access::GraphAccess;
use crate::http::Response;
use crate::ledger::LedgerRequest;
use crate::ledger::types::Hash;
use crate::log::LogEntry;
use crate::problem::error::GatewayError;
use crate::remediation::{Action, Remediation};
use crate::runtime::Runtime;
use crate::secret::SecretBytes;
use crate::time::{Timestamp, millis_of};

/// Result of the Worker's steps.
#[derive(Debug)]
pub enum Handled {
    /// The response.
    Response(Response),
    /// A job for the caller's object: the first lines of the message (see [`handover`]), and the work.
    Job(Box<RemediationJob>, SecretBytes, String),
}

/// A request that has passed steps 1 to 7 of the pipeline. Its route runs the other steps.
pub(super) struct AuthenticatedRequest<'a, P: Runtime, E> {
    pub(super) runtime: &'a P,
    pub(super) caches: &'a IsolateCaches<E, P::Key>,
    pub(super) configured: &'a Configured<P::Key>,
    pub(super) caller: &'a Caller,
    pub(super) context: &'a RequestContext,
    pub(super) format: ResponseFormat,
    /// Whether the query requests a validation only.
    pub(super) validate_only: bool,
    pub(super) idempotency_key: Option<&'a str>,
}

impl<P: Runtime, E> AuthenticatedRequest<'_, P, E> {
    pub(super) fn config(&self) -> &Config {
        &self.configured.config
    }

    /// Returns the caller's tenant in the form of jobs.
    fn tenant_id(&self) -> Option<String> {
        self.caller.tenant_id.map(|id| id.to_string())
    }

    /// Returns the time at which calls to Graph must have ended, if there is time for one. A call without enough time
    /// for its response would end with an unknown outcome.
    fn graph_deadline(&self) -> Result<Timestamp, GatewayError> {
        let until = self.context.began.plus(REQUEST_DEADLINE).minus(RECORD_MARGIN);
        if self.runtime.now().plus(MIN_GRAPH_TIME) > until { Err(GatewayError::TooLate) } else { Ok(until) }
    }

    /// Returns the access to Graph for a read in the Worker, and the time at which the read must have ended.
    pub(super) fn graph_access(&self) -> Result<(Rc<GraphAccess>, Timestamp), GatewayError> {
        let until = self.graph_deadline()?;
        let settings = self.configured.graph_settings.expose().as_bytes();
        let access = self.caches.graph_access(settings, self.tenant_id().as_deref());
        Ok((access.ok_or(GatewayError::Misconfigured)?, until))
    }

    /// Returns the error of a permission that the caller lacks.
    pub(super) fn permission_error(&self, error: PermissionError) -> GatewayError {
        GatewayError::Permission { caller: self.caller.name.clone(), error }
    }

    /// Adds a remediation to the log entry, and checks the permissions that it needs.
    pub(super) fn check_permissions(
        &self,
        remediation: &Remediation<'_>,
        entry: &mut LogEntry,
    ) -> Result<(), GatewayError> {
        entry.action = Some(remediation.action.as_str());
        entry.emails = Some(to_u64(remediation.emails.len()));
        permissions::check(self.config(), self.caller, remediation, self.runtime)
            .map_err(|error| self.permission_error(error))
    }

    /// Returns the request to the ledger for a remediation with this digest of its pairs, or of its messages.
    pub(super) fn ledger_request(
        &self,
        action: Action,
        payload_hash: [u8; 32],
        pairs: u64,
        emails: usize,
    ) -> LedgerRequest {
        LedgerRequest {
            key: self.idempotency_key.map(|key| Hash(Sha256::digest(key).into())),
            payload_hash: Hash(payload_hash),
            pairs,
            action,
            emails: to_u64(emails),
            emails_per_hour: to_u64(self.caller.max_emails_per_hour),
            version: self.config().graph_version,
            newer_member: action.is_newer_member(),
        }
    }

    /// Returns a remediation as a job for the caller's object. `expands` is whether the work is messages to expand, and
    /// not the body for Graph.
    pub(super) fn hand_over(
        &self,
        ledger_request: LedgerRequest,
        expands: bool,
        work: String,
    ) -> Result<Handled, GatewayError> {
        self.graph_deadline()?;
        let job = RemediationJob {
            context: self.context.clone(),
            caller: self.caller.name.clone(),
            tenant_id: self.tenant_id(),
            ledger_request,
            expands,
            format: self.format,
            jurisdiction: self.config().ledger_jurisdiction,
            spent: millis_of(self.runtime.now().since(self.context.began)),
        };
        let head = handover::serialize_head(&self.configured.graph_settings, &job);
        Ok(Handled::Job(Box::new(job), head, work))
    }
}

/// Returns a number of emails in the type that jobs and log entries have.
fn to_u64(emails: usize) -> u64 {
    u64::try_from(emails).unwrap_or(u64::MAX)
}
