//! The response to an accepted remediation.

use acceptance::{Response, TestResult, World, email, payload, payload_with};
use sandbox::{CLIENT_ID, Endpoint, Outcome, ScriptedResponse, TENANT_ID};
use serde_json::{Value, json};

/// Headers of every success, in addition to those of every response.
const HEADERS: [&str; 4] = ["content-type", "location", "ratelimit", "ratelimit-policy"];

/// Fallback if Graph sends no link.
fn plain_history() -> String {
    format!("https://security.microsoft.com/action-center/history?tid={TENANT_ID}")
}

/// Sections 1, 3 and 8 of the contract on one request, the example of Microsoft's page.
pub(crate) async fn documented_graph_example_is_accepted(world: &World) -> TestResult {
    let caller = world.token();
    let request = world.gateway.post("/remediate").bearer_auth(&caller).header("Content-Type", "application/json");
    let response = Response::to(request.body(include_str!("../seed-example.json"))).await?;

    let [graph] = world.sandbox.recorded_at(Endpoint::Remediate).try_into().map_err(|_| "not one call to Graph")?;
    let Outcome::Answered(of_graph) = &graph.outcome else { return Err("Graph did not answer".into()) };
    let header = |name: &str| of_graph.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str());
    let [accepted] = world.sandbox.accepted().try_into().map_err(|_| "not one remediation accepted")?;
    let bulk_id = accepted.bulk_id;

    // The caller's side.
    assert_eq!(response.status, 202, "{response:?}");
    response.assert_headers(&HEADERS);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("location"), header("Location"), "exactly as Graph gave it");
    let history = "https://security.microsoft.com/action-center/history";
    assert_eq!(
        response.header("location"),
        Some(format!(r#"{history}?filters={{"bulkId":["{bulk_id}"]}}&tid={TENANT_ID}"#).as_str())
    );
    let accepted_at = response.json()["acceptedAt"].as_str().unwrap_or_default().to_owned();
    assert!(accepted_at.starts_with("20") && accepted_at.len() == "2026-10-02T09:30:00Z".len(), "{accepted_at}");
    assert_eq!(
        response.json(),
        json!({
            "status": "accepted",
            "duplicate": false,
            "emails": 2,
            "acceptedAt": accepted_at,
            "bulkId": bulk_id,
            "tenantId": TENANT_ID,
            "trackingUrl": format!("{history}?filters=%7B%22bulkId%22:%5B%22{bulk_id}%22%5D%7D&tid={TENANT_ID}"),
            "requestId": response.request_id(),
            "graphRequestId": header("request-id"),
        })
    );

    // Graph's side.
    assert_eq!((graph.method.as_str(), &graph.query), ("POST", &None));
    assert_eq!(graph.path, "/beta/security/collaboration/analyzedEmails/remediate");
    assert_eq!(
        graph.json(),
        json!({
            "displayName": "Clean up Phish email",
            "description": "Delete email",
            "severity": "medium",
            "action": "softDelete",
            // The example sends the string "false".
            "remediateSendersCopy": false,
            "analyzedEmails": [
                {
                    "networkMessageId": "73ca4154-58d8-43d0-a890-08dc18c52e6d",
                    "recipientEmailAddress": "hannah.jarvis@contoso.com"
                },
                {
                    "networkMessageId": "73ca4154-58d8-43d0-a890-08dc18c52e6d",
                    "recipientEmailAddress": "preston.morales@contoso.com"
                }
            ]
        })
    );
    let authorization = graph.header("authorization").unwrap_or_default();
    assert!(!authorization.contains(&caller), "the caller's token went to Graph");
    let of_gateway = claims(authorization);
    assert_eq!(
        (of_gateway["appid"].as_str(), of_gateway["aud"].as_str()),
        (Some(CLIENT_ID), Some(sandbox::GRAPH_AUDIENCE))
    );
    Ok(())
}

/// Returns the claims of a bearer token.
fn claims(authorization: &str) -> Value {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let claims = authorization.split('.').nth(1).and_then(|claims| BASE64_URL_SAFE_NO_PAD.decode(claims).ok());
    serde_json::from_slice(&claims.unwrap_or_default()).unwrap_or_default()
}

/// The gateway returns and logs the ID, so the ID must allow neither an address nor a line break.
pub(crate) async fn client_request_id_is_echoed_only_if_valid(world: &World) -> TestResult {
    let longest = "x".repeat(64);
    let too_long = "x".repeat(65);
    for (sent, echoed) in [
        (vec!["6b1f3f0a-6e3f-4a8e-9d57-1f1b6b1f3f0a"], true),
        (vec!["{6B1F3F0A-6E3F-4A8E-9D57-1F1B6B1F3F0A}"], true),
        (vec!["run_08585287554177334956853859655CU00.1"], true),
        (vec![longest.as_str()], true),
        (vec![too_long.as_str()], false),
        (vec!["hannah.jarvis@contoso.com"], false),
        (vec!["two words"], false),
        (vec!["\"quoted\""], false),
        (vec!["<b>"], false),
        (vec![""], false),
        (vec!["one", "two"], false),
    ] {
        let mut good = world.gateway.post("/remediate?validateOnly=true").bearer_auth(world.token()).json(&payload());
        let mut bad = world.gateway.post("/nowhere");
        for value in &sent {
            good = good.header("client-request-id", *value);
            bad = bad.header("client-request-id", *value);
        }
        let expected = sent.first().copied().filter(|_| echoed);
        let (good, bad) = (Response::to(good).await?, Response::to(bad).await?);
        assert_eq!(good.status, 200, "an ID that is not echoed is not rejected: {sent:?}");
        assert_eq!(good.header("client-request-id"), expected, "{sent:?}");
        assert_eq!(bad.header("client-request-id"), expected, "{sent:?}");
        bad.assert_problem(404, "notFound", if echoed { &["client-request-id"] } else { &[] });
    }
    Ok(())
}

/// A workflow engine would poll the `Location` of a 202, which is a page for people (facts, section 4).
pub(crate) async fn request_with_workflow_run_id_returns_200(world: &World) -> TestResult {
    for path in ["/remediate", "/beta/security/collaboration/analyzedEmails/remediate"] {
        let request = world.gateway.post(path).bearer_auth(world.token()).json(&payload());
        let response =
            Response::to(request.header("x-ms-workflow-run-id", "08585287554177334956853859655CU00")).await?;
        assert_eq!(response.status, 200, "{response:?}");
        response.assert_headers(&HEADERS);
        let accepted = world.sandbox.accepted().pop().ok_or("nothing was accepted")?;
        assert!(response.header("location").is_some_and(|location| location.contains(&accepted.bulk_id)));
        assert_eq!(response.json()["status"], "accepted");
        assert_eq!(response.json()["bulkId"], accepted.bulk_id);
    }
    Ok(())
}

/// "Always" includes workflow engines.
pub(crate) async fn minimal_response_is_202_without_body(world: &World) -> TestResult {
    for (prefer, run, minimal) in [
        ("return=minimal", None, true),
        ("return=minimal", Some("08585287554177334956853859655CU00"), true),
        ("respond-async, Return=\"Minimal\"; x=y", None, true),
        ("return=representation", None, false),
        ("return=representation, return=minimal", None, false),
    ] {
        let mut request = world.remediate(&payload()).header("Prefer", prefer);
        if let Some(run) = run {
            request = request.header("x-ms-workflow-run-id", run);
        }
        let response = Response::to(request).await?;
        assert_eq!(response.status, 202, "{prefer}");
        assert_eq!(response.body.is_empty(), minimal, "{prefer}: {response:?}");
        if minimal {
            response.assert_headers(&["location", "preference-applied", "ratelimit", "ratelimit-policy"]);
            assert_eq!(response.header("preference-applied"), Some("return=minimal"));
        } else {
            response.assert_headers(&HEADERS);
        }
    }
    // An error always has a body, which alone names the cause.
    let refused = world.remediate(&payload_with("action", "delete")).header("Prefer", "return=minimal");
    Response::to(refused).await?.assert_problem(400, "invalidPayload", &[]);
    Ok(())
}

/// Graph's 409 means that the remediation is already registered.
pub(crate) async fn graph_duplicate_is_returned_as_success(world: &World) -> TestResult {
    // One email that Graph has and one that it does not have are another payload of the same remediation.
    let first = email();
    assert_eq!(Response::to(world.remediate(&payload_with("analyzedEmails", vec![first.clone()]))).await?.status, 202);
    let again = payload_with("analyzedEmails", vec![first, email()]);
    let responses = [Response::to(world.remediate(&again)).await?, {
        let body = r#"{"error":{"code":"Conflict","message":"A DUPLICATE REMEDIATION request.","details":[]}}"#;
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(409).body(body))?;
        Response::to(world.remediate(&payload_with("analyzedEmails", vec![email(), email()]))).await?
    }];
    for response in responses {
        assert_eq!(response.status, 202, "{response:?}");
        response.assert_headers(&HEADERS);
        assert_eq!(response.header("location"), Some(plain_history().as_str()));
        let body = response.json();
        let seen =
            ["status", "duplicate", "emails", "bulkId", "tenantId", "trackingUrl"].map(|name| body[name].clone());
        let history = json!(plain_history());
        assert_eq!(seen, [json!("accepted"), json!(true), json!(2), Value::Null, json!(TENANT_ID), history]);
    }
    Ok(())
}

