//! The storage ports of the ledger, and what they keep.
#![expect(async_fn_in_trait, reason = "an isolate is single-threaded: no caller could want `Send` futures")]

use std::time::Duration;

use super::error::StorageError;
use super::types::{Hash, RecordKey};
use crate::graph::response::Accepted;
use crate::remediation::Action;
use crate::time::Timestamp;

/// What is kept of a remediation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRecord {
    /// The payload hash of its payload.
    pub payload_hash: Hash,
    /// Whether it came with a key. Its success is then found by its payload too: [`Records::first_success`].
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

/// Where a ledger is kept: the object's own storage.
pub trait Storage {
    /// The records.
    type Records: Records;

    /// Opens the records, created or migrated first if necessary.
    ///
    /// # Errors
    ///
    /// [`StorageError`].
    fn open(&self) -> Result<Self::Records, StorageError>;

    /// Sets an alarm that goes off after `wait`, unless one is set: an alarm that each start of the object postponed might never go off.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; no alarm may be set then.
    async fn keep_alarm(&self, wait: Duration) -> Result<(), StorageError>;
}

/// The records of one caller, synchronous. What was written between two awaits is durable as one, before any call to Graph leaves.
///
/// Each function fails with a [`StorageError`] if the storage failed. A record that was written just before may be kept: at worst
/// it counts against the quota for an hour.
#[expect(clippy::missing_errors_doc, reason = "all of them fail for the same reason")]
pub trait Records {
    /// Returns the record in `record_key`.
    fn find(&self, record_key: RecordKey) -> Result<Option<LedgerRecord>, StorageError>;

    /// Returns the first remediation of `payload` with a key that Graph accepted after `since`, by an attempt that began at
    /// `earliest` or later.
    fn first_success(
        &self,
        payload: &Hash,
        since: Timestamp,
        earliest: Timestamp,
    ) -> Result<Option<Success>, StorageError>;

    /// Returns the last moment after `since` at which Graph may have done anything but `action` to these pairs:
    /// [`Effect::until`].
    fn last_other(&self, pairs: u64, action: Action, since: Timestamp) -> Result<Option<Timestamp>, StorageError>;

    /// Writes `record` into `record_key` if nothing is there. Returns whether it did.
    fn add(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<bool, StorageError>;

    /// Writes `record` into `record_key`, over what was there.
    fn put(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<(), StorageError>;

    /// Removes what is in `record_key`.
    fn remove(&self, record_key: RecordKey) -> Result<(), StorageError>;

    /// Returns how many emails the remediations of the last hour count, with the second in which they began.
    fn counted(&self, now: Timestamp) -> Result<Vec<(Timestamp, u64)>, StorageError>;

    /// Returns whether there is no record.
    fn is_empty(&self) -> Result<bool, StorageError>;

    /// Removes the records that expire at `now` or before.
    fn sweep(&self, now: Timestamp) -> Result<(), StorageError>;
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

/// A remediation that Graph accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Success {
    /// When the attempt began that Graph accepted.
    pub tried: Timestamp,
    /// What Graph said.
    pub accepted: Accepted,
}
