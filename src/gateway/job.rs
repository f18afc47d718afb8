//! What the Worker hands to a caller's object, beside the body.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::auth::credentials;
use crate::config::Jurisdiction;
use crate::http::{Request, RequestHeaders};
use crate::ledger::LedgerRequest;
use crate::log::LogEntry;
use crate::preconditions;
use crate::route::Route;
use crate::time::Timestamp;

/// A remediation that is to be carried out: its caller is known, its payload is right, and the caller may have it. The body for Graph goes beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemediationJob {
    /// The exchange that it belongs to.
    pub context: RequestContext,
    /// The caller's name in `CALLERS`.
    pub caller: String,
    /// The tenant whose mailboxes the caller may touch. `None` is `TENANT_ID`. A job without this member is of another format.
    #[serde(deserialize_with = "Option::deserialize")]
    pub tenant_id: Option<String>,
    /// What the ledger is asked.
    pub ledger_request: LedgerRequest,
    /// How the caller wants a success to be told.
    pub format: ResponseFormat,
    /// The jurisdiction of the caller's ledger. The Worker alone uses it, so it is no part of the message.
    #[serde(skip)]
    pub jurisdiction: Option<Jurisdiction>,
    /// How much of the request's time the Worker has used, in milliseconds.
    pub spent: u64,
}

impl RemediationJob {
    /// When the request began, by a clock that says `now`: that of the Worker, which may be another machine's, does not count.
    pub(super) fn began(&self, now: Timestamp) -> Timestamp {
        now.minus(Duration::from_millis(self.spent))
    }

    /// What is left of the request's time.
    #[must_use]
    pub fn left(&self) -> Duration {
        crate::deadline::REQUEST_DEADLINE.saturating_sub(Duration::from_millis(self.spent))
    }

    /// The name of the caller's ledger: the caller's name in lower case, since `CALLERS` takes no two names that differ in case
    /// alone. Another tenant than `TENANT_ID` comes before it. No name has the slash between them.
    #[must_use]
    pub fn ledger_name(&self) -> String {
        let name = self.caller.to_ascii_lowercase();
        match &self.tenant_id {
            None => name,
            Some(tenant_id) => format!("{tenant_id}/{name}"),
        }
    }

    /// What is known so far of what the log is told.
    pub(super) fn entry(&self) -> LogEntry {
        LogEntry {
            caller: Some(self.caller.clone()),
            tenant_id: self.tenant_id.clone(),
            route: Route::of(&self.context.path).map(Route::name),
            action: Some(self.ledger_request.action.as_str()),
            emails: Some(self.ledger_request.emails),
            ..LogEntry::default()
        }
    }
}

/// What identifies an exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    /// The gateway's id of it: a GUID.
    pub request_id: String,
    /// The caller's id, if it sent one that may be logged and echoed.
    pub client_request_id: Option<String>,
    /// The run of the workflow that called, if it sent an id that may be logged.
    pub workflow_run_id: Option<String>,
    /// The path of the request.
    pub path: String,
}

impl RequestContext {
    /// The exchange that `request` begins.
    #[must_use]
    pub fn of(request: &Request, request_id: String) -> Self {
        let RequestHeaders { client_request_id, workflow_run_id, .. } = &request.headers;
        let has_id = client_request_id.is_some() || workflow_run_id.is_some();
        let presented = if has_id { credentials::presented(&request.headers) } else { Vec::new() };
        let id = |id: &Option<String>| preconditions::correlation_id(id.as_deref(), &presented).map(str::to_owned);
        Self {
            request_id,
            client_request_id: id(client_request_id),
            workflow_run_id: id(workflow_run_id),
            path: request.path.clone(),
        }
    }
}

/// The form of a success (contract, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResponseFormat {
    /// 202 with a body.
    Accepted,
    /// 200 with a body. A workflow engine would poll the `Location` of a 202, and this one is a portal page (facts, section 4).
    Workflow,
    /// 202 without a body: `Prefer: return=minimal`.
    Minimal,
}

impl ResponseFormat {
    /// The form that a request with these headers asks for.
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
