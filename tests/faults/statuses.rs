//! Graph's responses: statuses, headers and bodies.

use std::time::Duration;

use acceptance::{Response, TestResult, World, payload};
use sandbox::{Endpoint, Fault, ScriptedResponse};
use serde_json::{Value, json};

use crate::outcome::{CaseRunner, ExpectedResponse, LedgerState};

const ERROR: ExpectedResponse = ExpectedResponse::Rejection(502, "graphError", None);
const UNAVAILABLE: ExpectedResponse = ExpectedResponse::Rejection(503, "graphUnavailable", Some("30"));

fn graph() -> ScriptedResponse {
    ScriptedResponse::new(Endpoint::Remediate)
}

fn default_location(world: &World) -> String {
    format!("https://security.microsoft.com/action-center/history?tid={}", world.sandbox.settings().tenant_id)
}

pub(crate) async fn each_graph_status_determines_response_and_ledger_state(world: &World) -> TestResult {
    let runner = CaseRunner::of(world);
    let success = (ExpectedResponse::Success, LedgerState::Success);
    let refused = (ERROR, LedgerState::Nothing);
    let unknown = (ERROR, LedgerState::Open);
    let mut cases: Vec<(u16, (ExpectedResponse, LedgerState))> = Vec::new();
    cases.extend([200, 201, 202, 203, 204, 205, 206, 207, 299].map(|status| (status, success)));
    cases.extend([300, 301, 302, 303, 304, 305, 307, 308].map(|status| (status, refused)));
    cases.push((400, (ExpectedResponse::Rejection(400, "graphRefused", None), LedgerState::Nothing)));
    cases.push((403, (ExpectedResponse::Rejection(502, "graphPermissionMissing", None), LedgerState::Nothing)));
    cases.push((409, (ExpectedResponse::Rejection(409, "graphConflict", None), LedgerState::Nothing)));
    cases.push((429, (ExpectedResponse::Rejection(429, "graphThrottled", Some("30")), LedgerState::Nothing)));
    cases.push((503, (UNAVAILABLE, LedgerState::Nothing)));
    let refusals = [
        402, 404, 405, 406, 407, 408, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428,
        431, 451, 499,
    ];
    cases.extend(refusals.map(|status| (status, refused)));
    cases.extend([500, 501, 502, 504, 505, 506, 507, 508, 509, 510, 511, 520, 524, 529, 599].map(|s| (s, unknown)));
    for (status, (expected, state)) in cases {
        let script = || Ok(world.sandbox.script(graph().status(status))?);
        let response = runner.run(&format!("{status}"), script, expected, 1, state).await?;
        if state == LedgerState::Success {
            assert_eq!(response.header("location"), Some(default_location(world).as_str()), "{status}");
            assert_eq!(response.json()["duplicate"], false);
        }
    }

    // Scripted twice, because the gateway retries the first 401 with another token.
    let script = || Ok(world.sandbox.script(graph().status(401).times(2))?);
    let rejected = ExpectedResponse::Rejection(502, "graphCredentialRejected", None);
    runner.run("401 twice", script, rejected, 2, LedgerState::Nothing).await?;

    // Graph reports a duplicate for any sender.
    let script = || {
        let body = json!({ "error": { "code": "Conflict", "message": "Duplicate remediation" } });
        Ok(world.sandbox.script(graph().status(409).json(&body))?)
    };
    let response = runner.run("409 duplicate", script, ExpectedResponse::Success, 1, LedgerState::Success).await?;
    assert_eq!(response.json()["duplicate"], true);
    assert_eq!(response.header("location"), Some(default_location(world).as_str()));

    // Graph accepts the remediation but its response is an error. The retry reveals the success.
    for status in [500, 502, 504] {
        let script = || Ok(world.sandbox.script(graph().status(status).accept_first())?);
        runner.run(&format!("{status} after it was accepted"), script, ERROR, 1, LedgerState::Open).await?;
    }
    let script = || Ok(world.sandbox.script(graph().accept_first().fault(Fault::Close))?);
    runner.run("closed after it was accepted", script, UNAVAILABLE, 1, LedgerState::Open).await?;
    Ok(())
}

