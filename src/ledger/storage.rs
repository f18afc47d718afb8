//! The ledger's storage ports and records.
#![expect(async_fn_in_trait, reason = "an isolate is single-threaded: no caller could want `Send` futures")]

use std::time::Duration;

use super::error::StorageError;
use super::types::{Hash, RecordKey};
use crate::graph::response::Accepted;
use crate::remediation::{Action, Recipients};
use crate::time::Timestamp;

/// Record of a remediation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRecord {
    /// Payload hash of the request: see [`LedgerRequest`](super::types::LedgerRequest).
    pub payload_hash: Hash,
    /// Whether the request had an idempotency key. Then [`Records::first_success`] also finds the success by its
    /// payload.
    pub keyed: bool,
    /// Number of emails counted against the quota.
    pub emails: u64,
    /// Start of the attempt that counted `emails`. A retry within the hour keeps it: see [`Effect::tried`].
    pub began: Timestamp,
    /// Time from which the record has no effect and may be removed.
    pub expires: Timestamp,
    /// Graph's acceptance. `None` while the attempt is in flight or its outcome is unknown.
    pub accepted: Option<Accepted>,
    /// Counts of the recipients that were submitted with an unknown outcome, if Graph's list named them. An older
    /// version does not store them.
    pub recipients: Option<Recipients>,
    /// Mail that the remediation may have moved. `None` in records of an older version, which did not store it.
    pub effect: Option<Effect>,
}

/// Storage of one ledger: the object's own storage.
pub trait Storage {
    /// The opened records.
    type Records: Records;

    /// Opens the records. Creates or migrates the tables if necessary.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    fn open(&self) -> Result<Self::Records, StorageError>;

    /// Sets an alarm after `wait`, unless one is set: an alarm that each start of the object postponed might never go
    /// off.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; possibly no alarm is set then.
    async fn ensure_alarm(&self, wait: Duration) -> Result<(), StorageError>;
}

/// Records of one caller, synchronous. Writes between two awaits become durable together, before any call to Graph
/// leaves.
///
/// Each function fails with a [`StorageError`] if the storage failed. A record that was written just before may remain:
/// at worst it counts against the quota for an hour.
#[expect(clippy::missing_errors_doc, reason = "all of them fail for the same reason")]
pub trait Records {
    /// Returns the record in `record_key`.
    fn find(&self, record_key: RecordKey) -> Result<Option<LedgerRecord>, StorageError>;

    /// Returns the first success after `since` of a request with an idempotency key and this `payload`, whose attempt
    /// began at `earliest` or later.
    fn first_success(
        &self,
        payload: &Hash,
        since: Timestamp,
        earliest: Timestamp,
    ) -> Result<Option<Success>, StorageError>;

    /// Returns the last time after `since` at which Graph may have done anything except `action` to these pairs:
    /// [`Effect::until`].
    fn last_other_action(
        &self,
        pairs: u64,
        action: Action,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, StorageError>;

    /// Writes `record` to `record_key` if it is empty. Returns whether it was empty.
    fn add(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<bool, StorageError>;

    /// Writes `record` to `record_key`, replacing the present record.
    fn put(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<(), StorageError>;

    /// Removes the record in `record_key`.
    fn remove(&self, record_key: RecordKey) -> Result<(), StorageError>;

    /// Returns the number of emails that the remediations of the last hour count, with the second in which they began.
    fn counted_emails(&self, now: Timestamp) -> Result<Vec<(Timestamp, u64)>, StorageError>;

    /// Returns whether there is no record.
    fn is_empty(&self) -> Result<bool, StorageError>;

    /// Removes the records that expire at `now` or before.
    fn sweep(&self, now: Timestamp) -> Result<(), StorageError>;
}

/// Mail that a remediation may have moved, and when.
///
/// A success no longer describes the mail once another action may have moved it. The times decide which of two
/// remediations came last, as far as possible: Graph may have acted at any time from `tried` to `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Digest of the pairs.
    pub pairs: u64,
    /// Action.
    pub action: Action,
    /// Start of the latest attempt.
    pub tried: Timestamp,
    /// Last time at which Graph may have acted: the end of the latest attempt that Graph did not certainly reject; for
    /// an attempt in flight, its latest possible end.
    pub until: Timestamp,
}

/// A remediation that Graph accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Success {
    /// Start of the attempt that Graph accepted.
    pub tried: Timestamp,
    /// Graph's response.
    pub accepted: Accepted,
}
