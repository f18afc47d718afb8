//! Content of a log line.

use std::time::Duration;

use acceptance::{
    API_KEY, API_KEY_SHA256, Failure, Raw, Response, TestResult, World, assert_members, guid, payload, payload_of,
    payload_with,
};
use reqwest::RequestBuilder;
use sandbox::{Endpoint, Outcome, Recorded, ScriptedResponse, TokenRequest};
use serde_json::{Value, json};

/// Members of a log line (contract, section 10).
pub(crate) const MEMBERS: [&str; 16] = [
    "requestId",
    "clientRequestId",
    "caller",
    "route",
    "action",
    "emails",
    "status",
    "code",
    "reason",
    "replayed",
    "duplicate",
    "bulkId",
    "graphRequestId",
    "graphStatus",
    "durationMs",
    "workflowRunId",
];

/// Sends the request and returns its log line with the response.
async fn line(world: &World, request: RequestBuilder) -> Result<(Value, Response), Failure> {
    let response = Response::to(request).await?;
    let id = response.request_id();
    let line = serde_json::from_str(&world.gateway.wait_for_line(|line| line.contains(id)).await?)?;
    assert_members(&line, &MEMBERS, &[]);
    assert_eq!((&line["requestId"], &line["status"]), (&json!(id), &json!(response.status)));
    assert!(line["durationMs"].is_u64(), "{line:#}");
    Ok((line, response))
}

pub(crate) async fn each_post_has_one_log_entry_with_the_documented_members(world: &World) -> TestResult {
    let requests = [
        world.remediate(&payload()),
        world.remediate(&payload_with("action", "delete")),
        world.gateway.post("/remediate?validateOnly=true").bearer_auth(world.token()).json(&payload()),
        world.gateway.post("/remediate").json(&payload()),
        world.gateway.post("/remediate"),
        world.gateway.post("/nowhere"),
        world.gateway.post("/healthz"),
        world.gateway.post("/remediate").bearer_auth("x.y.z").json(&payload()),
    ];
    let count = requests.len();
    for request in requests {
        line(world, request).await?;
    }
    assert_eq!(world.gateway.output().len(), count, "{:#?}", world.gateway.output());
    Ok(())
}