pub(crate) async fn retry_after_is_awaited_if_short_and_returned_if_long(world: &World) -> TestResult {
    let runner = CaseRunner::of(world);
    for status in [429, 503] {
        let code = if status == 429 { "graphThrottled" } else { "graphUnavailable" };
        for (value, seconds) in [
            ("11", "11"),
            ("7200", "7200"),
            ("99999999999999999999", "86400"),
            ("Wed, 21 Oct 2026 07:28:00 GMT", "30"),
            ("soon", "30"),
            ("-1", "30"),
            ("1.5", "30"),
            ("", "30"),
        ] {
            let script = || Ok(world.sandbox.script(graph().status(status).header("Retry-After", value))?);
            let expected = ExpectedResponse::Rejection(status, code, Some(seconds));
            runner.run(&format!("{status}, Retry-After: {value}"), script, expected, 1, LedgerState::Nothing).await?;
        }
        for (times, calls, expected, state) in [
            (1, 2, ExpectedResponse::Success, LedgerState::Success),
            (2, 3, ExpectedResponse::Success, LedgerState::Success),
            (3, 3, ExpectedResponse::Rejection(status, code, Some("0")), LedgerState::Nothing),
        ] {
            let script = || Ok(world.sandbox.script(graph().status(status).header("Retry-After", "0").times(times))?);
            runner.run(&format!("{status}, Retry-After: 0, {times} times"), script, expected, calls, state).await?;
        }
    }
    let script = || Ok(world.sandbox.script(graph().status(429).header("Retry-After", "1"))?);
    runner.run("429, Retry-After: 1", script, ExpectedResponse::Success, 2, LedgerState::Success).await?;
    let recorded = world.sandbox.recorded_at(Endpoint::Remediate);
    let [.., refused, accepted] = recorded.as_slice() else { return Err("two calls".into()) };
    assert!(
        accepted.at.duration_since(refused.at)? >= Duration::from_millis(990),
        "the gateway did not wait for a second"
    );
    assert_ne!(
        accepted.header("client-request-id"),
        refused.header("client-request-id"),
        "calls share a client-request-id"
    );
    assert_eq!(accepted.body, refused.body);
    // The gateway waits and retries only after 429 and 503.
    for status in [500, 502, 504] {
        let script = || Ok(world.sandbox.script(graph().status(status).header("Retry-After", "0"))?);
        runner.run(&format!("{status}, Retry-After: 0"), script, ERROR, 1, LedgerState::Open).await?;
    }
    Ok(())
}

