//! The quota: emails per rolling hour, counted once per remediation (contract, sections 6 and 7).

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use acceptance::{
    API_KEY, API_KEY_SHA256, Failure, Gateway, Raw, Response, TestResult, World, guid, payload, payload_of, tests,
};
use reqwest::RequestBuilder;
use sandbox::{Endpoint, Fault, Outcome, ScriptedResponse};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Maximum time until a request reaches the sandbox.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        success_replay_and_key_reuse_return_quota_headers,
        exceeded_quota_returns_429_with_retry_after,
        quota_of_ten_accepts_ten_of_hundred_concurrent_requests,
        quota_is_refunded_if_graph_does_not_accept,
        quota_counts_unknown_outcome_once_across_retries,
        quota_survives_a_restart,
        each_caller_has_a_separate_quota,
    ])
}

/// Starts a gateway with one caller with this quota.
async fn gateway(world: &World, limit: u64) -> Result<Gateway, Failure> {
    let caller = json!({
        "name": "limited",
        "api_key_sha256": [API_KEY_SHA256],
        "actions": ["softDelete"],
        "recipient_domains": ["*"],
        "max_emails_per_request": limit,
        "max_emails_per_hour": limit,
    });
    world.gateway_with(json!({ "CALLERS": [caller] })).await
}

fn request(gateway: &Gateway, payload: &Value) -> RequestBuilder {
    gateway.post("/remediate").header("X-API-Key", API_KEY).json(payload)
}

async fn ask(gateway: &Gateway, payload: &Value) -> Result<Response, Failure> {
    Response::to(request(gateway, payload)).await
}

/// Returns the rest of the quota in the response.
fn left(response: &Response, limit: u64) -> u64 {
    assert_eq!(
        response.header("ratelimit-policy"),
        Some(format!("\"emails\";q={limit};w=3600").as_str()),
        "{response:?}"
    );
    response.left()
}

async fn success_replay_and_key_reuse_return_quota_headers(world: &World) -> TestResult {
    let gateway = gateway(world, 10).await?;
    let (two, key) = (payload_of(2), guid());
    let keyed = |payload: &Value| Response::to(request(&gateway, payload).header("Idempotency-Key", &key));
    assert_eq!(left(&keyed(&two).await?, 10), 8);
    assert_eq!(left(&keyed(&two).await?, 10), 8, "a replay counts nothing");
    assert_eq!(left(&ask(&gateway, &two).await?, 10), 8);
    let reused = keyed(&payload()).await?;
    assert_eq!((reused.status, left(&reused, 10)), (422, 8));
    let mut repeated = payload_of(2);
    repeated["analyzedEmails"][1] = repeated["analyzedEmails"][0].clone();
    assert_eq!(left(&ask(&gateway, &repeated).await?, 10), 7, "a repeated pair is one email");
    let minimal = Response::to(request(&gateway, &payload()).header("Prefer", "return=minimal")).await?;
    assert_eq!(left(&minimal, 10), 6);
    let drop_in = gateway.post("/v1.0/security/collaboration/analyzedEmails/remediate").header("X-API-Key", API_KEY);
    assert_eq!(left(&Response::to(drop_in.json(&payload())).await?, 10), 5);

    // A request that is rejected before the ledger has no quota headers.
    let unauthenticated = Response::to(gateway.post("/remediate").json(&payload())).await?;
    assert_eq!((unauthenticated.status, unauthenticated.header("ratelimit")), (401, None));
    Ok(())
}

async fn exceeded_quota_returns_429_with_retry_after(world: &World) -> TestResult {
    let gateway = gateway(world, 5).await?;
    assert_eq!(ask(&gateway, &payload_of(3)).await?.status, 202);
    let refused = ask(&gateway, &payload_of(3)).await?;
    refused.assert_problem(429, "quotaExceeded", &["retry-after", "ratelimit", "ratelimit-policy"]);
    let retry_after: u64 = refused.header("retry-after").unwrap_or_default().parse()?;
    assert!((3_590..=3_601).contains(&retry_after), "the first three leave the hour: {retry_after}");
    assert_eq!(refused.header("ratelimit"), Some(format!("\"emails\";r=2;t={retry_after}").as_str()));
    assert_eq!(ask(&gateway, &payload_of(2)).await?.status, 202, "a smaller one still fits");
    let full = ask(&gateway, &payload()).await?;
    assert_eq!((full.status, left(&full, 5)), (429, 0));
    assert_eq!(world.sandbox.recorded_at(Endpoint::Remediate).len(), 2);
    Ok(())
}

