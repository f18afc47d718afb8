//! Failures of a status request.

use acceptance::{API_KEY, API_KEY_SHA256, Response, TestResult, World, guid};
use sandbox::{Endpoint, Fault, Message, ScriptedResponse};
use serde_json::{Value, json};

use crate::{recipients, remediation, seed, status};

/// Returns the logged reason of a response.
async fn reason(world: &World, response: &Response) -> Result<String, acceptance::Failure> {
    let line = world.gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
    let line: Value = serde_json::from_str(&line)?;
    assert_eq!(line.get("states"), None, "{line}");
    Ok(line["reason"].as_str().unwrap_or_default().to_owned())
}

/// 150 recipients on two pages, of which the second fails.
pub(crate) async fn failed_list_page_returns_no_status(world: &World) -> TestResult {
    let page = || ScriptedResponse::new(Endpoint::AnalyzedEmails);
    for (next, status_code, code, retry_after) in [
        (page().status(503).header("Retry-After", "7"), 503, "graphUnavailable", Some("7")),
        (page().status(429).header("Retry-After", "11"), 429, "graphThrottled", Some("11")),
        (page().status(429), 429, "graphThrottled", Some("30")),
        (page().status(500), 502, "graphError", None),
        (page().status(302).header("Location", "https://example.com/"), 502, "graphError", None),
        (page().status(200).body("<html>"), 502, "graphError", None),
        (page().status(401).times(2), 502, "graphCredentialRejected", None),
        (page().fault(Fault::Close).times(9), 503, "graphUnavailable", Some("30")),
        (page().fault(Fault::CutAfter(100)), 503, "graphUnavailable", Some("30")),
    ] {
        world.sandbox.clear();
        world.sandbox.limit_pages(100)?;
        let (id, recipients) = (guid(), recipients(150));
        seed(world, [Message::new(&id, recipients.clone())])?;
        world.sandbox.script(page())?;
        world.sandbox.script(next)?;
        let response = status(world, &remediation(&id, &recipients)).await?;
        let headers: &[&str] = if retry_after.is_some() { &["retry-after"] } else { &[] };
        let body = response.assert_problem(status_code, code, headers);
        assert_eq!(response.header("retry-after"), retry_after);
        assert!(!body.to_string().contains("notYet"), "{body:#}");
        reason(world, &response).await?;
    }
    world.sandbox.limit_pages(1000)?;
    Ok(())
}

/// Links to another host, to another path, and longer than a URL. The gateway requests only the first page.
pub(crate) async fn invalid_next_link_is_not_followed(world: &World) -> TestResult {
    let base = world.sandbox.base_url().to_owned();
    let list = format!("{base}/beta/security/collaboration/analyzedEmails");
    for link in [
        "https://evil.example/beta/security/collaboration/analyzedEmails?x".to_owned(),
        list.replace("http://", "http://graph@") + "?x",
        list.replace("/beta/", "/v1.0/") + "?x",
        format!("{base}/sandbox/token?x"),
        format!("{list}/../../../sandbox/token?x"),
        format!("{list}?x\n{base}"),
        "?$skiptoken=1".to_owned(),
        String::new(),
    ] {
        world.sandbox.clear();
        let page = json!({ "value": [], "@odata.nextLink": link });
        world.sandbox.script(ScriptedResponse::new(Endpoint::AnalyzedEmails).status(200).json(&page))?;
        let response = status(world, &remediation(&guid(), &recipients(1))).await?;
        let body = response.assert_problem(502, "graphError", &[]);
        assert!(!body.to_string().contains("evil"), "{body:#}");
        let reason = reason(world, &response).await?;
        assert_eq!(
            reason, "reading the list: the list's nextLink does not lead to the configured host and the same path",
            "{link}"
        );
        let asked = world.sandbox.recorded();
        let asked = asked.iter().filter(|one| one.endpoint != Endpoint::Token && one.endpoint != Endpoint::Keys);
        assert_eq!(asked.count(), 1, "{link}");
    }
    Ok(())
}

