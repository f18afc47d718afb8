//! Rules of the ledger, pure: the decision on a request, and the record of its outcome. [`super::service`] runs them.

use std::time::Duration;

use super::error::StorageError;
use super::in_flight::InFlight;
use super::quota::{RollingQuota, SPAN};
use super::storage::{Effect, LedgerRecord, Records, Success};
use super::types::{LedgerOutcome, LedgerRequest, RecordKey};
use crate::deadline::REQUEST_DEADLINE;
use crate::expansion::AttemptError;
use crate::graph::response::Accepted;
use crate::remediation::Recipients;
use crate::time::Timestamp;

/// Time for which a success is replayed to requests with its key (contract, section 7).
const KEYED_REPLAY: Duration = Duration::from_hours(24);
/// Time for which it is replayed to requests without a key: the window in which Graph recognises duplicates (facts,
/// section 1).
const PAYLOAD_REPLAY: Duration = Duration::from_mins(30);

impl LedgerRecord {
    /// Returns the success that a request without a key gets at `now`, if the record has one.
    fn success(&self, now: Timestamp) -> Option<Success> {
        let accepted = self.accepted.clone().filter(|accepted| now.since(accepted.at) < PAYLOAD_REPLAY)?;
        Some(Success { tried: self.effect.map_or(self.began, |effect| effect.tried), accepted })
    }
}

/// A remediation that has begun and must be finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAttempt {
    /// Record key.
    pub record_key: RecordKey,
    /// Record, as written.
    pub record: LedgerRecord,
    /// Record that this one replaces.
    before: Option<Box<LedgerRecord>>,
    /// Number of the record's emails that an open attempt counted against the quota, and that still count.
    counted_before: u64,
}

impl PendingAttempt {
    /// Returns the record of an earlier attempt, whose outcome is unknown.
    pub(super) fn open_record(&self) -> Option<&LedgerRecord> {
        self.before.as_deref().filter(|record| record.accepted.is_none())
    }
}

/// Decision on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Submit it. The record is written and the emails are counted.
    Send(PendingAttempt),
    /// Wait: an attempt is in flight in this record key, which is the request's own or that of a request with a key.
    Await(RecordKey),
    /// Send nothing.
    Respond(LedgerOutcome),
}

impl Decision {
    /// Replays an earlier success.
    const fn replay(accepted: Accepted) -> Self {
        Self::Respond(LedgerOutcome::Accepted { accepted, replayed: true })
    }
}

