//! The alarm of a ledger removes expired records, keeps the others, and is set while there are records.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use acceptance::{API_KEY, API_KEY_SHA256, Failure, Gateway, Response, Setup, TestResult, World, guid, payload, tests};
use serde_json::{Value, json};

const BEFORE: &[(&str, &str)] = &[("main.js", include_str!("main.js"))];

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        alarm_removes_only_expired_records,
        alarm_is_set_while_ledger_has_records,
        alarm_keeps_its_time_after_object_restart,
        success_is_replayed_until_its_window_expires,
    ])
}

/// A gateway with its own clock and a caller with an API key: tokens follow the real clock.
async fn gateway(world: &World) -> Result<Gateway, Failure> {
    let caller = json!({ "name": "script", "api_key_sha256": [API_KEY_SHA256], "actions": ["softDelete"], "recipient_domains": ["*"] });
    let bindings = world.bindings_with(json!({ "CALLERS": [caller] }));
    world.gateway_as(&Setup { before: BEFORE, ..bindings.into() }).await
}

async fn ask(gateway: &Gateway, payload: &Value, key: Option<&str>) -> Result<Response, Failure> {
    let request = gateway.post("/remediate").header("X-API-Key", API_KEY).json(payload);
    Response::to(if let Some(key) = key { request.header("Idempotency-Key", key) } else { request }).await
}

/// Sends a remediation, which must be accepted.
async fn remediate(gateway: &Gateway, payload: &Value, key: Option<&str>) -> TestResult {
    let response = ask(gateway, payload, key).await?;
    assert_eq!((response.status, response.header("idempotency-replayed")), (202, None), "{response:?}");
    Ok(())
}

/// Returns the state of the ledger.
async fn ledger(gateway: &Gateway) -> Result<Value, Failure> {
    Ok(Response::to(gateway.get("/ledger/script")).await?.json())
}

/// Advances the clock.
async fn advance(gateway: &Gateway, time: Duration) -> TestResult {
    Response::to(gateway.post("/ledger/script").body(time.as_millis().to_string())).await?;
    Ok(())
}

/// Advances the clock until the alarm goes off. Returns the state of the ledger after it.
async fn advance_to_alarm(gateway: &mut Gateway, time: Duration) -> Result<Value, Failure> {
    gateway.forget_output();
    advance(gateway, time).await?;
    let line = gateway.wait_for_line(|line| line.starts_with(r#"{"swept":"#)).await?;
    Ok(serde_json::from_str::<Value>(&line)?["swept"].clone())
}

/// Asserts that an alarm goes off within an hour.
fn assert_alarm_within_an_hour(ledger: &Value) {
    let within = ledger["in"].as_i64().unwrap_or_default();
    let hour = i64::try_from(HOUR.as_millis()).unwrap_or_default();
    assert!((1..=hour).contains(&within), "{ledger}");
}

async fn alarm_removes_only_expired_records(world: &World) -> TestResult {
    let mut gateway = gateway(world).await?;
    let (keyed, bare, key) = (payload(), payload(), guid());
    remediate(&gateway, &keyed, Some(&key)).await?;
    remediate(&gateway, &bare, None).await?;
    let before = ledger(&gateway).await?;
    assert_eq!(before["rows"], 2);
    assert_alarm_within_an_hour(&before);

    // A record without a key is kept for an hour, the quota's window; a record with a key for a day.
    let after = advance_to_alarm(&mut gateway, HOUR + MINUTE).await?;
    assert_eq!(after["rows"], 1, "{after}");
    assert_alarm_within_an_hour(&after);
    let replayed = ask(&gateway, &keyed, Some(&key)).await?;
    assert_eq!((replayed.status, replayed.header("idempotency-replayed")), (202, Some("true")), "{replayed:?}");

    // 24 hours after the acceptance the record is removed, and no alarm is needed.
    let after = advance_to_alarm(&mut gateway, 23 * HOUR).await?;
    assert_eq!((&after["rows"], &after["at"]), (&json!(0), &Value::Null), "{after}");
    Ok(())
}

async fn alarm_is_set_while_ledger_has_records(world: &World) -> TestResult {
    let mut gateway = gateway(world).await?;
    remediate(&gateway, &payload(), Some(&guid())).await?;
    for _ in 0..23 {
        let after = advance_to_alarm(&mut gateway, HOUR).await?;
        assert_eq!(after["rows"], 1, "{after}");
        assert_alarm_within_an_hour(&after);
    }
    let after = advance_to_alarm(&mut gateway, HOUR).await?;
    assert_eq!((&after["rows"], &after["at"]), (&json!(0), &Value::Null), "{after}");

    // The next record sets the alarm again.
    remediate(&gateway, &payload(), None).await?;
    assert_alarm_within_an_hour(&ledger(&gateway).await?);
    let after = advance_to_alarm(&mut gateway, HOUR + MINUTE).await?;
    assert_eq!((&after["rows"], &after["at"]), (&json!(0), &Value::Null), "{after}");
    Ok(())
}

/// 24 hours with a key, 30 minutes without one, whether or not the alarm went off.
async fn success_is_replayed_until_its_window_expires(world: &World) -> TestResult {
    let gateway = gateway(world).await?;
    let key = guid();
    for (key, almost) in [(None, 29 * MINUTE), (Some(key.as_str()), 23 * HOUR + 59 * MINUTE)] {
        let payload = payload();
        remediate(&gateway, &payload, key).await?;
        advance(&gateway, almost).await?;
        let replayed = ask(&gateway, &payload, key).await?;
        assert_eq!((replayed.status, replayed.header("idempotency-replayed")), (202, Some("true")), "{replayed:?}");
        advance(&gateway, 2 * MINUTE).await?;
        remediate(&gateway, &payload, key).await?;
    }
    Ok(())
}

/// If a start postponed the alarm, an object that starts more than once an hour would keep its expired records.
async fn alarm_keeps_its_time_after_object_restart(world: &World) -> TestResult {
    let mut gateway = gateway(world).await?;
    remediate(&gateway, &payload(), None).await?;
    let first = ledger(&gateway).await?;
    assert_alarm_within_an_hour(&first);
    gateway.start_again().await?;
    remediate(&gateway, &payload(), None).await?;
    let second = ledger(&gateway).await?;
    assert_eq!((&second["rows"], &second["at"]), (&json!(2), &first["at"]));
    Ok(())
}
