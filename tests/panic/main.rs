//! Panics at any point.
//!
//! The next request is answered correctly, the old instance leaves no state, and no remediation is lost, repeated or
//! reported to another caller.
//!
//! The tested Worker is the deployed one. No known input makes it trap, so the modules in this folder intercept its
//! Wasm instance and cause traps.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use acceptance::{
    API_KEY, API_KEY_SHA256, Failure, Gateway, Response, Setup, TestResult, World, guid, payload, payload_of, tests,
};
use reqwest::RequestBuilder;
use sandbox::{Endpoint, ScriptedResponse};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const TRAPS: &[(&str, &str)] = &[("main.js", include_str!("main.js")), ("first.js", include_str!("first.js"))];

/// Modules for objects that never respond, and for a Worker in front with a short timeout.
const HANGS: &[(&str, &str)] = &[("hang.js", include_str!("hang.js"))];
const FRONT: &[(&str, &str)] = &[("front.js", include_str!("front.js"))];

/// Maximum time until the sandbox receives a request.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        retry_after_trap_at_any_call_is_accepted_once,
        caches_are_rebuilt_once_after_each_trap,
        requests_in_flight_during_trap_return_500_and_retry_safely,
        trap_before_or_after_graph_is_safe_to_retry,
        trapped_object_in_another_isolate_returns_500,
        unresponsive_object_returns_503_and_is_logged,
        thrown_error_fails_only_its_own_request,
        panic_has_one_log_entry,
    ])
}

/// Starts a gateway that traps, with a second caller that has a key.
async fn gateway(world: &World) -> Result<Gateway, Failure> {
    let mut bindings = world.bindings();
    bindings["CALLERS"].as_array_mut().ok_or("no callers")?.push(json!({
        "name": "script", "api_key_sha256": [API_KEY_SHA256], "actions": ["softDelete"], "recipient_domains": ["*"],
    }));
    world.gateway_as(&Setup { before: TRAPS, ..bindings.into() }).await
}

fn by_token(world: &World, gateway: &Gateway, payload: &Value) -> RequestBuilder {
    gateway.post("/remediate").bearer_auth(world.token()).json(payload)
}

/// Returns how often Graph accepted the first email of this remediation.
fn accepted(world: &World, payload: &Value) -> usize {
    let id = &payload["analyzedEmails"][0]["networkMessageId"];
    let accepted = world.sandbox.accepted();
    accepted.iter().filter(|one| *id == one.remediation.analyzed_emails[0].network_message_id).count()
}

/// A request without caches makes about 35 calls from the Wasm instance.
///
/// The test traps in each of them. Each caller receives an error, the retry is accepted, Graph accepts the remediation
/// once, and the quota counts it once.
async fn retry_after_trap_at_any_call_is_accepted_once(world: &World) -> TestResult {
    let gateway = gateway(world).await?;
    let mut left = 10_000;
    for call in 1.. {
        world.sandbox.clear();
        let (payload, key) = (payload(), guid());
        let keyed = || by_token(world, &gateway, &payload).header("Idempotency-Key", &key);
        let response = Response::to(keyed().header("x-trap-at-call", call)).await?;
        if Response::to(gateway.get("/has-trapped")).await?.json() == false {
            assert!(call > 30, "only {call} calls were tried");
            return Ok(());
        }
        response.assert_problem(500, "internal", &[]);

        let retry = Response::to(keyed()).await?;
        assert_eq!(retry.status, 202, "call {call}: {retry:?}");
        assert_eq!(accepted(world, &payload), 1, "call {call}");
        let calls = world.sandbox.recorded_at(Endpoint::Remediate).len();
        assert!(calls == 1 || calls == 2 && retry.json()["duplicate"] == true, "call {call}: {calls}: {retry:?}");
        left -= 1;
        assert_eq!(
            retry.header("ratelimit"),
            Some(format!("\"emails\";r={left}").as_str()),
            "call {call}: counted once"
        );
        let again = Response::to(keyed()).await?;
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "call {call}: {again:?}");
    }
    Ok(())
}

async fn caches_are_rebuilt_once_after_each_trap(world: &World) -> TestResult {
    let gateway = gateway(world).await?;
    let fetched = || [Endpoint::Keys, Endpoint::Token].map(|endpoint| world.sandbox.recorded_at(endpoint).len());
    for traps in 1..4 {
        for _ in 0..3 {
            assert_eq!(Response::to(by_token(world, &gateway, &payload())).await?.status, 202);
        }
        assert_eq!(
            fetched(),
            [traps, traps],
            "once for each instance: what the old one had is not used, and what the new one has is"
        );
        let trapped = Response::to(by_token(world, &gateway, &payload()).header("x-trap-at-call", 1)).await?;
        trapped.assert_problem(500, "internal", &[]);
    }
    Ok(())
}

