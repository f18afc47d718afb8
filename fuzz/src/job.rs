//! What the Worker hands to the object that keeps a caller's ledger.

use remediation_gateway::caches::IsolateCaches;
use remediation_gateway::gateway::execute;
use remediation_gateway::gateway::job::RemediationJob;
use serde_json::{from_slice, to_string};

use crate::world::{StillRuntime, run, variables};

/// An errand on the first line, and the body for Graph behind it. What the object reads is what the Worker wrote: written again and read again it is the same.
/// What it orders is ordered once, as it is, with that body; it has one line in the log; and a key and a payload are never in one slot.
///
/// # Panics
///
/// Where that is not so.
pub fn job(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (head, body) = bytes.split_at(end);
    let Ok(job) = from_slice::<RemediationJob>(head) else { return };
    let written = to_string(&job).expect("it can be written");
    assert_eq!(from_slice::<RemediationJob>(written.as_bytes()).expect("it can be read"), job);

    let keyless = job.ledger_request.record_key() == job.ledger_request.payload_key();
    assert_eq!(job.ledger_request.key.is_none(), keyless, "a key and a payload in one slot");

    let runtime = StillRuntime::default();
    let body = body.get(1..).unwrap_or_default();
    let ledger_request = job.ledger_request.clone();
    let response = run(execute(&runtime, &IsolateCaches::<()>::default(), variables, &runtime, job, body.to_vec()));
    assert_eq!(runtime.lines().len(), 1, "{:?}", runtime.lines());
    // The platform's ledger has every order accepted.
    assert!((200..300).contains(&response.status), "{response:?}");
    assert_eq!(runtime.orders(), [(ledger_request, body.to_vec())]);
}
