//! What a granted caller can still not do, and how precisely it is told.

use serde_json::{Value, json};

use crate::http::Response;
use crate::tests::support::gateway::{GRAPH_URL, Gateway, api_key, code, payload};
use crate::tests::support::{sha256, variables_with};

/// A gateway whose one caller has these rights.
fn granted(rights: &Value) -> Gateway {
    let mut caller = json!({ "name": "script", "api_key_sha256": [sha256("key")], "actions": ["softDelete"] });
    caller.as_object_mut().unwrap().extend(rights.as_object().unwrap().clone());
    Gateway::new(variables_with("CALLERS", json!([caller])))
}

/// What the caller may do goes to Graph, once; what it may not goes nowhere.
fn ask(rights: &Value, payload: &Value) -> (Response, Value) {
    let mut gateway = granted(rights);
    let response = gateway.remediate(api_key("key"), payload);
    let upstream = gateway.stage.runtime.upstream();
    assert_eq!(upstream.count(GRAPH_URL), usize::from(response.status == 202), "{payload}");
    assert!(response.status == 202 || upstream.calls().is_empty(), "{payload}");
    (response, gateway.logged())
}

fn pointers(response: &Response) -> Vec<String> {
    let body: Value = serde_json::from_str(&response.body).unwrap();
    let errors = body["errors"].as_array().unwrap();
    let pointers = errors.iter().flat_map(|error| error["pointers"].as_array().unwrap());
    pointers.map(|pointer| pointer.as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_action_is_granted_by_name_and_nothing_grants_another() {
    let all = ["moveToJunk", "moveToInbox", "hardDelete", "softDelete", "moveToDeletedItems", "moveToQuarantine"];
    for granted in all {
        for asked in all {
            let (response, line) = ask(&json!({ "actions": [granted] }), &payload(asked, &["a@contoso.com"]));
            let expected = if granted == asked { "accepted" } else { "actionNotAllowed" };
            assert_eq!(code(&response), expected, "{granted} {asked}");
            assert_eq!((&line["caller"], &line["action"]), (&json!("script"), &json!(asked)));
        }
    }
}

#[test]
fn recipients_are_covered_by_their_domain_in_any_spelling_of_it() {
    for (rule, recipient, accepted) in [
        ("contoso.com", "hannah@contoso.com", true),
        ("contoso.com", "hannah@CONTOSO.com", true),
        ("contoso.com", "hannah@mail.contoso.com", false),
        ("contoso.com", "hannah@evil-contoso.com", false),
        ("contoso.com", "hannah@contoso.com.evil.example", false),
        ("contoso.com", "contoso.com@evil.example", false),
        ("contoso.com", "hannah+contoso.com@evil.example", false),
        ("*.contoso.com", "hannah@contoso.com", true),
        ("*.contoso.com", "hannah@Mail.Contoso.com", true),
        ("*.contoso.com", "hannah@evil-contoso.com", false),
        // Labels that no domain name can have, of which lenient readers make an `@` or a comma.
        ("*.contoso.com", "hannah@xn--024.contoso.com", false),
        ("*.contoso.com", "hannah@XN--0049.contoso.com", false),
        ("*.contoso.com", "hannah@xn--bcher-kva.contoso.com", true),
        ("*.contoso.com", "hannah@a--b.contoso.com", true),
        ("b\u{fc}cher.example", "hannah@xn--bcher-kva.example", true),
        ("b\u{fc}cher.example", "hannah@XN--BCHER-KVA.EXAMPLE", true),
        ("b\u{fc}cher.example", "hannah@b\u{fc}cher.example", true),
        ("b\u{fc}cher.example", "hannah@B\u{dc}CHER.example", true),
        ("xn--bcher-kva.example", "hannah@b\u{fc}cher.example", true),
        ("*.b\u{fc}cher.example", "hannah@post.b\u{fc}cher.example", true),
        ("b\u{fc}cher.example", "hannah@bucher.example", false),
        // A Cyrillic letter that looks like a Latin one.
        ("contoso.com", "hannah@c\u{43e}ntoso.com", false),
    ] {
        let (response, _) = ask(&json!({ "recipient_domains": [rule] }), &payload("softDelete", &[recipient]));
        let expected = if accepted { "accepted" } else { "recipientNotAllowed" };
        assert_eq!(code(&response), expected, "{rule} {recipient}");
    }
}

#[test]
fn one_refused_recipient_refuses_all_and_is_named_by_its_place_in_the_callers_array() {
    let recipients =
        ["a@contoso.com", "A@contoso.com", "x@evil.example", "b@contoso.com", "X@evil.example", "y@evil-contoso.com"];
    let (response, line) = ask(&json!({ "recipient_domains": ["contoso.com"] }), &payload("softDelete", &recipients));
    assert_eq!((response.status, code(&response)), (403, "recipientNotAllowed".to_owned()));
    assert_eq!(
        pointers(&response),
        ["/analyzedEmails/2/recipientEmailAddress", "/analyzedEmails/5/recipientEmailAddress"],
        "the places before repeated pairs were removed"
    );
    assert!(!response.body.contains("evil") && !line.to_string().contains("evil"), "no address is repeated");
}

#[test]
fn many_refused_recipients_are_counted_and_the_first_hundred_named() {
    let recipients: Vec<String> = (0..120).map(|number| format!("u{number}@evil.example")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let (response, line) = ask(&json!({ "recipient_domains": ["contoso.com"] }), &payload("softDelete", &recipients));
    assert_eq!(pointers(&response).len(), 100);
    assert!(response.body.contains("does not cover 120 of the recipients"));
    assert_eq!(line["reason"], "script lacks a permission: 120 recipients are outside the granted domains");
}

#[test]
fn the_number_of_emails_is_capped_after_repeated_pairs_are_removed() {
    let three = ["a@contoso.com", "b@contoso.com", "c@contoso.com"];
    let repeated = ["a@contoso.com", "b@contoso.com", "c@contoso.com", "A@contoso.com", "b@CONTOSO.com"];
    for (most, recipients, expected) in [
        (3, three.as_slice(), "accepted"),
        (2, &three, "tooManyEmails"),
        (3, &repeated, "accepted"),
        (2, &repeated, "tooManyEmails"),
        (1, &three[..1], "accepted"),
    ] {
        let (response, line) = ask(&json!({ "max_emails_per_request": most }), &payload("softDelete", recipients));
        assert_eq!(code(&response), expected, "{most} {recipients:?}");
        assert_eq!(line["emails"], recipients.len().min(3));
        if expected == "tooManyEmails" {
            assert_eq!(pointers(&response), ["/analyzedEmails"]);
        }
    }
}

#[test]
fn where_nothing_is_said_the_cap_is_a_thousand() {
    let recipients: Vec<String> = (0..1001).map(|number| format!("u{number}@contoso.com")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    assert_eq!(code(&ask(&json!({}), &payload("softDelete", &recipients[..1000])).0), "accepted");
    assert_eq!(code(&ask(&json!({}), &payload("softDelete", &recipients)).0), "tooManyEmails");
}

/// It would be refused for the quota, and told to come again in an hour, for ever.
#[test]
fn where_an_hour_holds_less_no_request_may_have_more() {
    let three = ["a@contoso.com", "b@contoso.com", "c@contoso.com"];
    let rights = json!({ "max_emails_per_hour": 2 });
    assert_eq!(code(&ask(&rights, &payload("softDelete", &three)).0), "tooManyEmails");
    assert_eq!(code(&ask(&rights, &payload("softDelete", &three[..2])).0), "accepted");
}

#[test]
fn of_several_rights_that_lack_the_first_is_told() {
    let rights = json!({ "recipient_domains": ["contoso.com"], "max_emails_per_request": 1 });
    let outside = ["a@evil.example", "b@evil.example"];
    for (action, recipients, expected) in [
        ("hardDelete", outside.as_slice(), "actionNotAllowed"),
        ("softDelete", &outside, "recipientNotAllowed"),
        ("softDelete", &["a@contoso.com", "b@contoso.com"], "tooManyEmails"),
        ("softDelete", &["a@contoso.com"], "accepted"),
    ] {
        assert_eq!(code(&ask(&rights, &payload(action, recipients)).0), expected, "{action} {recipients:?}");
    }
}

#[test]
fn rights_hold_when_nothing_would_be_sent() {
    let mut gateway = granted(&json!({ "actions": ["moveToJunk"] }));
    assert_eq!(gateway.validate(api_key("key")).status, 403);
}
