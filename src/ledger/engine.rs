//! The rules of the ledger, pure: what an order becomes, and what its outcome leaves behind. The Durable Object is a shell around them.

use std::time::Duration;

use super::flights::Flights;
use super::order::{Hash, Order, Slot, SubmitFault};
use super::window::{SPAN, Window};
use crate::graph::answer::Accepted;
use crate::remediation::Action;
use crate::time::Timestamp;

/// How long a success is replayed to requests with its key (contract, section 7).
const KEYED_REPLAY: Duration = Duration::from_hours(24);
/// How long it is replayed to requests without a key: the window in which Graph itself knows duplicates (facts, section 1).
const PAYLOAD_REPLAY: Duration = Duration::from_mins(30);
/// How long an attempt takes at most: the whole time of its request (contract, section 8).
const LONGEST_ATTEMPT: Duration = Duration::from_secs(90);

/// What is kept of a remediation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The fingerprint of its payload.
    pub fingerprint: Hash,
    /// Whether it came with a key. Its success is then found by its payload too: [`Store::first_success`].
    pub keyed: bool,
    /// How many emails were counted against the quota.
    pub emails: u64,
    /// When it began.
    pub began: Timestamp,
    /// When it counts for nothing any more and may be removed.
    pub expires: Timestamp,
    /// What Graph said, once it has accepted. Until then the remediation is on its way, or its outcome is unknown.
    pub accepted: Option<(Timestamp, Accepted)>,
    /// The mail that the remediation may have moved. `None` in a record of an older version, which does not say.
    pub effect: Option<Effect>,
}

/// Which mail a remediation may have moved, and when.
///
/// A success is no longer true of the mail once another action may have moved the mail since. The times tell which of two
/// remediations came last, as far as it can be known: Graph may have acted at any moment from `tried` to `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The digest of the pairs.
    pub pairs: u64,
    /// The action.
    pub action: Action,
    /// When the last attempt began.
    pub tried: Timestamp,
    /// The last moment at which Graph may have acted: the end of the last attempt that Graph did not certainly reject, or
    /// while that attempt runs its latest end.
    pub until: Timestamp,
}

impl Record {
    /// Returns the success to replay without a key at the moment `now`, if the record has one.
    fn success(&self, now: Timestamp) -> Option<Success> {
        let (_, accepted) = self.accepted.clone().filter(|(at, _)| now.since(*at) < PAYLOAD_REPLAY)?;
        Some(Success { tried: self.effect.map_or(self.began, |effect| effect.tried), accepted })
    }
}

/// A remediation that Graph accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Success {
    /// When the attempt began that Graph accepted.
    pub tried: Timestamp,
    /// What Graph said.
    pub accepted: Accepted,
}

/// Where records are kept: the object's own SQL, synchronous.
pub trait Store {
    /// A failure of the storage. What was written just before it may be kept: at worst it counts against the quota for an hour.
    type Failure;

    /// The record in `slot`.
    ///
    /// # Errors
    ///
    /// [`Store::Failure`].
    fn find(&self, slot: Slot) -> Result<Option<Record>, Self::Failure>;

    /// Returns the first remediation of `payload` with a key that Graph accepted after `since`, by an attempt that began at
    /// `earliest` or later.
    ///
    /// # Errors
    ///
    /// [`Store::Failure`].
    fn first_success(
        &self,
        payload: &Hash,
        since: Timestamp,
        earliest: Timestamp,
    ) -> Result<Option<Success>, Self::Failure>;

    /// Returns the last moment after `since` at which Graph may have done anything but `action` to these pairs:
    /// [`Effect::until`].
    ///
    /// # Errors
    ///
    /// [`Store::Failure`].
    fn last_other(&self, pairs: u64, action: Action, since: Timestamp) -> Result<Option<Timestamp>, Self::Failure>;

    /// Writes `record` into `slot` where nothing is there. Gives whether it did.
    ///
    /// # Errors
    ///
    /// [`Store::Failure`].
    fn add(&self, slot: Slot, record: &Record) -> Result<bool, Self::Failure>;

    /// Writes `record` into `slot`, over what was there.
    ///
    /// # Errors
    ///
    /// [`Store::Failure`].
    fn put(&self, slot: Slot, record: &Record) -> Result<(), Self::Failure>;

