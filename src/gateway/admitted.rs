//! A request whose caller is known and whose body has come, and what its last steps in the Worker come to.

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
    /// Whether the query asks for validation only.
    pub(super) validate_only: bool,
    pub(super) idempotency_key: Option<&'a str>,
    /// When the caller must have its response.
    pub(super) deadline: Timestamp,
}

/// What the Worker's steps come to when none of them refuses.
pub(super) enum Validated {
    /// The Worker answers by itself.
    Response(Response),
    /// A remediation to be carried out, with the body for Graph.
    Remediation {
        caller: String,
        ledger_request: LedgerRequest,
        settings: Secret,
        graph_request: String,
        jurisdiction: Option<Jurisdiction>,
    },
}

impl<P: Runtime, E> Admitted<'_, P, E> {
    pub(super) fn config(&self) -> &Config {
        &self.configured.config
    }

    /// Returns what the Worker reads from Graph with, if there is time for a read.
    pub(super) fn graph_access(&self) -> Result<Rc<GraphAccess>, GatewayError> {
        if self.runtime.now().plus(MIN_GRAPH_TIME + RECORD_MARGIN) > self.deadline {
            return Err(GatewayError::TooLate);
        }
        let settings = self.configured.graph_settings.expose().as_bytes();
        self.caches.graph_access(settings).ok_or(GatewayError::Misconfigured)
    }

    /// The error of a permission that the caller lacks.
    pub(super) fn denied(&self, error: PermissionError) -> GatewayError {
        GatewayError::Permission { caller: self.caller.name.clone(), error }
    }

    /// Hands a remediation to the caller's object.
    pub(super) fn hand_over(&self, ledger_request: LedgerRequest, graph_request: String) -> Validated {
        Validated::Remediation {
            caller: self.caller.name.clone(),
            ledger_request,
            settings: self.configured.graph_settings.clone(),
            graph_request,
            jurisdiction: self.config().ledger_jurisdiction,
        }
    }
}

/// A number of emails as it crosses to the object and into texts.
pub(super) fn count(emails: usize) -> u64 {
    u64::try_from(emails).unwrap_or(u64::MAX)
}
