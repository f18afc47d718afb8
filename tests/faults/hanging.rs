//! Hanging responses. All cases run concurrently, so the test takes as long as the longest case: 90 seconds.

use std::time::{Duration, Instant};

use acceptance::{Failure, Gateway, Raw, Response, TestResult, World, guid, payload};
use sandbox::{Endpoint, Fault, Recorded, ScriptedResponse};
use serde_json::{Value, json};

use crate::fake_graph::{Behaviour, FakeGraph};

/// Tolerance for deadlines on a busy machine.
const SLACK: Duration = Duration::from_secs(8);

pub(crate) async fn caller_receives_response_by_each_deadline_if_microsoft_hangs(world: &World) -> TestResult {
    // Opens connections to Graph and fetches a token before anything hangs.
    assert_eq!(Response::to(world.remediate(&payload())).await?.status, 202);

    // The token endpoint comes first, because no other gateway needs it afterwards.
    let without_token = world.gateway_with(json!({})).await?;
    let token = ScriptedResponse::new(Endpoint::Token).fault(Fault::Hang);
    world.sandbox.script(token)?;
    let token_hangs = start(world, &without_token, &payload(), None);
    world.sandbox.wait_for(SLACK, |all| all.iter().any(|one| one.outcome == sandbox::Outcome::Hung)).await?;

    // The fake Graph sends a response's head and never the body.
    let fake_graph = FakeGraph::start().await?;
    let with_fake_graph = world.gateway_with(json!({ "GRAPH_URL": fake_graph.base_url() })).await?;
    fake_graph.script(Behaviour::Stall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{".to_vec()))?;
    let refusal_hangs = start(world, &with_fake_graph, &payload(), None);

    // Graph never responds: it has not accepted the first remediation, and it has accepted the second.
    let (hung, hung_accepted, key) = (payload(), payload(), guid());
    let graph = || ScriptedResponse::new(Endpoint::Remediate);
    world.sandbox.script(graph().fault(Fault::Hang))?;
    let hangs = start(world, &world.gateway, &hung, None);
    wait_until_at_graph(world, &hung).await?;
    world.sandbox.script(graph().accept_first().fault(Fault::Hang))?;
    let hangs_accepted = start(world, &world.gateway, &hung_accepted, Some(&key));
    wait_until_at_graph(world, &hung_accepted).await?;

    // Graph takes 35 seconds, longer than a Worker outlives its caller, and the caller disconnects at once.
    let abandoned = payload();
    world.sandbox.script(graph().delay(Duration::from_secs(35)))?;
    let caller = send_partially(world, &abandoned, 0).await?;
    wait_until_at_graph(world, &abandoned).await?;
    drop(caller);

    // This caller sends its body late, so its deadline is near while another caller's identical request is in flight.
    let contended = payload();
    let began = Instant::now();
    let late = send_partially(world, &contended, 1).await?;

    let (response, took) = token_hangs.await??;
    response.assert_problem(504, "graphTimeout", &["ratelimit", "ratelimit-policy"]);
    assert_took(took, 10, "the token endpoint");
    assert_eq!(response.header("ratelimit"), Some("\"emails\";r=10000"), "nothing was sent");

    let answered = |all: &[Recorded]| all.iter().any(|one| one.json() == abandoned && one.status() == Some(202));
    world.sandbox.wait_for(Duration::from_secs(45), answered).await?;
    let retry = Response::to(world.remediate(&abandoned)).await?;
    assert_eq!((retry.status, retry.header("idempotency-replayed")), (202, Some("true")), "{retry:?}");
    assert_eq!(retry.json()["duplicate"], false, "the first call ended with its caller's disconnect");
    assert_eq!(calls(world, &abandoned), 1);

    // This request is in flight until well after the late caller's deadline of 90 seconds.
    tokio::time::sleep_until((began + Duration::from_secs(45)).into()).await;
    world.sandbox.script(graph().fault(Fault::Hang))?;
    let holds = start(world, &world.gateway, &contended, None);
    wait_until_at_graph(world, &contended).await?;
    let late = tokio::spawn(finish(late, contended.clone()));

    for (hanging, payload, key, duplicate) in
        [(hangs, &hung, None, false), (hangs_accepted, &hung_accepted, Some(&key), true)]
    {
        let (response, took) = hanging.await??;
        response.assert_problem(504, "graphTimeout", &["ratelimit", "ratelimit-policy"]);
        assert_took(took, 60, "Graph");
        assert_eq!(calls(world, payload), 1, "a hanging remediation was sent again");
        let (retry, _) = start(world, &world.gateway, payload, key.map(String::as_str)).await??;
        assert_eq!((retry.status, retry.json()["duplicate"].as_bool()), (202, Some(duplicate)), "{retry:?}");
        assert_eq!(retry.header("idempotency-replayed"), None);
        assert_eq!(retry.header("ratelimit"), response.header("ratelimit"), "counted once");
        assert_eq!(calls(world, payload), 2);
    }
    let (response, took) = refusal_hangs.await??;
    response.assert_problem(400, "graphRefused", &["ratelimit", "ratelimit-policy"]);
    assert_took(took, 60, "the body of Graph's answer");

    let late = late.await??;
    late.assert_problem(409, "inProgress", &["retry-after", "ratelimit", "ratelimit-policy"]);
    assert_eq!(late.header("retry-after"), Some("30"));
    assert_took(began.elapsed(), 90, "the whole budget");
    assert!(!holds.is_finished(), "the other request has ended");
    assert_eq!(calls(world, &contended), 1);
    Ok(())
}

type Started = tokio::task::JoinHandle<Result<(Response, Duration), Failure>>;

/// Sends a remediation and measures the time until its response.
fn start(world: &World, gateway: &Gateway, payload: &Value, key: Option<&str>) -> Started {
    let request = gateway.post("/remediate").bearer_auth(world.token()).json(payload);
    let request = if let Some(key) = key { request.header("Idempotency-Key", key) } else { request };
    tokio::spawn(async move {
        let began = Instant::now();
        Ok((Response::to(request).await?, began.elapsed()))
    })
}

/// Sends a request without the last bytes of its body.
async fn send_partially(world: &World, payload: &Value, lacking: usize) -> Result<Raw, Failure> {
    let authorization = format!("Authorization: Bearer {}", world.token());
    Ok(Raw::remediation(&world.gateway, &[&authorization], &payload.to_string(), lacking).await?)
}

/// Sends the last byte of the body and reads the response.
async fn finish(mut caller: Raw, payload: Value) -> Result<Response, Failure> {
    let body = payload.to_string();
    caller.send(body.get(body.len() - 1..).unwrap_or_default()).await?;
    caller.response_within(Duration::from_mins(1)).await
}

fn calls(world: &World, payload: &Value) -> usize {
    world.sandbox.recorded_at(Endpoint::Remediate).iter().filter(|one| one.json() == *payload).count()
}

async fn wait_until_at_graph(world: &World, payload: &Value) -> TestResult {
    world.sandbox.wait_for(SLACK, |all| all.iter().any(|one| one.json() == *payload)).await?;
    Ok(())
}

fn assert_took(took: Duration, seconds: u64, what: &str) {
    let deadline = Duration::from_secs(seconds);
    assert!(took + Duration::from_secs(2) >= deadline && took < deadline + SLACK, "{what}: {took:?}, not {deadline:?}");
}
