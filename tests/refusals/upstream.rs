//! Rejections by Microsoft, and missing responses. The tests in `tests/faults` cover retries and the ledger.

use acceptance::{Gateway, Response, TestResult, World, payload};
use reqwest::RequestBuilder;
use sandbox::{Endpoint, Fault, ScriptedResponse};
use serde_json::json;

use crate::case::{Case, case, provoke};

fn post(world: &World, gateway: &Gateway) -> RequestBuilder {
    gateway.post("/remediate").bearer_auth(world.token()).json(&payload())
}

fn graph(status: u16) -> ScriptedResponse {
    let error = json!({ "error": { "code": "SomeCode", "message": "some message" } });
    ScriptedResponse::new(Endpoint::Remediate).status(status).json(&error)
}

fn entra(status: u16) -> ScriptedResponse {
    let error = json!({ "error": "x", "error_description": "AADSTS7000215: x" });
    ScriptedResponse::new(Endpoint::Token).status(status).json(&error)
}

pub(crate) fn graph_cases() -> Vec<Case> {
    let case = |name, status, code| case(name, status, code, post).with_quota();
    let mut cases = vec![
        case("400", 400, "graphRefused").next(graph(400)),
        case("401 with any token", 502, "graphCredentialRejected").next(graph(401).times(2)),
        case("403", 502, "graphPermissionMissing").next(graph(403)),
        case("409 for something else", 409, "graphConflict").next(graph(409)),
        case("429", 429, "graphThrottled").next(graph(429)).header("retry-after", "30"),
        case("429 for long", 429, "graphThrottled")
            .next(graph(429).header("Retry-After", "61"))
            .header("retry-after", "61"),
        case("503", 503, "graphUnavailable").next(graph(503)).header("retry-after", "30"),
        case("503 for long", 503, "graphUnavailable")
            .next(graph(503).header("Retry-After", "120"))
            .header("retry-after", "120"),
        case("a connection that closes", 503, "graphUnavailable")
            .next(ScriptedResponse::new(Endpoint::Remediate).fault(Fault::Close))
            .header("retry-after", "30"),
    ];
    for status in [300, 304, 404, 405, 406, 410, 413, 415, 418, 422, 500, 501, 502, 504, 599] {
        cases.push(case("unexpected", 502, "graphError").next(graph(status)));
    }
    cases
}

/// Each has a separate gateway without a cached token.
pub(crate) fn entra_cases() -> Vec<Case> {
    let case = |name, status, code| case(name, status, code, post).gateway(json!({}));
    let token = |body: &str| ScriptedResponse::new(Endpoint::Token).body(body);
    let quota = |case: Case| {
        case.header("ratelimit", r#""emails";r=10000"#).header("ratelimit-policy", r#""emails";q=10000;w=3600"#)
    };
    let wrong_secret = json!({ "CLIENT_SECRET": "not the one" });
    let cases = vec![
        case("a wrong secret", 502, "graphCredentialRejected").gateway(wrong_secret),
        case("400", 502, "graphCredentialRejected").next(entra(400)),
        case("429", 429, "graphThrottled").next(entra(429)).header("retry-after", "30"),
        case("429 for long", 429, "graphThrottled")
            .next(entra(429).header("Retry-After", "77"))
            .header("retry-after", "77"),
        case("503", 503, "graphUnavailable").next(entra(503).times(2)).header("retry-after", "30"),
        case("500", 503, "graphUnavailable").next(entra(500).times(2)).header("retry-after", "30"),
        case("a connection that closes", 503, "graphUnavailable")
            .next(ScriptedResponse::new(Endpoint::Token).fault(Fault::Close).times(2))
            .header("retry-after", "30"),
        case("no token", 502, "graphError").next(token("{}")),
        case("no JSON", 502, "graphError").next(token("<html>")),
        case("a token of another kind", 502, "graphError")
            .next(token(r#"{"token_type":"pop","expires_in":3600,"access_token":"t"}"#)),
        case("a token that is two headers", 502, "graphError")
            .next(token(r#"{"token_type":"Bearer","expires_in":3600,"access_token":"t\r\nX: y"}"#)),
        case("a redirect", 502, "graphError").next(entra(302).header("Location", "/elsewhere")),
        case("no answer", 504, "graphTimeout").next(ScriptedResponse::new(Endpoint::Token).fault(Fault::Hang)),
    ];
    // Nothing was sent to Graph, and the quota was refunded.
    cases.into_iter().map(quota).collect()
}

pub(crate) async fn graph_errors_are_mapped_to_gateway_errors(world: &World) -> TestResult {
    provoke(world, graph_cases()).await
}

pub(crate) async fn entra_errors_are_mapped_to_gateway_errors(world: &World) -> TestResult {
    provoke(world, entra_cases()).await
}

/// The caller who sent the payload gets Graph's code and message; if Graph rejected the gateway, the caller gets none
/// of it.
pub(crate) async fn graph_message_is_returned_only_for_status_400(world: &World) -> TestResult {
    let next = |status, body: &str| ScriptedResponse::new(Endpoint::Remediate).status(status).body(body);
    let error = r#"{"error":{"code":"InvalidSubscription","message":"Plan 2 is <needed>."}}"#;
    world.sandbox.script(next(400, error))?;
    let response = Response::to(post(world, &world.gateway)).await?;
    let detail = response.assert_problem(400, "graphRefused", &["ratelimit", "ratelimit-policy"])["detail"].to_string();
    assert!(detail.contains("InvalidSubscription") && detail.contains("Plan 2 is <needed>."), "{detail}");

    for (status, body) in
        [(400, "<html>"), (400, "{}"), (400, r#"{"error":"x"}"#), (400, r#"{"error":{"code":1,"message":[]}}"#)]
    {
        world.sandbox.script(next(status, body))?;
        let response = Response::to(post(world, &world.gateway)).await?;
        response.assert_problem(400, "graphRefused", &["ratelimit", "ratelimit-policy"]);
    }
    for (status, code, times) in [
        (401, "graphCredentialRejected", 2),
        (403, "graphPermissionMissing", 1),
        (409, "graphConflict", 1),
        (500, "graphError", 1),
    ] {
        world.sandbox.script(next(status, error).times(times))?;
        let response = Response::to(post(world, &world.gateway)).await?;
        let body = response.json();
        assert_eq!(body["error"]["code"], code);
        assert!(!body.to_string().contains("InvalidSubscription"), "{body:#}");
    }
    Ok(())
}
