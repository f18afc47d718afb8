//! What passes between the Worker and the object that keeps a caller's ledger.

use remediation_gateway::ledger::{Order, Settled, Settlement};
use remediation_gateway::problem::Code;
use serde_json::{from_slice, to_string, to_vec};

use crate::world::refused;

/// A message of either kind. What one side reads is what the other wrote: written again and read again it is the same, and a failure that it
/// tells has its public code.
///
/// # Panics
///
/// Where that is not so.
pub fn ledger(bytes: &[u8]) {
    if let Ok(order) = from_slice::<Order>(bytes) {
        let written = to_string(&order).expect("it can be written");
        let again: Order = from_slice(written.as_bytes()).expect("it can be read");
        assert_eq!(to_string(&again).ok(), Some(written));
        assert_eq!((again.slot(), again.payload_slot()), (order.slot(), order.payload_slot()));
        assert_eq!(order.key.is_none(), order.slot() == order.payload_slot(), "a key and a payload in one slot");
    }
    if let Ok(settled) = from_slice::<Settled>(bytes) {
        let written = to_vec(&settled).expect("it can be written");
        assert_eq!(from_slice::<Settled>(&written).expect("it can be read"), settled);
        if let Settlement::Failed(fault) = settled.settlement {
            assert!(Code::ALL.contains(&refused(&fault.into()).0));
        }
    }
}
