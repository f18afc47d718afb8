//! Jobs that the Worker sends to the object with a caller's ledger.

use remediation_gateway::caches::IsolateCaches;
use remediation_gateway::deadline::{MIN_GRAPH_TIME, RECORD_MARGIN};
use remediation_gateway::gateway::execute;
use remediation_gateway::gateway::handover::FORMAT;
use remediation_gateway::gateway::job::RemediationJob;
use remediation_gateway::json;
use serde_json::to_string;

use crate::world::{FakeRuntime, FixedEnvironment, OTHER_TENANT, TENANT, ledger, run, settings};

/// Checks a job on the first line, followed by the body for Graph.
///
/// Parsing a serialized job returns the same job. A job with enough time and quota is submitted once with its body, and
/// its repetition is replayed, with the token of its tenant. A job that expands messages has a plan before the body,
/// and is submitted once or never. Other jobs submit nothing, such as those of an unknown tenant. Each job logs one
/// line. A job is recorded under its payload if and only if it has no idempotency key.
///
/// Returns whether the gateway accepts the job and submits it.
///
/// # Panics
///
/// Panics if a property does not hold.
#[must_use]
pub fn job(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (head, body) = bytes.split_at(end);
    let Some(job) = json::read::<RemediationJob>(head) else { return false };
    let serialized = to_string(&job).expect("it can be written");
    assert_eq!(json::read(serialized.as_bytes()), Some(job.clone()));

    let keyless = job.ledger_request.record_key() == job.ledger_request.payload_key();
    assert_eq!(job.ledger_request.key.is_none(), keyless, "a key and a payload in one record");

    let (runtime, caches, ledger) =
        (FakeRuntime::default(), IsolateCaches::<FixedEnvironment, ()>::default(), ledger());
    let body = body.get(1..).unwrap_or_default();
    let message = [FORMAT.as_bytes(), settings().expose().as_bytes(), head, body].join(&b'\n');
    let fits = job.ledger_request.emails <= job.ledger_request.emails_per_hour;
    let in_time = job.time_left() >= MIN_GRAPH_TIME + RECORD_MARGIN;
    let tenant = job.tenant_id.as_deref().unwrap_or(TENANT);
    let is_known = job.tenant_id.is_none() || tenant == OTHER_TENANT;
    for requests in 1..=2 {
        let response = run(execute(&runtime, &caches, false, &ledger, message.clone()));
        assert_eq!(runtime.lines().len(), requests, "{:?}", runtime.lines());
        if !is_known {
            assert_eq!(response.status, 503, "{response:?}");
            assert!(runtime.calls().is_empty());
        } else if job.expands {
            // The plan may be anything, and leads to one submission or none.
            let accepted = (200..300).contains(&response.status);
            assert_eq!(runtime.submitted().len(), usize::from(accepted), "{response:?}");
        } else if fits && in_time {
            assert!((200..300).contains(&response.status), "{response:?}");
            assert_eq!(runtime.submitted(), [body]);
            assert!(runtime.calls()[0].contains(&format!("/{tenant}/oauth2/v2.0/token")), "{:?}", runtime.calls());
            let replayed = response.headers.iter().any(|(name, _)| *name == "Idempotency-Replayed");
            assert_eq!(replayed, requests == 2);
        } else {
            assert_eq!(response.status, if fits { 504 } else { 429 }, "{response:?}");
            assert!(runtime.submitted().is_empty());
        }
    }
    !runtime.submitted().is_empty()
}