/// A line answers an operator's questions: caller, action, number of emails, outcome, and Microsoft's IDs.
pub(crate) async fn log_entry_has_caller_outcome_and_microsoft_ids(world: &World) -> TestResult {
    let route = "/v1.0/security/collaboration/analyzedEmails/remediate";
    let payload = payload_of(3);
    let post = |path: &str| world.gateway.post(path).bearer_auth(world.token()).json(&payload);
    let members = |line: &Value, names: &[&str]| names.iter().map(|name| line[*name].clone()).collect::<Vec<_>>();
    let who_and_what = ["caller", "route", "action", "emails", "code", "reason"];
    let how = ["replayed", "duplicate", "bulkId", "graphRequestId", "graphStatus"];

    let (accepted, response) = line(world, post(&format!("{route}/"))).await?;
    assert_eq!(
        members(&accepted, &who_and_what),
        [json!("development"), json!(route), json!("softDelete"), json!(3), Value::Null, Value::Null]
    );
    let body = response.json();
    let expected = [json!(false), json!(false), body["bulkId"].clone(), body["graphRequestId"].clone(), json!(202)];
    assert_eq!(members(&accepted, &how), expected);
    assert!(body["bulkId"].is_string() && body["graphRequestId"].is_string());

    let (replayed, _) = line(world, post(route)).await?;
    assert_eq!(replayed["replayed"], true);
    assert_eq!(replayed["bulkId"], body["bulkId"]);

    let error = json!({ "error": { "code": "InvalidSubscription", "message": "not for the log" } });
    world.sandbox.script(
        ScriptedResponse::new(Endpoint::Remediate).status(400).header("request-id", "of-graph-1").json(&error),
    )?;
    let (refused, _) = line(world, world.remediate(&acceptance::payload())).await?;
    assert_eq!((&refused["code"], &refused["graphStatus"]), (&json!("graphRefused"), &json!(400)));
    assert_eq!(refused["graphRequestId"], "of-graph-1");
    let reason = refused["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("InvalidSubscription") && !reason.contains("not for the log"), "{reason}");

    let error = json!({ "error": { "code": "Conflict", "message": "Duplicate remediation" } });
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(409).json(&error))?;
    let (duplicate, _) = line(world, world.remediate(&acceptance::payload())).await?;
    assert_eq!(
        (&duplicate["duplicate"], &duplicate["graphStatus"], &duplicate["code"]),
        (&json!(true), &json!(409), &Value::Null)
    );

    let fabrikam = json!([{ "networkMessageId": guid(), "recipientEmailAddress": "a@fabrikam.com" }]);
    let nobody = world.sandbox.issue_token(&TokenRequest { object_id: Some(guid()), ..TokenRequest::default() });
    for (request, caller, action, code) in [
        (
            world.remediate(&payload_with("analyzedEmails", fabrikam)),
            json!("development"),
            json!("softDelete"),
            "recipientNotAllowed",
        ),
        (world.remediate(&payload_with("severity", "x")), json!("development"), Value::Null, "invalidPayload"),
        (
            world.gateway.post("/remediate").bearer_auth(nobody).json(&payload),
            Value::Null,
            Value::Null,
            "unknownCaller",
        ),
    ] {
        let (line, _) = line(world, request).await?;
        assert_eq!((&line["caller"], &line["action"], &line["code"]), (&caller, &action, &json!(code)));
        assert!(line["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{line:#}");
        assert_eq!(members(&line, &how), vec![Value::Null; 5]);
    }
    // Graph's support asks for these IDs.
    let [first, ..] = world
        .sandbox
        .recorded_at(Endpoint::Remediate)
        .try_into()
        .map_err(|_| "calls are missing")
        .map(|all: [_; 3]| all)?;
    let Outcome::Answered(of_graph) = first.outcome else { return Err("no answer".into()) };
    assert!(
        of_graph
            .headers
            .iter()
            .any(|(name, value)| name == "request-id" && accepted["graphRequestId"] == value.as_str())
    );
    Ok(())
}

/// The log has the reason and not the value, because a link can contain any text.
pub(crate) async fn rejected_location_is_logged_by_reason_without_its_value(world: &World) -> TestResult {
    for (location, reason) in [
        ("javascript:alert(1)", "Graph's Location is not an absolute https URL"),
        ("https://a@evil.example/", "Graph's Location has a user name or a malformed host"),
        ("https://evil.example/a b", "Graph's Location holds a blank, a control character or one beyond ASCII"),
        (&format!("https://evil.example/{}", "x".repeat(9_000)), "Graph's Location has more than 8192 bytes"),
    ] {
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(202).header("Location", location))?;
        let (line, _) = line(world, world.remediate(&payload())).await?;
        assert_eq!((&line["reason"], &line["code"], &line["status"]), (&json!(reason), &Value::Null, &json!(202)));
        assert!(!line.to_string().contains("evil.example") && !line.to_string().contains("alert"), "{line}");
    }
    // A response of Graph without a location is not an error.
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(202))?;
    let (line, _) = line(world, world.remediate(&payload())).await?;
    assert_eq!(line["reason"], Value::Null);
    Ok(())
}

pub(crate) async fn client_request_id_and_run_id_are_logged_only_if_valid(world: &World) -> TestResult {
    for (id, is_valid) in
        [("08585287554177334956853859655CU00", true), ("a@b.c", false), ("a b", false), (&"x".repeat(65), false)]
    {
        let request = world.remediate(&payload()).header("client-request-id", id).header("x-ms-workflow-run-id", id);
        let (line, response) = line(world, request).await?;
        assert_eq!(response.status, 200, "a workflow engine with any run ID");
        let expected = if is_valid { json!(id) } else { Value::Null };
        assert_eq!((&line["clientRequestId"], &line["workflowRunId"]), (&expected, &expected), "{id}");
    }
    Ok(())
}