    /// Removes what is in `slot`.
    ///
    /// # Errors
    ///
    /// [`Store::Failure`].
    fn remove(&self, slot: Slot) -> Result<(), Self::Failure>;
}

/// A remediation that was begun and must be finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its slot.
    pub slot: Slot,
    /// Its record, as written.
    pub record: Record,
    /// Whether no earlier attempt left its outcome open.
    first: bool,
    /// Whether it was counted now, and not with an earlier attempt.
    counted_now: bool,
    /// [`Effect::until`] of the attempts before this one.
    acted_until: Option<Timestamp>,
}

/// What an order becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is to be sent. Its record is written and its emails are counted.
    Send(Begun),
    /// It was accepted before.
    Replay(Accepted),
    /// It is on its way in this slot, its own or that of a request with a key: wait for the outcome.
    Await(Slot),
    /// It is on its way in its own slot, and another action may have moved the mail since: that outcome is not this order's.
    InProgress,
    /// Its key stands for another payload.
    KeyReused,
    /// The quota has no room.
    QuotaExceeded,
}

/// Decides what `order` becomes, and writes its record when it is to be sent. `flights` are the attempts that are running.
///
/// # Errors
///
/// [`Store::Failure`]; nothing is begun or counted then.
pub fn begin<S: Store>(
    store: &S,
    window: &mut Window,
    order: &Order,
    flights: &Flights<impl Sized>,
    now: Timestamp,
) -> Result<Step, S::Failure> {
    window.advance(now);
    let slot = order.slot();
    let record = |began| Record {
        fingerprint: order.fingerprint,
        keyed: order.key.is_some(),
        emails: order.emails,
        began,
        expires: now.plus(if order.key.is_some() { KEYED_REPLAY } else { SPAN }),
        accepted: None,
        effect: Some(Effect { pairs: order.pairs, action: order.action, tried: now, until: now.plus(LONGEST_ATTEMPT) }),
    };
    let flight = flights.find(order, Timestamp::default());
    let has_room = window.has_room(order.emails, order.emails_per_hour);
    let keyed_success = match order.key {
        Some(_) => None,
        None => store.first_success(&order.fingerprint, now.minus(PAYLOAD_REPLAY), Timestamp::default())?,
    };
    // Almost every remediation is new. Its slot is empty then, which to write the record tells as well as to look for one: a statement less.
    if flight.is_none() && keyed_success.is_none() && has_room {
        let record = record(now);
        if store.add(slot, &record)? {
            window.count(now, order.emails);
            return Ok(Step::Send(Begun { slot, record, first: true, counted_now: true, acted_until: None }));
        }
    }

    let found = store.find(slot)?.filter(|record| now < record.expires);
    // Only a key can stand for another payload: a payload's slot is made of it.
    if found.as_ref().is_some_and(|record| record.fingerprint != order.fingerprint) {
        return Ok(Step::KeyReused);
    }
    if order.key.is_some() {
        let accepted = found.as_ref().and_then(|record| record.accepted.as_ref());
        if let Some((_, accepted)) = accepted.filter(|(at, _)| now.since(*at) < KEYED_REPLAY) {
            return Ok(Step::Replay(accepted.clone()));
        }
        if let Some((slot, _)) = flight {
            return Ok(Step::Await(slot));
        }
    } else {
        let own_success = found.as_ref().and_then(|record| record.success(now));
        if let Some(step) = share(store, order, flights, own_success, keyed_success, flight, now)? {
            return Ok(step);
        }
    }

    // What is open was counted when it began, and is not counted again within its hour. What was accepted too long ago to be replayed is over,
    // but may count for a while.
    let counts = |record: &Record| record.emails > 0 && now.since(record.began) < SPAN;
    let first = found.as_ref().is_none_or(|record| record.accepted.is_some());
    let still_counts = found.as_ref().filter(|record| counts(record));
    let began = still_counts.filter(|_| !first).map(|record| record.began);
    if began.is_none() && !has_room {
        return Ok(Step::QuotaExceeded);
    }
    if let Some(over) = found.as_ref().filter(|_| first) {
        // It may count against the quota, or end the replay of another action.
        let mut began = over.began;
        while !store.add(slot.past(began), over)? {
            // Two that began in one millisecond.
            began = began.plus(Duration::from_millis(1));
        }
    }
    let record = record(began.unwrap_or(now));
    store.put(slot, &record)?;
    if began.is_none() {
        window.count(now, order.emails);
    }
    let effect = found.and_then(|record| record.effect).filter(|_| !first);
    let acted_until = effect.map(|effect| effect.until);
    Ok(Step::Send(Begun { slot, record, first, counted_now: began.is_none(), acted_until }))
}

