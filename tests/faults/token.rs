//! The token endpoint's faults, and tokens that Graph rejects.

use std::time::Duration;

use acceptance::{Response, TestResult, World, payload};
use sandbox::{Endpoint, Fault, GRAPH_AUDIENCE, GRAPH_ROLE, ScriptedResponse, TokenRequest};
use serde_json::json;

use crate::outcome::{CaseRunner, ExpectedResponse, LedgerState};

fn entra() -> ScriptedResponse {
    ScriptedResponse::new(Endpoint::Token)
}

/// Returns the number of requests to the token endpoint.
fn fetches(world: &World) -> usize {
    world.sandbox.recorded_at(Endpoint::Token).len()
}

/// Makes the gateway drop its cached token.
async fn empty_cache(world: &World) -> TestResult {
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(401).times(2))?;
    let response = Response::to(world.remediate(&payload())).await?;
    assert_eq!(response.status, 502);
    Ok(())
}

fn token_error(status: u16, error: &str, number: u32) -> ScriptedResponse {
    let description = format!("AADSTS{number}: What Entra has to say. Trace ID: x Correlation ID: y Timestamp: z");
    entra().status(status).json(&json!({ "error": error, "error_description": description, "error_codes": [number] }))
}

pub(crate) async fn each_token_endpoint_fault_has_its_response_and_log_entry(world: &World) -> TestResult {
    let runner = CaseRunner::of(world);
    runner.left().await?;
    let rejected = ExpectedResponse::Rejection(502, "graphCredentialRejected", None);
    let unusable = ExpectedResponse::Rejection(502, "graphError", None);
    let unavailable = |retry_after| ExpectedResponse::Rejection(503, "graphUnavailable", Some(retry_after));
    let redirect = format!("{}/elsewhere", world.sandbox.base_url());
    // Columns: the endpoint's responses, the caller's response, the number of requests to the endpoint, and the logged
    // text.
    let cases: Vec<(&str, Vec<ScriptedResponse>, ExpectedResponse, usize, &str)> = vec![
        ("a wrong secret", vec![token_error(401, "invalid_client", 7_000_215)], rejected, 1, "AADSTS7000215"),
        ("an expired secret", vec![token_error(401, "invalid_client", 7_000_222)], rejected, 1, "AADSTS7000222"),
        ("an unknown application", vec![token_error(400, "unauthorized_client", 700_016)], rejected, 1, "AADSTS700016"),
        ("an unknown tenant", vec![token_error(400, "invalid_request", 90_002)], rejected, 1, "AADSTS90002"),
        ("a 404 page", vec![entra().status(404).body("<html>")], rejected, 1, "status 404"),
        (
            "throttling",
            vec![entra().status(429).header("Retry-After", "17")],
            ExpectedResponse::Rejection(429, "graphThrottled", Some("17")),
            1,
            "throttles",
        ),
        ("one 500", vec![entra().status(500)], ExpectedResponse::Success, 2, ""),
        ("one 503", vec![entra().status(503).body("<html>")], ExpectedResponse::Success, 2, ""),
        ("two 500s", vec![entra().status(500).times(2)], unavailable("30"), 2, "answered 500"),
        (
            "two 503s",
            vec![entra().status(503).header("Retry-After", "5").times(2)],
            unavailable("5"),
            2,
            "answered 503",
        ),
        ("one closed connection", vec![entra().fault(Fault::Close)], ExpectedResponse::Success, 2, ""),
        (
            "two closed connections",
            vec![entra().fault(Fault::Close).times(2)],
            unavailable("30"),
            2,
            "connection failed",
        ),
        (
            "a closed connection and a 500",
            vec![entra().fault(Fault::Close), entra().status(500)],
            unavailable("30"),
            2,
            "500",
        ),
        ("a token cut off", vec![entra().fault(Fault::CutAfter(40))], ExpectedResponse::Success, 2, ""),
        (
            "two tokens cut off",
            vec![entra().fault(Fault::CutAfter(40)).times(2)],
            unavailable("30"),
            2,
            "connection failed",
        ),
        ("HTML", vec![entra().status(200).body("<html>")], unusable, 1, "without a usable token"),
        ("no body", vec![entra().status(200).body("")], unusable, 1, "without a usable token"),
        ("no token", vec![entra().json(&json!({ "token_type": "Bearer", "expires_in": 3599 }))], unusable, 1, "usable"),
        ("a huge answer", vec![entra().body(format!("{{\"a\":\"{}\"}}", "x".repeat(4 << 20)))], unusable, 1, "usable"),
        ("204", vec![entra().status(204)], unusable, 1, "answered 204"),
        ("a redirect", vec![entra().status(307).header("Location", &redirect)], unusable, 1, "answered 307"),
        ("a slow token", vec![entra().delay(Duration::from_millis(700))], ExpectedResponse::Success, 1, ""),
    ];
    for (name, script, expected, asked, log) in cases {
        empty_cache(world).await?;
        // The retry fetches a token and is accepted, because the gateway does not cache a failed fetch.
        let (graph, state) = match expected {
            ExpectedResponse::Success => (1, LedgerState::Success),
            ExpectedResponse::Rejection(..) => (0, LedgerState::Nothing),
        };
        let mut before = 0;
        let script = || {
            before = fetches(world);
            Ok(script.into_iter().try_for_each(|next| world.sandbox.script(next))?)
        };
        let response = runner.run(name, script, expected, graph, state).await?;
        let fetched_by_retry = usize::from(state == LedgerState::Nothing);
        assert_eq!(fetches(world) - before, asked + fetched_by_retry, "{name}: calls to the token endpoint");
        if state == LedgerState::Nothing {
            let id = response.request_id();
            let line = world.gateway.wait_for_line(|line| line.contains(id)).await?;
            assert!(line.contains(log), "{name}: the log lacks {log}: {line}");
            assert!(!line.contains("Trace ID"), "{line}");
        }
    }
    assert_eq!(world.sandbox.recorded_at(Endpoint::Other).len(), 0, "no redirect was followed");
    Ok(())
}

