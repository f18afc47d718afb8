//! The rate limit of a client's address, in the built Worker.

use std::time::{Duration, Instant};

use acceptance::{Failure, Gateway, PATHS, Response, Setup, TestResult, World, payload, tests};
use reqwest::RequestBuilder;
use sandbox::Endpoint;
use serde_json::{Value, json};

const BEFORE: &[(&str, &str)] = &[("main.js", include_str!("main.js"))];

const ADDRESS: &str = "203.0.113.7";

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        request_above_rate_limit_is_rejected_before_authentication,
        each_address_has_a_separate_rate_limit,
        failed_rate_limiter_is_logged_and_blocks_no_request,
    ])
}

/// Starts a gateway whose limiter responds in this way.
async fn gateway(world: &World, limit: u32, mode: &str) -> Result<Gateway, Failure> {
    let gateway = world.gateway_as(&Setup { before: BEFORE, ..world.bindings().into() }).await?;
    gateway.post("/limiter").json(&json!({ "limit": limit, "mode": mode })).send().await?;
    Ok(gateway)
}

fn remediate(world: &World, gateway: &Gateway, path: &str, address: &str) -> RequestBuilder {
    gateway.post(path).header("CF-Connecting-IP", address).bearer_auth(world.token()).json(&payload())
}

async fn request_above_rate_limit_is_rejected_before_authentication(world: &World) -> TestResult {
    let gateway = gateway(world, 0, "counts").await?;
    let paths = PATHS.into_iter().chain(["/remediate/status", "/remediate?validateOnly=true"]);
    let rejected = u64::try_from(paths.clone().count())?;
    for path in paths {
        let response = Response::to(remediate(world, &gateway, path, ADDRESS)).await?;
        response.assert_problem(429, "tooManyRequests", &["retry-after"]);
        assert_eq!(response.header("retry-after"), Some("60"));
        let line = gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
        assert!(line.contains(r#""code":"tooManyRequests""#) && line.contains(r#""caller":null"#), "{line}");
    }
    assert!(world.sandbox.recorded().is_empty(), "Microsoft was called");
    assert_eq!(counts(&gateway).await?, json!({ ADDRESS: rejected }));
    assert!(!gateway.output().join("\n").contains(ADDRESS), "the address was logged");
    assert_eq!(Response::to(gateway.get("/healthz")).await?.status, 200);
    Ok(())
}

async fn counts(gateway: &Gateway) -> Result<Value, Failure> {
    Ok(Response::to(gateway.get("/limiter")).await?.json())
}

async fn each_address_has_a_separate_rate_limit(world: &World) -> TestResult {
    let gateway = gateway(world, 2, "counts").await?;
    for (address, status) in [
        (ADDRESS, 202),
        (ADDRESS, 202),
        (ADDRESS, 429),
        ("203.0.113.8", 202),
        ("2001:db8::1", 202),
        ("2001:db8::2", 202),
        ("2001:db8::3", 429),
        ("2001:db8:0:1::1", 202),
    ] {
        let response = Response::to(remediate(world, &gateway, "/remediate", address)).await?;
        assert_eq!(response.status, status, "{address}: {response:?}");
    }
    assert_eq!(world.sandbox.recorded_at(Endpoint::Remediate).len(), 6);
    Ok(())
}

/// Requests pass, and are authenticated as usual.
async fn failed_rate_limiter_is_logged_and_blocks_no_request(world: &World) -> TestResult {
    for (mode, wait) in [("fails", 0), ("says nothing", 0), ("hangs", 1)] {
        let gateway = gateway(world, 0, mode).await?;
        let began = Instant::now();
        let response = Response::to(remediate(world, &gateway, "/remediate", ADDRESS)).await?;
        assert_eq!(response.status, 202, "{mode}: {response:?}");
        assert!(began.elapsed() >= Duration::from_secs(wait), "{mode}");
        let line = gateway.wait_for_line(|line| line.contains("rateLimiterFailed")).await?;
        assert!(!line.contains(ADDRESS), "{line}");
        let anonymous = gateway.post("/remediate").header("CF-Connecting-IP", ADDRESS).json(&payload());
        Response::to(anonymous).await?.assert_problem(401, "unauthenticated", &["www-authenticate"]);
    }
    Ok(())
}