/// Older revisions of Graph responded with 204, and none guarantees a `Location`.
pub(crate) async fn graph_status_2xx_is_a_success(world: &World) -> TestResult {
    for (status, body) in [(200, ""), (201, "{}"), (202, ""), (204, ""), (200, "<html>"), (299, "x")] {
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(status).body(body))?;
        let response = Response::to(world.remediate(&payload())).await?;
        assert_eq!(response.status, 202, "Graph's {status} {body:?}: {response:?}");
        response.assert_headers(&HEADERS);
        assert_eq!(response.header("location"), Some(plain_history().as_str()));
        let expected = json!({
            "status": "accepted",
            "duplicate": false,
            "emails": 1,
            "acceptedAt": response.json()["acceptedAt"],
            "bulkId": null,
            "tenantId": TENANT_ID,
            "trackingUrl": plain_history(),
            "requestId": response.request_id(),
            "graphRequestId": null,
        });
        assert_eq!(response.json(), expected, "Graph's {status} {body:?}");
    }
    Ok(())
}

/// The header is Graph's text byte for byte; the body has it as a URI that any client can open.
pub(crate) async fn graph_location_is_returned_unchanged_with_any_query(world: &World) -> TestResult {
    let history = "https://security.microsoft.com/action-center/history";
    for (query, uri, bulk_id, tenant_id) in [
        (
            r#"?filters={"bulkId":["b-1"]}&tid=t-1"#,
            "?filters=%7B%22bulkId%22:%5B%22b-1%22%5D%7D&tid=t-1",
            json!("b-1"),
            json!("t-1"),
        ),
        (
            "?filters=%7B%22bulkId%22%3A%5B%22b-2%22%5D%7D",
            "?filters=%7B%22bulkId%22%3A%5B%22b-2%22%5D%7D",
            json!("b-2"),
            Value::Null,
        ),
        ("?tid=a|b", "?tid=a%7Cb", Value::Null, Value::Null),
        ("?filters={\"bulkId\":7}&tid=", "?filters=%7B%22bulkId%22:7%7D&tid=", Value::Null, Value::Null),
        ("", "", Value::Null, Value::Null),
    ] {
        let location = format!("{history}{query}");
        let next = ScriptedResponse::new(Endpoint::Remediate).status(202).header("Location", &location);
        world.sandbox.script(next)?;
        let response = Response::to(world.remediate(&payload())).await?;
        assert_eq!(response.header("location"), Some(location.as_str()));
        let body = response.json();
        assert_eq!(body["trackingUrl"], format!("{history}{uri}"));
        assert_eq!((&body["bulkId"], &body["tenantId"]), (&bulk_id, &tenant_id), "{query}");
    }
    Ok(())
}

/// Only unusable links are rejected.
pub(crate) async fn equivalent_content_type_and_encoding_headers_are_accepted(world: &World) -> TestResult {
    for (content_type, encoding) in [
        ("application/json", None),
        ("Application/JSON; charset=UTF-8", None),
        ("application/json;charset=\"utf-8\";odata.metadata=minimal", None),
        ("application/json", Some("identity")),
        ("application/json", Some("Identity")),
    ] {
        let mut request =
            world.gateway.post("/remediate").bearer_auth(world.token()).header("Content-Type", content_type);
        if let Some(encoding) = encoding {
            request = request.header("Content-Encoding", encoding);
        }
        let response = Response::to(request.body(payload().to_string())).await?;
        assert_eq!(response.status, 202, "{content_type} {encoding:?}: {response:?}");
    }
    Ok(())
}