pub(crate) async fn app_token_rejected_by_graph_is_refetched_once(world: &World) -> TestResult {
    let runner = CaseRunner::of(world);
    runner.left().await?;
    let graph_token = |expires_in: i64, roles: &[&str]| {
        world.sandbox.issue_token(&TokenRequest {
            audience: Some(GRAPH_AUDIENCE.to_owned()),
            expires_in: Some(expires_in),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..TokenRequest::default()
        })
    };
    let given =
        |token: &str| entra().json(&json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token }));
    let (expired, revoked) = (graph_token(-10, &[GRAPH_ROLE]), "eyJhbGciOiJub25lIn0.e30.revoked");
    let powerless = graph_token(3599, &[]);
    let rejected = ExpectedResponse::Rejection(502, "graphCredentialRejected", None);
    // Columns: the endpoint's response, the caller's response, and the numbers of requests to Graph and to the
    // endpoint.
    let cases = [
        ("an expired token", vec![given(&expired)], ExpectedResponse::Success, 2, 2, LedgerState::Success),
        ("a revoked token", vec![given(revoked)], ExpectedResponse::Success, 2, 2, LedgerState::Success),
        ("two expired tokens", vec![given(&expired).times(2)], rejected, 2, 2, LedgerState::Nothing),
        (
            "a revoked token, and no other",
            vec![given(revoked), token_error(401, "x", 7_000_215)],
            rejected,
            1,
            2,
            LedgerState::Nothing,
        ),
    ];
    for (name, script, expected, graph, tokens, state) in cases {
        empty_cache(world).await?;
        let before = fetches(world);
        let script = || Ok(script.into_iter().try_for_each(|next| world.sandbox.script(next))?);
        runner.run(name, script, expected, graph, state).await?;
        // The retry fetches a token if the first request ended without one.
        assert_eq!(fetches(world) - before, tokens + usize::from(state == LedgerState::Nothing), "{name}");
    }

    // The gateway keeps a token that Graph accepts without the permission, because a new token would lack it too.
    empty_cache(world).await?;
    let before = fetches(world);
    world.sandbox.script(given(&powerless))?;
    for _ in 0..2 {
        let response = Response::to(runner.request(&payload())).await?;
        ExpectedResponse::Rejection(502, "graphPermissionMissing", None)
            .assert("a token without the permission", &response);
    }
    assert_eq!(fetches(world) - before, 1);
    Ok(())
}

pub(crate) async fn app_token_that_expires_within_five_minutes_is_not_cached(world: &World) -> TestResult {
    let token = |_| {
        let request = TokenRequest {
            audience: Some(GRAPH_AUDIENCE.to_owned()),
            roles: vec![GRAPH_ROLE.to_owned()],
            ..TokenRequest::default()
        };
        world.sandbox.issue_token(&request)
    };
    // Columns: `expires_in`, and the number of tokens that three requests fetch. Tokens that expire within five minutes
    // are not cached.
    for (expires_in, fetched) in [(json!(3599), 1), (json!("3599"), 1), (json!(310), 1), (json!(300), 3), (json!(0), 3)]
    {
        empty_cache(world).await?;
        let before = fetches(world);
        for number in 0..fetched {
            let body = json!({ "token_type": "Bearer", "expires_in": expires_in, "access_token": token(number) });
            world.sandbox.script(entra().json(&body))?;
        }
        for _ in 0..3 {
            assert_eq!(Response::to(world.remediate(&payload())).await?.status, 202);
        }
        assert_eq!(fetches(world) - before, fetched, "{expires_in}");
    }
    Ok(())
}
