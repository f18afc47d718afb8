//! The rules of the ledger, pure: what an order becomes, and what its outcome leaves behind. The Durable Object is a shell around them.

use std::time::Duration;

use super::flights::Flights;
use super::order::{Hash, Order, Slot, SubmitFault};
use super::window::{SPAN, Window};
use crate::graph::answer::Accepted;
use crate::time::Timestamp;

/// How long a success is replayed to requests with its key (contract, section 7).
const KEYED_REPLAY: Duration = Duration::from_hours(24);
/// How long it is replayed to requests without a key: the window in which Graph itself knows duplicates (facts, section 1).
const PAYLOAD_REPLAY: Duration = Duration::from_mins(30);

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

    /// What Graph said to the first remediation of `payload` with a key that it accepted after `since`.
    ///
    /// # Errors
    ///
    /// [`Store::Failure`].
    fn first_success(&self, payload: &Hash, since: Timestamp) -> Result<Option<Accepted>, Self::Failure>;

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
    };
    let flight = flights.find(order);
    let has_room = window.has_room(order.emails, order.emails_per_hour);
    let keyed_success = match order.key {
        Some(_) => None,
        None => store.first_success(&order.fingerprint, now.minus(PAYLOAD_REPLAY))?,
    };
    // Almost every remediation is new. Its slot is empty then, which to write the record tells as well as to look for one: a statement less.
    if flight.is_none() && keyed_success.is_none() && has_room {
        let record = record(now);
        if store.add(slot, &record)? {
            window.count(now, order.emails);
            return Ok(Step::Send(Begun { slot, record, first: true, counted_now: true }));
        }
    }

    let found = store.find(slot)?.filter(|record| now < record.expires);
    if let Some(record) = &found {
        // Only a key can stand for another payload: a payload's slot is made of it.
        if record.fingerprint != order.fingerprint {
            return Ok(Step::KeyReused);
        }
        let replay = if order.key.is_some() { KEYED_REPLAY } else { PAYLOAD_REPLAY };
        if let Some((at, accepted)) = &record.accepted
            && now.since(*at) < replay
        {
            return Ok(Step::Replay(accepted.clone()));
        }
    }
    if let Some(accepted) = keyed_success {
        return Ok(Step::Replay(accepted));
    }
    if let Some(slot) = flight {
        return Ok(Step::Await(slot));
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
    if let Some(over) = still_counts.filter(|_| first) {
        store.put(slot.past(over.began), over)?;
    }
    let record = record(began.unwrap_or(now));
    store.put(slot, &record)?;
    if began.is_none() {
        window.count(now, order.emails);
    }
    Ok(Step::Send(Begun { slot, record, first, counted_now: began.is_none() }))
}

/// Records how a remediation ended.
///
/// - Accepted: its record says so.
/// - Certainly not accepted: the record goes, unless an earlier attempt left its outcome open, and what this attempt counted is given back.
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
    match outcome {
        Ok(accepted) => {
            let replay = if begun.record.keyed { KEYED_REPLAY } else { PAYLOAD_REPLAY };
            let record = Record {
                // The quota is read from the records when the object starts, so a record outlives its hour.
                expires: now.plus(replay).max(begun.record.began.plus(SPAN)),
                accepted: Some((now, accepted.clone())),
                ..begun.record.clone()
            };
            store.put(begun.slot, &record)?;
        }
        Err(fault) if fault.is_certain() => {
            if begun.first {
                store.remove(begun.slot)?;
            } else if begun.counted_now {
                store.put(begun.slot, &Record { emails: 0, ..begun.record.clone() })?;
            }
            if begun.counted_now {
                window.give_back(begun.record.began, begun.record.emails);
            }
        }
        Err(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod memory;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod scenarios;