async fn quota_of_ten_accepts_ten_of_hundred_concurrent_requests(world: &World) -> TestResult {
    let gateway = gateway(world, 10).await?;
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        requests.spawn(Response::to(request(&gateway, &payload())));
    }
    let responses = requests.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let count = |status| responses.iter().filter(|response| response.status == status).count();
    assert_eq!((count(202), count(429)), (10, 90));
    assert_eq!(world.sandbox.accepted().len(), 10);
    assert_eq!(world.sandbox.recorded_at(Endpoint::Remediate).len(), 10);
    assert!(responses.iter().all(|response| response.status == 202 || response.header("retry-after").is_some()));
    Ok(())
}

async fn quota_is_refunded_if_graph_does_not_accept(world: &World) -> TestResult {
    let gateway = gateway(world, 10).await?;
    for status in [400, 401, 403, 404, 429, 503] {
        let times = if status == 401 { 2 } else { 1 };
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(status).times(times))?;
        let refused = ask(&gateway, &payload_of(10)).await?;
        assert!(refused.status >= 400);
        assert_eq!(left(&refused, 10), 10, "after {status}");
    }
    let (four, six) = (payload_of(4), payload_of(6));
    assert_eq!(ask(&gateway, &four).await?.status, 202);

    // If other requests wait with it, it is refunded once.
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(400).held())?;
    let mut callers = Vec::new();
    for _ in 0..5 {
        let key = format!("X-API-Key: {API_KEY}");
        callers.push(Raw::remediation(&gateway, &[&key], &six.to_string(), 0).await?);
    }
    // The runtime delivers requests in order. A later request has reached the ledger, so the five have reached it, too.
    assert_eq!(left(&ask(&gateway, &four).await?, 10), 0);
    world.sandbox.wait_for(ARRIVAL_TIMEOUT, |all| all.iter().any(|one| one.outcome == Outcome::Pending)).await?;
    world.sandbox.release();
    for mut caller in callers {
        let response = caller.response().await?;
        assert_eq!((response.status, left(&response, 10)), (400, 6));
    }
    Ok(())
}

async fn quota_counts_unknown_outcome_once_across_retries(world: &World) -> TestResult {
    let gateway = gateway(world, 10).await?;
    let (six, key) = (payload_of(6), guid());
    let keyed = || Response::to(request(&gateway, &six).header("Idempotency-Key", &key));
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).fault(Fault::Close))?;
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(502))?;
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(429))?;
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).accept_first().fault(Fault::Close))?;
    for status in [503, 502, 429, 503, 202, 202] {
        let response = keyed().await?;
        assert_eq!((response.status, left(&response, 10)), (status, 4), "{response:?}");
    }
    assert_eq!(world.sandbox.accepted().len(), 1);
    assert_eq!(world.sandbox.recorded_at(Endpoint::Remediate).len(), 5);
    Ok(())
}

async fn quota_survives_a_restart(world: &World) -> TestResult {
    let mut gateway = gateway(world, 10).await?;
    let (three, unknown) = (payload_of(3), payload_of(4));
    assert_eq!(left(&ask(&gateway, &three).await?, 10), 7);
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(504))?;
    assert_eq!(left(&ask(&gateway, &unknown).await?, 10), 3);
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(400))?;
    assert_eq!(left(&ask(&gateway, &payload_of(2)).await?, 10), 3);
    gateway.start_again().await?;
    let refused = ask(&gateway, &payload_of(4)).await?;
    assert_eq!((refused.status, left(&refused, 10)), (429, 3));
    assert_eq!(left(&ask(&gateway, &three).await?, 10), 3);
    assert_eq!(left(&ask(&gateway, &unknown).await?, 10), 3, "the retry goes on with what was counted");
    assert_eq!(left(&ask(&gateway, &payload_of(3)).await?, 10), 0);
    Ok(())
}

async fn each_caller_has_a_separate_quota(world: &World) -> TestResult {
    let caller = |name: &str, sha256: &str, limit: u64| json!({ "name": name, "api_key_sha256": [sha256], "actions": ["softDelete"], "recipient_domains": ["*"], "max_emails_per_hour": limit });
    let callers = [caller("one", API_KEY_SHA256, 1), caller("two", acceptance::NEXT_API_KEY_SHA256, 2)];
    let gateway = world.gateway_with(json!({ "CALLERS": callers })).await?;
    assert_eq!(left(&ask(&gateway, &payload()).await?, 1), 0);
    assert_eq!(ask(&gateway, &payload()).await?.status, 429);
    let other = gateway.post("/remediate").header("X-API-Key", acceptance::NEXT_API_KEY).json(&payload());
    assert_eq!(left(&Response::to(other).await?, 2), 1);
    Ok(())
}
