//! The request to Graph: serialized from validated values, without any other input of the caller.

use std::collections::BTreeSet;

use acceptance::{Response, TestResult, World, guid, is_guid, payload, payload_of, payload_with};
use sandbox::{Endpoint, Recorded};
use serde_json::{Value, json};

/// Every header that Graph may receive, including those of the runtime's client.
const HEADERS: [&str; 7] =
    ["accept", "authorization", "client-request-id", "content-length", "content-type", "host", "user-agent"];

/// Every header that Entra may receive, at either endpoint.
const TOKEN_HEADERS: [&str; 5] = ["accept", "content-length", "content-type", "host", "user-agent"];
const KEYS_HEADERS: [&str; 3] = ["accept", "host", "user-agent"];

fn header_names(request: &Recorded) -> BTreeSet<&str> {
    request.headers.iter().map(|(name, _)| name.as_str()).collect()
}

/// Sends the payload and returns the request that Graph received.
async fn send(world: &World, payload: &Value) -> Result<Recorded, acceptance::Failure> {
    let response = Response::to(world.remediate(payload)).await?;
    assert_eq!(response.status, 202, "{response:?}");
    last_recorded(world)
}

fn last_recorded(world: &World) -> Result<Recorded, acceptance::Failure> {
    world.sandbox.recorded_at(Endpoint::Remediate).pop().ok_or_else(|| "nothing came to Graph".into())
}

/// A header, query or annotation of the caller could change Graph's behaviour, or contain the caller's credential.
pub(crate) async fn caller_headers_query_and_annotations_are_not_forwarded(world: &World) -> TestResult {
    // A new gateway, which has neither keys nor a token and so calls Entra, too.
    let gateway = world.gateway_with(json!({})).await?;
    let mark = "smuggled-7f3a";
    let mut payload = payload();
    payload["@odata.type"] = json!(mark);
    payload["analyzedEmails"][0]["@odata.id"] = json!(mark);
    let token = world.token();
    let mut request = gateway.post(&format!("/remediate?$select={mark}&x={mark}#{mark}")).bearer_auth(&token);
    for name in [
        "Cookie",
        "X-Forwarded-For",
        "Forwarded",
        "CF-Connecting-IP",
        "X-HTTP-Method-Override",
        "ConsistencyLevel",
        "If-Match",
        "Referer",
        "Origin",
        "Accept-Language",
        "x-ms-workflow-id",
        "x-ms-client-request-id",
        "SdkVersion",
        "X-Custom",
    ] {
        request = request.header(name, mark);
    }
    let request = request
        .header("client-request-id", mark)
        .header("User-Agent", mark)
        .header("Prefer", format!("respond-async, include-unknown-enum-members, {mark}"))
        .header("Idempotency-Key", format!("{mark}-{}", guid()))
        .header("Retry-Attempt", "1")
        .json(&payload);
    assert_eq!(Response::to(request).await?.status, 202);

    for (endpoint, headers, content_type) in [
        (Endpoint::Keys, &KEYS_HEADERS[..], None),
        (Endpoint::Token, &TOKEN_HEADERS, Some("application/x-www-form-urlencoded")),
        (Endpoint::Remediate, &HEADERS, Some("application/json")),
    ] {
        let [received] =
            world.sandbox.recorded_at(endpoint).try_into().map_err(|_| format!("{endpoint:?}: not once"))?;
        assert_eq!(header_names(&received), headers.iter().copied().collect(), "{endpoint:?}");
        let user_agent = received.header("user-agent");
        assert_eq!(user_agent, Some(concat!("remediation-gateway/", env!("CARGO_PKG_VERSION"))), "{endpoint:?}");
        assert_eq!(received.header("accept"), Some("application/json"), "{endpoint:?}");
        assert_eq!(received.header("content-type"), content_type, "{endpoint:?}");
    }
    for received in world.sandbox.recorded() {
        let all = format!(
            "{:?} {:?} {:?} {}",
            received.path,
            received.query,
            received.headers,
            String::from_utf8_lossy(&received.body)
        );
        assert!(!all.contains(mark), "{mark} came to Microsoft: {all}");
        assert!(!all.contains(&token), "the caller's token came to Microsoft: {all}");
    }
    Ok(())
}

