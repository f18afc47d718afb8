//! The log: one JSON line per POST (contract, section 10), one per error of the configuration, and one for what fails beside a request.
//!
//! What may stand in a line is decided by the types here: ids, names from the configuration, names of enums, numbers, and reasons whose
//! texts are ours. Nothing that a caller or Microsoft wrote freely gets in.

use std::fmt::Display;

use serde::Serialize;

use crate::code::Code;
use crate::config::ConfigError;
use crate::status::StateCounts;

/// What is told of one POST.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// The gateway's id of this exchange, as in the answer.
    pub request_id: String,
    /// The caller's id of the request, if it sent one that may be logged.
    pub client_request_id: Option<String>,
    /// The caller's name in `CALLERS`.
    pub caller: Option<String>,
    /// The caller's tenant, if it is not `TENANT_ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The route's name.
    pub route: Option<&'static str>,
    /// The remediation's action.
    pub action: Option<&'static str>,
    /// How many emails it has, without repeated pairs.
    pub emails: Option<u64>,
    /// How many emails are in each state, if the request asked for the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub states: Option<StateCounts>,
    /// The status of the answer.
    pub status: u16,
    /// The public code of an error.
    pub code: Option<&'static str>,
    /// The reason of an error, richer than what the caller was told. Of a success, why Graph's `Location` was not
    /// passed on.
    pub reason: Option<String>,
    /// Whether an earlier request, or one at the same time, had it accepted, and nothing was sent for this one.
    pub replayed: Option<bool>,
    /// Whether Graph had the remediation already.
    pub duplicate: Option<bool>,
    /// Graph's id of the remediation.
    pub bulk_id: Option<String>,
    /// Graph's `request-id`.
    pub graph_request_id: Option<String>,
    /// Graph's status.
    pub graph_status: Option<u16>,
    /// How long the exchange took, in milliseconds. The platform's clock stands still but for I/O.
    pub duration_ms: u64,
    /// The run of the workflow that called, by its own account.
    pub workflow_run_id: Option<String>,
}

#[derive(Serialize)]
struct ConfigLine<'a> {
    code: &'static str,
    variable: &'a str,
    problem: &'a str,
}

impl LogEntry {
    /// The line.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct FailureLine<'a> {
    code: &'static str,
    reason: &'a str,
}

/// Returns the line for a failure that belongs to no request, or to one that is not known.
#[must_use]
pub fn failure_line(code: Code, reason: &str) -> String {
    serde_json::to_string(&FailureLine { code: code.as_str(), reason }).unwrap_or_default()
}

/// The line for a failure that no answer tells of. It is no one request's.
#[must_use]
pub fn internal_line(reason: &'static str) -> String {
    failure_line(Code::Internal, reason)
}

/// Returns the line for a panic at this place in the source: a file with line and column.
///
/// A message is logged only if it is a literal of the source. A formatted one may show a part of what was being processed: that
/// of a failed slice shows the text, that of an unwrapped error shows the error.
#[must_use]
pub fn panic_line(place: Option<impl Display>, message: Option<&'static str>) -> String {
    let place = place.map_or_else(|| "an unknown place".to_owned(), |place| place.to_string());
    let message = message.map_or_else(String::new, |message| format!(": {message}"));
    failure_line(Code::Internal, &format!("the module panicked at {place}{message}"))
}

/// The line for an error of the configuration.
#[must_use]
pub fn config_line(error: &ConfigError) -> String {
    let line = ConfigLine { code: Code::Misconfigured.as_str(), variable: &error.variable, problem: &error.problem };
    serde_json::to_string(&line).unwrap_or_default()
}
