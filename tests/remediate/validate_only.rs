//! `?validateOnly=true`: all of the checks, none of the deeds.

use acceptance::{Answer, TestResult, World, email, payload, payload_with};
use sandbox::Endpoint;
use serde_json::json;

/// Asked twice, then sent: had asking left a trace, sending would be a replay.
pub(crate) async fn nothing_is_called_and_what_is_shown_is_what_is_sent(world: &World) -> TestResult {
    let one = email();
    let mut payload = payload_with("analyzedEmails", vec![one.clone(), one, email()]);
    payload["remediateSendersCopy"] = json!("FALSE");
    payload["@odata.type"] = json!("#x");
    let post = |path: &str| world.gateway.post(path).bearer_auth(world.token()).json(&payload);
    let mut shown = json!(null);
    for query in ["validateOnly=true", "VALIDATEONLY=True&x=y"] {
        let answer = Answer::to(post(&format!("/remediate?{query}"))).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.assert_headers(&["content-type"]);
        let body = answer.json();
        acceptance::assert_members(&body, &["status", "emails", "duplicatesRemoved", "request"], &[]);
        assert_eq!(
            (&body["status"], &body["emails"], &body["duplicatesRemoved"]),
            (&json!("valid"), &json!(2), &json!(1))
        );
        shown = body["request"].clone();
    }
    let called = |endpoint| world.sandbox.recorded_at(endpoint).len();
    assert_eq!((called(Endpoint::Remediate), called(Endpoint::Token)), (0, 0));

    let answer = Answer::to(post("/remediate?validateOnly=false")).await?;
    assert_eq!((answer.status, answer.header("idempotency-replayed")), (202, None));
    let sent = world.sandbox.recorded_at(Endpoint::Remediate).pop().ok_or("nothing was sent")?;
    assert_eq!(sent.json(), shown);
    assert_eq!(shown["remediateSendersCopy"], json!(false));
    Ok(())
}

/// A workflow engine's header and `Prefer` shape the answer to a remediation, and this is none.
pub(crate) async fn every_route_validates(world: &World) -> TestResult {
    for path in [
        "/remediate",
        "/beta/security/collaboration/analyzedEmails/remediate",
        "/v1.0/security/collaboration/analyzedEmails/remediate/",
        "/beta/security/collaboration/analyzedEmails/microsoft.graph.security.remediate",
        "/v1.0/Security/Collaboration/AnalyzedEmails/Microsoft.Graph.Security.Remediate",
    ] {
        let request = world.gateway.post(&format!("{path}?validateOnly=true")).bearer_auth(world.token());
        let request = request.header("Prefer", "return=minimal").header("x-ms-workflow-run-id", "run").json(&payload());
        let answer = Answer::to(request).await?;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("valid")), "{path}");
    }
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty());
    Ok(())
}

/// Up to the rights; and a query that surely meant to validate does not send.
pub(crate) async fn what_is_wrong_is_refused_as_ever(world: &World) -> TestResult {
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
        // No UTF-8: what is not understood may have meant anything.
        ("validateOnly%FF=true", payload(), 400, "invalidRequest"),
    ] {
        let request = world.gateway.post(&format!("/remediate?{query}")).bearer_auth(world.token()).json(&payload);
        Answer::to(request).await?.assert_problem(status, code, &[]);
        assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty(), "{query}");
    }
    Ok(())
}
