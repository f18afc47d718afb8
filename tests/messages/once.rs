//! One expansion and one remediation, after concurrent retries and after a crash.

use std::time::Duration;

use acceptance::{Response, TestResult, World, guid};
use sandbox::{Endpoint, Fault, Message, ScriptedResponse};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{addresses, graph_calls, remediation, request, seed};

/// Longer than any step of a test that has no scripted delay.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// The response without the IDs of the exchange.
fn shared(response: &Response) -> (u16, Option<&str>, Value) {
    let mut body = response.json();
    assert_eq!(body["requestId"], response.request_id());
    body["requestId"] = Value::Null;
    (response.status, response.header("location"), body)
}

pub(crate) async fn fifty_concurrent_retries_cause_one_expansion_and_remediation(world: &World) -> TestResult {
    for with_key in [false, true] {
        world.sandbox.clear();
        let (id, key) = (guid(), guid());
        seed(world, [Message::new(&id, addresses(3))])?;
        // The delays are long enough for all requests to arrive while the first is in flight.
        for endpoint in [Endpoint::AnalyzedEmails, Endpoint::Remediate] {
            world.sandbox.script(ScriptedResponse::new(endpoint).delay(Duration::from_secs(2)))?;
        }
        let ask = || {
            let request = request(world, &world.gateway, &remediation(&id));
            if with_key { request.header("Idempotency-Key", &key) } else { request }
        };
        let mut requests = JoinSet::new();
        for _ in 0..50 {
            requests.spawn(Response::to(ask()));
        }
        let mut responses = requests.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        assert_eq!(graph_calls(world), (1, 1));
        let replayed = |response: &&Response| response.header("idempotency-replayed") == Some("true");
        assert_eq!((responses.len(), responses.iter().filter(replayed).count()), (50, 49));
        // A later retry replays it, too.
        responses.push(Response::to(ask()).await?);
        for response in &responses {
            assert_eq!(shared(response), shared(&responses[0]));
            assert_eq!((response.status, &response.json()["emails"]), (202, &json!(3)), "{response:?}");
        }
        assert_eq!(graph_calls(world), (1, 1));
    }
    Ok(())
}

/// While Graph lists the recipients, and after Graph has the remediation.
pub(crate) async fn retry_after_crash_during_list_or_submission_is_accepted_once(world: &World) -> TestResult {
    let mut gateway = world.gateway_with(json!({})).await?;
    let mut left = 10_000;
    for (hangs, duplicate, found) in [
        (ScriptedResponse::new(Endpoint::AnalyzedEmails), false, 8),
        (ScriptedResponse::new(Endpoint::Remediate).accept_first(), true, 5),
    ] {
        world.sandbox.clear();
        let id = guid();
        seed(world, [Message::new(&id, addresses(5))])?;
        world.sandbox.script(hangs.fault(Fault::Hang))?;
        let lost = tokio::spawn(Response::to(request(world, &gateway, &remediation(&id))));
        world.sandbox.wait_for(STEP_TIMEOUT, |all| all.iter().any(|one| one.outcome == sandbox::Outcome::Hung)).await?;
        gateway.kill();
        assert!(lost.await?.is_err(), "a stopped gateway has responded");
        gateway.start_again().await?;

        // The list grows, and Graph has what the record says.
        seed(world, [Message::new(&id, addresses(8))])?;
        let retry = Response::to(request(world, &gateway, &remediation(&id))).await?;
        assert_eq!((retry.status, retry.header("idempotency-replayed")), (202, None), "{retry:?}");
        let body = retry.json();
        assert_eq!((&body["duplicate"], &body["recipientsFound"]), (&json!(duplicate), &json!(found)), "{body:#}");
        assert_eq!(world.sandbox.accepted().len(), 1);
        left -= found;
        assert_eq!(retry.header("ratelimit"), Some(format!("\"emails\";r={left}").as_str()));
        gateway.start_again().await?;
        let again = Response::to(request(world, &gateway, &remediation(&id))).await?;
        assert_eq!((shared(&again), again.header("idempotency-replayed")), (shared(&retry), Some("true")));
        assert_eq!(world.sandbox.accepted().len(), 1);
    }
    Ok(())
}
