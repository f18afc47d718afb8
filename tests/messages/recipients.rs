//! The recipients of a remediation of messages, and its response.

use acceptance::{API_KEY, API_KEY_SHA256, Response, TestResult, World, guid};
use sandbox::{Endpoint, Fault, Message, ScriptedResponse};
use serde_json::{Value, json};

use crate::{addresses, graph_calls, remediation, request, seed, send};

/// With pages of 100 and of 1,000 rows.
pub(crate) async fn eight_hundred_recipients_are_remediated_in_one_call_and_settle(world: &World) -> TestResult {
    for (rows, pages) in [(100, 8), (1000, 1)] {
        world.sandbox.clear();
        world.sandbox.limit_pages(rows)?;
        let (id, recipients) = (guid(), addresses(800));
        seed(world, [Message { effect_after_ms: 3_600_000, ..Message::new(&id, recipients.clone()) }])?;

        let valid = world.gateway.post("/remediate/messages?validateOnly=true").bearer_auth(world.token());
        let valid = Response::to(valid.json(&remediation(&id))).await?;
        let left_out = json!({ "quarantine": 0, "unreachable": 0, "protected": 0 });
        let expected = json!({
            "status": "valid", "emails": 800, "messages": 1, "duplicatesRemoved": 0,
            "recipientsFound": 800, "leftOut": left_out, "messagesNotFound": 0,
        });
        assert_eq!((valid.json(), graph_calls(world)), (expected, (pages, 0)));

        let mut fewer = remediation(&id);
        fewer["maxRecipients"] = json!(799);
        let response = send(world, &fewer).await?;
        let body = response.assert_problem(403, "tooManyRecipients", &["ratelimit", "ratelimit-policy"]);
        assert!(body["detail"].as_str().is_some_and(|detail| detail.contains("800")), "{body:#}");

        let response = send(world, &remediation(&id)).await?;
        assert_eq!((response.status, graph_calls(world)), (202, (3 * pages, 1)), "{response:?}");
        let body = response.json();
        assert_eq!(
            (&body["emails"], &body["recipientsFound"], &body["leftOut"]),
            (&json!(800), &json!(800), &left_out)
        );
        assert!(!body.to_string().to_ascii_lowercase().contains("all"), "{body:#}");
        let accepted = world.sandbox.accepted();
        let sent: Vec<&str> = accepted[0]
            .remediation
            .analyzed_emails
            .iter()
            .map(|email| email.recipient_email_address.as_str())
            .collect();
        assert!(accepted.len() == 1 && recipients.iter().all(|recipient| sent.contains(&recipient.as_str())));
        assert_eq!(sent.len(), 800);
        let line = world.gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
        let line: Value = serde_json::from_str(&line)?;
        assert_eq!(
            (&line["emails"], &line["recipientsFound"], &line["leftOut"]),
            (&json!(800), &json!(800), &left_out)
        );

        // The status of the same remediation, by its pairs.
        let mut pairs = acceptance::payload();
        let email = |recipient| json!({ "networkMessageId": id, "recipientEmailAddress": recipient });
        pairs["analyzedEmails"] = recipients.iter().map(email).collect();
        pairs["acceptedAt"] = body["acceptedAt"].clone();
        for (shown, status, observed) in [(0, "pending", 0), (400, "pending", 400), (800, "settled", 800)] {
            let shows =
                Message { location: "deletedFolder".to_owned(), ..Message::new(&id, recipients[..shown].to_vec()) };
            seed(world, [shows])?;
            let request = world.gateway.post("/remediate/status").bearer_auth(world.token());
            let response = Response::to(request.json(&pairs)).await?.json();
            assert_eq!((&response["status"], &response["observed"]), (&json!(status), &json!(observed)));
        }
    }
    Ok(())
}

pub(crate) async fn quarantined_unreachable_and_protected_recipients_are_left_out(world: &World) -> TestResult {
    let protected = json!({ "PROTECTED_RECIPIENTS": ["legal@contoso.com"] });
    let gateway = world.gateway_with(protected).await?;
    let (id, others) = (guid(), guid());
    let at = |location: &str, id: &str, recipients: &[&str]| {
        let recipients: Vec<String> = recipients.iter().map(|recipient| (*recipient).to_owned()).collect();
        Message { location: location.to_owned(), ..Message::new(id, recipients) }
    };
    seed(
        world,
        [
            at("Inbox", &id, &["a@contoso.com", "legal@contoso.com"]),
            at("quarantine", &id, &["b@contoso.com"]),
            at("onprem_external", &id, &["c@fabrikam.com", "d@fabrikam.com"]),
            at("quarantine", &others, &["b@contoso.com"]),
        ],
    )?;
    let response = Response::to(request(world, &gateway, &remediation(&id))).await?;
    let body = response.json();
    let left_out = json!({ "quarantine": 1, "unreachable": 2, "protected": 1 });
    assert_eq!((response.status, &body["emails"], &body["recipientsFound"]), (202, &json!(1), &json!(5)), "{body:#}");
    assert_eq!(body["leftOut"], left_out);
    assert_eq!(world.sandbox.accepted()[0].remediation.analyzed_emails.len(), 1);

    let response = Response::to(request(world, &gateway, &remediation(&others))).await?;
    let body = response.assert_problem(409, "nothingToRemediate", &["ratelimit", "ratelimit-policy"]);
    assert!(body["detail"].as_str().is_some_and(|detail| detail.contains("1 in quarantine")), "{body:#}");
    let mut restored = remediation(&others);
    restored["action"] = json!("moveToInbox");
    assert_eq!(Response::to(request(world, &gateway, &restored)).await?.status, 202);
    Ok(())
}

