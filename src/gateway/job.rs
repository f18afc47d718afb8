//! The job that the Worker passes to a caller's object, beside the body.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::auth::credentials;
use crate::http::{Request, RequestHeaders};
use crate::ledger::LedgerRequest;
use crate::log::LogEntry;
use crate::preconditions;
use crate::route::Route;
use crate::runtime::{Clock, Guids};
use crate::time::Timestamp;

/// A remediation of an authenticated caller with a valid payload and the permissions that it needs. Its work is a
/// separate value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemediationJob {
    /// Context of the request.
    pub context: RequestContext,
    /// The caller's name in `CALLERS`.
    pub caller: String,
    /// Tenant of the mailboxes. `None` is `TENANT_ID`. A job without this member has another format.
    #[serde(deserialize_with = "Option::deserialize")]
    pub tenant_id: Option<String>,
    /// Request to the ledger.
    pub ledger_request: LedgerRequest,
    /// Whether the object must first read the recipients.
    #[serde(default)]
    pub expands: bool,
    /// Format of a success.
    pub format: ResponseFormat,
    /// Jurisdiction of the caller's ledger, by Cloudflare's name. Only the Worker uses it, so it is no part of the
    /// message.
    #[serde(skip)]
    pub jurisdiction: Option<&'static str>,
    /// Time that the Worker has used, in milliseconds.
    pub spent: u64,
}

impl RemediationJob {
    /// Sets the start of the request, by a clock that reads `now`. The Worker's clock may be another machine's and does
    /// not count.
    pub(super) fn set_start(&mut self, now: Timestamp) {
        self.context.began = now.minus(Duration::from_millis(self.spent));
    }

    /// Returns the rest of the request's time.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        crate::deadline::REQUEST_DEADLINE.saturating_sub(Duration::from_millis(self.spent))
    }

    /// Returns the name of the caller's ledger: the caller's name in lower case, since no two names in `CALLERS` differ
    /// only in case. A tenant other than `TENANT_ID` precedes it. No caller's name contains the slash between them.
    #[must_use]
    pub fn ledger_name(&self) -> String {
        let name = self.caller.to_ascii_lowercase();
        match &self.tenant_id {
            None => name,
            Some(tenant_id) => format!("{tenant_id}/{name}"),
        }
    }

    /// Returns the log entry so far.
    pub(super) fn entry(&self) -> LogEntry {
        LogEntry {
            caller: Some(self.caller.clone()),
            tenant_id: self.tenant_id.clone(),
            route: Route::of(&self.context.path).map(Route::name),
            action: Some(self.ledger_request.action.as_str()),
            emails: (!self.expands).then_some(self.ledger_request.emails),
            ..LogEntry::default()
        }
    }
}

/// IDs, path and start of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    /// The gateway's ID of the request: a GUID.
    pub request_id: String,
    /// The caller's ID of the request, if it may be logged and returned.
    pub client_request_id: Option<String>,
    /// Workflow run of the caller, if its ID may be logged.
    pub workflow_run_id: Option<String>,
    /// Path of the request.
    pub path: String,
    /// Start of the request, by this machine's clock.
    #[serde(skip)]
    pub began: Timestamp,
}

impl RequestContext {
    /// Returns the context of `request`, which begins now.
    #[must_use]
    pub fn of(request: &Request, runtime: &(impl Clock + Guids)) -> Self {
        let RequestHeaders { client_request_id, workflow_run_id, .. } = &request.headers;
        let has_id = client_request_id.is_some() || workflow_run_id.is_some();
        let presented = if has_id { credentials::possible_credentials(&request.headers) } else { Vec::new() };
        let id = |id: &Option<String>| preconditions::correlation_id(id.as_deref(), &presented).map(str::to_owned);
        Self {
            request_id: runtime.new_guid(),
            client_request_id: id(client_request_id),
            workflow_run_id: id(workflow_run_id),
            path: request.path.clone(),
            began: runtime.now(),
        }
    }
}

/// Format of a success (contract, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResponseFormat {
    /// 202 with a body.
    Accepted,
    /// 200 with a body. A workflow engine would poll the `Location` of a 202, which is a portal page (facts, section
    /// 4).
    Workflow,
    /// 202 without a body: `Prefer: return=minimal`.
    Minimal,
}

impl ResponseFormat {
    /// Returns the format that these headers request.
    #[must_use]
    pub fn of(headers: &RequestHeaders) -> Self {
        if preconditions::prefers_minimal(headers.prefer.as_deref()) {
            Self::Minimal
        } else if headers.workflow_run_id.is_some() {
            Self::Workflow
        } else {
            Self::Accepted
        }
    }
}
