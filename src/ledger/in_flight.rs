//! The attempts that are running, and who waits for them.

use std::collections::BTreeMap;

use super::order::{Order, Slot};
use crate::time::Timestamp;

/// How many requests may wait for the outcome of an attempt in one object, over all attempts.
///
/// A waiting request holds no body, and less than 20 KiB of Wasm memory (`tests/exhaustion` measures it). 256 of them hold
/// 5 MiB of the 128 MiB that Cloudflare grants an isolate. An attempt ends within 90 s. A caller that retries every second
/// in that time, from two programs, stays below the bound.
pub const MAX_WAITERS: usize = 256;

/// The attempts that are running in an object, by slot. `W` is somebody who waits for the outcome.
#[derive(Debug)]
pub struct Flights<W>(BTreeMap<Slot, Flight<W>>);

#[derive(Debug)]
struct Flight<W> {
    /// The slot in which a request without a key would be.
    payload_slot: Slot,
    /// When the attempt began.
    tried: Timestamp,
    waiting: Vec<W>,
}

impl<W> Default for Flights<W> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<W> Flights<W> {
    /// Returns slot and start of the attempt whose outcome is also the outcome of `order`: the attempt in the order's own
    /// slot, or for an order without a key the earliest attempt of its payload that began at `earliest` or later.
    #[must_use]
    pub fn find(&self, order: &Order, earliest: Timestamp) -> Option<(Slot, Timestamp)> {
        let slot = order.slot();
        if order.key.is_some() {
            return self.0.get(&slot).map(|flight| (slot, flight.tried));
        }
        // One by one: few attempts run at once.
        let of_payload = self.0.iter().filter(|(_, flight)| flight.payload_slot == slot && flight.tried >= earliest);
        of_payload.map(|(slot, flight)| (*slot, flight.tried)).min_by_key(|(_, tried)| *tried)
    }

    /// Whether an attempt runs in `slot`.
    #[must_use]
    pub fn has(&self, slot: Slot) -> bool {
        self.0.contains_key(&slot)
    }

    /// The attempt for `order` begins at the moment `now`.
    pub fn take_off(&mut self, order: &Order, now: Timestamp) {
        let flight = Flight { payload_slot: order.payload_slot(), tried: now, waiting: Vec::new() };
        self.0.insert(order.slot(), flight);
    }

    /// Adds `waiter` to those who learn the outcome of the attempt in `slot`. Returns whether there was room for it.
    ///
    /// Waiters that are gone, as `is_gone` says, leave their room to others.
    pub fn wait(&mut self, slot: Slot, waiter: W, is_gone: impl Fn(&W) -> bool) -> bool {
        let count = |flights: &Self| flights.0.values().map(|flight| flight.waiting.len()).sum::<usize>();
        if count(self) >= MAX_WAITERS {
            for flight in self.0.values_mut() {
                flight.waiting.retain(|waiter| !is_gone(waiter));
            }
            if count(self) >= MAX_WAITERS {
                return false;
            }
        }
        if let Some(flight) = self.0.get_mut(&slot) {
            flight.waiting.push(waiter);
        }
        true
    }

    /// The attempt in `slot` has ended: those who waited for it.
    pub fn land(&mut self, slot: Slot) -> Vec<W> {
        self.0.remove(&slot).map(|flight| flight.waiting).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::rules::memory::order;

    /// The waiters' numbers; an odd one is gone.
    const IS_GONE: fn(&usize) -> bool = |waiter| waiter % 2 == 1;

    #[test]
    fn waiters_beyond_the_bound_are_rejected_until_others_are_gone() {
        let mut flights = Flights::default();
        let orders = [order(None, 1, 100), order(None, 2, 100)];
        for order in &orders {
            flights.take_off(order, Timestamp::from_millis(0));
        }
        let [one, other] = orders.map(|order| order.slot());
        for number in 0..MAX_WAITERS {
            let slot = if number < 100 { one } else { other };
            assert!(flights.wait(slot, 2 * number, IS_GONE), "waiter {number}");
        }
        assert!(!flights.wait(one, 0, IS_GONE), "the bound is for all attempts of an object");
        assert_eq!(flights.land(one).len(), 100);
        flights.take_off(&order(None, 1, 100), Timestamp::from_millis(1));
        for _ in 0..100 {
            assert!(flights.wait(one, 1, IS_GONE), "an attempt that ended leaves its room");
        }
        for _ in 0..100 {
            assert!(flights.wait(other, 0, IS_GONE), "waiters that are gone leave their room");
        }
        assert!(!flights.wait(other, 0, IS_GONE));
        assert_eq!((flights.land(one).len(), flights.land(other).len()), (0, MAX_WAITERS));
    }
}
