//! Once: what the ledger makes of requests that come again, at the same time, with and without a key, after a disconnect and after a
//! crash (contract, section 7).

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use acceptance::{
    API_KEY, API_KEY_SHA256, Answer, Failure, Gateway, NEXT_API_KEY, NEXT_API_KEY_SHA256, Raw, TestResult, World,
    email, guid, payload, tests,
};
use reqwest::RequestBuilder;
use sandbox::{Endpoint, Fault, NextAnswer};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Longer than anything takes that is not told to wait.
const SOON: Duration = Duration::from_secs(10);

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        a_key_replays_its_success_quoted_or_bare,
        a_key_stands_for_one_payload,
        a_new_key_is_a_new_remediation,
        without_a_key_the_payload_is_the_key,
        without_a_key_the_success_of_one_with_a_key_is_replayed,
        what_is_done_makes_the_payload_and_labels_do_not,
        a_replay_is_the_first_answer_again,
        a_duplicate_is_replayed_as_one,
        two_hundred_at_once_are_one_call,
        who_comes_while_it_is_on_its_way_waits_for_its_outcome,
        a_failure_is_told_to_those_who_wait_and_to_nobody_later,
        a_caller_that_disconnects_stops_nothing,
        a_request_that_never_came_whole_is_none,
        a_gateway_killed_between_record_and_answer_goes_on,
        successes_survive_a_restart,
        callers_have_ledgers_of_their_own,
        validate_only_leaves_no_trace,
    ])
}

async fn ask(world: &World, payload: &Value) -> Result<Answer, Failure> {
    Answer::to(world.remediate(payload)).await
}

async fn ask_with_key(world: &World, key: &str, payload: &Value) -> Result<Answer, Failure> {
    Answer::to(world.remediate(payload).header("Idempotency-Key", key)).await
}

fn graph_calls(world: &World) -> usize {
    world.sandbox.recorded_at(Endpoint::Remediate).len()
}

async fn until_graph_has(world: &World, calls: usize) -> TestResult {
    let at_graph = |all: &[sandbox::Recorded]| all.iter().filter(|one| one.endpoint == Endpoint::Remediate).count();
    world.sandbox.wait_for(SOON, |all| at_graph(all) >= calls).await?;
    Ok(())
}

/// A remediation by the development caller that has left us, but for the last `lacking` bytes of it.
async fn sent(world: &World, payload: &Value, lacking: usize) -> Result<Raw, Failure> {
    let authorization = format!("Authorization: Bearer {}", world.token());
    Ok(Raw::remediation(&world.gateway, &[&authorization], &payload.to_string(), lacking).await?)
}

/// A success that was sent for this request.
fn assert_sent(answer: &Answer) {
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.header("idempotency-replayed"), None, "{answer:?}");
}

/// A success that was replayed: the first answer again, but for what identifies the exchange.
fn assert_replays(answer: &Answer, first: &Answer) {
    assert_eq!(answer.header("idempotency-replayed"), Some("true"), "{answer:?}");
    let own = ["request-id", "client-request-id", "date", "idempotency-replayed"];
    let headers = |answer: &Answer| -> Vec<(String, String)> {
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| !own.contains(&name.as_str()) && !name.starts_with("ratelimit"));
        headers.sort();
        headers
    };
    let body = |answer: &Answer| -> Value {
        let mut body = answer.json();
        assert_eq!(body["requestId"], answer.request_id());
        body["requestId"] = Value::Null;
        body
    };
    assert_eq!(answer.status, first.status);
    assert_eq!(headers(answer), headers(first));
    assert_eq!(body(answer), body(first));
    assert_ne!(answer.request_id(), first.request_id());
}

async fn a_key_replays_its_success_quoted_or_bare(world: &World) -> TestResult {
    let (payload, key) = (payload(), guid());
    let quoted = format!("\"{key}\"");
    let first = ask_with_key(world, &quoted, &payload).await?;
    assert_sent(&first);
    for again in [&quoted, &key, &format!(" {key} ")] {
        assert_replays(&ask_with_key(world, again, &payload).await?, &first);
    }
    assert_eq!(graph_calls(world), 1);
    assert_sent(&ask_with_key(world, &key.to_uppercase(), &payload).await?);
    assert_eq!(graph_calls(world), 2, "a key compares exactly");
    Ok(())
}

