//! `POST /remediate/status` reports the effect of a remediation that the mailboxes show, and nothing else.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod failures;
mod states;

use std::time::{Duration, SystemTime};

use acceptance::{Failure, Response, TestResult, World, tests};
use remediation_gateway::time::Timestamp;
use sandbox::Message;
use serde_json::{Value, json};

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        states::eight_hundred_recipients_go_from_pending_to_settled,
        states::each_variant_of_a_soft_delete_has_its_state,
        states::unclear_or_not_found_status_settles_after_four_hours,
        states::rows_match_in_any_spelling_and_late_rows_are_not_found,
        states::twenty_messages_cause_twenty_list_requests,
        failures::failed_list_page_returns_no_status,
        failures::invalid_next_link_is_not_followed,
        failures::oversized_or_unrelated_page_is_rejected,
        failures::status_requires_permissions_of_the_remediation,
        failures::invalid_status_request_reads_nothing,
        failures::missing_read_permission_is_logged,
    ])
}

/// Returns `count` recipients of a message.
fn recipients(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("user{n}@contoso.com")).collect()
}

/// Returns a remediation of one message in these recipients' mailboxes.
fn remediation(id: &str, recipients: &[String]) -> Value {
    let mut payload = acceptance::payload();
    let email = |recipient| json!({ "networkMessageId": id, "recipientEmailAddress": recipient });
    payload["analyzedEmails"] = recipients.iter().map(email).collect();
    payload
}

/// Requests the status.
async fn status(world: &World, payload: &Value) -> Result<Response, Failure> {
    Response::to(world.gateway.post("/remediate/status").bearer_auth(world.token()).json(payload)).await
}

/// Sends a remediation, and returns the body for its status, with the time of its acceptance.
async fn accepted(world: &World, mut payload: Value) -> Result<Value, Failure> {
    let response = Response::to(world.remediate(&payload)).await?;
    assert_eq!(response.status, 202, "{response:?}");
    payload["acceptedAt"] = response.json()["acceptedAt"].clone();
    Ok(payload)
}

/// Returns the time `duration` before now, in the format of a response.
fn ago(duration: Duration) -> Result<Value, Failure> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(json!(Timestamp::from_seconds(now.as_secs()).minus(duration).to_rfc3339()))
}

/// Compares the numbers of a status: observed, not yet, unclear, unreachable, not found.
fn assert_counts(response: &Response, status: &str, counts: [u64; 5]) {
    let body = response.json();
    assert_eq!(response.status, 200, "{response:?}");
    let retry_after: &[&str] = if status == "pending" { &["content-type", "retry-after"] } else { &["content-type"] };
    response.assert_headers(retry_after);
    let found = ["observed", "notYet", "unclear", "unreachable", "notFound"].map(|name| body[name].as_u64());
    assert_eq!((&body["status"], found), (&json!(status), counts.map(Some)), "{body:#}");
    assert_eq!(body["emails"].as_u64(), Some(counts.iter().sum()));
    assert_eq!(body["items"].as_array().map(Vec::len), usize::try_from(counts[1..].iter().sum::<u64>()).ok());
    for word in ["deleted\"", "gone", "done"] {
        assert!(!body.to_string().contains(word), "{word}: {body:#}");
    }
}

/// Puts messages into mailboxes.
fn seed(world: &World, messages: impl IntoIterator<Item = Message>) -> TestResult {
    Ok(world.sandbox.seed(messages)?)
}