/// More people can read the log than may have a key, and a response may end up in the caller's own logs.
pub(crate) async fn credential_sent_as_an_id_is_neither_logged_nor_echoed(world: &World) -> TestResult {
    let callers = json!([
        { "name": "development", "object_id": sandbox::CALLER_OBJECT_ID, "actions": ["softDelete"], "recipient_domains": ["*"] },
        { "name": "keys", "api_key_sha256": [API_KEY_SHA256], "actions": ["softDelete"], "recipient_domains": ["*"] },
    ]);
    let gateway = world.gateway_with(json!({ "CALLERS": callers })).await?;
    let token = world.token();
    let part: String = token.chars().take(60).collect();
    for id in [
        API_KEY,
        "rgw_q7Zt0cV9uX2mB4nL8sR6wY3eK5hJ1dFq7Zt0cV9uX2m",
        "RGW_x",
        &part,
        "eyJhbGciOiJSUzI1NiJ9",
        "AbC8Q.dEfGh1IjKlMn0pQrStUvWxYz2AbCdEfGh3",
    ] {
        for path in ["/remediate?validateOnly=true", "/nowhere"] {
            for bearer in [true, false] {
                let request = gateway.post(path).header("client-request-id", id).header("x-ms-workflow-run-id", id);
                let request = if bearer { request.bearer_auth(&token) } else { request.header("X-API-Key", API_KEY) };
                let response = Response::to(request.json(&payload())).await?;
                let line = gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
                assert!(!line.contains(id), "{id} is logged: {line}");
                let body = String::from_utf8_lossy(&response.body);
                assert!(!format!("{:?}{body}", response.headers).contains(id), "{id} is echoed: {response:?} {body}");
            }
        }
    }
    // An unknown path is text that the caller chose.
    let response = Response::to(gateway.post(&format!("/{API_KEY}"))).await?;
    assert_eq!(response.status, 404);
    let body = String::from_utf8_lossy(&response.body);
    assert!(!body.contains(API_KEY), "{body}");
    Ok(())
}

/// Monitors request the health every few seconds.
pub(crate) async fn get_requests_have_no_log_entry(world: &World) -> TestResult {
    for path in ["/healthz", "/remediate", "/nowhere"] {
        Response::to(world.gateway.get(path)).await?;
    }
    line(world, world.gateway.post("/nowhere")).await?;
    assert_eq!(world.gateway.output().len(), 1, "{:#?}", world.gateway.output());
    Ok(())
}

/// The remediation continues without its caller (section 7), so the log must name the caller.
pub(crate) async fn request_of_disconnected_caller_is_logged(world: &World) -> TestResult {
    let id = guid();
    let body = payload().to_string();
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).delay(Duration::from_millis(300)))?;
    let authorization = format!("Authorization: Bearer {}", world.token());
    let correlation = format!("client-request-id: {id}");
    let raw = Raw::remediation(&world.gateway, &[&authorization, &correlation], &body, 0).await?;
    let called = |all: &[Recorded]| all.iter().any(|one| one.endpoint == Endpoint::Remediate);
    world.sandbox.wait_for(Duration::from_secs(5), called).await?;
    raw.reset()?;

    let line: Value = serde_json::from_str(&world.gateway.wait_for_line(|line| line.contains(&id)).await?)?;
    assert_members(&line, &MEMBERS, &[]);
    let accepted = world.sandbox.accepted().pop().ok_or("nothing was accepted")?;
    assert_eq!(
        (&line["caller"], &line["status"], &line["bulkId"]),
        (&json!("development"), &json!(202), &json!(accepted.bulk_id))
    );
    Ok(())
}