async fn a_key_stands_for_one_payload(world: &World) -> TestResult {
    let key = guid();
    assert_sent(&ask_with_key(world, &key, &payload()).await?);
    let other = ask_with_key(world, &format!("\"{key}\""), &payload()).await?;
    other.assert_problem(422, "idempotencyKeyReused", &["ratelimit", "ratelimit-policy"]);
    assert_eq!(graph_calls(world), 1);

    // Also while it is on its way.
    let (payload, key) = (payload(), guid());
    world.sandbox.script(NextAnswer::new(Endpoint::Remediate).held())?;
    let first = tokio::spawn(Answer::to(world.remediate(&payload).header("Idempotency-Key", &key)));
    until_graph_has(world, 2).await?;
    let other = acceptance::payload();
    assert_eq!(ask_with_key(world, &key, &other).await?.status, 422);
    world.sandbox.release();
    assert_sent(&first.await??);
    assert_eq!(graph_calls(world), 2);

    // And what could not be sent under this key is sent under another.
    assert_sent(&ask_with_key(world, &guid(), &other).await?);
    assert_eq!(graph_calls(world), 3);
    Ok(())
}

async fn a_new_key_is_a_new_remediation(world: &World) -> TestResult {
    let payload = payload();
    assert_sent(&ask(world, &payload).await?);
    let again = ask_with_key(world, &guid(), &payload).await?;
    assert_sent(&again);
    assert_eq!(again.json()["duplicate"], true, "the sandbox, as Graph, knows it");
    assert_eq!(ask_with_key(world, &guid(), &payload).await?.json()["duplicate"], true);
    assert_eq!(graph_calls(world), 3);
    assert_eq!(world.sandbox.accepted().len(), 1);
    Ok(())
}

async fn without_a_key_the_payload_is_the_key(world: &World) -> TestResult {
    let payload = payload();
    let first = ask(world, &payload).await?;
    assert_sent(&first);
    assert_replays(&ask(world, &payload).await?, &first);
    // A remediation with a key that Graph calls a duplicate does not take the place of the first success, which has the better link.
    let keyed = ask_with_key(world, &guid(), &payload).await?;
    assert_ne!(keyed.header("location"), first.header("location"));
    assert_replays(&ask(world, &payload).await?, &first);
    assert_eq!(graph_calls(world), 2);
    Ok(())
}

async fn without_a_key_the_success_of_one_with_a_key_is_replayed(world: &World) -> TestResult {
    let payload = payload();
    let first = ask_with_key(world, &guid(), &payload).await?;
    assert_replays(&ask(world, &payload).await?, &first);
    assert_replays(&ask(world, &payload).await?, &first);
    assert_eq!(graph_calls(world), 1);
    Ok(())
}