/// Decides on `request`, and writes its record if it is to be submitted. `in_flight` has the running attempts.
///
/// # Errors
///
/// [`StorageError`]; the request must not be submitted then. A record may remain: see [`Records`].
pub fn begin(
    store: &impl Records,
    quota: &mut RollingQuota,
    request: &LedgerRequest,
    in_flight: &InFlight<impl Sized>,
    now: Timestamp,
) -> Result<Decision, StorageError> {
    quota.advance(now);
    let record_key = request.record_key();
    let record = |began| LedgerRecord {
        payload_hash: request.payload_hash,
        keyed: request.key.is_some(),
        emails: request.emails,
        began,
        expires: now.plus(if request.key.is_some() { KEYED_REPLAY } else { SPAN }),
        accepted: None,
        recipients: None,
        effect: Some(Effect {
            pairs: request.pairs,
            action: request.action,
            tried: now,
            until: now.plus(REQUEST_DEADLINE),
        }),
    };
    let running = in_flight.find(request, Timestamp::default());
    let has_room = quota.has_room(request.emails, request.emails_per_hour);
    let keyed_success = match request.key {
        Some(_) => None,
        None => store.first_success(&request.payload_hash, now.minus(PAYLOAD_REPLAY), Timestamp::default())?,
    };
    // Almost every remediation is new, so its record key is empty. Writing the record detects that without a separate
    // read.
    if running.is_none() && keyed_success.is_none() && has_room {
        let record = record(now);
        if store.add(record_key, &record)? {
            quota.count(now, request.emails);
            return Ok(Decision::Send(PendingAttempt { record_key, record, before: None, counted_before: 0 }));
        }
    }

    let found = store.find(record_key)?.filter(|record| now < record.expires);
    // Only an idempotency key can belong to another payload: other record keys are derived from the payload.
    if found.as_ref().is_some_and(|record| record.payload_hash != request.payload_hash) {
        return Ok(Decision::Respond(LedgerOutcome::KeyReused));
    }
    if request.key.is_some() {
        let accepted = found.as_ref().and_then(|record| record.accepted.as_ref());
        if let Some(accepted) = accepted.filter(|accepted| now.since(accepted.at) < KEYED_REPLAY) {
            return Ok(Decision::replay(accepted.clone()));
        }
        if let Some((record_key, _)) = running {
            return Ok(Decision::Await(record_key));
        }
    } else {
        let own_success = found.as_ref().and_then(|record| record.success(now));
        if let Some(decision) = find_shared(store, request, in_flight, own_success, keyed_success, running, now)? {
            return Ok(decision);
        }
    }

    // An open attempt was counted when it began, and is not counted again within its hour. A success that is too old to
    // be replayed has ended, but may still count.
    let counts = |record: &LedgerRecord| record.emails > 0 && now.since(record.began) < SPAN;
    let first = found.as_ref().is_none_or(|record| record.accepted.is_some());
    let open = found.as_ref().filter(|record| counts(record) && !first);
    let counted_before = open.map_or(0, |record| record.emails);
    // A retry that may have more emails than the open attempt, as a remediation of messages can, is counted in its
    // place.
    let is_counted = open.filter(|record| request.emails <= record.emails);
    if is_counted.is_none() && !quota.has_room(request.emails.saturating_sub(counted_before), request.emails_per_hour) {
        return Ok(Decision::Respond(LedgerOutcome::QuotaExceeded { is_retry: !first }));
    }
    if let Some(ended) = found.as_ref().filter(|_| first) {
        // It may still count against the quota, or end the replay of another action.
        let mut began = ended.began;
        while !store.add(record_key.archived(began), ended)? {
            // Two attempts that began in the same millisecond.
            began = began.plus(Duration::from_millis(1));
        }
    }
    let record = match is_counted {
        Some(open) => LedgerRecord { emails: open.emails, ..record(open.began) },
        None => record(now),
    };
    let recipients = found.as_ref().filter(|_| !first).and_then(|open| open.recipients);
    let record = LedgerRecord { recipients, ..record };
    store.put(record_key, &record)?;
    if is_counted.is_none() {
        if let Some(open) = open {
            quota.refund(open.began, open.emails);
        }
        quota.count(now, request.emails);
    }
    Ok(Decision::Send(PendingAttempt { record_key, record, before: found.map(Box::new), counted_before }))
}

/// Returns the attempt or the success that a request without a key shares with other requests of its payload. Returns
/// `None` if the request must be submitted.
///
/// A success or an attempt is not shared if another action may have moved the mail since it began: remove, restore and
/// remove again are three remediations, although the third has the payload of the first.
fn find_shared(
    store: &impl Records,
    request: &LedgerRequest,
    in_flight: &InFlight<impl Sized>,
    own_success: Option<Success>,
    keyed_success: Option<Success>,
    running: Option<(RecordKey, Timestamp)>,
    now: Timestamp,
) -> Result<Option<Decision>, StorageError> {
    let successes = [&own_success, &keyed_success].into_iter().flatten().map(|success| success.tried);
    let Some(oldest) = successes.chain(running.map(|(_, tried)| tried)).min() else { return Ok(None) };
    // An attempt that began at this time or later began after every other action.
    let earliest = store.last_other_action(request.pairs, request.action, oldest)?.unwrap_or_default();
    let is_last = |success: &Success| success.tried >= earliest;
    let success = match (own_success.filter(is_last), keyed_success) {
        (Some(own), _) => Some(own),
        (None, Some(keyed)) if !is_last(&keyed) => {
            store.first_success(&request.payload_hash, now.minus(PAYLOAD_REPLAY), earliest)?
        }
        (None, keyed) => keyed,
    };
    if let Some(success) = success {
        return Ok(Some(Decision::replay(success.accepted)));
    }
    if let Some((record_key, _)) = in_flight.find(request, earliest) {
        return Ok(Some(Decision::Await(record_key)));
    }
    // An attempt in the request's own record key, whose outcome is not this request's.
    Ok(in_flight.has(request.record_key()).then_some(Decision::Respond(LedgerOutcome::InProgress)))
}