/// Another request's trap destroys the shared instance while 20 remediations of two callers are in flight.
///
/// The next request comes before Graph responds, or after Graph's responses have reached an instance that does not know
/// them.
async fn requests_in_flight_during_trap_return_500_and_retry_safely(world: &World) -> TestResult {
    for at_once in [true, false] {
        let gateway = gateway(world).await?;
        world.sandbox.clear();
        // Each remediation has a different number of emails, which identifies its response.
        let payloads: Vec<Value> = (1..=20).map(payload_of).collect();
        let ask = |index: usize| {
            let by_key = gateway.post("/remediate").header("X-API-Key", API_KEY).json(&payloads[index]);
            if index.is_multiple_of(2) { by_key } else { by_token(world, &gateway, &payloads[index]) }
        };
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).held().times(20))?;
        let mut requests = JoinSet::new();
        for index in 0..payloads.len() {
            requests.spawn(Response::to(ask(index)));
        }
        let remediations =
            |all: &[sandbox::Recorded]| all.iter().filter(|one| one.endpoint == Endpoint::Remediate).count();
        world.sandbox.wait_for(ARRIVAL_TIMEOUT, |all| remediations(all) == payloads.len()).await?;
        let trap = Response::to(gateway.post("/remediate").header("x-trap-at-call", 1).json(&payload())).await?;
        trap.assert_problem(500, "internal", &[]);
        let graph_responses = async || {
            world.sandbox.release();
            world
                .sandbox
                .wait_for(ARRIVAL_TIMEOUT, |all| all.iter().all(|one| one.outcome != sandbox::Outcome::Pending))
                .await
        };
        if !at_once {
            graph_responses().await?;
        }
        let next_payload = payload();
        let next = Response::to(by_token(world, &gateway, &next_payload)).await?;
        assert_eq!((next.status, &next.json()["emails"]), (202, &json!(1)), "{next:?}");
        if at_once {
            graph_responses().await?;
        }
        // The instance that knew these requests is gone. The next instance responds to them.
        while let Some(response) = requests.join_next().await {
            response??.assert_problem(500, "internal", &[]);
        }
        for (index, payload) in payloads.iter().enumerate() {
            let retry = Response::to(ask(index)).await?;
            let body = retry.json();
            assert_eq!((retry.status, &body["emails"]), (202, &json!(index + 1)), "{retry:?}");
            assert_eq!(body["duplicate"], true, "Graph had it: {retry:?}");
            assert_eq!(accepted(world, payload), 1);
        }
        // Graph received only complete bodies of these remediations, in 20 attempts and 20 retries.
        let sent = world.sandbox.recorded_at(Endpoint::Remediate);
        assert_eq!(sent.len(), 41);
        for one in sent {
            let emails = &one.json()["analyzedEmails"];
            assert!(payloads.iter().chain([&next_payload]).any(|sent| sent["analyzedEmails"] == *emails), "{emails}");
        }
        // Both callers sent 210 emails, and the token's caller sent those with an odd index. Each email counts once,
        // although it was sent twice.
        let left = Response::to(by_token(world, &gateway, &payload())).await?;
        assert_eq!(left.header("ratelimit"), Some("\"emails\";r=9888"), "{left:?}");
    }
    Ok(())
}

async fn trap_before_or_after_graph_is_safe_to_retry(world: &World) -> TestResult {
    let gateway = gateway(world).await?;
    for (place, known) in [("trap before Graph", false), ("trap after Graph", true)] {
        world.sandbox.clear();
        let mut payload = payload();
        payload["displayName"] = json!(place);
        let lost = Response::to(by_token(world, &gateway, &payload)).await?;
        lost.assert_problem(500, "internal", &[]);
        assert_eq!(accepted(world, &payload), usize::from(known));
        // The display name is not part of the remediation's identity.
        payload["displayName"] = json!("the retry");
        let retry = Response::to(by_token(world, &gateway, &payload)).await?;
        assert_eq!((retry.status, &retry.json()["duplicate"]), (202, &json!(known)), "{retry:?}");
        assert_eq!(accepted(world, &payload), 1);
    }
    Ok(())
}

