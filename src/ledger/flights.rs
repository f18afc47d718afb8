//! The attempts that are running, and who waits for them.

use std::collections::BTreeMap;

use super::order::{Order, Slot};

/// How many may wait in one object at a time, those whose caller is gone included. An object may have 10,000 timers, and one more is a panic. Whoever waits
/// has one, and so has each attempt, which at least its own sender waits for: 8,000, with room for those that end.
pub const MOST_WAITING: usize = 4_000;

/// The attempts that are running in an object, by slot. `W` is somebody who waits for the outcome.
#[derive(Debug)]
pub struct Flights<W> {
    running: BTreeMap<Slot, Flight<W>>,
    waiting: usize,
}

#[derive(Debug)]
struct Flight<W> {
    /// The slot in which a request without a key would be.
    payload_slot: Slot,
    waiting: Vec<W>,
}

impl<W> Default for Flights<W> {
    fn default() -> Self {
        Self { running: BTreeMap::new(), waiting: 0 }
    }
}

impl<W> Flights<W> {
    /// The slot of the attempt whose outcome is also that of `order`: the one in its own slot, or for an order without a key any of its payload.
    #[must_use]
    pub fn find(&self, order: &Order) -> Option<Slot> {
        let slot = order.slot();
        if self.running.contains_key(&slot) {
            return Some(slot);
        }
        // Among the few that are running now, and none of them has the payload's own slot.
        let keyed = || self.running.iter().find(|(_, flight)| flight.payload_slot == slot).map(|(slot, _)| *slot);
        if order.key.is_none() { keyed() } else { None }
    }

    /// The attempt for `order` begins.
    pub fn take_off(&mut self, order: &Order) {
        let flight = Flight { payload_slot: order.payload_slot(), waiting: Vec::new() };
        self.running.insert(order.slot(), flight);
    }

    /// Has `waiter` hear of the outcome of the attempt in `slot`, if there is one.
    pub fn wait(&mut self, slot: Slot, waiter: W) {
        if let Some(flight) = self.running.get_mut(&slot) {
            flight.waiting.push(waiter);
            self.waiting += 1;
        }
    }

    /// The attempt in `slot` has ended: those who waited for it.
    pub fn land(&mut self, slot: Slot) -> Vec<W> {
        let landed = self.running.remove(&slot).map(|flight| flight.waiting).unwrap_or_default();
        self.waiting -= landed.len();
        landed
    }

    /// Whether nobody more may wait.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.waiting >= MOST_WAITING
    }
}
