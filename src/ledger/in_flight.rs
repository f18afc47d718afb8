//! Attempts in flight, with the requests that wait for them.

use std::collections::BTreeMap;

use super::types::{LedgerRequest, RecordKey};
use crate::time::Timestamp;

/// Maximum number of waiting requests in one object, for all attempts.
///
/// A waiting request holds no body, and less than 20 KiB of Wasm memory (`tests/exhaustion` measures it). 256 of them
/// hold 5 MiB of an isolate's 128 MiB. An attempt ends within 90 s. In that time, two programs that retry every second
/// stay below the limit.
pub const MAX_WAITERS: usize = 256;

/// Attempts in flight in an object, by record key. `W` is a request that waits for the outcome.
#[derive(Debug)]
pub struct InFlight<W>(BTreeMap<RecordKey, RunningAttempt<W>>);

#[derive(Debug)]
struct RunningAttempt<W> {
    /// Record key of the same payload without an idempotency key.
    payload_key: RecordKey,
    /// Time at which the attempt began.
    tried: Timestamp,
    /// Number of emails that the quota counts for the attempt. Its end may refund them, or some of them.
    emails: u64,
    /// Digest of everything on which a failure may depend besides the pairs.
    conditions: u64,
    waiting: Vec<W>,
}

impl<W> Default for InFlight<W> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<W> InFlight<W> {
    /// Returns the record key and the start of the attempt whose outcome `request` shares. With an idempotency key,
    /// this is the attempt with the request's record key. Without one, it is the earliest attempt of the payload that
    /// began at `earliest` or later.
    #[must_use]
    pub fn find(&self, request: &LedgerRequest, earliest: Timestamp) -> Option<(RecordKey, Timestamp)> {
        let record_key = request.record_key();
        if request.key.is_some() {
            return self.0.get(&record_key).map(|running| (record_key, running.tried));
        }
        // A linear search, since few attempts run at the same time.
        let of_payload =
            self.0.iter().filter(|(_, running)| running.payload_key == record_key && running.tried >= earliest);
        of_payload.map(|(record_key, running)| (*record_key, running.tried)).min_by_key(|(_, tried)| *tried)
    }

    /// Returns whether an attempt with `record_key` is in flight.
    #[must_use]
    pub fn has(&self, record_key: RecordKey) -> bool {
        self.0.contains_key(&record_key)
    }

    /// Records the start of the attempt for `request` at `now`. `conditions` is a digest of everything on which a
    /// failure may depend besides the pairs.
    pub fn start(&mut self, request: &LedgerRequest, conditions: u64, now: Timestamp) {
        let running = RunningAttempt {
            payload_key: request.payload_key(),
            tried: now,
            emails: request.emails,
            conditions,
            waiting: Vec::new(),
        };
        self.0.insert(request.record_key(), running);
    }

    /// Returns whether a failure of the attempt with `record_key` would also be a failure under `conditions`.
    #[must_use]
    pub fn shares_failure(&self, record_key: RecordKey, conditions: u64) -> bool {
        self.0.get(&record_key).is_some_and(|running| running.conditions == conditions)
    }

    /// Returns the number of emails of all attempts.
    #[must_use]
    pub fn emails(&self) -> u64 {
        self.0.values().fold(0, |sum, running| sum.saturating_add(running.emails))
    }

    /// Adds `waiter` to the requests that wait for the attempt with `record_key`. Returns whether the limit allowed it.
    ///
    /// Waiters for which `is_gone` returns true no longer count.
    pub fn add_waiter(&mut self, record_key: RecordKey, waiter: W, is_gone: impl Fn(&W) -> bool) -> bool {
        let count = |in_flight: &Self| in_flight.0.values().map(|running| running.waiting.len()).sum::<usize>();
        if count(self) >= MAX_WAITERS {
            for running in self.0.values_mut() {
                running.waiting.retain(|waiter| !is_gone(waiter));
            }
            if count(self) >= MAX_WAITERS {
                return false;
            }
        }
        if let Some(running) = self.0.get_mut(&record_key) {
            running.waiting.push(waiter);
        }
        true
    }

    /// Records the end of the attempt with `record_key`. Returns the requests that waited for it.
    pub fn finish(&mut self, record_key: RecordKey) -> Vec<W> {
        self.0.remove(&record_key).map(|running| running.waiting).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::ledger::memory::request;

    /// Waiters are numbers here; an odd one is gone.
    const IS_GONE: fn(&usize) -> bool = |waiter| waiter % 2 == 1;

    #[test]
    fn waiters_beyond_the_bound_are_rejected_until_others_are_gone() {
        let mut in_flight = InFlight::default();
        let requests = [request(None, 1, 100), request(None, 2, 100)];
        for request in &requests {
            in_flight.start(request, 0, Timestamp::from_millis(0));
        }
        let [one, other] = requests.map(|request| request.record_key());
        for number in 0..MAX_WAITERS {
            let record_key = if number < 100 { one } else { other };
            assert!(in_flight.add_waiter(record_key, 2 * number, IS_GONE), "waiter {number}");
        }
        assert!(!in_flight.add_waiter(one, 0, IS_GONE), "the bound is for all attempts of an object");
        assert_eq!(in_flight.finish(one).len(), 100);
        in_flight.start(&request(None, 1, 100), 0, Timestamp::from_millis(1));
        for _ in 0..100 {
            assert!(in_flight.add_waiter(one, 1, IS_GONE), "an attempt that ended leaves its room");
        }
        for _ in 0..100 {
            assert!(in_flight.add_waiter(other, 0, IS_GONE), "waiters that are gone leave their room");
        }
        assert!(!in_flight.add_waiter(other, 0, IS_GONE));
        assert_eq!((in_flight.finish(one).len(), in_flight.finish(other).len()), (0, MAX_WAITERS));
    }
}
