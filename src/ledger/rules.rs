//! The rules of the ledger, pure: what an order becomes, and what its outcome leaves behind. The Durable Object is a shell around them.

use std::time::Duration;

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
    pub payload: Hash,
    /// How many emails were counted against the quota.
    pub counted: u64,
    /// When it began.
    pub began: Timestamp,
    /// When it counts for nothing any more and may be removed.
    pub expires: Timestamp,
    /// What Graph said, once it has accepted. Until then the remediation is on its way, or its outcome is unknown.
    pub accepted: Option<(Timestamp, Accepted)>,
}

/// Where records are kept: the object's own SQL, synchronous.
pub trait Store {
    /// A failure of the storage. Nothing of what was written since the last await is kept then.
    type Failure;

    /// The record in `slot`.
    ///
    /// # Errors
    ///
    /// [`Store::Failure`].
    fn find(&self, slot: Slot) -> Result<Option<Record>, Self::Failure>;

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
}

/// What an order becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is to be sent. Its record is written and its emails are counted.
    Send(Begun),
    /// It was accepted before.
    Replay(Accepted),
    /// It is on its way in this slot: wait for the outcome.
    Await(Slot),
    /// Its key stands for another payload.
    KeyReused,
    /// The quota has no room.
    QuotaExceeded,
}

/// Decides what `order` becomes, and writes its record when it is to be sent. `in_flight` tells which slots have an attempt running.
///
/// # Errors
///
/// [`Store::Failure`]; nothing is begun or counted then.
pub fn begin<S: Store>(
    store: &S,
    window: &mut Window,
    order: &Order,
    in_flight: impl Fn(Slot) -> bool,
    now: Timestamp,
) -> Result<Step, S::Failure> {
    let slot = order.slot();
    let found = store.find(slot)?.filter(|record| now < record.expires);
    if let Some(record) = &found {
        // Only a key can stand for another payload: a payload's slot is made of it.
        if record.payload != order.payload {
            return Ok(Step::KeyReused);
        }
        let replay = if order.key.is_some() { KEYED_REPLAY } else { PAYLOAD_REPLAY };
        if let Some((at, accepted)) = &record.accepted
            && now.since(*at) < replay
        {
            return Ok(Step::Replay(accepted.clone()));
        }
    }
    if in_flight(slot) {
        return Ok(Step::Await(slot));
    }

    // An attempt whose outcome is open was counted when it began. One that was accepted too long ago to be replayed is over.
    window.advance(now);
    let open = found.filter(|record| record.accepted.is_none() && now.since(record.began) < SPAN);
    let first = open.is_none();
    if first && !window.has_room(order.emails, order.emails_per_hour) {
        return Ok(Step::QuotaExceeded);
    }
    let began = open.map_or(now, |record| record.began);
    let record = Record {
        payload: order.payload,
        counted: order.emails,
        began,
        expires: now.plus(if order.key.is_some() { KEYED_REPLAY } else { SPAN }),
        accepted: None,
    };
    store.put(slot, &record)?;
    if first {
        window.count(now, order.emails);
    }
    Ok(Step::Send(Begun { slot, record, first }))
}

/// Records how a remediation ended.
///
/// - Accepted: under its slot and, with a key, under its payload too, where requests without a key find it.
/// - Certainly not accepted: the record goes and the quota is given back, unless an earlier attempt left its outcome open.
/// - Unknown: the record stays open. A retry takes it over, is not counted again, and Graph tells a duplicate.
///
/// # Errors
///
/// [`Store::Failure`]; the record stays open then.
pub fn finish<S: Store>(
    store: &S,
    window: &mut Window,
    order: &Order,
    begun: &Begun,
    outcome: &Result<Accepted, SubmitFault>,
    now: Timestamp,
) -> Result<(), S::Failure> {
    match outcome {
        Ok(accepted) => {
            let replay_until = if order.key.is_some() { now.plus(KEYED_REPLAY) } else { now.plus(PAYLOAD_REPLAY) };
            let accepted = Some((now, accepted.clone()));
            let record = Record {
                // The quota is read from the records when the object starts, so a record outlives its hour.
                expires: replay_until.max(begun.record.began.plus(SPAN)),
                accepted: accepted.clone(),
                ..begun.record.clone()
            };
            store.put(begun.slot, &record)?;
            if order.key.is_some() {
                let slot = order.payload_slot();
                // What an earlier request without a key has counted in this slot still counts.
                let earlier = store.find(slot)?.filter(|record| now < record.expires);
                let (counted, since) = earlier.map_or((0, now), |record| (record.counted, record.began));
                let expires = now.plus(PAYLOAD_REPLAY).max(since.plus(SPAN));
                store.put(slot, &Record { payload: order.payload, counted, began: since, expires, accepted })?;
            }
        }
        Err(fault) if fault.is_certain() && begun.first => {
            // A request with a key may have had the same payload accepted meanwhile; that success stays.
            if store.find(begun.slot)?.is_none_or(|record| record.accepted.is_none()) {
                store.remove(begun.slot)?;
            }
            window.give_back(begun.record.began, begun.record.counted);
        }
        Err(_) => {}
    }
    Ok(())
}
