//! Concurrent requests for one remediation.

use std::time::Duration;

use acceptance::{Response, TestResult, World, guid, payload};
use sandbox::{Endpoint, ScriptedResponse};
use tokio::task::JoinSet;

use crate::{ask, ask_with_key, assert_replays, assert_sent, graph_calls, send_partially, wait_for_graph_calls};

pub(crate) async fn two_hundred_concurrent_requests_cause_one_call(world: &World) -> TestResult {
    for with_key in [false, true] {
        world.sandbox.clear();
        let (payload, key) = (payload(), guid());
        // The delay is long enough for all requests to arrive while the first is in flight.
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).delay(Duration::from_secs(2)))?;
        let mut requests = JoinSet::new();
        for _ in 0..200 {
            let request = world.remediate(&payload);
            let request = if with_key { request.header("Idempotency-Key", &key) } else { request };
            requests.spawn(Response::to(request));
        }
        let responses = requests.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let location = responses[0].header("location");
        assert!(location.is_some());
        for response in &responses {
            assert_eq!((response.status, response.header("location")), (202, location), "{response:?}");
        }
        let replayed = responses.iter().filter(|response| response.header("idempotency-replayed").is_some()).count();
        assert_eq!((responses.len(), replayed), (200, 199));
        assert_eq!(graph_calls(world), 1);
    }
    Ok(())
}

pub(crate) async fn request_for_remediation_in_flight_waits_for_its_outcome(world: &World) -> TestResult {
    let (payload, key) = (payload(), guid());
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).held())?;
    let first = tokio::spawn(Response::to(world.remediate(&payload).header("Idempotency-Key", &key)));
    wait_for_graph_calls(world, 1).await?;
    let second = tokio::spawn(Response::to(world.remediate(&payload).header("Idempotency-Key", &key)));
    let without_key = tokio::spawn(Response::to(world.remediate(&payload)));
    // Another key makes another remediation. If it waited for the first, it would never return.
    assert_sent(&ask_with_key(world, &guid(), &payload).await?);
    world.sandbox.release();
    let first = first.await??;
    assert_sent(&first);
    assert_replays(&second.await??, &first);
    assert_replays(&without_key.await??, &first);
    assert_eq!(graph_calls(world), 2);
    Ok(())
}

pub(crate) async fn failure_is_returned_to_waiting_requests_and_not_replayed(world: &World) -> TestResult {
    let (payload, done) = (payload(), acceptance::payload());
    assert_sent(&ask(world, &done).await?);
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(403).held())?;
    let mut first = send_partially(world, &payload, 0).await?;
    wait_for_graph_calls(world, 2).await?;
    let mut second = send_partially(world, &payload, 0).await?;
    // The runtime handles requests in order, so the second request has reached the ledger before this one returns.
    ask(world, &done).await?;
    world.sandbox.release();
    for response in [first.response().await?, second.response().await?] {
        response.assert_problem(502, "graphPermissionMissing", &["ratelimit", "ratelimit-policy"]);
    }
    assert_eq!(graph_calls(world), 2);
    assert_sent(&ask(world, &payload).await?);
    assert_eq!(graph_calls(world), 3);
    Ok(())
}