/// A person opens the link, and HTTP clients must be able to parse it, also in every replay.
pub(crate) async fn location_is_returned_only_if_it_is_a_valid_https_url(world: &World) -> TestResult {
    let runner = CaseRunner::of(world);
    let fallback = default_location(world);
    let history = "https://security.microsoft.com/action-center/history";
    let of_length = |length: usize| format!("{history}?x={}", "y".repeat(length - history.len() - 3));
    let (longest, too_long, huge) = (of_length(8192), of_length(8193), of_length(100 * 1024));
    let quoted = format!(r#"{history}?filters={{"bulkId":["x\"]}}&y=<c>"#);
    for (location, uri) in [
        (quoted.as_str(), format!("{history}?filters=%7B%22bulkId%22:%5B%22x%5C%22%5D%7D&y=%3Cc%3E")),
        (longest.as_str(), longest.clone()),
    ] {
        let script = || Ok(world.sandbox.script(graph().status(202).header("Location", location))?);
        let response = runner.run(location, script, ExpectedResponse::Success, 1, LedgerState::Success).await?;
        assert_eq!(response.header("location"), Some(location), "byte for byte as Graph sent it");
        assert_eq!(response.json()["trackingUrl"], uri);
    }
    for location in [
        "",
        "/action-center/history?tid=t",
        "history",
        r#"?filters={"bulkId":["x"]}"#,
        "javascript:alert(document.cookie)",
        "http://security.microsoft.com/action-center/history?tid=t",
        "https://security.microsoft.com@evil.example/",
        "https://evil.example\\@security.microsoft.com/",
        "https://security.microsoft.com/a b",
        "https://security.microsoft.com/a\tb",
        &too_long,
        &huge,
    ] {
        let name = location.get(..location.len().min(60)).unwrap_or_default();
        let script = || Ok(world.sandbox.script(graph().status(202).header("Location", location))?);
        // `run` checks that the replay has the same location.
        let response = runner.run(name, script, ExpectedResponse::Success, 1, LedgerState::Success).await?;
        assert_eq!(response.header("location"), Some(fallback.as_str()), "{name}");
        assert_eq!(response.json()["trackingUrl"], fallback, "{name}");
        assert_eq!(response.json()["bulkId"], Value::Null, "{name}");
    }
    Ok(())
}

pub(crate) async fn graph_rejection_message_is_returned_sanitized_and_truncated(world: &World) -> TestResult {
    let runner = CaseRunner::of(world);
    let expected = ExpectedResponse::Rejection(400, "graphRefused", None);
    let said = |code: &str, message: &str| json!({ "error": { "code": code, "message": message } }).to_string();
    let long = "m".repeat(5_000);
    let no_message =
        "Microsoft Graph rejected the remediation with badRequest: Microsoft Graph gave no message.".to_owned();
    for (body, detail) in [
        (
            said("BadRequest", "Too many."),
            "Microsoft Graph rejected the remediation with BadRequest: Too many.".to_owned(),
        ),
        (said("x y\r\nz", "a\r\nb\u{0}c"), "Microsoft Graph rejected the remediation with badRequest: abc".to_owned()),
        (
            said("BadRequest", &long),
            format!("Microsoft Graph rejected the remediation with BadRequest: {}", "m".repeat(1_000)),
        ),
        (String::new(), no_message.clone()),
        ("<html>no</html>".to_owned(), no_message.clone()),
        ("{\"error\":\"invalid\"}".to_owned(), no_message.clone()),
        ("{\"error\":{\"code\":1,\"message\":[]}}".to_owned(), no_message.clone()),
        (said("BadRequest", &"m".repeat(1024 * 1024)), no_message.clone()),
    ] {
        let script = || Ok(world.sandbox.script(graph().status(400).body(body.clone()))?);
        let name = body.get(..body.len().min(60)).unwrap_or_default().to_owned();
        let response = runner.run(&name, script, expected, 1, LedgerState::Nothing).await?;
        assert_eq!(response.json()["detail"], detail, "{name}");
    }
    let script =
        || Ok(world.sandbox.script(graph().status(400).body(said("BadRequest", "x")).fault(Fault::CutAfter(9)))?);
    let response = runner.run("400, cut off", script, expected, 1, LedgerState::Nothing).await?;
    assert_eq!(response.json()["detail"], no_message);
    Ok(())
}

pub(crate) async fn graph_body_affects_outcome_only_for_status_409(world: &World) -> TestResult {
    let runner = CaseRunner::of(world);
    let huge = "x".repeat(4 * 1024 * 1024);
    let duplicate = r#"{"error":{"code":"Conflict","message":"Duplicate remediation"}}"#;
    let refused = ExpectedResponse::Rejection(409, "graphConflict", None);
    let slow = Duration::from_millis(700);
    let cases: Vec<(&str, ScriptedResponse, ExpectedResponse, LedgerState)> = vec![
        ("202, not JSON", graph().status(202).body("<html>"), ExpectedResponse::Success, LedgerState::Success),
        ("202, huge", graph().status(202).body(huge.clone()), ExpectedResponse::Success, LedgerState::Success),
        ("202, slow", graph().delay(slow), ExpectedResponse::Success, LedgerState::Success),
        ("202, cut off", graph().fault(Fault::CutAfter(0)), ExpectedResponse::Success, LedgerState::Success),
        (
            "200, cut off",
            graph().status(200).body("{\"a\":1}").fault(Fault::CutAfter(3)),
            ExpectedResponse::Success,
            LedgerState::Success,
        ),
        (
            "409, duplicate",
            graph().status(409).body(duplicate.to_lowercase()),
            ExpectedResponse::Success,
            LedgerState::Success,
        ),
        ("409, plain text", graph().status(409).body("DUPLICATE REMEDIATION"), refused, LedgerState::Nothing),
        (
            "409, in another member",
            graph()
                .status(409)
                .body(r#"{"error":{"code":"Conflict","details":[{"message":"Duplicate remediation"}]}}"#),
            refused,
            LedgerState::Nothing,
        ),
        ("409, other", graph().status(409).body("{\"error\":{}}"), refused, LedgerState::Nothing),
        ("409, huge", graph().status(409).body(huge.clone()), refused, LedgerState::Nothing),
        // The lost part may have reported a duplicate, so the outcome is unknown.
        (
            "409, cut off",
            graph().status(409).body(duplicate).fault(Fault::CutAfter(30)),
            UNAVAILABLE,
            LedgerState::Open,
        ),
        ("500, huge", graph().status(500).body(huge.clone()), ERROR, LedgerState::Open),
        ("500, cut off", graph().status(500).body(duplicate).fault(Fault::CutAfter(1)), ERROR, LedgerState::Open),
        ("500 that says duplicate", graph().status(500).body(duplicate), ERROR, LedgerState::Open),
        ("closed", graph().fault(Fault::Close), UNAVAILABLE, LedgerState::Open),
        ("closed late", graph().fault(Fault::Close).delay(slow), UNAVAILABLE, LedgerState::Open),
    ];
    for (name, next, expected, state) in cases {
        runner.run(name, || Ok(world.sandbox.script(next)?), expected, 1, state).await?;
    }
    Ok(())
}

/// Graph quotes a part of the payload, which says nothing about the outcome. Nothing is recorded, so a retry is sent.
pub(crate) async fn conflict_with_duplicate_phrase_in_payload_is_not_a_duplicate(world: &World) -> TestResult {
    let runner = CaseRunner::of(world);
    let text = "About the duplicate remediation of yesterday";
    for (pointer, value) in [
        ("/displayName", text),
        ("/description", text),
        ("/description", "Duplicate\n\"Remediation\""),
        ("/analyzedEmails/0/recipientEmailAddress", "duplicate-remediation@contoso.com"),
    ] {
        for message in [format!("The texts are not allowed: {text}"), "Duplicate remediation".to_owned()] {
            let mut payload = payload();
            *payload.pointer_mut(pointer).ok_or("no such member")? = json!(value);
            let before = runner.left().await?;
            let error = json!({ "error": { "code": "Conflict", "message": message } });
            world.sandbox.script(graph().status(409).json(&error))?;
            let response = Response::to(runner.request(&payload)).await?;
            let headers = ["ratelimit", "ratelimit-policy"];
            let body = response.assert_problem(409, "graphConflict", &headers);
            let detail = body["detail"].as_str().unwrap_or_default();
            assert!(detail.contains("displayName") && detail.contains("safe to retry"), "{detail}");
            assert_eq!(response.left(), before, "given back");
            let retry = Response::to(runner.request(&payload)).await?;
            assert_eq!((retry.status, retry.header("idempotency-replayed")), (202, None), "{retry:?}");
        }
    }
    Ok(())
}

/// A followed redirect would send the app token to the redirect's target.
pub(crate) async fn redirects_are_not_followed(world: &World) -> TestResult {
    let runner = CaseRunner::of(world);
    for status in [301, 302, 303, 307, 308] {
        for target in ["/elsewhere", "/beta/security/collaboration/analyzedEmails/remediate"] {
            let target = format!("{}{target}", world.sandbox.base_url());
            let script = || Ok(world.sandbox.script(graph().status(status).header("Location", &target))?);
            let response = runner.run(&format!("{status} to {target}"), script, ERROR, 1, LedgerState::Nothing).await?;
            assert_eq!(response.header("location"), None);
        }
    }
    assert_eq!(world.sandbox.recorded_at(Endpoint::Other).len(), 0);
    Ok(())
}
