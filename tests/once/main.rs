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
        keys::a_key_replays_its_success_quoted_or_bare,
        keys::a_key_stands_for_one_payload,
        keys::a_new_key_is_a_new_remediation,
        keys::without_a_key_the_payload_is_the_key,
        keys::without_a_key_the_success_of_one_with_a_key_is_replayed,
        keys::labels_do_not_identify_a_payload,
        keys::replay_repeats_the_first_response,
        keys::a_duplicate_is_replayed_as_one,
        keys::callers_have_ledgers_of_their_own,
        keys::a_ledger_does_not_depend_on_the_case_of_its_name,
        keys::another_action_ends_the_replay,
        keys::validate_only_leaves_no_trace,
        at_once::two_hundred_at_once_are_one_call,
        at_once::request_during_an_attempt_waits_for_its_outcome,
        at_once::failure_is_shared_with_waiting_requests_and_not_replayed,
        interrupted::a_caller_that_disconnects_stops_nothing,
        interrupted::a_caller_that_disconnects_earlier_or_later_gets_one_remediation,
        interrupted::a_caller_that_disconnects_while_others_wait_changes_nothing_for_them,
        interrupted::incomplete_request_sends_nothing,
        interrupted::a_gateway_killed_between_record_and_answer_goes_on,
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