/// Returns what an order without a key shares with other orders of its payload: a success to replay, or an attempt to wait
/// for. `None` if the order is to be sent.
///
/// A success or an attempt is not shared if another action may have moved the mail since it began: remove, restore and
/// remove again are three remediations, although the third has the payload of the first.
fn share<S: Store>(
    store: &S,
    order: &Order,
    flights: &Flights<impl Sized>,
    own_success: Option<Success>,
    keyed_success: Option<Success>,
    flight: Option<(Slot, Timestamp)>,
    now: Timestamp,
) -> Result<Option<Step>, S::Failure> {
    let successes = [&own_success, &keyed_success].into_iter().flatten().map(|success| success.tried);
    let Some(oldest) = successes.chain(flight.map(|(_, tried)| tried)).min() else { return Ok(None) };
    // What began then or later came after every other action.
    let earliest = store.last_other(order.pairs, order.action, oldest)?.unwrap_or_default();
    let is_last = |success: &Success| success.tried >= earliest;
    let success = match (own_success.filter(is_last), keyed_success) {
        (Some(own), _) => Some(own),
        (None, Some(keyed)) if !is_last(&keyed) => {
            store.first_success(&order.fingerprint, now.minus(PAYLOAD_REPLAY), earliest)?
        }
        (None, keyed) => keyed,
    };
    if let Some(success) = success {
        return Ok(Some(Step::Replay(success.accepted)));
    }
    if let Some((slot, _)) = flights.find(order, earliest) {
        return Ok(Some(Step::Await(slot)));
    }
    Ok(flights.has(order.slot()).then_some(Step::InProgress))
}

/// Records how a remediation ended.
///
/// - Accepted: its record says so.
/// - Certainly not accepted: the record goes, unless an earlier attempt left its outcome open, and what this attempt counted is given back.
///   Nor did this attempt move mail: the replays of other actions go on.
/// - Unknown: the record stays open. A retry takes it over, is not counted again, and Graph tells a duplicate.
///
/// # Errors
///
/// [`Store::Failure`]; the record stays open then.
pub fn finish<S: Store>(
    store: &S,
    window: &mut Window,
    begun: &Begun,
    outcome: &Result<Accepted, SubmitFault>,
    now: Timestamp,
) -> Result<(), S::Failure> {
    let record =
        |until| Record { effect: begun.record.effect.map(|effect| Effect { until, ..effect }), ..begun.record.clone() };
    match outcome {
        Ok(accepted) => {
            // A success also ends the replays of another action, the last of which is of an attempt that ran beside this one.
            let counts = if begun.record.keyed { KEYED_REPLAY } else { PAYLOAD_REPLAY + LONGEST_ATTEMPT };
            let record = Record {
                // The quota is read from the records when the object starts, so a record outlives its hour.
                expires: now.plus(counts).max(begun.record.began.plus(SPAN)),
                accepted: Some((now, accepted.clone())),
                ..record(now)
            };
            store.put(begun.slot, &record)?;
        }
        Err(fault) if fault.is_certain() => {
            if begun.first {
                store.remove(begun.slot)?;
            } else {
                let emails = if begun.counted_now { 0 } else { begun.record.emails };
                // An older version did not tell when its attempt had ended: before this one began.
                let until = begun.acted_until.unwrap_or(now);
                store.put(begun.slot, &Record { emails, ..record(until) })?;
            }
            if begun.counted_now {
                window.give_back(begun.record.began, begun.record.emails);
            }
        }
        Err(_) => store.put(begun.slot, &record(now))?,
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod memory;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod scenarios;
