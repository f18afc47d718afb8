//! An object's ledger without an object: what the tests of the rules act on.

use crate::ledger::storage::Success;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::graph::error::{GraphError, GraphErrorKind, SubmitError};
use crate::graph::response::Accepted;
use crate::ledger::LedgerRequest;
use crate::ledger::engine::*;
use crate::ledger::in_flight::InFlight;
use crate::ledger::quota::{RollingQuota, SPAN};
use crate::ledger::storage::{LedgerRecord, Store};
use crate::ledger::types::{Hash, RecordKey};
use crate::remediation::{Action, GraphVersion};
use crate::runtime::SendError;
use crate::time::Timestamp;

/// The tables.
#[derive(Default)]
pub(super) struct MemoryTables(RefCell<BTreeMap<RecordKey, LedgerRecord>>);

impl MemoryTables {
    /// What the object's tables count when it starts.
    fn quota(&self, now: Timestamp) -> RollingQuota {
        let records = self.0.borrow();
        let counting = records.values().filter(|record| record.began >= now.minus(SPAN));
        RollingQuota::of(counting.map(|record| (Timestamp::from_seconds(record.began.millis() / 1000), record.emails)))
    }

    /// What the alarm does.
    pub(super) fn sweep(&self, millis: u64) {
        let now = Timestamp::from_millis(millis);
        self.0.borrow_mut().retain(|_, record| record.expires > now);
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

impl Store for MemoryTables {
    type Error = Infallible;

    fn find(&self, record_key: RecordKey) -> Result<Option<LedgerRecord>, Infallible> {
        Ok(self.0.borrow().get(&record_key).cloned())
    }

    fn first_success(
        &self,
        payload: &Hash,
        since: Timestamp,
        earliest: Timestamp,
    ) -> Result<Option<Success>, Infallible> {
        let records = self.0.borrow();
        let of_payload = records.values().filter(|record| record.keyed && record.payload_hash == *payload);
        let successes = of_payload.filter_map(|record| {
            let (at, accepted) = record.accepted.clone()?;
            Some((at, Success { tried: record.effect?.tried, accepted }))
        });
        let first =
            successes.filter(|(at, success)| *at > since && success.tried >= earliest).min_by_key(|(at, _)| *at);
        Ok(first.map(|(_, success)| success))
    }

    fn last_other(&self, pairs: u64, action: Action, since: Timestamp) -> Result<Option<Timestamp>, Infallible> {
        let records = self.0.borrow();
        let effects = records.values().filter_map(|record| record.effect);
        let others = effects.filter(|effect| effect.pairs == pairs && effect.action != action);
        Ok(others.map(|effect| effect.until).filter(|until| *until > since).max())
    }

    fn add(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<bool, Infallible> {
        let mut records = self.0.borrow_mut();
        let is_new = !records.contains_key(&record_key);
        records.entry(record_key).or_insert_with(|| record.clone());
        Ok(is_new)
    }

    fn put(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<(), Infallible> {
        self.0.borrow_mut().insert(record_key, record.clone());
        Ok(())
    }

    fn remove(&self, record_key: RecordKey) -> Result<(), Infallible> {
        self.0.borrow_mut().remove(&record_key);
        Ok(())
    }
}

/// What the caller is told, or what happens. Attempts are numbered as they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Sent(usize),
    /// What the attempt of this number was told.
    Replayed(usize),
    Waits,
    InProgress,
    KeyReused,
    QuotaExceeded,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Accepted,
    Refused,
    Unknown,
}

/// One object: its tables, and what it would lose in a crash.
#[derive(Default)]
pub(super) struct Object {
    pub(super) tables: MemoryTables,
    quota: RollingQuota,
    in_flight: InFlight<()>,
    pending: BTreeMap<usize, PendingAttempt>,
    sent: usize,
    pub(super) limit: u64,
}

impl Object {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Somebody asks for a payload, which has as many emails as its number says without [`RESTORE`] and [`COPY`].
    pub(super) fn ask(&mut self, millis: u64, key: Option<u8>, payload: u8) -> Said {
        let request = request(key, payload, self.limit);
        let Ok(decision) =
            begin(&self.tables, &mut self.quota, &request, &self.in_flight, Timestamp::from_millis(millis));
        match decision {
            Decision::Send(pending) => {
                self.in_flight.start(&request, Timestamp::from_millis(millis));
                self.pending.insert(self.sent, pending);
                self.sent += 1;
                Said::Sent(self.sent - 1)
            }
            Decision::Replay(accepted) => Said::Replayed(accepted.location.parse().unwrap()),
            Decision::Await(_) => Said::Waits,
            Decision::InProgress => Said::InProgress,
            Decision::KeyReused => Said::KeyReused,
            Decision::QuotaExceeded => Said::QuotaExceeded,
        }
    }

    /// The attempt ends, unless a crash has ended it.
    pub(super) fn end(&mut self, millis: u64, attempt: usize, end: End) {
        let Some(pending) = self.pending.remove(&attempt) else { return };
        let outcome = outcome(attempt, end, Timestamp::from_millis(millis));
        let Ok(()) = finish(&self.tables, &mut self.quota, &pending, &outcome, Timestamp::from_millis(millis));
        self.in_flight.finish(pending.record_key);
    }

    /// Everything but the tables is lost, and the object starts again.
    pub(super) fn crash(&mut self, millis: u64) {
        self.quota = self.tables.quota(Timestamp::from_millis(millis));
        self.in_flight = InFlight::default();
        self.pending.clear();
    }

    pub(super) fn remaining(&mut self, millis: u64) -> u64 {
        self.quota.quota(self.limit, 0, Timestamp::from_millis(millis)).remaining
    }
}

/// In the number of a payload: the pairs of the payload without it, and another action.
pub(crate) const RESTORE: u8 = 0x80;
/// In the number of a payload: the pairs and the action of the payload without it, and another sender's-copy flag.
pub(crate) const COPY: u8 = 0x40;

/// The order of a payload, by its number.
pub(crate) fn request(key: Option<u8>, payload: u8, limit: u64) -> LedgerRequest {
    let pairs = payload & !(RESTORE | COPY);
    LedgerRequest {
        key: key.map(|key| [key; 32]),
        payload_hash: [payload; 32],
        pairs: pairs.into(),
        action: if payload & RESTORE == 0 { Action::SoftDelete } else { Action::MoveToInbox },
        emails: pairs.into(),
        emails_per_hour: limit,
        version: GraphVersion::Beta,
        newer_member: false,
    }
}

fn outcome(attempt: usize, end: End, at: Timestamp) -> Result<Accepted, SubmitError> {
    let error = |kind, status| Err(GraphError { kind, status, graph_request_id: None }.into());
    match end {
        End::Accepted => Ok(Accepted {
            location: attempt.to_string(),
            location_error: None,
            duplicate: false,
            graph_request_id: None,
            status: 202,
            at,
        }),
        End::Refused => error(GraphErrorKind::Throttled { retry_after: None }, Some(429)),
        End::Unknown => error(SendError::Deadline.into(), None),
    }
}