/// The object usually runs in a different isolate from the Worker. The Worker then survives, and the object's isolate
/// reports the failure.
async fn trapped_object_in_another_isolate_returns_500(world: &World) -> TestResult {
    let front: Setup = world.bindings().into();
    let setup = Setup { before: TRAPS, front: Some(Box::new(front)), ..world.bindings().into() };
    let gateway = world.gateway_as(&setup).await?;
    assert_eq!(Response::to(by_token(world, &gateway, &payload())).await?.status, 202);
    for (place, known) in [("trap before Graph", false), ("trap after Graph", true)] {
        let mut payload = payload();
        payload["displayName"] = json!(place);
        let lost = Response::to(by_token(world, &gateway, &payload)).await?;
        lost.assert_problem(500, "internal", &[]);
        assert_eq!(accepted(world, &payload), usize::from(known));
        payload["displayName"] = json!("the retry");
        let retry = Response::to(by_token(world, &gateway, &payload)).await?;
        assert_eq!((retry.status, &retry.json()["duplicate"]), (202, &json!(known)), "{retry:?}");
    }
    Ok(())
}

/// The caller gets a response before its own timeout, and the log has the line.
async fn unresponsive_object_returns_503_and_is_logged(world: &World) -> TestResult {
    let front = Setup { before: FRONT, ..world.bindings().into() };
    let setup = Setup { before: HANGS, front: Some(Box::new(front)), ..world.bindings().into() };
    let gateway = world.gateway_as(&setup).await?;
    let response = Response::to(by_token(world, &gateway, &payload())).await?;
    response.assert_problem(503, "ledgerUnavailable", &["retry-after"]);
    let line = gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
    assert!(line.contains("the caller's ledger cannot be reached"), "{line}");
    Ok(())
}

/// Each export that a request calls throws a `TypeError` while five remediations are in flight.
///
/// Those complete normally and the instance keeps its caches. The failing request gets an error response, and its retry
/// is correct.
async fn thrown_error_fails_only_its_own_request(world: &World) -> TestResult {
    let gateway = gateway(world).await?;
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).held().times(5))?;
    let mut requests = JoinSet::new();
    for _ in 0..5 {
        requests.spawn(Response::to(by_token(world, &gateway, &payload())));
    }
    let sent = |all: &[sandbox::Recorded]| all.iter().filter(|one| one.endpoint == Endpoint::Remediate).count();
    world.sandbox.wait_for(ARRIVAL_TIMEOUT, |all| sent(all) == 5).await?;
    let mut failed = 0;
    for call in 1.. {
        let payload = payload();
        let thrown = Response::to(by_token(world, &gateway, &payload).header("x-throw-at-call", call)).await?;
        if Response::to(gateway.get("/has-thrown")).await?.json() == false {
            assert!(call > 4, "only {call} calls were tried");
            break;
        }
        if thrown.status != 202 {
            thrown.assert_problem(500, "internal", &[]);
            gateway.wait_for_line(|line| line.contains(thrown.request_id()) && line.contains("\"status\":500")).await?;
            failed += 1;
        }
        assert_eq!(Response::to(by_token(world, &gateway, &payload)).await?.status, 202, "call {call}");
        assert_eq!(accepted(world, &payload), 1, "call {call}");
    }
    assert!(failed > 0, "no request failed");
    world.sandbox.release();
    while let Some(response) = requests.join_next().await {
        let response = response??;
        assert_eq!((response.status, &response.json()["duplicate"]), (202, &json!(false)), "{response:?}");
    }
    assert_eq!(world.sandbox.recorded_at(Endpoint::Keys).len(), 1, "the caches are the same");
    let output = gateway.output().join("\n");
    assert!(!output.contains("lost, and starts anew") && !output.contains("of one call"), "{output}");
    Ok(())
}

/// The log has the panic's location and message, since the message is a literal. Only the recovery logs another line.
async fn panic_has_one_log_entry(world: &World) -> TestResult {
    let gateway = gateway(world).await?;
    for panics in 1..3 {
        let response = Response::to(by_token(world, &gateway, &payload()).header("x-panic", "once")).await?;
        response.assert_problem(500, "internal", &[]);
        gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
        assert_eq!(Response::to(by_token(world, &gateway, &payload())).await?.status, 202);
        let output = gateway.output();
        let logged: Vec<Value> = output
            .iter()
            .filter(|line| line.contains("panic"))
            .map(|line| serde_json::from_str(line))
            .collect::<Result<_, _>>()?;
        assert_eq!(logged.len(), panics, "{output:?}");
        for line in logged {
            let reason = line["reason"].as_str().ok_or("no reason")?;
            assert!(
                reason.starts_with("the module panicked at ") && reason.ends_with(": capacity overflow"),
                "{reason}"
            );
            assert_eq!(line["code"], "internal");
        }
        let recovered = output.iter().filter(|line| line.contains("the module was lost, and starts anew: unreachable"));
        assert_eq!(recovered.count(), panics, "{output:?}");
        for line in &output {
            assert!(line.starts_with('{'), "each line is a log line: {output:?}");
        }
    }
    Ok(())
}
