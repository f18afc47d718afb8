//! An unavailable ledger: its callers get a response that SDKs retry, and the retry succeeds.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use acceptance::{Gateway, Response, Setup, TestResult, World, guid, payload, tests};
use reqwest::RequestBuilder;
use sandbox::Endpoint;
use serde_json::Value;

const STORAGE: &[(&str, &str)] = &[("storage.js", include_str!("storage.js"))];
const OBJECTS: &[(&str, &str)] = &[("objects.js", include_str!("objects.js"))];

fn main() -> std::process::ExitCode {
    acceptance::run(tests![overloaded_or_reset_object_is_safe_to_retry, failed_storage_returns_503_and_sends_nothing])
}

fn request(world: &World, gateway: &Gateway, payload: &Value) -> RequestBuilder {
    gateway.post("/remediate").bearer_auth(world.token()).json(payload)
}

/// SDKs retry 503 and not 500. Only an error that the object's own code throws is a defect of the gateway.
async fn overloaded_or_reset_object_is_safe_to_retry(world: &World) -> TestResult {
    let gateway = world.gateway_as(&Setup { before: OBJECTS, ..world.bindings().into() }).await?;
    for (failure, code, reason) in [
        ("overloaded", "ledgerUnavailable", "the caller's ledger is overloaded"),
        ("reset", "ledgerUnavailable", "the caller's ledger was reset"),
        ("disconnected", "ledgerUnavailable", "the caller's ledger cannot be reached"),
        ("defect", "internal", "the caller's ledger failed"),
    ] {
        world.sandbox.clear();
        let (payload, key) = (payload(), guid());
        let keyed = || request(world, &gateway, &payload).header("Idempotency-Key", &key);
        let response = Response::to(keyed().header("x-fails", failure)).await?;
        if code == "internal" {
            response.assert_problem(500, "internal", &[]);
        } else {
            response.assert_problem(503, "ledgerUnavailable", &["retry-after"]);
            assert_eq!(response.header("retry-after"), Some("5"), "{failure}");
        }
        let detail = response.json()["detail"].to_string();
        assert!(detail.contains("The outcome is unknown; it is safe to retry."), "{failure}: {detail}");
        let line = gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
        assert!(line.contains(reason), "{failure}: {line}");

        let retry = Response::to(keyed()).await?;
        assert_eq!(retry.status, 202, "{failure}: {retry:?}");
        assert_eq!(world.sandbox.accepted().len(), 1, "{failure}");
    }
    Ok(())
}

async fn failed_storage_returns_503_and_sends_nothing(world: &World) -> TestResult {
    let gateway = world.gateway_as(&Setup { before: STORAGE, ..world.bindings().into() }).await?;
    let payload = payload();
    let failed = Response::to(request(world, &gateway, &payload)).await?;
    failed.assert_problem(503, "ledgerUnavailable", &["retry-after"]);
    assert!(failed.json()["detail"].to_string().contains("Nothing was sent."), "{failed:?}");
    assert_eq!(world.sandbox.recorded_at(Endpoint::Remediate).len(), 0);

    let retry = Response::to(request(world, &gateway, &payload)).await?;
    assert_eq!((retry.status, retry.header("idempotency-replayed")), (202, None), "{retry:?}");
    Ok(())
}
