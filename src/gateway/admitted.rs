//! A request of an authenticated caller with its body, and the result of its last steps in the Worker.

use std::rc::Rc;

use crate::auth::permissions::PermissionError;
use crate::caches::{Configured, IsolateCaches};
use crate::config::{Caller, Config, Jurisdiction};
use crate::deadline::{MIN_GRAPH_TIME, RECORD_MARGIN};
use crate::graph::access::GraphAccess;
use crate::http::Response;
use crate::ledger::LedgerRequest;
use crate::problem::error::GatewayError;
use crate::runtime::Runtime;
use crate::secret::Secret;
use crate::time::Timestamp;

/// A request that has passed steps 1 to 7 of the pipeline. Its route takes the others.
pub(super) struct Admitted<'a, P: Runtime, E> {
    pub(super) runtime: &'a P,
    pub(super) caches: &'a IsolateCaches<E, P::Key>,
    pub(super) configured: &'a Configured<P::Key>,
    pub(super) caller: &'a Caller,
    /// Whether the query requests a validation only.
    pub(super) validate_only: bool,
    pub(super) idempotency_key: Option<&'a str>,
    /// Time by which the caller must have the response.
    pub(super) deadline: Timestamp,
}

/// Result of the Worker's steps if none fails.
pub(super) enum Validated {
    /// The Worker's own response.
    Response(Response),
    /// A remediation to submit.
    Remediation {
        caller: String,
        tenant_id: Option<String>,
        ledger_request: LedgerRequest,
        settings: Secret,
        /// Whether the work is messages to expand, and not the body for Graph.
        expands: bool,
        work: String,
        jurisdiction: Option<Jurisdiction>,
    },
}

impl<P: Runtime, E> Admitted<'_, P, E> {
    pub(super) fn config(&self) -> &Config {
        &self.configured.config
    }

    /// Returns the caller's tenant in the form of jobs.
    fn tenant_id(&self) -> Option<String> {
        self.caller.tenant_id.map(|id| id.to_string())
    }

    /// Returns the access to Graph for a read in the Worker, if there is time for one.
    pub(super) fn graph_access(&self) -> Result<Rc<GraphAccess>, GatewayError> {
        if self.runtime.now().plus(MIN_GRAPH_TIME + RECORD_MARGIN) > self.deadline {
            return Err(GatewayError::TooLate);
        }
        let settings = self.configured.graph_settings.expose().as_bytes();
        self.caches.graph_access(settings, self.tenant_id().as_deref()).ok_or(GatewayError::Misconfigured)
    }

    /// Returns the error of a permission that the caller lacks.
    pub(super) fn denied(&self, error: PermissionError) -> GatewayError {
        GatewayError::Permission { caller: self.caller.name.clone(), error }
    }

    /// Passes a remediation to the caller's object.
    pub(super) fn hand_over(&self, ledger_request: LedgerRequest, expands: bool, work: String) -> Validated {
        Validated::Remediation {
            caller: self.caller.name.clone(),
            tenant_id: self.tenant_id(),
            ledger_request,
            settings: self.configured.graph_settings.clone(),
            expands,
            work,
            jurisdiction: self.config().ledger_jurisdiction,
        }
    }
}

/// Returns a number of emails in the type that jobs and texts have.
pub(super) fn count(emails: usize) -> u64 {
    u64::try_from(emails).unwrap_or(u64::MAX)
}