async fn what_is_done_makes_the_payload_and_labels_do_not(world: &World) -> TestResult {
    let (one, two) = (email(), email());
    let make = |change: &dyn Fn(&mut Value)| {
        let mut made = payload();
        made["analyzedEmails"] = json!([one, two]);
        change(&mut made);
        made
    };
    let first = ask(world, &make(&|_| ())).await?;
    assert_sent(&first);

    let upper = |email: &Value, member: &str| {
        let mut email = email.clone();
        email[member] = email[member].as_str().unwrap_or_default().to_uppercase().into();
        email
    };
    let same: [&dyn Fn(&mut Value); 8] = [
        &|it| it["displayName"] = "Another name".into(),
        &|it| it["description"] = "Another description".into(),
        &|it| it["severity"] = "high".into(),
        &|it| it["analyzedEmails"] = json!([two, one]),
        &|it| it["analyzedEmails"] = json!([upper(&one, "networkMessageId"), two]),
        &|it| it["analyzedEmails"] = json!([one, upper(&two, "recipientEmailAddress")]),
        &|it| it["remediateSendersCopy"] = "False".into(),
        &|it| it["@odata.type"] = "#microsoft.graph.security.remediate".into(),
    ];
    for (index, change) in same.into_iter().enumerate() {
        let again = ask(world, &make(change)).await?;
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "change {index}: {again:?}");
        assert_replays(&again, &first);
    }
    let repeated = ask(world, &make(&|it| it["analyzedEmails"] = json!([one, two, one]))).await?;
    assert_replays(&repeated, &first);
    assert_eq!(graph_calls(world), 1);

    let other: [&dyn Fn(&mut Value); 6] = [
        &|it| it["action"] = "hardDelete".into(),
        &|it| it["remediateSendersCopy"] = true.into(),
        &|it| it["analyzedEmails"] = json!([one]),
        &|it| it["analyzedEmails"] = json!([one, two, email()]),
        &|it| it["analyzedEmails"][0]["recipientEmailAddress"] = "other@contoso.com".into(),
        &|it| it["analyzedEmails"][1]["networkMessageId"] = guid().into(),
    ];
    for (index, change) in other.into_iter().enumerate() {
        assert_sent(&ask(world, &make(change)).await?);
        assert_eq!(graph_calls(world), 2 + index);
    }
    Ok(())
}

async fn a_replay_is_the_first_answer_again(world: &World) -> TestResult {
    // The form of the answer is the request's own; what it says is the first one's.
    let (payload, key) = (payload(), guid());
    let first = ask_with_key(world, &key, &payload).await?;
    assert_sent(&first);
    let keyed = || world.remediate(&payload).header("Idempotency-Key", &key);
    let workflow = Answer::to(keyed().header("x-ms-workflow-run-id", "run-1")).await?;
    assert_eq!(workflow.status, 200);
    assert_replays(&Answer { status: 202, ..workflow }, &first);
    let minimal = Answer::to(keyed().header("Prefer", "return=minimal")).await?;
    assert_eq!((minimal.status, minimal.body.len()), (202, 0));
    assert_eq!(minimal.header("idempotency-replayed"), Some("true"));
    assert_eq!(minimal.header("location"), first.header("location"));
    let identified = Answer::to(keyed().header("client-request-id", "mine")).await?;
    assert_eq!(identified.header("client-request-id"), Some("mine"));
    assert_replays(&identified, &first);
    assert_eq!(graph_calls(world), 1);
    Ok(())
}

async fn a_duplicate_is_replayed_as_one(world: &World) -> TestResult {
    let payload = payload();
    world.sandbox.script(NextAnswer::new(Endpoint::Remediate).accept_first().fault(Fault::Close))?;
    assert_eq!(ask(world, &payload).await?.status, 503, "the answer was lost");
    let first = ask(world, &payload).await?;
    assert_sent(&first);
    assert_eq!(first.json()["duplicate"], true);
    assert_replays(&ask(world, &payload).await?, &first);
    assert_eq!((graph_calls(world), world.sandbox.accepted().len()), (2, 1));
    Ok(())
}

async fn two_hundred_at_once_are_one_call(world: &World) -> TestResult {
    for with_key in [false, true] {
        world.sandbox.clear();
        let (payload, key) = (payload(), guid());
        // Long enough for all to come while the first is on its way, rather than one after another.
        world.sandbox.script(NextAnswer::new(Endpoint::Remediate).delay(Duration::from_secs(2)))?;
        let mut requests = JoinSet::new();
        for _ in 0..200 {
            let request = world.remediate(&payload);
            let request = if with_key { request.header("Idempotency-Key", &key) } else { request };
            requests.spawn(Answer::to(request));
        }
        let answers = requests.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let location = answers[0].header("location");
        assert!(location.is_some());
        for answer in &answers {
            assert_eq!((answer.status, answer.header("location")), (202, location), "{answer:?}");
        }
        let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_some()).count();
        assert_eq!((answers.len(), replayed), (200, 199));
        assert_eq!(graph_calls(world), 1);
    }
    Ok(())
}

