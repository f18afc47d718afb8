//! Pages of Graph's list that an isolate reads at the same time.
//!
//! A request must never await a promise of another request (facts, section 7). So a request that has to wait polls.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::list_limits::MAX_PAGE_READS;
use crate::deadline::REQUEST_DEADLINE;
use crate::runtime::{Clock, Timers};
use crate::time::Timestamp;

/// Interval at which a request checks whether another page has ended: a fraction of a page's duration, and a few
/// hundred checks at most.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The pages that an isolate reads.
#[derive(Debug, Default)]
pub struct PageReads {
    /// For each page, the time at which its read must have ended.
    ///
    /// The platform drops no future of a request that it cancels, so a page counts until this time at most.
    reads: RefCell<Vec<Timestamp>>,
    /// Time at which a request last found no room.
    full_at: Cell<Timestamp>,
}

/// A page that is read or processed. It counts until the value is dropped.
#[derive(Debug)]
pub(super) struct PageRead<'a> {
    reads: &'a PageReads,
    until: Timestamp,
}

impl PageReads {
    /// Begins the read of a page, as soon as fewer than [`MAX_PAGE_READS`] pages are being read. Returns `None` if
    /// that is not the case before `until`.
    ///
    /// A read that continues lets a waiting request begin first: otherwise it would keep its place for the entire list.
    pub(super) async fn begin(
        &self,
        runtime: &(impl Clock + Timers),
        until: Timestamp,
        continues: bool,
    ) -> Option<PageRead<'_>> {
        let mut lets_others_begin = continues && runtime.now().since(self.full_at.get()) <= 2 * POLL_INTERVAL;
        loop {
            let now = runtime.now();
            if now >= until {
                return None;
            }
            if !lets_others_begin && self.has_room(now) {
                return Some(self.add(until));
            }
            lets_others_begin = false;
            runtime.sleep(POLL_INTERVAL.min(until.since(now))).await;
        }
    }

    fn has_room(&self, now: Timestamp) -> bool {
        let mut reads = self.reads.borrow_mut();
        // If the clock was set back, a read could otherwise count for longer than any request lasts.
        reads.retain(|until| *until > now && until.since(now) <= REQUEST_DEADLINE);
        let has_room = reads.len() < MAX_PAGE_READS;
        if !has_room {
            self.full_at.set(now);
        }
        has_room
    }

    fn add(&self, until: Timestamp) -> PageRead<'_> {
        self.reads.borrow_mut().push(until);
        PageRead { reads: self, until }
    }
}

impl Drop for PageRead<'_> {
    fn drop(&mut self) {
        let mut reads = self.reads.reads.borrow_mut();
        // Pages with the same time are interchangeable.
        if let Some(index) = reads.iter().position(|until| *until == self.until) {
            reads.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::forget;

    use super::*;

    #[test]
    fn page_of_cancelled_request_counts_until_its_deadline() {
        let until = Timestamp::from_seconds(1060);
        for (later, has_room) in [(1000, false), (1059, false), (1060, true), (10, true)] {
            let reads = PageReads::default();
            for _ in 0..MAX_PAGE_READS {
                assert!(reads.has_room(Timestamp::from_seconds(1000)));
                // The platform drops nothing of a cancelled request.
                forget(reads.add(until));
            }
            assert_eq!(reads.has_room(Timestamp::from_seconds(later)), has_room, "{later}");
        }
    }
}
