//! The ledger's guarantees for repeated and concurrent requests, with and without keys, after a disconnect and after a
//! crash (contract, section 7).

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod at_once;
mod interrupted;
mod keys;

use std::time::Duration;

use acceptance::{Failure, Raw, Response, TestResult, World, tests};
use sandbox::Endpoint;
use serde_json::Value;

/// Longer than any step of a test that has no scripted delay.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        keys::quoted_or_bare_key_replays_its_success,
        keys::key_reused_with_another_payload_returns_422,
        keys::new_key_sends_the_remediation_again,
        keys::request_without_key_is_replayed_by_its_payload,
        keys::request_without_key_replays_success_of_a_keyed_request,
        keys::payload_identity_ignores_labels_order_and_case,
        keys::replay_has_content_of_first_response_in_requested_form,
        keys::duplicate_is_replayed_as_a_duplicate,
        keys::each_caller_has_a_separate_ledger,
        keys::ledger_ignores_case_of_caller_name,
        keys::success_is_not_replayed_after_another_action,
        keys::validate_only_writes_no_record,
        at_once::two_hundred_concurrent_requests_cause_one_call,
        at_once::request_for_remediation_in_flight_waits_for_its_outcome,
        at_once::failure_is_returned_to_waiting_requests_and_not_replayed,
        interrupted::disconnected_caller_does_not_stop_its_remediation,
        interrupted::retry_after_disconnect_during_fetch_or_wait_is_accepted_once,
        interrupted::disconnected_caller_does_not_affect_waiting_callers,
        interrupted::request_with_incomplete_body_is_ignored,
        interrupted::retry_after_crash_before_response_is_accepted_once,
        interrupted::successes_survive_a_restart,
    ])
}

async fn ask(world: &World, payload: &Value) -> Result<Response, Failure> {
    Response::to(world.remediate(payload)).await
}

async fn ask_with_key(world: &World, key: &str, payload: &Value) -> Result<Response, Failure> {
    Response::to(world.remediate(payload).header("Idempotency-Key", key)).await
}

fn graph_calls(world: &World) -> usize {
    world.sandbox.recorded_at(Endpoint::Remediate).len()
}

async fn wait_for_graph_calls(world: &World, calls: usize) -> TestResult {
    let at_graph = |all: &[sandbox::Recorded]| all.iter().filter(|one| one.endpoint == Endpoint::Remediate).count();
    world.sandbox.wait_for(STEP_TIMEOUT, |all| at_graph(all) >= calls).await?;
    Ok(())
}

/// Sends a remediation of the development caller without the last `lacking` bytes.
async fn send_partially(world: &World, payload: &Value, lacking: usize) -> Result<Raw, Failure> {
    let authorization = format!("Authorization: Bearer {}", world.token());
    Ok(Raw::remediation(&world.gateway, &[&authorization], &payload.to_string(), lacking).await?)
}

/// Asserts that the response is a success that was sent for this request.
fn assert_sent(response: &Response) {
    assert_eq!(response.status, 202, "{response:?}");
    assert_eq!(response.header("idempotency-replayed"), None, "{response:?}");
}

/// Asserts that the response replays `first`, apart from the IDs of the exchange.
fn assert_replays(response: &Response, first: &Response) {
    assert_eq!(response.header("idempotency-replayed"), Some("true"), "{response:?}");
    let own = ["request-id", "client-request-id", "date", "idempotency-replayed"];
    let headers = |response: &Response| -> Vec<(String, String)> {
        let mut headers = response.headers.clone();
        headers.retain(|(name, _)| !own.contains(&name.as_str()) && !name.starts_with("ratelimit"));
        headers.sort();
        headers
    };
    let body = |response: &Response| -> Value {
        let mut body = response.json();
        assert_eq!(body["requestId"], response.request_id());
        body["requestId"] = Value::Null;
        body
    };
    assert_eq!(response.status, first.status);
    assert_eq!(headers(response), headers(first));
    assert_eq!(body(response), body(first));
    assert_ne!(response.request_id(), first.request_id());
}