pub(crate) async fn oversized_or_unrelated_page_is_rejected(world: &World) -> TestResult {
    let page = format!(r#"{{"value":[],"x":"{}"}}"#, "x".repeat(1000 * 8 * 1024));
    world.sandbox.script(ScriptedResponse::new(Endpoint::AnalyzedEmails).status(200).body(page))?;
    let response = status(world, &remediation(&guid(), &recipients(1))).await?;
    response.assert_problem(502, "graphError", &[]);
    assert_eq!(reason(world, &response).await?, "reading the list: a page of the list has more than 8192000 bytes");

    let page = json!({ "value": [{ "networkMessageId": guid(), "recipientEmailAddress": "user0@contoso.com" }] });
    world.sandbox.script(ScriptedResponse::new(Endpoint::AnalyzedEmails).status(200).json(&page))?;
    let response = status(world, &remediation(&guid(), &recipients(1))).await?;
    response.assert_problem(502, "graphError", &[]);
    assert_eq!(reason(world, &response).await?, "reading the list: Graph listed a message that was not asked for");
    Ok(())
}

/// A caller learns nothing about a mailbox that its remediations cannot reach.
pub(crate) async fn status_requires_permissions_of_the_remediation(world: &World) -> TestResult {
    let callers = json!([{
        "name": "script", "api_key_sha256": [API_KEY_SHA256], "actions": ["moveToJunk"],
        "recipient_domains": ["contoso.com"], "max_emails_per_request": 2,
    }]);
    let gateway = world.gateway_with(json!({ "CALLERS": callers })).await?;
    let id = guid();
    seed(world, [Message::new(&id, ["a@contoso.com", "a@fabrikam.com"])])?;
    let request = |action: &str, recipients: &[&str]| {
        let recipients: Vec<String> = recipients.iter().map(|recipient| (*recipient).to_owned()).collect();
        let mut request = remediation(&id, &recipients);
        request["action"] = json!(action);
        gateway.post("/remediate/status").json(&request)
    };
    let three = ["a@contoso.com", "b@contoso.com", "c@contoso.com"];
    for (request, status, code, headers) in [
        (request("moveToJunk", &three[..1]), 401, "unauthenticated", &["www-authenticate"][..]),
        (
            request("moveToJunk", &three[..1]).header("X-API-Key", "wrong"),
            401,
            "invalidCredentials",
            &["www-authenticate"],
        ),
        (request("softDelete", &three[..1]).header("X-API-Key", API_KEY), 403, "actionNotAllowed", &[]),
        (request("moveToJunk", &["a@fabrikam.com"]).header("X-API-Key", API_KEY), 403, "recipientNotAllowed", &[]),
        (request("moveToJunk", &three).header("X-API-Key", API_KEY), 403, "tooManyEmails", &[]),
    ] {
        Response::to(request).await?.assert_problem(status, code, headers);
    }
    assert!(world.sandbox.recorded_at(Endpoint::AnalyzedEmails).is_empty(), "Graph was asked");
    let response = Response::to(request("moveToJunk", &three[..1]).header("X-API-Key", API_KEY)).await?;
    assert_eq!((response.status, &response.json()["notYet"]), (200, &json!(1)));
    Ok(())
}

pub(crate) async fn invalid_status_request_reads_nothing(world: &World) -> TestResult {
    let with = |name: &str, value: Value| {
        let mut request = remediation(&guid(), &recipients(1));
        request[name] = value;
        request
    };
    let many = with("analyzedEmails", (0..21).map(|_| acceptance::email()).collect());
    for (request, pointer) in [
        (many, "/analyzedEmails"),
        (with("acceptedAt", json!("yesterday")), "/acceptedAt"),
        (with("acceptedAt", json!("2026-11-20T09:30:00")), "/acceptedAt"),
        (with("acceptedAt", json!(1_800_000_000)), "/acceptedAt"),
        (with("action", json!("delete")), "/action"),
    ] {
        let response = status(world, &request).await?;
        let body = response.assert_problem(400, "invalidPayload", &[]);
        assert_eq!(response.pointers(), [pointer], "{body:#}");
    }
    let get = Response::to(world.gateway.get("/remediate/status").bearer_auth(world.token())).await?;
    get.assert_problem(405, "methodNotAllowed", &["allow"]);
    let valid = world.gateway.post("/remediate/status?validateOnly=true").bearer_auth(world.token());
    let response = Response::to(valid.json(&remediation(&guid(), &recipients(3)))).await?;
    assert_eq!(response.json(), json!({ "status": "valid", "emails": 3, "duplicatesRemoved": 0, "messages": 1 }));
    assert!(world.sandbox.recorded_at(Endpoint::AnalyzedEmails).is_empty(), "Graph was asked");
    Ok(())
}

pub(crate) async fn missing_read_permission_is_logged(world: &World) -> TestResult {
    let denied = json!({ "error": { "code": "Authorization_RequestDenied", "message": "Insufficient privileges." } });
    world.sandbox.script(ScriptedResponse::new(Endpoint::AnalyzedEmails).status(403).json(&denied))?;
    let response = status(world, &remediation(&guid(), &recipients(1))).await?;
    response.assert_problem(502, "graphPermissionMissing", &[]);
    let reason = reason(world, &response).await?;
    assert!(reason.contains("SecurityAnalyzedMessage.Read.All"), "{reason}");
    Ok(())
}
