//! The attempts that are running, and who waits for them.

use std::collections::BTreeMap;

use super::order::{Order, Slot};

/// The attempts that are running in an object, by slot. `W` is somebody who waits for the outcome.
#[derive(Debug)]
pub struct Flights<W>(BTreeMap<Slot, Flight<W>>);

#[derive(Debug)]
struct Flight<W> {
    /// The slot in which a request without a key would be.
    payload_slot: Slot,
    waiting: Vec<W>,
}

impl<W> Default for Flights<W> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<W> Flights<W> {
    /// The slot of the attempt whose outcome is also that of `order`: the one in its own slot, or for an order without a key any of its payload.
    #[must_use]
    pub fn find(&self, order: &Order) -> Option<Slot> {
        let slot = order.slot();
        if self.0.contains_key(&slot) {
            return Some(slot);
        }
        // One by one: few attempts run at once, and none of them is in the payload's own slot.
        let keyed = || self.0.iter().find(|(_, flight)| flight.payload_slot == slot).map(|(slot, _)| *slot);
        if order.key.is_none() { keyed() } else { None }
    }

    /// The attempt for `order` begins.
    pub fn take_off(&mut self, order: &Order) {
        let flight = Flight { payload_slot: order.payload_slot(), waiting: Vec::new() };
        self.0.insert(order.slot(), flight);
    }

    /// Has `waiter` hear of the outcome of the attempt in `slot`, if there is one.
    pub fn wait(&mut self, slot: Slot, waiter: W) {
        if let Some(flight) = self.0.get_mut(&slot) {
            flight.waiting.push(waiter);
        }
    }

    /// The attempt in `slot` has ended: those who waited for it.
    pub fn land(&mut self, slot: Slot) -> Vec<W> {
        self.0.remove(&slot).map(|flight| flight.waiting).unwrap_or_default()
    }
}
