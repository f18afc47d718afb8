//! The emergency stop: nothing is sent on any path for any caller, and earlier remediations are still known after it.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use acceptance::{API_KEY, API_KEY_SHA256, PATHS, Raw, Response, Setup, TestResult, World, guid, payload, tests};
use sandbox::{Endpoint, Fault, ScriptedResponse};
use serde_json::{Value, json};

/// Maximum time until a request reaches the sandbox.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        stopped_gateway_rejects_every_remediation_and_sends_nothing,
        stopped_response_does_not_wait_for_the_body,
        stopped_gateway_returns_401_to_unauthenticated_clients,
        stopped_gateway_still_serves_validation_health_and_openapi,
        records_are_kept_across_a_stop,
        stopped_ledger_rejects_jobs_of_a_worker_without_the_stop,
    ])
}

async fn stopped_gateway_rejects_every_remediation_and_sends_nothing(world: &World) -> TestResult {
    let by_key = json!({ "name": "script", "api_key_sha256": [API_KEY_SHA256], "actions": ["softDelete"], "recipient_domains": ["*"] });
    let mut callers = world.bindings().remove("CALLERS").ok_or("no callers")?;
    callers.as_array_mut().ok_or("no callers")?.push(by_key);
    for value in [json!(true), json!("true"), json!("True"), json!("TRUE")] {
        let gateway = world.gateway_with(json!({ "STOPPED": value, "CALLERS": callers.clone() })).await?;
        for path in PATHS {
            let post = || gateway.post(path).json(&payload());
            for request in [
                post().bearer_auth(world.token()),
                post().bearer_auth(world.token()).header("Idempotency-Key", guid()),
                post().header("X-API-Key", API_KEY),
                post().basic_auth("script", Some(API_KEY)),
                gateway.post(&format!("{path}?validateOnly=false")).header("X-API-Key", API_KEY).json(&payload()),
            ] {
                let response = Response::to(request).await?;
                response.assert_problem(503, "stopped", &["retry-after"]);
                assert_eq!(response.header("retry-after"), Some("300"));
                let line = gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
                let line: Value = serde_json::from_str(&line)?;
                assert_eq!((&line["status"], &line["code"]), (&json!(503), &json!("stopped")));
                assert_eq!(line["reason"], "remediations are stopped");
                assert!(line["caller"].is_string(), "who still sends is known: {line}");
            }
        }
    }
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty(), "Graph was called");
    assert!(world.sandbox.recorded_at(Endpoint::Token).is_empty(), "a token for Graph was fetched");
    Ok(())
}

/// The response arrives while the body is still outstanding, for a valid body, an invalid one, and none.
async fn stopped_response_does_not_wait_for_the_body(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({ "STOPPED": true })).await?;
    let token = format!("Authorization: Bearer {}", world.token());
    for framing in ["Content-Length: 4194304", "Transfer-Encoding: chunked"] {
        let mut caller = Raw::connect(&gateway).await?;
        caller.post("/remediate", &[&token, "Content-Type: application/json", framing]).await?;
        caller.response().await?.assert_problem(503, "stopped", &["retry-after"]);
    }
    for body in ["", "{", "{}", "[]"] {
        let request = gateway.post("/remediate").bearer_auth(world.token()).header("Content-Type", "application/json");
        Response::to(request.body(body)).await?.assert_problem(503, "stopped", &["retry-after"]);
    }
    Ok(())
}

async fn stopped_gateway_returns_401_to_unauthenticated_clients(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({ "STOPPED": true })).await?;
    let post = || gateway.post("/remediate").json(&payload());
    Response::to(post()).await?.assert_problem(401, "unauthenticated", &["www-authenticate"]);
    let bad = Response::to(post().bearer_auth("x.y.z")).await?;
    bad.assert_problem(401, "invalidCredentials", &["www-authenticate"]);
    Response::to(gateway.get("/remediate")).await?.assert_problem(405, "methodNotAllowed", &["allow"]);
    Ok(())
}

async fn stopped_gateway_still_serves_validation_health_and_openapi(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({ "STOPPED": "true" })).await?;
    for path in PATHS {
        let validated = gateway.post(&format!("{path}?validateOnly=true")).bearer_auth(world.token()).json(&payload());
        let response = Response::to(validated).await?;
        assert_eq!((response.status, &response.json()["status"]), (200, &json!("valid")), "{response:?}");
    }
    assert_eq!(Response::to(gateway.get("/healthz")).await?.body, br#"{"status":"ok"}"#);
    assert_eq!(Response::to(gateway.get("/openapi.json")).await?.status, 200);
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty());
    Ok(())
}

/// A success from before the stop is replayed only after the stop. An attempt that the stop interrupted is safe to
/// retry.
async fn records_are_kept_across_a_stop(world: &World) -> TestResult {
    let (running, stop) = (Setup::from(world.bindings()), world.bindings_with(json!({ "STOPPED": "true" })).into());
    let mut gateway = world.gateway_as(&running).await?;
    let (done, cut_off, key) = (payload(), payload(), guid());
    let first = Response::to(gateway.post("/remediate").bearer_auth(world.token()).json(&done)).await?;
    assert_eq!(first.status, 202, "{first:?}");
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).accept_first().fault(Fault::Hang))?;
    let keyed = gateway.post("/remediate").bearer_auth(world.token()).header("Idempotency-Key", &key).json(&cut_off);
    let lost = tokio::spawn(Response::to(keyed));
    world.sandbox.wait_for(ARRIVAL_TIMEOUT, |all| all.iter().any(|one| one.outcome == sandbox::Outcome::Hung)).await?;

    world.deploy(&mut gateway, &stop).await?;
    assert!(lost.await?.is_err(), "nobody was there to answer");
    for body in [&done, &cut_off, &payload()] {
        let refused = gateway.post("/remediate").bearer_auth(world.token()).json(body);
        Response::to(refused).await?.assert_problem(503, "stopped", &["retry-after"]);
    }
    assert_eq!(world.sandbox.recorded_at(Endpoint::Remediate).len(), 2, "something was sent while it was stopped");

    world.deploy(&mut gateway, &running).await?;
    let replayed = Response::to(gateway.post("/remediate").bearer_auth(world.token()).json(&done)).await?;
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"), "{replayed:?}");
    assert_eq!(replayed.header("location"), first.header("location"));
    let keyed = gateway.post("/remediate").bearer_auth(world.token()).header("Idempotency-Key", &key).json(&cut_off);
    let retried = Response::to(keyed).await?;
    assert_eq!((retried.status, &retried.json()["duplicate"]), (202, &json!(true)), "{retried:?}");
    // Both were counted, each once.
    assert_eq!(retried.header("ratelimit"), Some("\"emails\";r=9998"));
    assert_eq!(world.sandbox.accepted().len(), 2);
    Ok(())
}

/// During a rollout, a Worker of the previous version may still send a job without knowing of the stop.
async fn stopped_ledger_rejects_jobs_of_a_worker_without_the_stop(world: &World) -> TestResult {
    let bindings = world.bindings_with(json!({ "STOPPED": true }));
    let gateway =
        world.gateway_as(&Setup { front: Some(Box::new(world.bindings().into())), ..bindings.into() }).await?;
    for _ in 0..3 {
        let response = Response::to(gateway.post("/remediate").bearer_auth(world.token()).json(&payload())).await?;
        response.assert_problem(503, "stopped", &["retry-after"]);
    }
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty(), "the ledger called Graph");
    Ok(())
}
