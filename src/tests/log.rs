//! The sample of the log in the documentation, which operators' queries are tried on, is made of the gateway's own lines.

use std::fmt::Write;

use super::{Record, config_line};
use crate::caller::IdentityFault;
use crate::caller::rights::Denied;
use crate::caller::token::TokenFault;
use crate::config::ConfigFault;
use crate::graph::answer::{GraphFault, GraphFaultKind};
use crate::graph::app_token::TokenEndpointFault;
use crate::http::Route;
use crate::ledger::{Quota, SubmitFault};
use crate::ports::{LedgerFailure, SendFailure};
use crate::problem::Refusal;
use crate::remediation::{self, Action};

/// What the queries of docs/operate.md are tried on.
const SAMPLE: &str = include_str!("../../docs/operate/sample.jsonl");

/// A line of a request to `/remediate` in the morning of the sample.
fn request(number: u32) -> Record {
    Record {
        request_id: format!("00000000-0000-4000-8000-{number:012}"),
        route: Some(Route::Remediate.name()),
        status: 202,
        duration_ms: 40,
        ..Record::default()
    }
}

/// One whose caller and payload were found to be good.
fn remediation(number: u32, caller: &str, action: Action, emails: u64) -> Record {
    Record {
        caller: Some(caller.to_owned()),
        action: Some(action.as_str()),
        emails: Some(emails),
        workflow_run_id: (caller == "remediate-incident")
            .then(|| format!("0858428755417733495685385965{number:02}CU00")),
        status: if caller == "remediate-incident" { 200 } else { 202 },
        ..request(number)
    }
}

fn accepted(record: Record, bulk: u32, status: u16, replayed: bool, duration_ms: u64) -> Record {
    Record {
        replayed: Some(replayed),
        duplicate: Some(status == 409),
        bulk_id: Some(format!("00000000-0000-4000-9000-{bulk:012}")),
        graph_request_id: Some(format!("00000000-0000-4000-a000-{bulk:012}")),
        graph_status: Some(status),
        duration_ms,
        ..record
    }
}

fn refused(record: Record, refusal: impl Into<Refusal>) -> Record {
    let refusal = refusal.into();
    let (graph_status, graph_request_id) = match &refusal {
        Refusal::Submit(SubmitFault::Graph(fault)) => (fault.status, fault.graph_request_id.clone()),
        _ => (None, None),
    };
    let (code, answer) = crate::testing::refused(&refusal);
    Record {
        status: answer.status,
        code: Some(code.as_str()),
        reason: Some(refusal.to_string()),
        graph_status,
        graph_request_id,
        ..record
    }
}

fn graph(kind: GraphFaultKind, status: Option<u16>) -> SubmitFault {
    GraphFault { kind, status, graph_request_id: None }.into()
}

fn lines() -> Vec<String> {
    let incident = |number, emails| remediation(number, "remediate-incident", Action::SoftDelete, emails);
    let soar = |number, emails| remediation(number, "soar", Action::HardDelete, emails);
    let quota = Quota { limit: 1000, remaining: 100, reset: 1800 };
    let throttled = || graph(GraphFaultKind::Throttled { retry_after: Some(60) }, Some(429));
    let no_payload = remediation::read(b"{}").map_or_else(Refusal::from, |_| Refusal::NotFound);
    let fault = ConfigFault { variable: "CALLERS[1].actions".to_owned(), problem: "is missing".to_owned() };
    [
        accepted(incident(1, 2), 1, 202, false, 1_200),
        accepted(incident(2, 2), 1, 202, true, 30),
        accepted(soar(3, 1), 2, 409, false, 900),
        accepted(soar(4, 900), 3, 202, false, 41_000),
        Record { status: 200, ..incident(5, 2) }, // validateOnly
        refused(
            soar(6, 3),
            Refusal::Denied { caller: "soar".to_owned(), denied: Denied::Recipients { first: vec![2], total: 1 } },
        ),
        refused(soar(7, 200), Refusal::QuotaExceeded { emails: 200, quota }),
        refused(incident(8, 5), throttled()),
        refused(incident(9, 5), throttled()),
        refused(Record { caller: Some("soar".to_owned()), ..request(10) }, no_payload),
        refused(request(11), IdentityFault::UnknownKey),
        refused(request(12), IdentityFault::UnknownKey),
        refused(request(13), IdentityFault::Token(TokenFault::Expired)),
        refused(
            incident(14, 1),
            SubmitFault::from(TokenEndpointFault::Rejected { status: 401, code: Some(7_000_222) }),
        ),
        Record {
            duration_ms: 62_000,
            ..refused(soar(15, 1), graph(GraphFaultKind::Send(SendFailure::Deadline), None))
        },
        refused(soar(16, 1), LedgerFailure::Unreachable),
        refused(request(17), Refusal::Misconfigured),
    ]
    .iter()
    .map(Record::line)
    .chain([config_line(&fault)])
    .collect()
}

#[test]
fn the_sample_that_operators_queries_are_tried_on_is_what_the_gateway_writes() {
    let mut expected = String::new();
    for line in lines() {
        writeln!(expected, "{line}").unwrap();
    }
    assert_eq!(SAMPLE, expected);
}
