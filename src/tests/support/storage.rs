//! Ledger's storage in memory, for the native tests and the fuzz targets.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use remediation_gateway::ledger::StorageError;
use remediation_gateway::ledger::quota::SPAN;
use remediation_gateway::ledger::storage::{LedgerRecord, Records, Storage, Success};
use remediation_gateway::ledger::types::{Hash, RecordKey};
use remediation_gateway::remediation::Action;
use remediation_gateway::time::Timestamp;

/// Storage of one object, which outlives the object's instances. Clones share one state.
#[derive(Clone, Default)]
pub(crate) struct MemoryStorage(Rc<StoredLedger>);

/// Stored data.
#[derive(Default)]
pub(crate) struct StoredLedger {
    pub(crate) records: RefCell<BTreeMap<RecordKey, LedgerRecord>>,
    /// Whether an alarm is set.
    pub(crate) alarm: Cell<bool>,
    /// Whether all operations fail.
    pub(crate) broken: Cell<bool>,
}

impl std::ops::Deref for MemoryStorage {
    type Target = StoredLedger;

    fn deref(&self) -> &StoredLedger {
        &self.0
    }
}

impl StoredLedger {
    fn working(&self) -> Result<&RefCell<BTreeMap<RecordKey, LedgerRecord>>, StorageError> {
        if self.broken.get() { Err(StorageError) } else { Ok(&self.records) }
    }
}

impl Storage for MemoryStorage {
    type Records = Self;

    fn open(&self) -> Result<Self, StorageError> {
        self.working()?;
        Ok(self.clone())
    }

    async fn ensure_alarm(&self, _: Duration) -> Result<(), StorageError> {
        self.working()?;
        self.alarm.set(true);
        Ok(())
    }
}

impl Records for MemoryStorage {
    fn find(&self, record_key: RecordKey) -> Result<Option<LedgerRecord>, StorageError> {
        Ok(self.working()?.borrow().get(&record_key).cloned())
    }

    fn first_success(
        &self,
        payload: &Hash,
        since: Timestamp,
        earliest: Timestamp,
    ) -> Result<Option<Success>, StorageError> {
        let records = self.working()?.borrow();
        let of_payload = records.values().filter(|record| record.keyed && record.payload_hash == *payload);
        let successes = of_payload
            .filter_map(|record| Some(Success { tried: record.effect?.tried, accepted: record.accepted.clone()? }));
        let in_time = successes.filter(|success| success.accepted.at > since && success.tried >= earliest);
        Ok(in_time.min_by_key(|success| success.accepted.at))
    }

    fn last_other_action(
        &self,
        pairs: u64,
        action: Action,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, StorageError> {
        let records = self.working()?.borrow();
        let effects = records.values().filter_map(|record| record.effect);
        let others = effects.filter(|effect| effect.pairs == pairs && effect.action != action);
        Ok(others.map(|effect| effect.until).filter(|until| *until > since).max())
    }

    fn add(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<bool, StorageError> {
        let mut records = self.working()?.borrow_mut();
        let is_new = !records.contains_key(&record_key);
        records.entry(record_key).or_insert_with(|| record.clone());
        Ok(is_new)
    }

    fn put(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<(), StorageError> {
        self.working()?.borrow_mut().insert(record_key, record.clone());
        Ok(())
    }

    fn remove(&self, record_key: RecordKey) -> Result<(), StorageError> {
        self.working()?.borrow_mut().remove(&record_key);
        Ok(())
    }

    fn counted_emails(&self, now: Timestamp) -> Result<Vec<(Timestamp, u64)>, StorageError> {
        let records = self.working()?.borrow();
        let counting = records.values().filter(|record| record.began >= now.minus(SPAN));
        Ok(counting.map(|record| (Timestamp::from_seconds(record.began.millis() / 1000), record.emails)).collect())
    }

    fn is_empty(&self) -> Result<bool, StorageError> {
        Ok(self.working()?.borrow().is_empty())
    }

    fn sweep(&self, now: Timestamp) -> Result<(), StorageError> {
        self.working()?.borrow_mut().retain(|_, record| record.expires > now);
        Ok(())
    }
}
