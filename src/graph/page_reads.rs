//! Pages of Graph's list that an isolate reads at the same time.
//!
//! A request must never await a promise of another request (facts, section 7). So a request that has to wait polls.

use std::cell::RefCell;
use std::time::Duration;

use super::list_limits::MAX_PAGE_READS;
use crate::runtime::{Clock, SendError, Timers};
use crate::time::Timestamp;

/// Interval at which a request checks whether another page has ended: a fraction of a page's duration, and a few
/// hundred checks at most.
const POLL: Duration = Duration::from_millis(250);

/// For each page that is read, the time at which its read must have ended.
///
/// The platform drops no future of a request that it cancels, so a page counts until this time at most.
#[derive(Debug, Default)]
pub struct PageReads(RefCell<Vec<Timestamp>>);

/// A page that is read or processed. It counts until the value is dropped.
#[derive(Debug)]
pub(super) struct PageRead<'a> {
    reads: &'a PageReads,
    until: Timestamp,
}

impl PageReads {
    /// Begins the read of a page, as soon as fewer than [`MAX_PAGE_READS`] pages are read.
    ///
    /// # Errors
    ///
    /// [`SendError::Deadline`] if that is not the case before `until`.
    pub(super) async fn begin(
        &self,
        runtime: &(impl Clock + Timers),
        until: Timestamp,
    ) -> Result<PageRead<'_>, SendError> {
        loop {
            let now = runtime.now();
            if now >= until {
                return Err(SendError::Deadline);
            }
            if self.has_room(now) {
                self.0.borrow_mut().push(until);
                return Ok(PageRead { reads: self, until });
            }
            runtime.sleep(POLL.min(until.since(now))).await;
        }
    }

    fn has_room(&self, now: Timestamp) -> bool {
        let mut reads = self.0.borrow_mut();
        reads.retain(|until| *until > now);
        reads.len() < MAX_PAGE_READS
    }
}

impl Drop for PageRead<'_> {
    fn drop(&mut self) {
        let mut reads = self.reads.0.borrow_mut();
        // Pages with the same time are interchangeable.
        if let Some(place) = reads.iter().position(|until| *until == self.until) {
            reads.swap_remove(place);
        }
    }
}
