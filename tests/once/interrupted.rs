//! Callers that disconnect and gateways that stop before the response.

use std::time::Duration;

use acceptance::{Gateway, Raw, Response, TestResult, World, guid, payload};
use reqwest::RequestBuilder;
use sandbox::{Endpoint, Fault, ScriptedResponse};
use serde_json::{Value, json};

use crate::{STEP_TIMEOUT, ask, assert_replays, assert_sent, graph_calls, send_partially, wait_for_graph_calls};

pub(crate) async fn disconnected_caller_does_not_stop_its_remediation(world: &World) -> TestResult {
    let payload = payload();
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).delay(Duration::from_millis(1500)))?;
    let caller = send_partially(world, &payload, 0).await?;
    wait_for_graph_calls(world, 1).await?;
    drop(caller);
    // The caller has disconnected before Graph responds.
    world.sandbox.wait_for(STEP_TIMEOUT, |all| all.iter().any(|one| one.status() == Some(202))).await?;

    let retry = ask(world, &payload).await?;
    assert_eq!((retry.status, retry.header("idempotency-replayed")), (202, Some("true")), "{retry:?}");
    assert_eq!(retry.json()["duplicate"], false);
    assert_eq!((graph_calls(world), world.sandbox.accepted().len()), (1, 1));
    Ok(())
}

/// The caller disconnects while the gateway waits for another response of Microsoft.
///
/// While the Worker fetches the signing keys, it has not read the body. So this remediation may be lost with the
/// connection.
pub(crate) async fn retry_after_disconnect_during_fetch_or_wait_is_accepted_once(world: &World) -> TestResult {
    let throttled = ScriptedResponse::new(Endpoint::Remediate).status(429).header("Retry-After", "1");
    for (script, goes_on) in [
        (ScriptedResponse::new(Endpoint::Keys), false),
        (ScriptedResponse::new(Endpoint::Token), true),
        (throttled, true),
    ] {
        let gateway = world.gateway_with(json!({})).await?;
        world.sandbox.clear();
        let (payload, endpoint) = (payload(), script.endpoint);
        world.sandbox.script(script.held())?;
        let authorization = format!("Authorization: Bearer {}", world.token());
        let caller = Raw::remediation(&gateway, &[&authorization], &payload.to_string(), 0).await?;
        world.sandbox.wait_for(STEP_TIMEOUT, |all| all.iter().any(|one| one.endpoint == endpoint)).await?;
        drop(caller);
        // The runtime handles events in order, so it has seen the disconnect before it responds to this request.
        Response::to(gateway.get("/healthz")).await?;
        world.sandbox.release();
        if goes_on {
            world.sandbox.wait_for(STEP_TIMEOUT, |all| all.iter().any(|one| one.status() == Some(202))).await?;
        }

        let retry = Response::to(remediate(world, &gateway, &payload)).await?;
        assert_eq!((retry.status, &retry.json()["duplicate"]), (202, &json!(false)), "{endpoint:?}: {retry:?}");
        if goes_on {
            assert_eq!(retry.header("idempotency-replayed"), Some("true"), "{endpoint:?}: {retry:?}");
        }
        assert_eq!(world.sandbox.accepted().len(), 1, "{endpoint:?}");
    }
    Ok(())
}

/// Two callers wait for the outcome of one remediation, and one of them disconnects.
pub(crate) async fn disconnected_caller_does_not_affect_waiting_callers(world: &World) -> TestResult {
    let done = payload();
    assert_sent(&ask(world, &done).await?);
    for leaves_first in [true, false] {
        world.sandbox.clear();
        let payload = payload();
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).held())?;
        let first = send_partially(world, &payload, 0).await?;
        wait_for_graph_calls(world, 1).await?;
        let second = send_partially(world, &payload, 0).await?;
        // The runtime handles requests in order, so the second request has reached the ledger before this one returns.
        ask(world, &done).await?;
        let (leaves, mut stays) = if leaves_first { (first, second) } else { (second, first) };
        drop(leaves);
        ask(world, &done).await?;
        world.sandbox.release();

        let response = stays.response().await?;
        assert_eq!((response.status, &response.json()["duplicate"]), (202, &json!(false)), "{response:?}");
        assert_eq!(response.header("idempotency-replayed").is_some(), leaves_first, "{response:?}");
        assert_eq!((graph_calls(world), world.sandbox.accepted().len()), (1, 1));
    }
    Ok(())
}

pub(crate) async fn request_with_incomplete_body_is_ignored(world: &World) -> TestResult {
    let payload = payload();
    drop(send_partially(world, &payload, 1).await?);
    assert_sent(&ask(world, &payload).await?);
    assert_eq!(graph_calls(world), 1);
    Ok(())
}

/// Creates a remediation request of the development caller to this gateway.
fn remediate(world: &World, gateway: &Gateway, payload: &Value) -> RequestBuilder {
    gateway.post("/remediate").bearer_auth(world.token()).json(payload)
}

pub(crate) async fn retry_after_crash_before_response_is_accepted_once(world: &World) -> TestResult {
    let mut gateway = world.gateway_with(json!({})).await?;
    for with_key in [false, true] {
        world.sandbox.clear();
        let (payload, key) = (payload(), guid());
        let request = |gateway: &Gateway| {
            let request = remediate(world, gateway, &payload);
            if with_key { request.header("Idempotency-Key", &key) } else { request }
        };
        // Graph accepts the remediation and never responds.
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).accept_first().fault(Fault::Hang))?;
        let lost = tokio::spawn(Response::to(request(&gateway)));
        world.sandbox.wait_for(STEP_TIMEOUT, |all| all.iter().any(|one| one.outcome == sandbox::Outcome::Hung)).await?;
        gateway.kill();
        assert!(lost.await?.is_err(), "a stopped gateway has responded");
        gateway.start_again().await?;

        if with_key {
            let reused = remediate(world, &gateway, &acceptance::payload()).header("Idempotency-Key", &key);
            assert_eq!(Response::to(reused).await?.status, 422, "the key was recorded before the call to Graph");
        }
        let retry = Response::to(request(&gateway)).await?;
        assert_sent(&retry);
        assert_eq!(retry.json()["duplicate"], true, "Graph had accepted it");
        let again = Response::to(request(&gateway)).await?;
        assert_replays(&again, &retry);
        assert_eq!(world.sandbox.accepted().len(), 1);
        // Only the lost attempt counts against the quota.
        let left = if with_key { 9_998 } else { 9_999 };
        assert_eq!(again.header("ratelimit"), Some(format!("\"emails\";r={left}").as_str()));
    }
    Ok(())
}

pub(crate) async fn successes_survive_a_restart(world: &World) -> TestResult {
    let mut gateway = world.gateway_with(json!({})).await?;
    let (keyed, payload, key) = (payload(), payload(), guid());
    let first_keyed = Response::to(remediate(world, &gateway, &keyed).header("Idempotency-Key", &key)).await?;
    let first = Response::to(remediate(world, &gateway, &payload)).await?;
    gateway.start_again().await?;
    let again = Response::to(remediate(world, &gateway, &keyed).header("Idempotency-Key", &key)).await?;
    assert_replays(&again, &first_keyed);
    assert_replays(&Response::to(remediate(world, &gateway, &keyed)).await?, &first_keyed);
    assert_replays(&Response::to(remediate(world, &gateway, &payload)).await?, &first);
    assert_eq!(graph_calls(world), 2);
    Ok(())
}
