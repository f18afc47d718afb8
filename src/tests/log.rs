//! The documentation's sample log, which tests operators' queries, consists of the gateway's own lines.

use std::fmt::Write;

use crate::auth::AuthError;
use crate::auth::permissions::{PermissionError, Positions};
use crate::auth::token_error::TokenError;
use crate::config::{ClientCertificate, ConfigError};
use crate::graph::error::{GraphError, GraphErrorKind, GraphOperation, TokenEndpointError};
use crate::ledger::{LedgerError, Quota};
use crate::log::{LogEntry, config_line, expiry_line, rate_limiter_line};
use crate::problem::error::GatewayError;
use crate::remediation::{self, Action};
use crate::route::Route;
use crate::runtime::SendError;
use crate::secret::SecretBytes;
use crate::time::Timestamp;

/// Sample log for the queries of docs/operate.md.
const SAMPLE: &str = include_str!("../../docs/operate/sample.jsonl");

/// Returns the line of a request to `/remediate` in the sample's morning.
fn request(number: u32) -> LogEntry {
    LogEntry {
        request_id: format!("00000000-0000-4000-8000-{number:012}"),
        route: Some(Route::Remediate.name()),
        status: 202,
        duration_ms: 40,
        ..LogEntry::default()
    }
}

/// Returns the line of a request with a valid caller and payload.
fn remediation(number: u32, caller: &str, action: Action, emails: u64) -> LogEntry {
    LogEntry {
        caller: Some(caller.to_owned()),
        action: Some(action.as_str()),
        emails: Some(emails),
        workflow_run_id: (caller == "remediate-incident")
            .then(|| format!("0858428755417733495685385965{number:02}CU00")),
        status: if caller == "remediate-incident" { 200 } else { 202 },
        ..request(number)
    }
}

fn accepted(entry: LogEntry, bulk: u32, status: u16, replayed: bool, duration_ms: u64) -> LogEntry {
    LogEntry {
        replayed: Some(replayed),
        duplicate: Some(status == 409),
        bulk_id: Some(format!("00000000-0000-4000-9000-{bulk:012}")),
        graph_request_id: Some(format!("00000000-0000-4000-a000-{bulk:012}")),
        graph_status: Some(status),
        duration_ms,
        ..entry
    }
}

fn refused(entry: LogEntry, error: impl Into<GatewayError>) -> LogEntry {
    let error = error.into();
    let (graph_status, graph_request_id) = match &error {
        GatewayError::Graph(error) => (error.status, error.graph_request_id.clone()),
        _ => (None, None),
    };
    let (code, response) = crate::tests::support::error_response(&error);
    LogEntry {
        status: response.status,
        code: Some(code.as_str()),
        reason: Some(error.to_string()),
        graph_status,
        graph_request_id,
        ..entry
    }
}

fn graph(kind: GraphErrorKind, status: Option<u16>) -> GraphError {
    GraphError { status, ..GraphOperation::Remediate.error(kind) }
}

fn lines() -> Vec<String> {
    let incident = |number, emails| remediation(number, "remediate-incident", Action::SoftDelete, emails);
    let soar = |number, emails| remediation(number, "soar", Action::HardDelete, emails);
    let quota = Quota { limit: 1000, remaining: 100, reset: 1800 };
    let throttled = || graph(GraphErrorKind::Throttled { retry_after: Some(60) }, Some(429));
    let no_payload = remediation::parse(b"{}").map_or_else(GatewayError::from, |_| GatewayError::NotFound);
    let error = ConfigError { variable: "CALLERS[1].actions".to_owned(), problem: "is missing".to_owned() };
    let certificate = ClientCertificate {
        private_key: SecretBytes::new(Vec::new()),
        thumbprint: "jkS7gJ1VbVYKqaxRpPjq8rYcOIuj0E0Jz8OyHV3d2Wc".to_owned(),
        not_after: Timestamp::from_utc((2026, 12, 8), (6, 17, 0)).unwrap(),
    };
    [
        accepted(incident(1, 2), 1, 202, false, 1_200),
        accepted(incident(2, 2), 1, 202, true, 30),
        accepted(soar(3, 1), 2, 409, false, 900),
        accepted(soar(4, 900), 3, 202, false, 41_000),
        LogEntry { status: 200, ..incident(5, 2) }, // validateOnly
        refused(
            soar(6, 3),
            GatewayError::Permission {
                caller: "soar".to_owned(),
                error: PermissionError::Recipients(Positions { first: vec![2], total: 1 }),
            },
        ),
        refused(soar(7, 200), GatewayError::QuotaExceeded { emails: 200, quota }),
        refused(incident(8, 5), throttled()),
        refused(incident(9, 5), throttled()),
        refused(LogEntry { caller: Some("soar".to_owned()), ..request(10) }, no_payload),
        refused(request(11), AuthError::UnknownApiKey),
        refused(request(12), AuthError::UnknownApiKey),
        refused(request(13), AuthError::Token(TokenError::Expired)),
        refused(
            incident(14, 1),
            GraphOperation::Remediate.error(TokenEndpointError::Rejected { status: 401, code: Some(7_000_222) }),
        ),
        LogEntry {
            duration_ms: 62_000,
            ..refused(soar(15, 1), graph(GraphErrorKind::Send(SendError::Deadline), None))
        },
        refused(soar(16, 1), LedgerError::Unreachable),
        refused(request(17), GatewayError::Misconfigured),
        // Graph fails to list the recipients of a message, so nothing was sent.
        refused(
            LogEntry { route: Some(Route::Messages.name()), emails: None, ..soar(18, 1) },
            GraphError { status: Some(500), ..GraphOperation::List.error(GraphErrorKind::Unexpected) },
        ),
    ]
    .iter()
    .map(LogEntry::line)
    .chain([config_line(&error), expiry_line(&certificate, 14), rate_limiter_line()])
    .collect()
}

#[test]
fn sample_log_equals_the_gateways_log_entries() {
    let mut expected = String::new();
    for line in lines() {
        writeln!(expected, "{line}").unwrap();
    }
    assert_eq!(SAMPLE, expected);
}

/// A location is always safe to log. A message is safe if it is a literal, since it then has no processed data.
#[test]
fn panic_log_entry_has_location_and_message() {
    for (location, message, reason) in [
        (Some("src/a.rs:1:2"), Some("capacity overflow"), "the module panicked at src/a.rs:1:2: capacity overflow"),
        (Some("src/a.rs:1:2"), None, "the module panicked at src/a.rs:1:2"),
        (None, None, "the module panicked at an unknown location"),
    ] {
        let line: serde_json::Value = serde_json::from_str(&crate::log::panic_line(location, message)).unwrap();
        assert_eq!(line, serde_json::json!({ "code": "internal", "reason": reason }));
    }
}