/// Microsoft's support finds one call by this ID; many calls may have the caller's ID.
pub(crate) async fn each_graph_call_has_a_unique_client_request_id(world: &World) -> TestResult {
    let of_caller = guid();
    for _ in 0..3 {
        let request = world.remediate(&payload()).header("client-request-id", &of_caller);
        assert_eq!(Response::to(request).await?.status, 202);
    }
    let calls = world.sandbox.recorded_at(Endpoint::Remediate);
    let ids: BTreeSet<&str> = calls.iter().filter_map(|call| call.header("client-request-id")).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert!(ids.iter().all(|id| is_guid(id)) && !ids.contains(of_caller.as_str()), "{ids:?}");
    Ok(())
}

/// An existing action for Graph works after a change of its host.
pub(crate) async fn each_path_selects_its_graph_version(world: &World) -> TestResult {
    for (path, version) in [
        ("/beta/security/collaboration/analyzedEmails/remediate", "beta"),
        ("/v1.0/security/collaboration/analyzedEmails/remediate", "v1.0"),
        ("/beta/security/collaboration/analyzedEmails/microsoft.graph.security.remediate", "beta"),
        ("/v1.0/security/collaboration/analyzedEmails/microsoft.graph.security.remediate", "v1.0"),
        ("/v1.0/security/collaboration/analyzedEmails/remediate/", "v1.0"),
        ("/beta/Security/Collaboration/AnalyzedEmails/Remediate", "beta"),
        ("/v1.0/SECURITY/collaboration/ANALYZEDEMAILS/Microsoft.Graph.Security.Remediate/", "v1.0"),
        ("/remediate", "beta"),
        ("/remediate/", "beta"),
        ("/REMEDIATE", "beta"),
    ] {
        let request = world.gateway.post(path).bearer_auth(world.token()).json(&payload());
        assert_eq!(Response::to(request).await?.status, 202, "{path}");
        assert_eq!(
            last_recorded(world)?.path,
            format!("/{version}/security/collaboration/analyzedEmails/remediate"),
            "{path}"
        );
    }
    Ok(())
}

pub(crate) async fn configured_graph_version_applies_only_to_remediate_path(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({ "GRAPH_VERSION": "v1.0" })).await?;
    for (path, version) in [
        ("/remediate", "v1.0"),
        ("/beta/security/collaboration/analyzedEmails/remediate", "beta"),
        ("/v1.0/security/collaboration/analyzedEmails/remediate", "v1.0"),
    ] {
        let request = gateway.post(path).bearer_auth(world.token()).json(&payload());
        assert_eq!(Response::to(request).await?.status, 202, "{path}");
        assert_eq!(
            last_recorded(world)?.path,
            format!("/{version}/security/collaboration/analyzedEmails/remediate"),
            "{path}"
        );
    }
    Ok(())
}

/// Graph accepts the newest action only with a preference. For other actions the preference would change the behaviour.
pub(crate) async fn every_action_and_severity_is_sent_unchanged(world: &World) -> TestResult {
    for action in ["moveToJunk", "moveToInbox", "hardDelete", "softDelete", "moveToDeletedItems", "moveToQuarantine"] {
        let graph = send(world, &payload_with("action", action)).await?;
        assert_eq!(graph.json()["action"], action);
        let preference = (action == "moveToQuarantine").then_some("include-unknown-enum-members");
        assert_eq!(graph.header("prefer"), preference, "{action}");
        assert_eq!(header_names(&graph).len(), HEADERS.len() + usize::from(preference.is_some()), "{action}");
    }
    for severity in ["low", "medium", "high"] {
        assert_eq!(send(world, &payload_with("severity", severity)).await?.json()["severity"], severity);
    }
    Ok(())
}