pub(crate) async fn message_rejection_reveals_no_recipient(world: &World) -> TestResult {
    let id = guid();
    seed(world, [Message::new(&id, ["a@contoso.com", "b@fabrikam.com", "c@fabrikam.com"])])?;
    for (whole_messages, code) in [(false, "wholeMessagesNotAllowed"), (true, "recipientNotAllowed")] {
        let callers = json!([{
            "name": "script", "api_key_sha256": [API_KEY_SHA256], "actions": ["softDelete"],
            "recipient_domains": ["contoso.com"], "whole_messages": whole_messages,
        }]);
        let gateway = world.gateway_with(json!({ "CALLERS": callers })).await?;
        for (query, headers) in [("", &["ratelimit", "ratelimit-policy"][..]), ("?validateOnly=true", &[])] {
            let request = gateway.post(&format!("/remediate/messages{query}")).header("X-API-Key", API_KEY);
            let response = Response::to(request.json(&remediation(&id))).await?;
            let body = response.assert_problem(403, code, if whole_messages { headers } else { &[] });
            let detail = body["detail"].as_str().unwrap_or_default();
            assert_eq!(detail.contains("does not cover 2 of the recipients"), whole_messages, "{detail}");
            assert!(!body.to_string().contains('@') && !body.to_string().contains("fabrikam"), "{body:#}");
            let line = gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
            assert_eq!(line.contains(r#""recipientsFound":3"#), whole_messages, "{line}");
            assert!(!line.contains("fabrikam"), "{line}");
        }
        assert_eq!(graph_calls(world), if whole_messages { (2, 0) } else { (0, 0) });
    }
    Ok(())
}

pub(crate) async fn unlisted_message_returns_404_and_is_accepted_once_listed(world: &World) -> TestResult {
    let id = guid();
    let response = send(world, &remediation(&id)).await?;
    response.assert_problem(404, "messageNotFound", &["ratelimit", "ratelimit-policy", "retry-after"]);
    assert_eq!(response.header("retry-after"), Some("300"));
    seed(world, [Message::new(&id, ["a@contoso.com"])])?;
    let response = send(world, &remediation(&id)).await?;
    assert_eq!((response.status, response.header("idempotency-replayed")), (202, None), "{response:?}");
    Ok(())
}

/// 150 recipients on two pages, of which the second fails. Nothing is sent, and a retry reads again.
pub(crate) async fn failed_list_page_sends_nothing(world: &World) -> TestResult {
    let page = || ScriptedResponse::new(Endpoint::AnalyzedEmails);
    world.sandbox.limit_pages(100)?;
    for (next, status, code, retry_after) in [
        (page().status(503).header("Retry-After", "7"), 503, "graphUnavailable", Some("7")),
        (page().status(429).header("Retry-After", "11"), 429, "graphThrottled", Some("11")),
        (page().status(200).body("<html>"), 502, "graphError", None),
        (page().fault(Fault::CutAfter(100)), 503, "graphUnavailable", Some("30")),
    ] {
        world.sandbox.clear();
        world.sandbox.limit_pages(100)?;
        let id = guid();
        seed(world, [Message::new(&id, addresses(150))])?;
        world.sandbox.script(page())?;
        world.sandbox.script(next)?;
        let response = send(world, &remediation(&id)).await?;
        let mut headers = vec!["ratelimit", "ratelimit-policy"];
        headers.extend(retry_after.map(|_| "retry-after"));
        let body = response.assert_problem(status, code, &headers);
        assert_eq!(response.header("retry-after"), retry_after);
        assert!(body["detail"].as_str().is_some_and(|detail| detail.contains("Nothing was sent.")), "{body:#}");
        assert_eq!(graph_calls(world), (2, 0));
        let retry = send(world, &remediation(&id)).await?;
        assert_eq!((retry.status, &retry.json()["emails"]), (202, &json!(150)), "{retry:?}");
    }
    world.sandbox.limit_pages(1000)?;
    Ok(())
}
