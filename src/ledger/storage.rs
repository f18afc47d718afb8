//! The storage port of the ledger, and what it keeps.

use super::types::{Hash, RecordKey};
use crate::graph::response::Accepted;
use crate::remediation::Action;
use crate::time::Timestamp;

/// What is kept of a remediation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRecord {
    /// The payload hash of its payload.
    pub payload_hash: Hash,
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

/// Where records are kept: the object's own SQL, synchronous.
pub trait Store {
    /// A failure of the storage. What was written just before it may be kept: at worst it counts against the quota for an hour.
    type Error;

    /// The record in `record_key`.
    ///
    /// # Errors
    ///
    /// [`Store::Error`].
    fn find(&self, record_key: RecordKey) -> Result<Option<LedgerRecord>, Self::Error>;

    /// Returns the first remediation of `payload` with a key that Graph accepted after `since`, by an attempt that began at
    /// `earliest` or later.
    ///
    /// # Errors
    ///
    /// [`Store::Error`].
    fn first_success(
        &self,
        payload: &Hash,
        since: Timestamp,
        earliest: Timestamp,
    ) -> Result<Option<Success>, Self::Error>;

    /// Returns the last moment after `since` at which Graph may have done anything but `action` to these pairs:
    /// [`Effect::until`].
    ///
    /// # Errors
    ///
    /// [`Store::Error`].
    fn last_other(&self, pairs: u64, action: Action, since: Timestamp) -> Result<Option<Timestamp>, Self::Error>;

    /// Writes `record` into `record_key` where nothing is there. Gives whether it did.
    ///
    /// # Errors
    ///
    /// [`Store::Error`].
    fn add(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<bool, Self::Error>;

    /// Writes `record` into `record_key`, over what was there.
    ///
    /// # Errors
    ///
    /// [`Store::Error`].
    fn put(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<(), Self::Error>;

    /// Removes what is in `record_key`.
    ///
    /// # Errors
    ///
    /// [`Store::Error`].
    fn remove(&self, record_key: RecordKey) -> Result<(), Self::Error>;
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
