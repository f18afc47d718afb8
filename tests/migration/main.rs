//! A ledger's tables survive a deployment and a rollback: each version reads the records of the other.
//!
//! The statements of version 1 are the deployed ones and never change.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{SystemTime, UNIX_EPOCH};

use acceptance::{API_KEY, API_KEY_SHA256, Failure, Gateway, Response, Setup, TestResult, World, payload, tests};
use remediation_gateway::ledger::LedgerRequest;
use remediation_gateway::ledger::types::Hash;
use remediation_gateway::remediation::{self, GraphVersion};
use sandbox::Endpoint;
use serde_json::{Value, json};

const BEFORE: &[(&str, &str)] = &[("main.js", include_str!("main.js"))];

/// Version 1: its tables, and its statements for each remediation.
mod v1 {
    pub(super) const TABLES: [&str; 3] = [
        "CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY)",
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
        "INSERT INTO migration VALUES (1)",
    ];
    pub(super) const VERSION: &str = "SELECT coalesce(max(version), 0) FROM migration";
    pub(super) const FIND: &str =
        "SELECT payload, keyed, counted, began, expires, accepted_at, accepted FROM remediation WHERE slot = ?";
    pub(super) const FIRST_SUCCESS: &str =
        "SELECT accepted FROM remediation WHERE keyed AND payload = ? AND accepted_at > ? ORDER BY accepted_at LIMIT 1";
    pub(super) const ADD: &str =
        "INSERT INTO remediation VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (slot) DO NOTHING";
    pub(super) const PUT: &str = "INSERT OR REPLACE INTO remediation VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    pub(super) const REMOVE: &str = "DELETE FROM remediation WHERE slot = ?";
    pub(super) const WINDOW: &str =
        "SELECT began / 1000, sum(counted) FROM remediation WHERE began >= ? AND counted > 0 GROUP BY 1";
    pub(super) const SWEEP: &str = "DELETE FROM remediation WHERE expires <= ?";
}

/// The values that version 1 writes for a success.
const ACCEPTED: &str = r#"{"location":"https://security.microsoft.com/of-version-1","duplicate":false,"graph_request_id":null,"status":202}"#;

/// An idempotency key, and its SHA-256.
const KEY: &str = "a-key-of-version-1";
const KEY_SHA256: [u8; 32] = [
    0xea, 0x8f, 0x6f, 0xbc, 0x4f, 0x21, 0x52, 0xae, 0x47, 0x2b, 0xd0, 0xfe, 0x66, 0x5d, 0x1e, 0x94, 0xbf, 0x18, 0xe1,
    0xab, 0x91, 0x06, 0xa6, 0xbb, 0xbd, 0xcc, 0x5d, 0x57, 0xc7, 0x32, 0xff, 0x12,
];

const HOUR: u64 = 3_600_000;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![records_of_version_1_are_kept, version_1_works_on_the_tables_of_this_version,])
}

async fn gateway(world: &World) -> Result<Gateway, Failure> {
    let caller = json!({
        "name": "script", "api_key_sha256": [API_KEY_SHA256], "actions": ["softDelete", "moveToInbox"],
        "recipient_domains": ["*"], "max_emails_per_request": 10, "max_emails_per_hour": 10,
    });
    let bindings = world.bindings_with(json!({ "CALLERS": [caller] }));
    world.gateway_as(&Setup { before: BEFORE, ..bindings.into() }).await
}

async fn ask(gateway: &Gateway, payload: &Value, with_key: bool) -> Result<Response, Failure> {
    let request = gateway.post("/remediate").header("X-API-Key", API_KEY).json(payload);
    Response::to(if with_key { request.header("Idempotency-Key", KEY) } else { request }).await
}

/// Rows of a statement's result, and the number of rows that it wrote.
async fn sql(gateway: &Gateway, statement: &str, values: &[Value]) -> Result<(Vec<Value>, u64), Failure> {
    let request = gateway.post("/sql/script").json(&json!({ "statement": statement, "values": values }));
    let response = Response::to(request).await?;
    assert_eq!(response.status, 200, "{statement}: {response:?}");
    let body = response.json();
    Ok((body["rows"].as_array().cloned().unwrap_or_default(), body["written"].as_u64().unwrap_or_default()))
}

fn now() -> Result<u64, Failure> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

fn blob(hash: [u8; 32]) -> Value {
    json!({ "blob": hash })
}

/// Record key and payload hash of a remediation. No version may change them.
fn identity(payload: &Value, with_key: bool) -> Result<(Value, Value), Failure> {
    let body = payload.to_string();
    let remediation = remediation::parse(body.as_bytes()).map_err(|_| "no remediation")?;
    let request = LedgerRequest {
        key: with_key.then_some(Hash(KEY_SHA256)),
        payload_hash: Hash(remediation.payload_hash()),
        pairs: remediation.pairs_digest(),
        action: remediation.action,
        emails: 1,
        emails_per_hour: 10,
        version: GraphVersion::Beta,
        newer_member: false,
    };
    Ok((blob(request.record_key().0), blob(request.payload_hash.0)))
}

/// Returns the values of a version 1 record that began at `began`; a record that was not accepted is open.
fn record(payload: &Value, with_key: bool, began: u64, accepted: bool) -> Result<Vec<Value>, Failure> {
    let (record_key, payload_hash) = identity(payload, with_key)?;
    let expires = began + if with_key { 24 * HOUR } else { HOUR };
    let (at, accepted) = if accepted { (json!(began), json!(ACCEPTED)) } else { (Value::Null, Value::Null) };
    let keyed = u8::from(with_key);
    Ok(vec![record_key, payload_hash, json!(keyed), json!(1), json!(began), json!(expires), at, accepted])
}