async fn who_comes_while_it_is_on_its_way_waits_for_its_outcome(world: &World) -> TestResult {
    let (payload, key) = (payload(), guid());
    world.sandbox.script(NextAnswer::new(Endpoint::Remediate).held())?;
    let first = tokio::spawn(Answer::to(world.remediate(&payload).header("Idempotency-Key", &key)));
    until_graph_has(world, 1).await?;
    let second = tokio::spawn(Answer::to(world.remediate(&payload).header("Idempotency-Key", &key)));
    let without_key = tokio::spawn(Answer::to(world.remediate(&payload)));
    // Under another key it is another remediation: did it wait, it would do so for ever.
    assert_sent(&ask_with_key(world, &guid(), &payload).await?);
    world.sandbox.release();
    let first = first.await??;
    assert_sent(&first);
    assert_replays(&second.await??, &first);
    assert_replays(&without_key.await??, &first);
    assert_eq!(graph_calls(world), 2);
    Ok(())
}

async fn a_failure_is_told_to_those_who_wait_and_to_nobody_later(world: &World) -> TestResult {
    let (payload, done) = (payload(), acceptance::payload());
    assert_sent(&ask(world, &done).await?);
    world.sandbox.script(NextAnswer::new(Endpoint::Remediate).status(403).held())?;
    let mut first = sent(world, &payload, 0).await?;
    until_graph_has(world, 2).await?;
    let mut second = sent(world, &payload, 0).await?;
    // The runtime takes requests in their order: what came after the second one has been at the ledger, so the second one is there.
    ask(world, &done).await?;
    world.sandbox.release();
    for answer in [first.answer().await?, second.answer().await?] {
        answer.assert_problem(502, "graphPermissionMissing", &["ratelimit", "ratelimit-policy"]);
    }
    assert_eq!(graph_calls(world), 2);
    assert_sent(&ask(world, &payload).await?);
    assert_eq!(graph_calls(world), 3);
    Ok(())
}

async fn a_caller_that_disconnects_stops_nothing(world: &World) -> TestResult {
    let payload = payload();
    world.sandbox.script(NextAnswer::new(Endpoint::Remediate).delay(Duration::from_millis(1500)))?;
    let caller = sent(world, &payload, 0).await?;
    until_graph_has(world, 1).await?;
    drop(caller);
    // Nobody is connected while Graph makes up its mind.
    world.sandbox.wait_for(SOON, |all| all.iter().any(|one| one.status() == Some(202))).await?;

    let retry = ask(world, &payload).await?;
    assert_eq!((retry.status, retry.header("idempotency-replayed")), (202, Some("true")), "{retry:?}");
    assert_eq!(retry.json()["duplicate"], false);
    assert_eq!((graph_calls(world), world.sandbox.accepted().len()), (1, 1));
    Ok(())
}

async fn a_request_that_never_came_whole_is_none(world: &World) -> TestResult {
    let payload = payload();
    drop(sent(world, &payload, 1).await?);
    assert_sent(&ask(world, &payload).await?);
    assert_eq!(graph_calls(world), 1);
    Ok(())
}

/// A remediation by the development caller through this gateway.
fn remediate(world: &World, gateway: &Gateway, payload: &Value) -> RequestBuilder {
    gateway.post("/remediate").bearer_auth(world.token()).json(payload)
}

async fn a_gateway_killed_between_record_and_answer_goes_on(world: &World) -> TestResult {
    let mut gateway = world.gateway_with(json!({})).await?;
    for with_key in [false, true] {
        world.sandbox.clear();
        let (payload, key) = (payload(), guid());
        let request = |gateway: &Gateway| {
            let request = remediate(world, gateway, &payload);
            if with_key { request.header("Idempotency-Key", &key) } else { request }
        };
        // Graph has accepted it, and its answer never comes.
        world.sandbox.script(NextAnswer::new(Endpoint::Remediate).accept_first().fault(Fault::Hang))?;
        let lost = tokio::spawn(Answer::to(request(&gateway)));
        world.sandbox.wait_for(SOON, |all| all.iter().any(|one| one.outcome == sandbox::Outcome::Hung)).await?;
        gateway.kill();
        assert!(lost.await?.is_err(), "nobody was there to answer");
        gateway.start_again().await?;

        if with_key {
            let reused = remediate(world, &gateway, &acceptance::payload()).header("Idempotency-Key", &key);
            assert_eq!(Answer::to(reused).await?.status, 422, "the key was recorded before the call to Graph");
        }
        let retry = Answer::to(request(&gateway)).await?;
        assert_sent(&retry);
        assert_eq!(retry.json()["duplicate"], true, "Graph had accepted it");
        let again = Answer::to(request(&gateway)).await?;
        assert_replays(&again, &retry);
        assert_eq!(world.sandbox.accepted().len(), 1);
        // Counted once: by the lost attempt.
        let left = if with_key { 9_998 } else { 9_999 };
        assert_eq!(again.header("ratelimit"), Some(format!("\"emails\";r={left}").as_str()));
    }
    Ok(())
}

