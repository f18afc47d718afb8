//! `POST /remediate/messages`: Graph lists the messages' recipients, and one remediation covers them.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod once;
mod recipients;

use acceptance::{Failure, Gateway, Response, TestResult, World, tests};
use reqwest::RequestBuilder;
use sandbox::{Endpoint, Message};
use serde_json::{Value, json};

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        recipients::eight_hundred_recipients_are_remediated_in_one_call_and_settle,
        recipients::quarantined_unreachable_and_protected_recipients_are_left_out,
        recipients::message_rejection_reveals_no_recipient,
        recipients::unlisted_message_returns_404_and_is_accepted_once_listed,
        recipients::failed_list_page_sends_nothing,
        once::fifty_concurrent_retries_cause_one_expansion_and_remediation,
        once::retry_after_crash_during_list_or_submission_is_accepted_once,
    ])
}

/// A remediation of one message.
fn remediation(id: &str) -> Value {
    let mut payload = acceptance::payload();
    payload.as_object_mut().map(|members| members.remove("analyzedEmails"));
    payload["networkMessageIds"] = json!([id]);
    payload["maxRecipients"] = json!(1000);
    payload
}

fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("user{n}@contoso.com")).collect()
}

fn request(world: &World, gateway: &Gateway, payload: &Value) -> RequestBuilder {
    gateway.post("/remediate/messages").bearer_auth(world.token()).json(payload)
}

async fn send(world: &World, payload: &Value) -> Result<Response, Failure> {
    Response::to(request(world, &world.gateway, payload)).await
}

fn seed(world: &World, messages: impl IntoIterator<Item = Message>) -> TestResult {
    Ok(world.sandbox.seed(messages)?)
}

/// Returns the numbers of list and remediation requests that Graph received.
fn graph_calls(world: &World) -> (usize, usize) {
    let calls = |endpoint| world.sandbox.recorded_at(endpoint).len();
    (calls(Endpoint::AnalyzedEmails), calls(Endpoint::Remediate))
}
