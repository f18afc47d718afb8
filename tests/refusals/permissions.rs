//! Missing permissions. Everything that an entry does not grant is denied, and one denied recipient rejects the
//! request.

use acceptance::{Gateway, Response, TestResult, World, guid, payload_of, payload_with};
use reqwest::RequestBuilder;
use sandbox::Endpoint;
use serde_json::{Value, json};

use crate::case::{Case, case, provoke};

/// A caller that may soft-delete and move to junk, five emails at a time, in `contoso.com` and the subdomains of
/// `fabrikam.com`, except protected recipients.
fn narrow() -> Value {
    let protected = ["journal@contoso.com", "*.b\u{fc}cher.fabrikam.com"];
    json!({ "PROTECTED_RECIPIENTS": protected, "CALLERS": [{
        "name": "narrow",
        "object_id": sandbox::CALLER_OBJECT_ID,
        "actions": ["softDelete", "moveToJunk"],
        "recipient_domains": ["contoso.com", "*.fabrikam.com"],
        "max_emails_per_request": 5,
    }]})
}

fn post(world: &World, gateway: &Gateway, payload: &Value) -> RequestBuilder {
    gateway.post("/remediate").bearer_auth(world.token()).json(payload)
}

fn to(recipients: &[&str]) -> Value {
    let item = |address: &&str| json!({ "networkMessageId": guid(), "recipientEmailAddress": address });
    payload_with("analyzedEmails", recipients.iter().map(item).collect::<Vec<_>>())
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for action in ["hardDelete", "moveToInbox", "moveToQuarantine"] {
        let request = move |world: &World, gateway: &Gateway| post(world, gateway, &payload_with("action", action));
        cases.push(case("an action that is not granted", 403, "actionNotAllowed", request).gateway(narrow()));
    }
    for recipient in [
        "a@example.com",
        "a@sub.contoso.com",
        "a@notcontoso.com",
        "a@contoso.com.evil.com",
        "a@contoso.co",
        "a@notfabrikam.com",
        // A label that no domain name can have.
        "a@xn--024.fabrikam.com",
        // Letters that look like those of contoso.com: Cyrillic о.
        "a@c\u{43e}ntoso.com",
    ] {
        let request = move |world: &World, gateway: &Gateway| post(world, gateway, &to(&["b@contoso.com", recipient]));
        cases.push(case("a recipient outside", 403, "recipientNotAllowed", request).gateway(narrow()));
    }
    cases.push(
        case("the sender's copy", 403, "sendersCopyNotAllowed", |world, gateway| {
            post(world, gateway, &payload_with("remediateSendersCopy", "True"))
        })
        .gateway(narrow()),
    );
    for recipient in [
        "journal@contoso.com",
        "JOURNAL+tag@Contoso.com",
        "a@xn--bcher-kva.fabrikam.com",
        "a@B\u{dc}CHER.fabrikam.com",
        "a@post.b\u{fc}cher.Fabrikam.com",
    ] {
        let request = move |world: &World, gateway: &Gateway| post(world, gateway, &to(&["b@contoso.com", recipient]));
        cases.push(case("a protected recipient", 403, "recipientProtected", request).gateway(narrow()));
    }
    cases.push(
        case("too many emails", 403, "tooManyEmails", |world, gateway| post(world, gateway, &payload_of(6)))
            .gateway(narrow()),
    );
    cases.push(case("more than the 1,000 that every caller has", 403, "tooManyEmails", |world, gateway| {
        post(world, gateway, &payload_of(1_001))
    }));
    cases
}

pub(crate) async fn request_without_permission_is_rejected(world: &World) -> TestResult {
    provoke(world, cases()).await?;
    // Just within each limit.
    world.sandbox.clear();
    let gateway = world.gateway_with(narrow()).await?;
    let twice = {
        let mut payload = payload_of(5);
        let emails = payload["analyzedEmails"].as_array_mut().ok_or("no array")?;
        emails.push(emails[0].clone());
        payload
    };
    for payload in [
        to(&["a@contoso.com", "A@CONTOSO.COM"]),
        to(&["a@fabrikam.com", "a@deep.sub.Fabrikam.com"]),
        payload_of(5),
        twice,
        payload_with("action", "moveToJunk"),
    ] {
        let response = Response::to(post(world, &gateway, &payload)).await?;
        assert_eq!(response.status, 202, "{response:?}");
    }
    Ok(())
}

/// The pointer is the position in the caller's own array: repeated pairs are not sent, but they count for positions.
pub(crate) async fn rejected_recipients_are_named_by_pointer(world: &World) -> TestResult {
    let mut payload = to(&["a@contoso.com", "x@example.com", "b@contoso.com", "y@example.com"]);
    let emails = payload["analyzedEmails"].as_array_mut().ok_or("no array")?;
    emails.insert(0, emails[0].clone());
    let response = Response::to(post(world, &world.gateway, &payload)).await?;
    response.assert_problem(403, "recipientNotAllowed", &[]);
    let expected = ["/analyzedEmails/2/recipientEmailAddress", "/analyzedEmails/4/recipientEmailAddress"];
    assert_eq!(response.pointers(), expected);
    assert!(response.json()["detail"].as_str().is_some_and(|detail| detail.contains("recipient_domains")));

    let outside: Vec<String> = (0..200).map(|n| format!("a{n}@example.com")).collect();
    let outside: Vec<&str> = outside.iter().map(String::as_str).collect();
    let response = Response::to(post(world, &world.gateway, &to(&outside))).await?;
    response.assert_problem(403, "recipientNotAllowed", &[]);
    assert_eq!(response.pointers().len(), 100);
    assert!(response.json()["detail"].as_str().is_some_and(|detail| detail.contains("200")), "{response:?}");

    for (payload, pointer, right) in [
        (payload_with("action", "hardDelete"), "/action", "hardDelete"),
        (payload_of(1_001), "/analyzedEmails", "max_emails_per_request"),
    ] {
        let gateway = world.gateway_with(narrow()).await?;
        let response = Response::to(post(world, &gateway, &payload)).await?;
        assert_eq!(response.pointers(), [pointer]);
        assert!(response.json()["detail"].as_str().is_some_and(|detail| detail.contains(right)), "{response:?}");
    }
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty());
    Ok(())
}
