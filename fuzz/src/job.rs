//! What the Worker hands to the object that keeps a caller's ledger.

use remediation_gateway::gateway::carry_out;
use remediation_gateway::gateway::errand::Errand;
use remediation_gateway::isolate::Isolate;
use serde_json::{from_slice, to_string};

use crate::world::{StillPlatform, run, variables};

/// An errand on the first line, and the body for Graph behind it. What the object reads is what the Worker wrote: written again and read again it is the same.
/// What it orders is ordered once, as it is, with that body; it has one line in the log; and a key and a payload are never in one slot.
///
/// # Panics
///
/// Where that is not so.
pub fn errand(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (head, body) = bytes.split_at(end);
    let Ok(errand) = from_slice::<Errand>(head) else { return };
    let written = to_string(&errand).expect("it can be written");
    assert_eq!(from_slice::<Errand>(written.as_bytes()).expect("it can be read"), errand);

    let keyless = errand.order.slot() == errand.order.payload_slot();
    assert_eq!(errand.order.key.is_none(), keyless, "a key and a payload in one slot");

    let platform = StillPlatform::default();
    let body = body.get(1..).unwrap_or_default();
    let order = errand.order.clone();
    let answer = run(carry_out(&platform, &Isolate::<()>::default(), variables, &platform, errand, body));
    assert_eq!(platform.lines().len(), 1, "{:?}", platform.lines());
    // The platform's ledger has every order accepted.
    assert!((200..300).contains(&answer.status), "{answer:?}");
    assert_eq!(platform.orders(), [(order, body.to_vec())]);
}
