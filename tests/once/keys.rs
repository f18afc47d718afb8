//! Identity of a remediation: its key, or its payload.

use acceptance::{
    API_KEY, API_KEY_SHA256, Gateway, NEXT_API_KEY, NEXT_API_KEY_SHA256, Response, TestResult, World, email, guid,
    payload,
};
use sandbox::{Endpoint, Fault, ScriptedResponse};
use serde_json::{Value, json};

use crate::{ask, ask_with_key, assert_replays, assert_sent, graph_calls, wait_for_graph_calls};

pub(crate) async fn quoted_or_bare_key_replays_its_success(world: &World) -> TestResult {
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

pub(crate) async fn key_reused_with_another_payload_returns_422(world: &World) -> TestResult {
    let key = guid();
    assert_sent(&ask_with_key(world, &key, &payload()).await?);
    let other = ask_with_key(world, &format!("\"{key}\""), &payload()).await?;
    other.assert_problem(422, "idempotencyKeyReused", &["ratelimit", "ratelimit-policy"]);
    assert_eq!(graph_calls(world), 1);

    // The same holds while the first request is in flight.
    let (payload, key) = (payload(), guid());
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).held())?;
    let first = tokio::spawn(Response::to(world.remediate(&payload).header("Idempotency-Key", &key)));
    wait_for_graph_calls(world, 2).await?;
    let other = acceptance::payload();
    assert_eq!(ask_with_key(world, &key, &other).await?.status, 422);
    world.sandbox.release();
    assert_sent(&first.await??);
    assert_eq!(graph_calls(world), 2);

    // Another key allows the rejected payload.
    assert_sent(&ask_with_key(world, &guid(), &other).await?);
    assert_eq!(graph_calls(world), 3);
    Ok(())
}

pub(crate) async fn new_key_sends_the_remediation_again(world: &World) -> TestResult {
    let payload = payload();
    let first = ask(world, &payload).await?;
    assert_sent(&first);
    // Graph knows it, and the ledger has the link.
    for calls in [2, 3] {
        let again = ask_with_key(world, &guid(), &payload).await?;
        assert_sent(&again);
        assert_eq!(again.json()["duplicate"], true);
        for header in ["location", "ratelimit"] {
            assert_eq!(again.header(header), first.header(header), "{header}");
        }
        assert_eq!(again.json()["bulkId"], first.json()["bulkId"]);
        assert_eq!(graph_calls(world), calls);
    }
    assert_eq!(world.sandbox.accepted().len(), 1);
    Ok(())
}

pub(crate) async fn request_without_key_is_replayed_by_its_payload(world: &World) -> TestResult {
    let payload = payload();
    let first = ask(world, &payload).await?;
    assert_sent(&first);
    assert_replays(&ask(world, &payload).await?, &first);
    // A duplicate with a key does not replace the first success.
    assert_eq!(ask_with_key(world, &guid(), &payload).await?.json()["duplicate"], true);
    assert_replays(&ask(world, &payload).await?, &first);
    assert_eq!(graph_calls(world), 2);
    Ok(())
}

pub(crate) async fn request_without_key_replays_success_of_a_keyed_request(world: &World) -> TestResult {
    let payload = payload();
    let first = ask_with_key(world, &guid(), &payload).await?;
    assert_replays(&ask(world, &payload).await?, &first);
    assert_replays(&ask(world, &payload).await?, &first);
    assert_eq!(graph_calls(world), 1);
    Ok(())
}

pub(crate) async fn payload_identity_ignores_labels_order_and_case(world: &World) -> TestResult {
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

pub(crate) async fn replay_has_content_of_first_response_in_requested_form(world: &World) -> TestResult {
    // A replay takes its form from the new request and its content from the first response.
    let (payload, key) = (payload(), guid());
    let first = ask_with_key(world, &key, &payload).await?;
    assert_sent(&first);
    let keyed = || world.remediate(&payload).header("Idempotency-Key", &key);
    let workflow = Response::to(keyed().header("x-ms-workflow-run-id", "run-1")).await?;
    assert_eq!(workflow.status, 200);
    assert_replays(&Response { status: 202, ..workflow }, &first);
    let minimal = Response::to(keyed().header("Prefer", "return=minimal")).await?;
    assert_eq!((minimal.status, minimal.body.len()), (202, 0));
    assert_eq!(minimal.header("idempotency-replayed"), Some("true"));
    assert_eq!(minimal.header("location"), first.header("location"));
    let identified = Response::to(keyed().header("client-request-id", "mine")).await?;
    assert_eq!(identified.header("client-request-id"), Some("mine"));
    assert_replays(&identified, &first);
    assert_eq!(graph_calls(world), 1);
    Ok(())
}

pub(crate) async fn duplicate_is_replayed_as_a_duplicate(world: &World) -> TestResult {
    let payload = payload();
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).accept_first().fault(Fault::Close))?;
    assert_eq!(ask(world, &payload).await?.status, 503, "the answer was lost");
    let first = ask(world, &payload).await?;
    assert_sent(&first);
    assert_eq!(first.json()["duplicate"], true);
    assert_replays(&ask(world, &payload).await?, &first);
    assert_eq!((graph_calls(world), world.sandbox.accepted().len()), (2, 1));
    Ok(())
}

