//! The log: one JSON line per POST (contract, section 10), one per error of the configuration, one per warning, and one
//! per failure outside of a request.
//!
//! The types of this file limit the content of a line: IDs, names from the configuration, names of enums, numbers, and
//! the project's own reasons. A line contains no free text of a caller or of Microsoft.

use std::fmt::Display;

use serde::Serialize;

use crate::code::Code;
use crate::config::{ClientCertificate, ConfigError, RATE_LIMITER};
use crate::remediation::{LeftOut, Recipients};
use crate::status::StateCounts;

/// Log entry of one POST.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// The gateway's ID of the request, which the response contains, too.
    pub request_id: String,
    /// The caller's ID of the request, if it may be logged.
    pub client_request_id: Option<String>,
    /// Name of the caller in `CALLERS`.
    pub caller: Option<String>,
    /// The caller's tenant, if it is not `TENANT_ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Name of the route.
    pub route: Option<&'static str>,
    /// Action of the remediation.
    pub action: Option<&'static str>,
    /// Number of emails, without repeated pairs.
    pub emails: Option<u64>,
    /// Number of recipients that Graph lists, for a remediation of messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients_found: Option<u64>,
    /// Number of these recipients that are not remediated, by reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// Number of emails in each state, for a status request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub states: Option<StateCounts>,
    /// Status of the response.
    pub status: u16,
    /// Public code of the error.
    pub code: Option<&'static str>,
    /// Reason of the error, more precise than the response. For a success: why Graph's `Location` was not passed on.
    pub reason: Option<String>,
    /// Whether another request had sent the remediation, so that this request sent nothing.
    pub replayed: Option<bool>,
    /// Whether Graph already had the remediation.
    pub duplicate: Option<bool>,
    /// Graph's ID of the remediation.
    pub bulk_id: Option<String>,
    /// Graph's `request-id`.
    pub graph_request_id: Option<String>,
    /// Graph's status.
    pub graph_status: Option<u16>,
    /// Duration of the request in milliseconds. The platform's clock stands still except during I/O.
    pub duration_ms: u64,
    /// Workflow run of the caller, not authenticated.
    pub workflow_run_id: Option<String>,
}

#[derive(Serialize)]
struct ConfigLine<'a> {
    code: &'static str,
    variable: &'a str,
    problem: &'a str,
}

impl LogEntry {
    /// Adds the counts of the recipients that Graph lists.
    pub fn count_recipients(&mut self, recipients: Option<Recipients>) {
        if let Some(recipients) = recipients {
            self.emails = Some(recipients.emails());
            self.recipients_found = Some(recipients.found);
            self.left_out = Some(recipients.left_out);
        }
    }

    /// Returns the line.
    #[must_use]
    pub fn line(&self) -> String {
        line(self)
    }
}

fn line(entry: &impl Serialize) -> String {
    serde_json::to_string(entry).unwrap_or_default()
}

#[derive(Serialize)]
struct FailureLine<'a> {
    code: &'static str,
    reason: &'a str,
}

/// Returns the line of a failure that belongs to no known request.
#[must_use]
pub fn failure_line(code: Code, reason: &str) -> String {
    line(&FailureLine { code: code.as_str(), reason })
}

/// Returns the line of a failure that no response reports and that belongs to no single request.
#[must_use]
pub fn internal_line(reason: &'static str) -> String {
    failure_line(Code::Internal, reason)
}

/// Returns the line of a panic at this location in the source: a file with line and column.
///
/// A message is logged only if it is a literal of the source. A formatted message may contain input: a failed slice
/// shows the text, and an unwrapped error shows the error.
#[must_use]
pub fn panic_line(location: Option<impl Display>, message: Option<&'static str>) -> String {
    let location = location.map_or_else(|| "an unknown location".to_owned(), |location| location.to_string());
    let message = message.map_or_else(String::new, |message| format!(": {message}"));
    failure_line(Code::Internal, &format!("the module panicked at {location}{message}"))
}

/// Returns the line of an error of the configuration.
#[must_use]
pub fn config_line(error: &ConfigError) -> String {
    line(&ConfigLine { code: Code::Misconfigured.as_str(), variable: &error.variable, problem: &error.problem })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WarningLine<'a> {
    warning: &'static str,
    variable: &'a str,
    problem: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<u64>,
}

/// Returns the line for a certificate that expires in this number of days.
#[must_use]
pub fn expiry_line(certificate: &ClientCertificate, days_left: u64) -> String {
    let ClientCertificate { thumbprint, not_after, .. } = certificate;
    let problem = format!("the certificate with the thumbprint {thumbprint} expires at {}", not_after.to_rfc3339());
    let warning = "certificateExpires";
    line(&WarningLine { warning, variable: "CLIENT_CERTIFICATE", problem: &problem, days_left: Some(days_left) })
}

/// Returns the line for a request that passed because the rate limiting binding failed.
#[must_use]
pub fn rate_limiter_line() -> String {
    let problem = "the binding failed, so a request passed uncounted";
    line(&WarningLine { warning: "rateLimiterFailed", variable: RATE_LIMITER, problem, days_left: None })
}