async fn successes_survive_a_restart(world: &World) -> TestResult {
    let mut gateway = world.gateway_with(json!({})).await?;
    let (keyed, payload, key) = (payload(), payload(), guid());
    let first_keyed = Answer::to(remediate(world, &gateway, &keyed).header("Idempotency-Key", &key)).await?;
    let first = Answer::to(remediate(world, &gateway, &payload)).await?;
    gateway.start_again().await?;
    let again = Answer::to(remediate(world, &gateway, &keyed).header("Idempotency-Key", &key)).await?;
    assert_replays(&again, &first_keyed);
    assert_replays(&Answer::to(remediate(world, &gateway, &keyed)).await?, &first_keyed);
    assert_replays(&Answer::to(remediate(world, &gateway, &payload)).await?, &first);
    assert_eq!(graph_calls(world), 2);
    Ok(())
}

async fn callers_have_ledgers_of_their_own(world: &World) -> TestResult {
    let caller =
        |name: &str, sha256: &str| json!({ "name": name, "api_key_sha256": [sha256], "actions": ["softDelete"] });
    let callers = json!([caller("one", API_KEY_SHA256), caller("two", NEXT_API_KEY_SHA256)]);
    let gateway = world.gateway_with(json!({ "CALLERS": callers })).await?;
    let ask = |api_key: &str, payload: &Value, key: Option<&str>| {
        let request = gateway.post("/remediate").header("X-API-Key", api_key).json(payload);
        Answer::to(if let Some(key) = key { request.header("Idempotency-Key", key) } else { request })
    };
    let (payload, other, key) = (payload(), acceptance::payload(), guid());
    let first = ask(API_KEY, &payload, Some(&key)).await?;
    assert_sent(&first);
    // Neither the key nor the payload of the one is known to the other.
    let others_own = ask(NEXT_API_KEY, &other, Some(&key)).await?;
    assert_sent(&others_own);
    let same_payload = ask(NEXT_API_KEY, &payload, None).await?;
    assert_sent(&same_payload);
    assert_eq!(same_payload.json()["duplicate"], true, "it is Graph that knows it");
    assert_eq!(same_payload.header("ratelimit"), Some("\"emails\";r=9998"));
    assert_replays(&ask(API_KEY, &payload, Some(&key)).await?, &first);
    assert_replays(&ask(NEXT_API_KEY, &other, Some(&key)).await?, &others_own);
    assert_eq!(graph_calls(world), 3);
    Ok(())
}

async fn validate_only_leaves_no_trace(world: &World) -> TestResult {
    let (payload, key) = (payload(), guid());
    let validate = || {
        let request = world.gateway.post("/remediate?validateOnly=true").bearer_auth(world.token()).json(&payload);
        Answer::to(request.header("Idempotency-Key", &key))
    };
    for _ in 0..2 {
        let answer = validate().await?;
        assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("valid")));
        assert_eq!((answer.header("ratelimit"), answer.header("idempotency-replayed")), (None, None));
    }
    assert_eq!(world.sandbox.recorded_at(Endpoint::Remediate).len(), 0);
    // The key stands for nothing yet.
    assert_sent(&ask_with_key(world, &key, &acceptance::payload()).await?);
    assert_eq!(validate().await?.status, 200, "nor does it look for one");
    assert_sent(&ask(world, &payload).await?);
    Ok(())
}
