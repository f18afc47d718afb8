//! The ledger's tables, in the object's own SQLite.

use worker::{SqlStorage, SqlStorageValue};

use crate::graph::answer::Accepted;
use crate::ledger::order::{Hash, Slot};
use crate::ledger::rules::{Record, Store};
use crate::ledger::window::{SPAN, Window};
use crate::time::Timestamp;

/// The steps from an empty storage to the present tables. What has landed is never changed: a change is a further step.
const MIGRATIONS: [&str; 1] = [
    // One row for each remediation. Times are milliseconds since the Unix epoch. Each index costs a further write per remediation, so beside the
    // primary key there is one only for the successes with a key, which are also looked for by their payload; the rest is read when the object
    // starts and by the alarm.
    "CREATE TABLE remediation (
        slot BLOB PRIMARY KEY,
        payload BLOB NOT NULL,
        keyed INTEGER NOT NULL,
        counted INTEGER NOT NULL,
        began INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        accepted_at INTEGER,
        accepted TEXT
    ) WITHOUT ROWID;
    CREATE INDEX success ON remediation (payload, accepted_at) WHERE keyed AND accepted_at IS NOT NULL",
];

/// The tables of one object.
pub(super) struct Tables {
    sql: SqlStorage,
}

impl Tables {
    /// Opens the tables, made or brought up to date where they are not.
    pub(super) fn open(sql: SqlStorage) -> worker::Result<Self> {
        let tables = Self { sql };
        tables.run("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY)", vec![])?;
        let done = tables.integer("SELECT coalesce(max(version), 0) FROM migration", vec![])?;
        let done = usize::try_from(done).map_err(|_| unexpected())?;
        for (version, step) in (1_i64..).zip(MIGRATIONS).skip(done) {
            tables.run(step, vec![])?;
            tables.run("INSERT INTO migration VALUES (?)", vec![version.into()])?;
        }
        Ok(tables)
    }

    /// What the records of the last hour count against the quota.
    pub(super) fn window(&self, now: Timestamp) -> worker::Result<Window> {
        let since = now.millis().saturating_sub(crate::time::millis_of(SPAN));
        let rows = self.rows(
            "SELECT began / 1000, sum(counted) FROM remediation WHERE began >= ? AND counted > 0 GROUP BY 1",
            vec![integer(since)?],
        )?;
        let mut counted = Vec::new();
        for row in rows {
            let [second, emails] = <[SqlStorageValue; 2]>::try_from(row).map_err(|_| unexpected())?;
            counted.push((Timestamp::from_seconds(unsigned(&second)?), unsigned(&emails)?));
        }
        Ok(Window::of(counted))
    }

    /// Whether there is any record.
    pub(super) fn is_empty(&self) -> worker::Result<bool> {
        Ok(self.integer("SELECT NOT EXISTS (SELECT 1 FROM remediation)", vec![])? == 1)
    }

    /// Removes what has expired.
    pub(super) fn sweep(&self, now: Timestamp) -> worker::Result<()> {
        self.run("DELETE FROM remediation WHERE expires <= ?", vec![integer(now.millis())?])
    }

    fn run(&self, statement: &str, values: Vec<SqlStorageValue>) -> worker::Result<()> {
        self.sql.exec(statement, values).map(drop)
    }

    fn rows(&self, query: &str, values: Vec<SqlStorageValue>) -> worker::Result<Vec<Vec<SqlStorageValue>>> {
        self.sql.exec(query, values)?.raw().collect()
    }

    fn integer(&self, query: &str, values: Vec<SqlStorageValue>) -> worker::Result<u64> {
        let rows = self.rows(query, values)?;
        unsigned(rows.first().and_then(|row| row.first()).ok_or_else(unexpected)?)
    }
}

impl Store for Tables {
    type Failure = worker::Error;

    fn find(&self, slot: Slot) -> worker::Result<Option<Record>> {
        let query =
            "SELECT payload, keyed, counted, began, expires, accepted_at, accepted FROM remediation WHERE slot = ?";
        let mut rows = self.rows(query, vec![slot.0.to_vec().into()])?;
        rows.pop().map(|row| record(row).ok_or_else(unexpected)).transpose()
    }

    fn first_success(&self, payload: &Hash, since: Timestamp) -> worker::Result<Option<Accepted>> {
        let query = "SELECT accepted FROM remediation WHERE keyed AND payload = ? AND accepted_at > ? ORDER BY accepted_at LIMIT 1";
        let rows = self.rows(query, vec![payload.to_vec().into(), integer(since.millis())?])?;
        let Some(value) = rows.into_iter().flatten().next() else { return Ok(None) };
        accepted(&value).map(Some).ok_or_else(unexpected)
    }

    fn put(&self, slot: Slot, record: &Record) -> worker::Result<()> {
        let (accepted_at, accepted) = match &record.accepted {
            None => (SqlStorageValue::Null, SqlStorageValue::Null),
            Some((at, accepted)) => (integer(at.millis())?, serde_json::to_string(accepted)?.into()),
        };
        self.run(
            "INSERT OR REPLACE INTO remediation VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            vec![
                slot.0.to_vec().into(),
                record.payload.to_vec().into(),
                integer(record.keyed.into())?,
                integer(record.counted)?,
                integer(record.began.millis())?,
                integer(record.expires.millis())?,
                accepted_at,
                accepted,
            ],
        )
    }

    fn remove(&self, slot: Slot) -> worker::Result<()> {
        self.run("DELETE FROM remediation WHERE slot = ?", vec![slot.0.to_vec().into()])
    }
}

/// A row of `remediation` without its slot. `None` where it is not what [`Tables::put`] writes.
fn record(row: Vec<SqlStorageValue>) -> Option<Record> {
    let [payload, keyed, counted, began, expires, accepted_at, said] = <[SqlStorageValue; 7]>::try_from(row).ok()?;
    let moment = |value: &SqlStorageValue| unsigned(value).ok().map(Timestamp::from_millis);
    let accepted = match (&accepted_at, &said) {
        (SqlStorageValue::Null, SqlStorageValue::Null) => None,
        (at, said) => Some((moment(at)?, accepted(said)?)),
    };
    let SqlStorageValue::Blob(payload) = payload else { return None };
    Some(Record {
        payload: Hash::try_from(payload).ok()?,
        keyed: unsigned(&keyed).ok()? == 1,
        counted: unsigned(&counted).ok()?,
        began: moment(&began)?,
        expires: moment(&expires)?,
        accepted,
    })
}

fn accepted(value: &SqlStorageValue) -> Option<Accepted> {
    match value {
        SqlStorageValue::String(accepted) => serde_json::from_str(accepted).ok(),
        _ => None,
    }
}

fn integer(value: u64) -> worker::Result<SqlStorageValue> {
    SqlStorageValue::try_from_i64(i64::try_from(value).map_err(|_| unexpected())?)
}

fn unsigned(value: &SqlStorageValue) -> worker::Result<u64> {
    match value {
        SqlStorageValue::Integer(value) => u64::try_from(*value).map_err(|_| unexpected()),
        _ => Err(unexpected()),
    }
}

fn unexpected() -> worker::Error {
    worker::Error::RustError("the ledger's storage holds something unexpected".to_owned())
}