/// Returns the recorded success with the payload of `pending` that Graph may mean by "Duplicate remediation".
fn recorded_success(store: &impl Records, pending: &PendingAttempt) -> Result<Option<Accepted>, StorageError> {
    let since = pending.record.effect.map_or(pending.record.began, |effect| effect.tried).minus(PAYLOAD_REPLAY);
    let in_window = |record: LedgerRecord| record.accepted.filter(|accepted| accepted.at > since);
    if let Some(accepted) = pending.before.as_deref().cloned().and_then(in_window) {
        return Ok(Some(accepted));
    }
    let without_key = store.find(RecordKey::of_payload(&pending.record.payload_hash))?;
    if let Some(accepted) = without_key.and_then(in_window) {
        return Ok(Some(accepted));
    }
    let with_key = store.first_success(&pending.record.payload_hash, since, Timestamp::default())?;
    Ok(with_key.map(|success| success.accepted))
}

/// Records the counts of the recipients that an attempt is about to submit.
///
/// If Graph accepted one of several attempts, it is unknown which one. The record keeps the counts with the fewest
/// emails, so that no response reports more than Graph accepted.
///
/// # Errors
///
/// [`StorageError`].
pub fn count_recipients(
    store: &impl Records,
    pending: &mut PendingAttempt,
    recipients: Recipients,
) -> Result<(), StorageError> {
    let fewer = pending.record.recipients.filter(|known| known.emails() < recipients.emails());
    pending.record.recipients = Some(fewer.unwrap_or(recipients));
    store.put(pending.record_key, &pending.record)
}

/// Records the outcome of a remediation.
///
/// - Accepted: the record gets the response. For messages, the reserved emails that Graph did not get are refunded.
/// - A duplicate of a recorded success: `outcome` gets that success's link and counts of recipients, and the emails are
///   refunded, because that success counts them.
/// - Another duplicate: `outcome` gets the counts of recipients of the earlier attempts.
/// - Certainly not accepted: the record is removed, unless an earlier attempt has an unknown outcome, and this
///   attempt's emails are refunded. This attempt moved no mail, so the replays of other actions continue.
/// - Unknown: the record stays open. A retry continues it without a second count, and Graph reports a duplicate.
///
/// # Errors
///
/// [`StorageError`]; the record stays open then.
pub fn finish(
    store: &impl Records,
    quota: &mut RollingQuota,
    pending: &PendingAttempt,
    outcome: &mut Result<Accepted, AttemptError>,
    now: Timestamp,
) -> Result<(), StorageError> {
    let record = |until| LedgerRecord {
        effect: pending.record.effect.map(|effect| Effect { until, ..effect }),
        ..pending.record.clone()
    };
    match outcome {
        Ok(accepted) => {
            let success = if accepted.duplicate { recorded_success(store, pending)? } else { None };
            let earlier = pending.open_record().filter(|_| accepted.duplicate).and_then(|open| open.recipients);
            accepted.recipients =
                success.as_ref().map_or(earlier, |success| success.recipients).or(accepted.recipients);
            let sent = accepted.recipients.map_or(pending.record.emails, |recipients| recipients.emails());
            let emails = if success.is_some() { 0 } else { sent.min(pending.record.emails) };
            if let Some(success) = success {
                *accepted = Accepted { location: success.location, location_error: None, ..accepted.clone() };
            }
            // A success also ends the replays of other actions, including those of attempts that ran at the same time.
            let counts = if pending.record.keyed { KEYED_REPLAY } else { PAYLOAD_REPLAY + REQUEST_DEADLINE };
            let record = LedgerRecord {
                // The object reads the quota from the records when it starts, so a record is kept for at least an hour.
                expires: now.plus(counts).max(pending.record.began.plus(SPAN)),
                accepted: Some(accepted.clone()),
                emails,
                ..record(now)
            };
            store.put(pending.record_key, &record)?;
            quota.refund(pending.record.began, pending.record.emails - emails);
        }
        Err(error) if error.is_certain() => {
            let emails = pending.counted_before;
            if let Some(open) = pending.open_record() {
                // An older version did not record the end of its attempt, which was before this attempt began.
                let until = open.effect.map_or(now, |effect| effect.until);
                let recipients = open.recipients;
                store.put(pending.record_key, &LedgerRecord { emails, recipients, ..record(until) })?;
            } else {
                store.remove(pending.record_key)?;
            }
            quota.refund(pending.record.began, pending.record.emails - emails);
        }
        Err(_) => store.put(pending.record_key, &record(now))?,
    }
    Ok(())
}
