//! An object's ledger without an object: what the tests of the rules act on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use super::*;
use crate::config::GraphVersion;
use crate::graph::answer::{GraphFault, GraphFaultKind};
use crate::ports::SendFailure;

/// The tables.
#[derive(Default)]
pub(super) struct Tables(RefCell<BTreeMap<Slot, Record>>);

impl Tables {
    /// What the object's tables count when it starts.
    fn window(&self, now: Timestamp) -> Window {
        let records = self.0.borrow();
        let counting = records.values().filter(|record| record.began >= now.minus(SPAN));
        Window::of(counting.map(|record| (Timestamp::from_seconds(record.began.millis() / 1000), record.emails)))
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

impl Store for Tables {
    type Failure = Infallible;

    fn find(&self, slot: Slot) -> Result<Option<Record>, Infallible> {
        Ok(self.0.borrow().get(&slot).cloned())
    }

    fn first_success(
        &self,
        payload: &Hash,
        since: Timestamp,
        earliest: Timestamp,
    ) -> Result<Option<Success>, Infallible> {
        let records = self.0.borrow();
        let of_payload = records.values().filter(|record| record.keyed && record.fingerprint == *payload);
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

    fn add(&self, slot: Slot, record: &Record) -> Result<bool, Infallible> {
        let mut records = self.0.borrow_mut();
        let is_new = !records.contains_key(&slot);
        records.entry(slot).or_insert_with(|| record.clone());
        Ok(is_new)
    }

    fn put(&self, slot: Slot, record: &Record) -> Result<(), Infallible> {
        self.0.borrow_mut().insert(slot, record.clone());
        Ok(())
    }

    fn remove(&self, slot: Slot) -> Result<(), Infallible> {
        self.0.borrow_mut().remove(&slot);
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
    pub(super) tables: Tables,
    window: Window,
    flights: Flights<()>,
    begun: BTreeMap<usize, Begun>,
    sent: usize,
    pub(super) limit: u64,
}

impl Object {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Somebody asks for a payload, which has as many emails as its number says without [`RESTORE`] and [`COPY`].
    pub(super) fn ask(&mut self, millis: u64, key: Option<u8>, payload: u8) -> Said {
        let order = order(key, payload, self.limit);
        let Ok(step) = begin(&self.tables, &mut self.window, &order, &self.flights, Timestamp::from_millis(millis));
        match step {
            Step::Send(begun) => {
                self.flights.take_off(&order, Timestamp::from_millis(millis));
                self.begun.insert(self.sent, begun);
                self.sent += 1;
                Said::Sent(self.sent - 1)
            }
            Step::Replay(accepted) => Said::Replayed(accepted.location.parse().unwrap()),
            Step::Await(_) => Said::Waits,
            Step::InProgress => Said::InProgress,
            Step::KeyReused => Said::KeyReused,
            Step::QuotaExceeded => Said::QuotaExceeded,
        }
    }

    /// The attempt ends, unless a crash has ended it.
    pub(super) fn end(&mut self, millis: u64, attempt: usize, end: End) {
        let Some(begun) = self.begun.remove(&attempt) else { return };
        let outcome = outcome(attempt, end);
        let Ok(()) = finish(&self.tables, &mut self.window, &begun, &outcome, Timestamp::from_millis(millis));
        self.flights.land(begun.slot);
    }

    /// Everything but the tables is lost, and the object starts again.
    pub(super) fn crash(&mut self, millis: u64) {
        self.window = self.tables.window(Timestamp::from_millis(millis));
        self.flights = Flights::default();
        self.begun.clear();
    }

    pub(super) fn remaining(&mut self, millis: u64) -> u64 {
        self.window.quota(self.limit, 0, Timestamp::from_millis(millis)).remaining
    }
}

/// In the number of a payload: the pairs of the payload without it, and another action.
pub(in crate::ledger) const RESTORE: u8 = 0x80;
/// In the number of a payload: the pairs and the action of the payload without it, and another sender's-copy flag.
pub(in crate::ledger) const COPY: u8 = 0x40;

/// The order of a payload, by its number.
pub(in crate::ledger) fn order(key: Option<u8>, payload: u8, limit: u64) -> Order {
    let pairs = payload & !(RESTORE | COPY);
    Order {
        key: key.map(|key| [key; 32]),
        fingerprint: [payload; 32],
        pairs: pairs.into(),
        action: if payload & RESTORE == 0 { Action::SoftDelete } else { Action::MoveToInbox },
        emails: pairs.into(),
        emails_per_hour: limit,
        version: GraphVersion::Beta,
        newer_member: false,
    }
}

fn outcome(attempt: usize, end: End) -> Result<Accepted, SubmitFault> {
    let fault = |kind, status| Err(GraphFault { kind, status, graph_request_id: None }.into());
    match end {
        End::Accepted => Ok(Accepted {
            location: attempt.to_string(),
            location_error: None,
            duplicate: false,
            graph_request_id: None,
            status: 202,
        }),
        End::Refused => fault(GraphFaultKind::Throttled { retry_after: None }, Some(429)),
        End::Unknown => fault(SendFailure::Deadline.into(), None),
    }
}
