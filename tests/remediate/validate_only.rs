//! `?validateOnly=true`: all checks, and no effect.

use acceptance::{Raw, Response, TestResult, World, email, payload, payload_with};
use sandbox::Endpoint;
use serde_json::json;

/// Validated twice, then sent. If the validation left a record, the submission would be a replay.
pub(crate) async fn validate_only_sends_nothing_and_returns_the_graph_request(world: &World) -> TestResult {
    let one = email();
    let mut payload = payload_with("analyzedEmails", vec![one.clone(), one, email()]);
    payload["remediateSendersCopy"] = json!("FALSE");
    payload["@odata.type"] = json!("#x");
    let post = |path: &str| world.gateway.post(path).bearer_auth(world.token()).json(&payload);
    let mut shown = json!(null);
    for query in ["validateOnly=true", "VALIDATEONLY=True&x=y"] {
        let response = Response::to(post(&format!("/remediate?{query}"))).await?;
        assert_eq!(response.status, 200, "{response:?}");
        response.assert_headers(&["content-type"]);
        let body = response.json();
        acceptance::assert_members(&body, &["status", "emails", "duplicatesRemoved", "request"], &[]);
        assert_eq!(
            (&body["status"], &body["emails"], &body["duplicatesRemoved"]),
            (&json!("valid"), &json!(2), &json!(1))
        );
        shown = body["request"].clone();
    }
    let called = |endpoint| world.sandbox.recorded_at(endpoint).len();
    assert_eq!((called(Endpoint::Remediate), called(Endpoint::Token)), (0, 0));

    let response = Response::to(post("/remediate?validateOnly=false")).await?;
    assert_eq!((response.status, response.header("idempotency-replayed")), (202, None));
    let sent = world.sandbox.recorded_at(Endpoint::Remediate).pop().ok_or("nothing was sent")?;
    assert_eq!(sent.json(), shown);
    assert_eq!(shown["remediateSendersCopy"], json!(false));
    Ok(())
}

/// A workflow engine's header and `Prefer` change the response to a remediation, and have no effect here.
pub(crate) async fn every_remediation_path_supports_validate_only(world: &World) -> TestResult {
    for path in [
        "/remediate",
        "/beta/security/collaboration/analyzedEmails/remediate",
        "/v1.0/security/collaboration/analyzedEmails/remediate/",
        "/beta/security/collaboration/analyzedEmails/microsoft.graph.security.remediate",
        "/v1.0/Security/Collaboration/AnalyzedEmails/Microsoft.Graph.Security.Remediate",
    ] {
        let request = world.gateway.post(&format!("{path}?validateOnly=true")).bearer_auth(world.token());
        let request = request.header("Prefer", "return=minimal").header("x-ms-workflow-run-id", "run").json(&payload());
        let response = Response::to(request).await?;
        assert_eq!((response.status, &response.json()["status"]), (200, &json!("valid")), "{path}");
    }
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty());
    Ok(())
}

/// All checks including permissions. A query that surely means a validation sends nothing.
pub(crate) async fn invalid_request_or_ambiguous_validate_only_is_rejected(world: &World) -> TestResult {
    let fabrikam = json!([{ "networkMessageId": acceptance::guid(), "recipientEmailAddress": "a@fabrikam.com" }]);
    for (query, payload, status, code) in [
        ("validateOnly=true", payload_with("action", "delete"), 400, "invalidPayload"),
        ("validateOnly=true", payload_with("analyzedEmails", fabrikam), 403, "recipientNotAllowed"),
        ("validateOnly=true&validateOnly=true", payload(), 400, "invalidRequest"),
        ("validateOnly=true&validateonly=false", payload(), 400, "invalidRequest"),
        ("validateOnly", payload(), 400, "invalidRequest"),
        ("validateOnly=1", payload(), 400, "invalidRequest"),
        ("validate=true", payload(), 400, "invalidRequest"),
        ("validate_only=true", payload(), 400, "invalidRequest"),
        ("%24validateOnly=true", payload(), 400, "invalidRequest"),
        ("dryRun=true", payload(), 400, "invalidRequest"),
        // Invalid UTF-8 could have meant `validateOnly`.
        ("validateOnly%FF=true", payload(), 400, "invalidRequest"),
        ("a=b?validateOnly=true", payload(), 400, "invalidRequest"),
        ("?validateOnly=true", payload(), 400, "invalidRequest"),
        ("x=1;validateOnly=true", payload(), 400, "invalidRequest"),
        ("x=1%26validateOnly=true", payload(), 400, "invalidRequest"),
        ("x=1%2526validateOnly=true", payload(), 400, "invalidRequest"),
        ("%2576alidateOnly=true", payload(), 400, "invalidRequest"),
        ("validate+Only=true", payload(), 400, "invalidRequest"),
        ("%EF%BD%96alidateOnly=true", payload(), 400, "invalidRequest"),
    ] {
        let request = world.gateway.post(&format!("/remediate?{query}")).bearer_auth(world.token()).json(&payload);
        let response = Response::to(request).await?;
        let detail = response.assert_problem(status, code, &[])["detail"].to_string();
        assert!(
            code != "invalidRequest" || detail.contains("validateOnly") && detail.contains("Nothing was sent."),
            "{detail}"
        );
        assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty(), "{query}");
    }
    Ok(())
}

/// An escaped `?` in the path begins no query, and the path matches no route.
pub(crate) async fn validate_only_in_the_path_returns_404(world: &World) -> TestResult {
    let authorization = format!("Authorization: Bearer {}", world.token());
    for (target, status) in [
        ("/remediate;validateOnly=true", 404),
        ("/remediate%3FvalidateOnly=true", 404),
        ("/remediate&validateOnly=true", 404),
        ("/remediate/validateOnly=true", 404),
        ("/remediate\\?validateOnly=true", 404),
    ] {
        let body = payload().to_string();
        let length = format!("Content-Length: {}", body.len());
        let mut raw = Raw::connect(&world.gateway).await?;
        raw.post(target, &[&authorization, "Content-Type: application/json", &length]).await?;
        raw.send(body).await?;
        let response = raw.response().await?;
        assert_eq!(response.status, status, "{target}: {response:?}");
        assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty(), "{target}");
    }
    Ok(())
}

/// Parameters that clients, gateways and campaigns add to a URL have no effect.
pub(crate) async fn unrelated_query_parameters_are_ignored(world: &World) -> TestResult {
    for query in [
        "api-version=2016-10-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=Zb3xKq7-onlyVaLid_8fY2Lk0pWm1nRt5uVx6yA",
        "code=q9Only2ZzV4lidAb==&clientId=default",
        "utm_source=newsletter&utm_campaign=members%20only",
        "x=%FF&y=100%&reason=validated+by+the+SOC",
    ] {
        let request = world.gateway.post(&format!("/remediate?{query}")).bearer_auth(world.token()).json(&payload());
        assert_eq!(Response::to(request).await?.status, 202, "{query}");
    }
    Ok(())
}