/// It is unknown how Graph treats the string of its documented example.
pub(crate) async fn senders_copy_is_sent_as_a_boolean(world: &World) -> TestResult {
    for (given, expected) in [
        (json!(true), true),
        (json!(false), false),
        (json!("true"), true),
        (json!("false"), false),
        (json!("True"), true),
        (json!("FALSE"), false),
    ] {
        let graph = send(world, &payload_with("remediateSendersCopy", given.clone())).await?;
        assert_eq!(graph.json()["remediateSendersCopy"], json!(expected), "{given}");
    }
    Ok(())
}

/// JSON passes through the gateway's own reader and writer.
pub(crate) async fn text_with_special_characters_is_sent_unchanged(world: &World) -> TestResult {
    let text = "quote \" backslash \\ line\r\n tab\t nul\u{0} \u{1}\u{1f}\u{7f} é 漢字 😀 \u{2028} </script> {\"action\":\"hardDelete\"}";
    let mut payload = payload();
    payload["displayName"] = json!(text);
    payload["description"] = json!("d".repeat(1024));
    payload["analyzedEmails"][0]["recipientEmailAddress"] = json!("o'hara+x/y=z@contoso.com");
    // Two letters as escapes, which JSON writers do not create.
    let escaped = format!("{payload}").replace("Clean", "\\u0043lean").replace("displayName", "\\u0064isplayName");
    let request = world.gateway.post("/remediate").bearer_auth(world.token());
    let response =
        Response::to(request.header("Content-Type", "application/json; charset=utf-8").body(escaped)).await?;
    assert_eq!(response.status, 202, "{response:?}");
    assert_eq!(last_recorded(world)?.json(), payload);
    Ok(())
}

pub(crate) async fn duplicate_pairs_are_sent_once(world: &World) -> TestResult {
    let (one, two) = (guid(), guid());
    let item = |id: &str, address: &str| json!({ "networkMessageId": id, "recipientEmailAddress": address });
    let payload = payload_with(
        "analyzedEmails",
        vec![
            item(&one, "Hannah.Jarvis@contoso.com"),
            item(&two, "hannah.jarvis@contoso.com"),
            item(&one.to_uppercase(), "hannah.jarvis@CONTOSO.com"),
            item(&one, "preston.morales@contoso.com"),
            item(&one, "Hannah.Jarvis@contoso.com"),
        ],
    );
    let response = Response::to(world.remediate(&payload)).await?;
    assert_eq!(response.json()["emails"], 3, "{response:?}");
    let expected = [
        item(&one, "Hannah.Jarvis@contoso.com"),
        item(&two, "hannah.jarvis@contoso.com"),
        item(&one, "preston.morales@contoso.com"),
    ];
    assert_eq!(last_recorded(world)?.json()["analyzedEmails"], json!(expected));
    Ok(())
}

/// The typed SDKs send them.
pub(crate) async fn annotations_are_dropped(world: &World) -> TestResult {
    let plain = payload();
    let mut annotated = plain.clone();
    annotated["@odata.type"] = json!("#microsoft.graph.security.remediate");
    annotated["action@odata.type"] = json!({ "deep": [1, { "action": "hardDelete" }] });
    annotated["analyzedEmails"][0]["@odata.type"] = json!("#microsoft.graph.security.analyzedEmail");
    assert_eq!(send(world, &annotated).await?.json(), plain);
    Ok(())
}

/// One call with many pairs, and never one call per pair (facts, section 1).
pub(crate) async fn ten_thousand_emails_are_sent_in_one_call(world: &World) -> TestResult {
    let callers = json!([{
        "name": "bulk",
        "object_id": sandbox::CALLER_OBJECT_ID,
        "actions": ["softDelete"],
        "recipient_domains": ["*"],
        "max_emails_per_request": 10_000,
    }]);
    let gateway = world.gateway_with(json!({ "CALLERS": callers })).await?;
    let payload = payload_of(10_000);
    let response = Response::to(gateway.post("/remediate").bearer_auth(world.token()).json(&payload)).await?;
    assert_eq!((response.status, &response.json()["emails"]), (202, &json!(10_000)), "{response:?}");
    let calls = world.sandbox.recorded_at(Endpoint::Remediate);
    assert_eq!(calls.iter().map(Recorded::json).collect::<Vec<_>>(), [payload]);
    Ok(())
}