pub(crate) async fn each_caller_has_a_separate_ledger(world: &World) -> TestResult {
    let caller = |name: &str, sha256: &str| json!({ "name": name, "api_key_sha256": [sha256], "actions": ["softDelete"], "recipient_domains": ["*"], "senders_copy": true });
    let callers = json!([caller("one", API_KEY_SHA256), caller("two", NEXT_API_KEY_SHA256)]);
    let gateway = world.gateway_with(json!({ "CALLERS": callers })).await?;
    let ask = |api_key: &str, payload: &Value, key: Option<&str>| {
        let request = gateway.post("/remediate").header("X-API-Key", api_key).json(payload);
        Response::to(if let Some(key) = key { request.header("Idempotency-Key", key) } else { request })
    };
    let (payload, other, key) = (payload(), acceptance::payload(), guid());
    let first = ask(API_KEY, &payload, Some(&key)).await?;
    assert_sent(&first);
    // The other caller's key and payload are unknown in this caller's ledger.
    let others_own = ask(NEXT_API_KEY, &other, Some(&key)).await?;
    assert_sent(&others_own);
    let same_payload = ask(NEXT_API_KEY, &payload, None).await?;
    assert_sent(&same_payload);
    assert_eq!(same_payload.json()["duplicate"], true, "Graph did not detect the duplicate");
    assert_eq!(same_payload.header("ratelimit"), Some("\"emails\";r=9998"));
    assert_replays(&ask(API_KEY, &payload, Some(&key)).await?, &first);
    assert_replays(&ask(NEXT_API_KEY, &other, Some(&key)).await?, &others_own);
    assert_eq!(graph_calls(world), 3);
    Ok(())
}

/// The caller's name identifies records and quota, in any letter case of `CALLERS`.
pub(crate) async fn ledger_ignores_case_of_caller_name(world: &World) -> TestResult {
    let named = |name: &str| {
        let caller = json!({ "name": name, "api_key_sha256": [API_KEY_SHA256], "actions": ["softDelete"], "recipient_domains": ["*"], "senders_copy": true });
        world.bindings_with(json!({ "CALLERS": [caller] })).into()
    };
    let mut gateway = world.gateway_as(&named("soar")).await?;
    let payload = payload();
    let ask = |gateway: &Gateway| Response::to(gateway.post("/remediate").header("X-API-Key", API_KEY).json(&payload));
    let first = ask(&gateway).await?;
    assert_sent(&first);
    for name in ["Soar", "SOAR"] {
        world.deploy(&mut gateway, &named(name)).await?;
        let again = ask(&gateway).await?;
        assert_replays(&again, &first);
        assert_eq!(again.header("ratelimit"), Some("\"emails\";r=9999"), "{name}");
        // The log uses the spelling in the configuration.
        let line = gateway.wait_for_line(|line| line.contains(again.request_id())).await?;
        assert!(line.contains(&format!("\"caller\":\"{name}\"")), "{line}");
    }
    assert_eq!(graph_calls(world), 1);
    Ok(())
}

/// In a sequence of removal, restoration and removal, the third request is sent. Graph decides whether it is a
/// duplicate.
pub(crate) async fn success_is_not_replayed_after_another_action(world: &World) -> TestResult {
    let mut gateway = world.gateway_with(json!({})).await?;
    let removed = payload();
    let mut restored = removed.clone();
    restored["action"] = "moveToInbox".into();
    restored["remediateSendersCopy"] = true.into();
    for with_keys in [false, true] {
        world.sandbox.clear();
        let ask = |gateway: &Gateway, payload: &Value, with_key: bool| {
            let request = gateway.post("/remediate").bearer_auth(world.token()).json(payload);
            Response::to(if with_key { request.header("Idempotency-Key", guid()) } else { request })
        };
        ask(&gateway, &restored, true).await?;
        let first = ask(&gateway, &removed, with_keys).await?;
        assert_sent(&first);
        assert_replays(&ask(&gateway, &removed, false).await?, &first);
        // A rejected attempt moves no email.
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(400))?;
        assert_eq!(ask(&gateway, &restored, with_keys).await?.status, 400);
        assert_replays(&ask(&gateway, &removed, false).await?, &first);

        assert_sent(&ask(&gateway, &restored, with_keys).await?);
        let again = ask(&gateway, &removed, false).await?;
        assert_sent(&again);
        assert_replays(&ask(&gateway, &removed, false).await?, &again);

        // An attempt with an unknown outcome may have moved the emails. A restarted object still knows the attempt.
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(502))?;
        assert_eq!(ask(&gateway, &restored, true).await?.status, 502);
        gateway.start_again().await?;
        assert_sent(&ask(&gateway, &removed, false).await?);
        assert_eq!(graph_calls(world), 7);
    }
    Ok(())
}

pub(crate) async fn validate_only_writes_no_record(world: &World) -> TestResult {
    let (payload, key) = (payload(), guid());
    let validate = || {
        let request = world.gateway.post("/remediate?validateOnly=true").bearer_auth(world.token()).json(&payload);
        Response::to(request.header("Idempotency-Key", &key))
    };
    for _ in 0..2 {
        let response = validate().await?;
        assert_eq!((response.status, response.json()["status"].as_str()), (200, Some("valid")));
        assert_eq!((response.header("ratelimit"), response.header("idempotency-replayed")), (None, None));
    }
    assert_eq!(world.sandbox.recorded_at(Endpoint::Remediate).len(), 0);
    // The key is still unused.
    assert_sent(&ask_with_key(world, &key, &acceptance::payload()).await?);
    assert_eq!(validate().await?.status, 200, "a validation does not search for one");
    assert_sent(&ask(world, &payload).await?);
    Ok(())
}
