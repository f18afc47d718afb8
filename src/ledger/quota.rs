//! The rolling hour of a caller's quota.

use std::collections::BTreeMap;
use std::time::Duration;

use super::types::Quota;
use crate::time::Timestamp;

/// Length of the quota's window (contract, section 6).
pub const SPAN: Duration = Duration::from_hours(1);
/// Seconds in [`SPAN`].
const SPAN_SECONDS: u64 = SPAN.as_secs();
/// Seconds after which a rejected request may be within the quota, if it would be so without the running attempts. An
/// attempt usually ends sooner. Its end refunds the emails that it did not need, if it read a list or failed.
const RUNNING_SECONDS: u64 = 30;

/// Emails that were counted in each second of the last hour. Whole seconds limit it to 3,601 entries. An email leaves
/// the window up to one second late, and never early.
#[derive(Debug, Default)]
pub struct RollingQuota {
    seconds: BTreeMap<u64, u64>,
    total: u64,
}

impl RollingQuota {
    /// Returns a window with these numbers of emails, each counted at its time.
    pub fn of(counted: impl IntoIterator<Item = (Timestamp, u64)>) -> Self {
        let mut quota = Self::default();
        for (at, emails) in counted {
            quota.count(at, emails);
        }
        quota
    }

    /// Removes entries that are older than an hour.
    pub fn advance(&mut self, now: Timestamp) {
        let first = second(now).saturating_sub(SPAN_SECONDS);
        while let Some(entry) = self.seconds.first_entry().filter(|entry| *entry.key() < first) {
            self.total = self.total.saturating_sub(entry.remove());
        }
    }

    /// Returns whether `emails` more are within `limit`.
    #[must_use]
    pub const fn has_room(&self, emails: u64, limit: u64) -> bool {
        self.total.saturating_add(emails) <= limit
    }

    /// Counts `emails` at `at`.
    pub fn count(&mut self, at: Timestamp, emails: u64) {
        *self.seconds.entry(second(at)).or_default() += emails;
        self.total += emails;
    }

    /// Refunds `emails` that were counted at `at`, unless they have left the window.
    pub fn refund(&mut self, at: Timestamp, emails: u64) {
        if let Some(counted) = self.seconds.get_mut(&second(at)) {
            let refunded = emails.min(*counted);
            *counted -= refunded;
            self.total = self.total.saturating_sub(refunded);
        }
    }

    /// Returns the quota for `limit`, with the time until `wanted` emails are within it: zero if they already are.
    /// `running` is the number of the counted emails that belong to running attempts.
    #[must_use]
    pub fn quota(&mut self, limit: u64, wanted: u64, running: u64, now: Timestamp) -> Quota {
        self.advance(now);
        let mut excess = self.total.saturating_add(wanted).saturating_sub(limit);
        let mut reset = 0;
        for (counted_in, emails) in &self.seconds {
            if excess == 0 {
                break;
            }
            excess = excess.saturating_sub(*emails);
            reset = (counted_in + SPAN_SECONDS + 1).saturating_sub(second(now));
        }
        // More emails than the limit never fit. The response then names a full hour.
        if excess > 0 {
            reset = SPAN_SECONDS;
        }
        if self.total.saturating_sub(running).saturating_add(wanted) <= limit {
            reset = reset.min(RUNNING_SECONDS);
        }
        Quota { limit, remaining: limit.saturating_sub(self.total), reset }
    }
}

const fn second(moment: Timestamp) -> u64 {
    moment.millis() / 1000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + second)
    }

    #[test]
    fn email_counts_towards_quota_for_one_hour() {
        let mut quota = RollingQuota::of([(at(0), 6), (at(10), 4)]);
        assert!(!quota.has_room(1, 10));
        assert_eq!(quota.quota(10, 1, 0, at(10)), Quota { limit: 10, remaining: 0, reset: 3591 });
        assert_eq!(quota.quota(10, 7, 0, at(10)), Quota { limit: 10, remaining: 0, reset: 3601 });
        assert_eq!(quota.quota(10, 7, 6, at(10)).reset, 3601, "not even without the running attempts");
        assert_eq!(quota.quota(10, 7, 7, at(10)), Quota { limit: 10, remaining: 0, reset: 30 });
        assert_eq!(quota.quota(10, 1, 7, at(3590)).reset, 11, "an email leaves the hour sooner");
        quota.advance(at(3600));
        assert!(!quota.has_room(1, 10), "not a moment early");
        quota.advance(at(3601));
        assert!(quota.has_room(6, 10));
        assert!(!quota.has_room(7, 10));
        quota.advance(at(3611));
        assert_eq!(quota.quota(10, 10, 0, at(3611)), Quota { limit: 10, remaining: 10, reset: 0 });
    }

    #[test]
    fn refund_frees_quota_only_once() {
        let mut quota = RollingQuota::of([(at(0), 6)]);
        quota.refund(at(0), 6);
        quota.refund(at(0), 6);
        quota.refund(at(5), 6);
        assert!(quota.has_room(10, 10));
        assert!(!quota.has_room(11, 10));
    }

    #[test]
    fn quota_reset_is_one_hour_for_request_above_limit() {
        assert_eq!(RollingQuota::default().quota(10, 11, 0, at(0)), Quota { limit: 10, remaining: 10, reset: 3600 });
    }

    proptest! {
        #[test]
        fn quota_never_exceeds_limit_and_has_room_after_reset(arrivals in prop::collection::vec((0_u64..600, 1_u64..20), 1..200)) {
            let limit = 50;
            let mut quota = RollingQuota::default();
            let mut accepted: Vec<(u64, u64)> = Vec::new();
            let mut now = 0;
            for (pause, emails) in arrivals {
                now += pause;
                quota.advance(at(now));
                if quota.has_room(emails, limit) {
                    quota.count(at(now), emails);
                    accepted.push((now, emails));
                } else {
                    let reset = quota.quota(limit, emails, 0, at(now)).reset;
                    let mut later = RollingQuota::of(accepted.iter().map(|&(second, emails)| (at(second), emails)));
                    later.advance(at(now + reset));
                    prop_assert!(later.has_room(emails, limit), "there is room after the reset");
                }
                let in_hour: u64 = accepted.iter().filter(|(second, _)| second + 3600 > now).map(|(_, emails)| emails).sum();
                prop_assert!(in_hour <= limit);
            }
        }
    }
}