/// At its first use, an object migrates the tables of version 1: every record is replayed, retried and counted.
async fn records_of_version_1_are_kept(world: &World) -> TestResult {
    let gateway = gateway(world).await?;
    for statement in v1::TABLES {
        sql(&gateway, statement, &[]).await?;
    }
    let began = now()? - 60_000;
    let (keyed, bare, open) = (payload(), payload(), payload());
    for (payload, with_key, accepted) in [(&keyed, true, true), (&bare, false, true), (&open, false, false)] {
        let (_, written) = sql(&gateway, v1::ADD, &record(payload, with_key, began, accepted)?).await?;
        assert!(written > 0);
    }

    for (payload, with_key) in [(&keyed, true), (&keyed, false), (&bare, false)] {
        let response = ask(&gateway, payload, with_key).await?;
        assert_eq!((response.status, response.header("idempotency-replayed")), (202, Some("true")), "{response:?}");
        assert_eq!(response.header("location"), Some("https://security.microsoft.com/of-version-1"));
        assert_eq!(response.left(), 7, "what version 1 counted counts");
    }
    assert_eq!(ask(&gateway, &bare, true).await?.status, 422, "the key is the other payload's");
    let retry = ask(&gateway, &open, false).await?;
    assert_eq!((retry.status, retry.header("idempotency-replayed")), (202, None), "{retry:?}");
    assert_eq!(retry.left(), 7, "an open record is counted once");

    // The replay of a version 1 record expires like any other.
    for payload in [&keyed, &bare] {
        let mut restored = payload.clone();
        restored["action"] = "moveToInbox".into();
        assert_eq!(ask(&gateway, &restored, false).await?.status, 202);
        let again = ask(&gateway, payload, false).await?;
        assert_eq!((again.status, again.header("idempotency-replayed")), (202, None), "{again:?}");
    }
    let replayed = ask(&gateway, &keyed, true).await?;
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"), "a key keeps its success: {replayed:?}");
    assert_eq!(sql(&gateway, v1::VERSION, &[]).await?.0, [json!([3])]);
    Ok(())
}

/// After a rollback, version 1 finds this version's records, and this version later finds those of version 1.
async fn version_1_works_on_the_tables_of_this_version(world: &World) -> TestResult {
    let mut gateway = gateway(world).await?;
    let (keyed, bare) = (payload(), payload());
    for (payload, with_key) in [(&keyed, true), (&bare, false)] {
        assert_eq!(ask(&gateway, payload, with_key).await?.status, 202);
        let (record_key, payload_hash) = identity(payload, with_key)?;
        let (rows, _) = sql(&gateway, v1::FIND, &[record_key]).await?;
        let row = &rows[0];
        assert_eq!((&row[0], &row[1], &row[2]), (&payload_hash, &json!(u8::from(with_key)), &json!(1)));
        assert_success(&row[6])?;
        assert!(row[5].is_u64(), "{row}");
        let (rows, _) = sql(&gateway, v1::FIRST_SUCCESS, &[payload_hash, json!(0)]).await?;
        assert_eq!(rows.len(), usize::from(with_key));
        rows.first().map_or(Ok(()), |row| assert_success(&row[0]))?;
    }
    // Version 1 does not take an unknown version for its own, and adds no migration to it.
    assert_eq!(sql(&gateway, v1::VERSION, &[]).await?.0, [json!([3])]);
    let (rows, _) = sql(&gateway, v1::WINDOW, &[json!(0)]).await?;
    assert_eq!(rows.iter().filter_map(|row| row[1].as_u64()).sum::<u64>(), 2);

    let (one, other, began) = (payload(), payload(), now()?);
    let open = record(&one, false, began, false)?;
    assert!(sql(&gateway, v1::ADD, &open).await?.1 > 0);
    assert_eq!(sql(&gateway, v1::ADD, &open).await?.1, 0, "it is there");
    sql(&gateway, v1::PUT, &record(&one, false, began, true)?).await?;
    sql(&gateway, v1::PUT, &record(&keyed, true, began, true)?).await?;
    sql(&gateway, v1::PUT, &record(&other, false, began, false)?).await?;
    sql(&gateway, v1::REMOVE, &[identity(&other, false)?.0]).await?;
    sql(&gateway, v1::SWEEP, &[json!(began)]).await?;

    // The next deployment: the objects restart.
    gateway.start_again().await?;
    let calls = || world.sandbox.recorded_at(Endpoint::Remediate).len();
    assert_eq!(calls(), 2);
    for (payload, with_key) in [(&keyed, true), (&bare, false), (&one, false)] {
        let response = ask(&gateway, payload, with_key).await?;
        assert_eq!((response.status, response.header("idempotency-replayed")), (202, Some("true")), "{response:?}");
        assert_eq!(response.left(), 7);
    }
    assert_eq!(calls(), 2);
    assert_eq!(ask(&gateway, &other, false).await?.status, 202);
    assert_eq!(calls(), 3);
    Ok(())
}

/// Asserts that version 1 can parse this column as a success: all members, with their types.
fn assert_success(column: &Value) -> TestResult {
    let success: Value = serde_json::from_str(column.as_str().ok_or("no text")?)?;
    assert!(success["location"].is_string() && success["duplicate"].is_boolean(), "{success}");
    assert!(success["graph_request_id"].is_string() && success["status"] == 202, "{success}");
    Ok(())
}
