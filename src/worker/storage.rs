//! The ledger's tables, in the object's own SQLite.

use std::time::Duration;

use js_sys::{ArrayBuffer, JsString, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::SqlStorage;

use super::promise;
use crate::graph::response::Accepted;
use crate::json;
use crate::ledger::StorageError;
use crate::ledger::quota::SPAN;
use crate::ledger::storage::{Effect, LedgerRecord, Records, Storage, Success};
use crate::ledger::types::{Hash, RecordKey};
use crate::remediation::{Action, Recipients};
use crate::time::{Timestamp, millis_of};

/// A number in SQLite's form: integers below 2^53 are exact.
type Integer = f64;

// One import per parameter list, so that the parameters keep their types and one call passes them all.
#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = ensureAlarm)]
    fn ensure_alarm(promise_id: u32, storage: &JsValue, wait: u32);
    #[wasm_bindgen(catch, js_name = run)]
    fn run_with_key(sql: &JsValue, statement: &JsString, record_key: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(catch, js_name = run)]
    fn run_put(
        sql: &JsValue,
        statement: &JsString,
        record_key: &[u8],
        payload: &[u8],
        keyed: Integer,
        counted: Integer,
        began: Integer,
        expires: Integer,
        accepted_at: Option<Integer>,
        accepted: &str,
    ) -> Result<Integer, JsValue>;
    #[wasm_bindgen(catch)]
    fn row(sql: &JsValue, query: &JsString) -> Result<Row, JsValue>;
    #[wasm_bindgen(catch, js_name = rows)]
    fn rows_integer(sql: &JsValue, query: &JsString, value: Integer) -> Result<Vec<Row>, JsValue>;
    #[wasm_bindgen(catch, js_name = row)]
    fn row_by_key(sql: &JsValue, query: &JsString, record_key: &[u8]) -> Result<Option<Row>, JsValue>;
    #[wasm_bindgen(catch, js_name = row)]
    fn row_payload(
        sql: &JsValue,
        query: &JsString,
        payload: &[u8],
        since: Integer,
        earliest: Integer,
    ) -> Result<Option<Row>, JsValue>;
    #[wasm_bindgen(catch, js_name = row)]
    fn row_pairs(
        sql: &JsValue,
        query: &JsString,
        began: Integer,
        pairs: &str,
        action: &str,
        since: Integer,
    ) -> Result<Row, JsValue>;

    /// A row of a result, with the columns of its query.
    type Row;
    #[wasm_bindgen(method, getter)]
    fn payload(this: &Row) -> ArrayBuffer;
    #[wasm_bindgen(method, getter)]
    fn keyed(this: &Row) -> Option<Integer>;
    #[wasm_bindgen(method, getter)]
    fn counted(this: &Row) -> Option<Integer>;
    #[wasm_bindgen(method, getter)]
    fn began(this: &Row) -> Option<Integer>;
    #[wasm_bindgen(method, getter)]
    fn expires(this: &Row) -> Option<Integer>;
    #[wasm_bindgen(method, getter)]
    fn accepted_at(this: &Row) -> Option<Integer>;
    #[wasm_bindgen(method, getter)]
    fn accepted(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn pairs(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn action(this: &Row) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn tried(this: &Row) -> Option<Integer>;
    #[wasm_bindgen(method, getter)]
    fn until(this: &Row) -> Option<Integer>;
    #[wasm_bindgen(method, getter)]
    fn version(this: &Row) -> Option<Integer>;
    #[wasm_bindgen(method, getter)]
    fn second(this: &Row) -> Option<Integer>;
    #[wasm_bindgen(method, getter, js_name = isEmpty)]
    fn is_empty(this: &Row) -> Option<Integer>;
}

impl From<JsValue> for StorageError {
    fn from(_: JsValue) -> Self {
        Self
    }
}

impl From<worker::Error> for StorageError {
    fn from(_: worker::Error) -> Self {
        Self
    }
}

/// The storage of one object.
pub(super) struct ObjectStorage(pub(super) worker::Storage);

impl Storage for ObjectStorage {
    type Records = Tables;

    fn open(&self) -> Result<Tables, StorageError> {
        Tables::open(self.0.sql())
    }

    async fn ensure_alarm(&self, wait: Duration) -> Result<(), StorageError> {
        let wait = u32::try_from(millis_of(wait)).unwrap_or(u32::MAX);
        promise::start(|promise_id| ensure_alarm(promise_id, self.0.as_raw(), wait)).await?;
        Ok(())
    }
}

/// Migrations from an empty storage to the present tables. A deployed migration never changes; a change is a new one.
const MIGRATIONS: [&str; 3] = [
    // One row for each remediation. Times are milliseconds since the Unix epoch. Each index costs a write per
    // remediation. So besides the primary key there is one index, for the successes with a key, which are also found by
    // their payload. The start of an object and the alarm read all rows.
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
    // Version 1 inserts eight values without column names, and a rollback must still work. Generated columns allow
    // that: their values are members of the JSON in `accepted` that version 1 does not read.
    "ALTER TABLE remediation ADD COLUMN pairs TEXT AS (accepted ->> 'pairs');
    ALTER TABLE remediation ADD COLUMN action TEXT AS (accepted ->> 'action');
    ALTER TABLE remediation ADD COLUMN tried INTEGER AS (accepted ->> 'tried');
    ALTER TABLE remediation ADD COLUMN until INTEGER AS (accepted ->> 'until');
    CREATE INDEX effect ON remediation (pairs, until, action) WHERE pairs IS NOT NULL",
    // Each remediation wrote the index three times, and only a replay without a key read it. Such a replay can just as
    // well read the rows of the last two hours.
    "DROP INDEX effect",
];

/// Content of the column `accepted`: the effect of a remediation, the counts of its recipients, and after Graph's
/// acceptance the other members of [`Accepted`], which version 1 reads.
#[derive(Default, Serialize)]
struct AcceptedColumn<'a> {
    /// Hexadecimal digits, because SQLite's integers are signed.
    pairs: Option<String>,
    action: Option<Action>,
    tried: Option<u64>,
    until: Option<u64>,
    location: Option<&'a str>,
    duplicate: Option<bool>,
    graph_request_id: Option<&'a str>,
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients: Option<Recipients>,
}

/// The member of [`AcceptedColumn`] that an attempt without an outcome has besides the generated columns.
#[derive(Deserialize)]
struct OpenColumn {
    recipients: Option<Recipients>,
}

impl<'a> AcceptedColumn<'a> {
    fn of(record: &'a LedgerRecord) -> Self {
        let mut column = Self::default();
        if let Some(Effect { pairs, action, tried, until }) = record.effect {
            column.pairs = Some(hexadecimal(pairs));
            column.action = Some(action);
            column.tried = Some(tried.millis());
            column.until = Some(until.millis());
        }
        if let Some(accepted) = &record.accepted {
            column.location = Some(&accepted.location);
            column.duplicate = Some(accepted.duplicate);
            column.graph_request_id = accepted.graph_request_id.as_deref();
            column.status = Some(accepted.status);
        }
        column.recipients = record.accepted.as_ref().map_or(record.recipients, |accepted| accepted.recipients);
        column
    }
}

/// Tables of one object, and the statements for each remediation as JavaScript strings.
pub(super) struct Tables {
    sql: SqlStorage,
    find: JsString,
    first_success: JsString,
    last_other_action: JsString,
    add: JsString,
    put: JsString,
    remove: JsString,
}

impl Tables {
    /// Opens the tables, and creates or updates them if necessary.
    fn open(sql: SqlStorage) -> Result<Self, StorageError> {
        sql.exec_raw("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY)", None)?;
        let query = "SELECT coalesce(max(version), 0) AS version FROM migration";
        let done = unsigned(row(sql.as_ref(), &query.into())?.version())?;
        let done = usize::try_from(done).map_err(|_| StorageError)?;
        for (version, step) in (1_i32..).zip(MIGRATIONS).skip(done) {
            sql.exec_raw(step, None)?;
            sql.exec_raw("INSERT INTO migration VALUES (?)", Some(vec![version.into()]))?;
        }
        Ok(Self {
            sql,
            find: "SELECT payload, keyed, counted, began, expires, accepted_at, accepted, pairs, action, tried, until
                FROM remediation WHERE slot = ?"
                .into(),
            first_success: "SELECT coalesce(tried, began) AS tried, accepted_at, accepted FROM remediation
                WHERE keyed AND payload = ? AND accepted_at > ? AND coalesce(tried, began) >= ? ORDER BY accepted_at LIMIT 1"
                .into(),
            last_other_action: "SELECT max(until) AS until FROM remediation
                WHERE began > ? AND pairs = ? AND action <> ? AND until > ?".into(),
            add: "INSERT INTO remediation VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (slot) DO NOTHING".into(),
            put: "INSERT OR REPLACE INTO remediation VALUES (?, ?, ?, ?, ?, ?, ?, ?)".into(),
            remove: "DELETE FROM remediation WHERE slot = ?".into(),
        })
    }

    /// Runs the statement that writes `record` under `record_key`. Returns the number of rows written to the table and
    /// its indexes.
    fn write(
        &self,
        statement: &JsString,
        record_key: RecordKey,
        record: &LedgerRecord,
    ) -> Result<Integer, StorageError> {
        let accepted_at = record.accepted.as_ref().map(|accepted| integer(accepted.at.millis()));
        let column = serde_json::to_string(&AcceptedColumn::of(record)).map_err(|_| StorageError)?;
        Ok(run_put(
            self.sql.as_ref(),
            statement,
            &record_key.0,
            &record.payload_hash.0,
            integer(record.keyed.into()),
            integer(record.emails),
            integer(record.began.millis()),
            integer(record.expires.millis()),
            accepted_at,
            &column,
        )?)
    }
}

impl Records for Tables {
    fn find(&self, record_key: RecordKey) -> Result<Option<LedgerRecord>, StorageError> {
        let row = row_by_key(self.sql.as_ref(), &self.find, &record_key.0)?;
        row.map(|row| parse_record(&row).ok_or(StorageError)).transpose()
    }

    fn first_success(
        &self,
        payload: &Hash,
        since: Timestamp,
        earliest: Timestamp,
    ) -> Result<Option<Success>, StorageError> {
        let (since, earliest) = (integer(since.millis()), integer(earliest.millis()));
        let Some(row) = row_payload(self.sql.as_ref(), &self.first_success, &payload.0, since, earliest)? else {
            return Ok(None);
        };
        let at = moment(row.accepted_at())?;
        let accepted = parse_accepted(at, row.accepted()).ok_or(StorageError)?;
        Ok(Some(Success { tried: moment(row.tried())?, accepted }))
    }

    fn last_other_action(
        &self,
        pairs: u64,
        action: Action,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, StorageError> {
        // A retry keeps the start of its record for an hour at most. SQLite compares the start first, and so does not
        // parse the JSON of older rows.
        let began = since.minus(2 * SPAN);
        let (began, since) = (integer(began.millis()), integer(since.millis()));
        let row =
            row_pairs(self.sql.as_ref(), &self.last_other_action, began, &hexadecimal(pairs), action.as_str(), since)?;
        row.until().map(|until| moment(Some(until))).transpose()
    }

    fn add(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<bool, StorageError> {
        Ok(self.write(&self.add, record_key, record)? > 0.0)
    }

    fn put(&self, record_key: RecordKey, record: &LedgerRecord) -> Result<(), StorageError> {
        self.write(&self.put, record_key, record)?;
        Ok(())
    }

    fn remove(&self, record_key: RecordKey) -> Result<(), StorageError> {
        Ok(run_with_key(self.sql.as_ref(), &self.remove, &record_key.0)?)
    }

    fn counted_emails(&self, now: Timestamp) -> Result<Vec<(Timestamp, u64)>, StorageError> {
        let since = now.millis().saturating_sub(millis_of(SPAN));
        let query = "SELECT began / 1000 AS second, sum(counted) AS counted FROM remediation
            WHERE began >= ? AND counted > 0 GROUP BY 1";
        let rows = rows_integer(self.sql.as_ref(), &query.into(), integer(since))?;
        let counted = |row: &Row| Ok((Timestamp::from_seconds(unsigned(row.second())?), unsigned(row.counted())?));
        rows.iter().map(counted).collect()
    }

    fn is_empty(&self) -> Result<bool, StorageError> {
        let query = "SELECT NOT EXISTS (SELECT 1 FROM remediation) AS isEmpty";
        Ok(row(self.sql.as_ref(), &query.into())?.is_empty() == Some(1.0))
    }

    fn sweep(&self, now: Timestamp) -> Result<(), StorageError> {
        let now = vec![integer(now.millis()).into()];
        self.sql.exec_raw("DELETE FROM remediation WHERE expires <= ?", Some(now))?;
        Ok(())
    }
}

/// Parses a row of `remediation`. Returns `None` if [`Tables::put`] did not write it.
fn parse_record(row: &Row) -> Option<LedgerRecord> {
    let (accepted, recipients) = match row.accepted_at() {
        // There are no counts if the attempt has not read its list, or if an older version wrote the record.
        None => (None, row.accepted().and_then(|members| json::read::<OpenColumn>(members.as_bytes())?.recipients)),
        at => (Some(parse_accepted(moment(at).ok()?, row.accepted())?), None),
    };
    let effect = |pairs: String| {
        let (pairs, action) = (u64::from_str_radix(&pairs, 16).ok()?, Action::parse(&row.action()?)?);
        Some(Effect { pairs, action, tried: moment(row.tried()).ok()?, until: moment(row.until()).ok()? })
    };
    Some(LedgerRecord {
        payload_hash: Hash(Uint8Array::new(&row.payload()).to_vec().try_into().ok()?),
        keyed: unsigned(row.keyed()).ok()? == 1,
        emails: unsigned(row.counted()).ok()?,
        began: moment(row.began()).ok()?,
        expires: moment(row.expires()).ok()?,
        accepted,
        recipients,
        // Version 1 wrote none.
        effect: row.pairs().and_then(effect),
    })
}

/// Parses Graph's response of the time `at`.
fn parse_accepted(at: Timestamp, members: Option<String>) -> Option<Accepted> {
    Some(Accepted { at, ..json::read(members?.as_bytes())? })
}

fn hexadecimal(pairs: u64) -> String {
    format!("{pairs:016x}")
}

fn moment(value: Option<Integer>) -> Result<Timestamp, StorageError> {
    unsigned(value).map(Timestamp::from_millis)
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "milliseconds and counts stay below 2^53")]
const fn integer(value: u64) -> Integer {
    value as Integer
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was an integer below 2^53 when it was written; the cast saturates at both ends"
)]
fn unsigned(value: Option<Integer>) -> Result<u64, StorageError> {
    value.filter(|value| *value >= 0.0).map(|value| value as u64).ok_or(StorageError)
}
