//! The remediation of messages: the reached recipients, the response, and the single submission.

use std::time::Duration;

use serde_json::{Value, json};

use super::status::{ID, LIST, first_page, row};
use super::support::gateway::{GRAPH_URL, Gateway, api_key, code, post};
use super::support::upstream::Reply;
use super::support::{CRON_KEY, FixedEnvironment, sha256, variables_with};
use crate::config::Variables;
use crate::http::{RequestHeaders, Response};
use crate::remediation::limits::MAX_MESSAGES;
use crate::remediation::{MessagesRemediation, ParseError, parse_messages};
use crate::runtime::{Clock, SendError};

const PATH: &str = "/remediate/messages";
const OTHER: &str = "83ca4154-58d8-43d0-a890-08dc18c52e6d";

/// The configuration with one caller, of the key [`CRON_KEY`]. `more` replaces members of its table.
pub(super) fn variables(more: &Value) -> Variables {
    let mut caller = json!({
        "name": "cron", "api_key_sha256": [sha256(CRON_KEY)], "actions": ["softDelete", "moveToInbox"],
        "recipient_domains": ["*.contoso.com"], "whole_messages": true,
    });
    caller.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    variables_with("CALLERS", json!([caller]))
}

/// A remediation of messages with these IDs.
pub(super) fn payload(action: &str, messages: &[&str]) -> Value {
    json!({
        "displayName": "Clean up", "description": "Delete email", "severity": "medium", "action": action,
        "remediateSendersCopy": false, "networkMessageIds": messages, "maxRecipients": 100,
    })
}

pub(super) fn remediate(gateway: &mut Gateway, payload: &Value) -> Response {
    gateway.ask(post(PATH, "", api_key(CRON_KEY)), payload.to_string().into_bytes())
}

/// Returns the header of a response after which this number of emails is left for the hour.
pub(super) fn quota_left(emails: u64) -> (&'static str, String) {
    ("RateLimit", format!("\"emails\";r={emails}"))
}

/// A gateway whose Graph lists these rows for [`ID`].
fn gateway_listing(variables: Variables, rows: &[Value]) -> Gateway {
    let gateway = Gateway::new(variables);
    gateway.stage.runtime.upstream().respond(&first_page(ID), Reply::json(&json!({ "value": rows })));
    gateway
}

fn body(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap()
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

/// The recipients that Graph got, of each submission.
fn submitted(gateway: &Gateway) -> Vec<Vec<String>> {
    let calls = gateway.stage.runtime.upstream().calls();
    let bodies = calls.iter().filter(|call| call.url == GRAPH_URL).map(|call| call.body.as_deref().unwrap());
    let recipients = |body| -> Vec<String> {
        let body: Value = serde_json::from_str(body).unwrap();
        let emails = body["analyzedEmails"].as_array().unwrap();
        emails.iter().map(|email| email["recipientEmailAddress"].as_str().unwrap().to_owned()).collect()
    };
    bodies.map(recipients).collect()
}

fn protecting_variables(more: &Value) -> Variables {
    let mut variables = variables(more);
    variables.insert("PROTECTED_RECIPIENTS", json!(["legal@contoso.com", "vault.contoso.com"]));
    variables
}

#[test]
fn reachable_recipients_are_remediated_in_one_call_and_others_counted() {
    let rows = [
        row("a@contoso.com", "inbox_folder"),
        row("B@Contoso.com", "Inbox"),
        row("b@contoso.com", "inbox_folder"),
        row("c@mail.contoso.com", "others"),
        row("d@contoso.com", "Quarantine"),
        row("legal+x@contoso.com", "inbox_folder"),
        row("x@vault.contoso.com", "junkFolder"),
        // Of two rows of one pair, one is reachable.
        row("e@contoso.com", "quarantine"),
        row("e@contoso.com", "deletedFolder"),
        // Outside of the caller's domains, and beyond the reach of any remediation.
        row("f@fabrikam.com", "onprem_external"),
        row("g@fabrikam.com", "quarantine"),
        row("\"h@evil.example\"@contoso.com", "inbox_folder"),
        row("", "inbox_folder"),
        json!({ "networkMessageId": ID }),
    ];
    let next = format!("{LIST}?$skiptoken=2");
    for (action, emails, quarantine) in [
        ("softDelete", vec!["a@contoso.com", "B@Contoso.com", "c@mail.contoso.com", "e@contoso.com"], 2),
        (
            "moveToInbox",
            vec!["a@contoso.com", "B@Contoso.com", "c@mail.contoso.com", "d@contoso.com", "e@contoso.com"],
            0,
        ),
    ] {
        let rows = rows.iter().filter(|row| action == "softDelete" || row["recipientEmailAddress"] != "g@fabrikam.com");
        let rows: Vec<Value> = rows.cloned().collect();
        let mut gateway = Gateway::new(protecting_variables(&json!({})));
        let upstream = gateway.stage.runtime.upstream();
        upstream.respond(&first_page(ID), Reply::json(&json!({ "value": rows[..3], "@odata.nextLink": next })));
        upstream.respond(&next, Reply::json(&json!({ "value": rows[3..] })));
        let response = remediate(&mut gateway, &payload(action, &[ID, ID]));
        assert_eq!(response.status, 202, "{}", response.body);
        let response_body = body(&response);
        let found = emails.len() + quarantine + 2 + 3;
        let left_out = json!({ "quarantine": quarantine, "unreachable": 3, "protected": 2 });
        assert_eq!(
            (&response_body["recipientsFound"], &response_body["leftOut"]),
            (&json!(found), &left_out),
            "{response_body}"
        );
        assert_eq!((&response_body["status"], &response_body["emails"]), (&json!("accepted"), &json!(emails.len())));
        assert!(
            header(&response, "Location").is_some()
                && response_body["bulkId"].is_string()
                && response_body["acceptedAt"].is_string()
        );
        assert!(!response.body.to_ascii_lowercase().contains("all"), "late rows are missing: {}", response.body);
        assert!(!response.body.contains("contoso.com"), "{}", response.body);
        assert_eq!(submitted(&gateway), std::slice::from_ref(&emails));
        let left = 10_000 - u64::try_from(emails.len()).unwrap();
        assert!(response.headers.contains(&quota_left(left)), "the rest was not refunded: {:?}", response.headers);
        let line = gateway.logged();
        assert_eq!((&line["recipientsFound"], &line["leftOut"]), (&json!(found), &left_out), "{line}");
        assert_eq!(
            (&line["route"], &line["caller"], &line["action"], &line["emails"], &line["status"], &line["code"]),
            (&json!(PATH), &json!("cron"), &json!(action), &json!(emails.len()), &json!(202), &Value::Null)
        );
        assert!(!line.to_string().contains("contoso") && !line.to_string().contains(ID), "{line}");

        // The replay says the same, and reads nothing.
        let again = remediate(&mut gateway, &payload(action, &[&ID.to_uppercase()]));
        assert_eq!(header(&again, "Idempotency-Replayed"), Some("true"));
        let without_id = |mut body: Value| {
            body["requestId"] = Value::Null;
            body
        };
        assert_eq!(without_id(body(&again)), without_id(response_body));
        assert!(again.headers.contains(&quota_left(left)), "{:?}", again.headers);
        assert_eq!((gateway.stage.runtime.upstream().count(&first_page(ID)), submitted(&gateway).len()), (1, 1));
        assert_eq!(gateway.logged()["emails"], emails.len());
    }
}

/// A caller that lacks a permission learns nothing about the recipients: Microsoft is not asked.
#[test]
fn missing_permission_is_rejected_before_the_list_is_read() {
    let asks = |name: &str, value: Value| {
        let mut payload = payload("softDelete", &[ID]);
        payload[name] = value;
        payload
    };
    let plain = || payload("softDelete", &[ID]);
    for (caller, payload, expected, detail) in [
        (json!({ "whole_messages": false }), plain(), "wholeMessagesNotAllowed", "whole_messages"),
        // The other permissions do not show in its place.
        (
            json!({ "whole_messages": false, "actions": ["moveToJunk"] }),
            plain(),
            "wholeMessagesNotAllowed",
            "whole_messages",
        ),
        (json!({ "actions": ["moveToInbox"] }), plain(), "actionNotAllowed", "softDelete"),
        (json!({}), asks("remediateSendersCopy", json!(true)), "sendersCopyNotAllowed", "senders_copy"),
        (json!({ "max_emails_per_request": 99 }), plain(), "tooManyEmails", "/maxRecipients"),
        (json!({}), asks("maxRecipients", json!(10_001)), "invalidPayload", "/maxRecipients"),
    ] {
        for query in ["", "validateOnly=true"] {
            let mut gateway = gateway_listing(variables(&caller), &[row("a@contoso.com", "inbox_folder")]);
            let response = gateway.ask(post(PATH, query, api_key(CRON_KEY)), payload.to_string().into_bytes());
            assert_eq!(code(&response), expected, "{}", response.body);
            assert!(response.body.contains(detail) && response.body.contains("Nothing was sent."), "{}", response.body);
            assert!(gateway.stage.runtime.upstream().calls().is_empty(), "Microsoft was asked");
            let line = gateway.logged();
            assert_eq!((&line["code"], line.get("recipientsFound")), (&json!(expected), None), "{line}");
        }
    }
    // A caller has it only if its table says so.
    let mut caller = variables(&json!({}))["CALLERS"].clone();
    caller[0].as_object_mut().unwrap().remove("whole_messages");
    let mut gateway = gateway_listing(variables_with("CALLERS", caller), &[]);
    assert_eq!(code(&remediate(&mut gateway, &plain())), "wholeMessagesNotAllowed");
}

/// Each error is certain: nothing was sent, the quota is refunded, and the next request reads again.
#[test]
fn list_that_leads_to_no_remediation_sends_nothing() {
    let many: Vec<String> = (0..101).map(|n| format!("user{n}@contoso.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (rows, status, expected, detail) in [
        (vec![], 404, "messageNotFound", "lists no recipient of these messages"),
        (
            inbox(&["a@contoso.com", "b@fabrikam.com", "c@contoso.co"]),
            403,
            "recipientNotAllowed",
            "does not cover 2 of the recipients",
        ),
        // A protected recipient outside of the granted domains is outside.
        (inbox(&["a@contoso.com", "legal@evil-contoso.com"]), 403, "recipientNotAllowed", "does not cover 1 of"),
        (inbox(&["a@contoso.com", "b@xn--024.contoso.com"]), 403, "recipientNotAllowed", "does not cover 1 of"),
        (inbox(&many), 403, "tooManyRecipients", "lists 101 recipients to remediate; maxRecipients is 100."),
        (
            vec![row("a@contoso.com", "quarantine"), row("b@x.org", "dropped"), row("legal@contoso.com", "Inbox")],
            409,
            "nothingToRemediate",
            "lists 3 of these recipients, and each is left out: 1 in quarantine, 1 unreachable, 1 protected.",
        ),
    ] {
        for query in ["", "validateOnly=true"] {
            let mut gateway = gateway_listing(protecting_variables(&json!({})), &rows);
            for asked in 1..=2 {
                let request = post(PATH, query, api_key(CRON_KEY));
                let response = gateway.ask(request, payload("softDelete", &[ID]).to_string().into_bytes());
                assert_eq!((response.status, code(&response).as_str()), (status, expected), "{}", response.body);
                assert!(response.body.contains(detail), "{}", response.body);
                assert!(response.body.contains("Nothing was sent."), "{}", response.body);
                assert!(!response.body.contains('@'), "an address: {}", response.body);
                assert_eq!(header(&response, "Retry-After"), (status == 404).then_some("300"));
                assert_eq!(response.headers.contains(&quota_left(10_000)), query.is_empty(), "{:?}", response.headers);
                assert_eq!(gateway.stage.runtime.upstream().count(&first_page(ID)), asked);
                assert!(submitted(&gateway).is_empty());
                let line = gateway.logged();
                assert_eq!(line["code"], expected, "{line}");
                assert_eq!(
                    (&line["recipientsFound"], line["leftOut"]["protected"].is_number()),
                    (&json!(rows.len()), true),
                    "{line}"
                );
                assert!(!line.to_string().contains('@'), "{line}");
            }
        }
    }
}

/// Unicode's KELVIN SIGN is a `k` in lower case, and no address has it (contract, section 2).
#[test]
fn invalid_listed_address_is_counted_as_unreachable_and_not_submitted() {
    let long = |n: usize| format!("{n}{}@contoso.com", "x".repeat(5000));
    let rows = ["k@contoso.com", "\u{212a}@contoso.com", "K@contoso.com", &long(1), &long(1), &long(2)];
    let mut rows = rows.map(|recipient| row(recipient, "inbox_folder"));
    for _ in 0..2 {
        rows.reverse();
        let mut gateway = gateway_listing(variables(&json!({})), &rows);
        let response = remediate(&mut gateway, &payload("softDelete", &[ID]));
        let response_body = body(&response);
        assert_eq!(
            (&response_body["recipientsFound"], &response_body["leftOut"]["unreachable"]),
            (&json!(4), &json!(3)),
            "{response_body}"
        );
        let submitted = submitted(&gateway).concat();
        assert_eq!(submitted.len(), 1);
        assert!(["k@contoso.com", "K@contoso.com"].contains(&submitted[0].as_str()), "{submitted:?}");
    }
}

#[test]
fn validation_reads_the_list_and_submits_nothing() {
    let rows = [row("a@contoso.com", "inbox_folder"), row("b@contoso.com", "quarantine"), row("c@x.org", "failed")];
    let mut variables = variables(&json!({}));
    variables.insert("STOPPED", json!("true"));
    let mut gateway = gateway_listing(variables, &rows);
    gateway.stage.runtime.upstream().respond(&first_page(OTHER), Reply::json(&json!({ "value": [] })));
    let request = |query| post(PATH, query, api_key(CRON_KEY));
    let payload = payload("softDelete", &[ID, OTHER, ID]).to_string().into_bytes();
    let response = gateway.ask(request("validateOnly=true"), payload.clone());
    assert_eq!(
        (response.status, body(&response)),
        (
            200,
            json!({
                "status": "valid", "emails": 1, "messages": 2, "duplicatesRemoved": 1, "recipientsFound": 3,
                "leftOut": { "quarantine": 1, "unreachable": 1, "protected": 0 }, "messagesNotFound": 1,
            })
        )
    );
    assert_eq!(gateway.logged()["recipientsFound"], 3);
    let calls = gateway.stage.runtime.upstream().calls().len();
    assert_eq!(code(&gateway.ask(request(""), payload)), "stopped", "an emergency stop stops the remediation");
    assert_eq!((gateway.stage.runtime.upstream().calls().len(), submitted(&gateway).len()), (calls, 0));
}

/// The list never reaches back further than Graph keeps it.
#[test]
fn received_after_sets_the_list_start_within_graphs_retention() {
    for (received_after, start) in [
        (json!("2027-01-15T00:00:00+01:00"), "2027-01-14T23:00:00Z"),
        (json!("2027-01-15T07:59:59.999Z"), "2027-01-15T07:59:59Z"),
        (json!("2026-12-01T00:00:00Z"), "2026-12-16T08:00:00Z"),
        (json!("2030-01-01T00:00:00Z"), "2027-01-15T08:00:00Z"),
        (Value::Null, "2026-12-16T08:00:00Z"),
    ] {
        let mut gateway = Gateway::new(variables(&json!({})));
        let url = first_page(ID).replace("2026-12-16T08:00:00Z", start);
        let rows = json!({ "value": [row("a@contoso.com", "inbox_folder")] });
        gateway.stage.runtime.upstream().respond(&url, Reply::json(&rows));
        let mut payload = payload("softDelete", &[ID]);
        payload["receivedAfter"] = received_after;
        assert_eq!(remediate(&mut gateway, &payload).status, 202, "{payload}");
    }
}

#[test]
fn fifty_concurrent_retries_read_once_and_send_once() {
    for key in [None, Some("k-1")] {
        let mut gateway = gateway_listing(variables(&json!({})), &[row("a@contoso.com", "inbox_folder")]);
        gateway.stage.runtime.upstream().hold(&first_page(ID));
        let headers = || RequestHeaders { idempotency_key: key.map(str::to_owned), ..api_key(CRON_KEY) };
        let body_of = || payload("softDelete", &[ID]).to_string().into_bytes();
        let started: Vec<_> = (0..50).map(|_| gateway.start(post(PATH, "", headers()), body_of())).collect();
        gateway.stage.runtime.upstream().hold(GRAPH_URL);
        gateway.stage.pass(Duration::from_secs(20));
        gateway.stage.runtime.upstream().release(&first_page(ID));
        gateway.stage.pass(Duration::from_secs(20));
        gateway.stage.runtime.upstream().release(GRAPH_URL);
        let responses: Vec<Response> = started.into_iter().map(|started| gateway.stage.finish(started)).collect();
        let replayed = |response: &&Response| header(response, "Idempotency-Replayed").is_some();
        assert_eq!(responses.iter().filter(replayed).count(), 49);
        let without_id = |response: &Response| {
            let mut body = body(response);
            body["requestId"] = Value::Null;
            (response.status, header(response, "Location").map(str::to_owned), body)
        };
        for response in &responses {
            assert_eq!(without_id(response), without_id(&responses[0]));
        }
        assert_eq!((responses[0].status, gateway.stage.runtime.upstream().count(&first_page(ID))), (202, 1));
        assert_eq!(submitted(&gateway), [["a@contoso.com"]]);
    }
}

/// The object ends after the record, and before or after Graph got the remediation.
#[test]
fn retry_after_crash_is_accepted_and_counted_once() {
    for (held, submissions) in [(first_page(ID), 1), (GRAPH_URL.to_owned(), 2)] {
        let mut gateway = gateway_listing(variables(&json!({})), &[row("a@contoso.com", "inbox_folder")]);
        gateway.stage.runtime.upstream().hold(&held);
        let request = || post(PATH, "", api_key(CRON_KEY));
        let payload = |most: u64| {
            let mut payload = payload("softDelete", &[ID]);
            payload["maxRecipients"] = json!(most);
            payload.to_string().into_bytes()
        };
        drop(gateway.start(request(), payload(100)));
        gateway.crash();
        gateway.stage.runtime.upstream().release(&held);
        let response = gateway.ask(request(), payload(200));
        assert_eq!((response.status, submitted(&gateway).len()), (202, submissions), "{}", response.body);
        assert!(response.headers.contains(&quota_left(9_999)), "{:?}", response.headers);
        let again = gateway.ask(request(), payload(10));
        assert_eq!(header(&again, "Idempotency-Replayed"), Some("true"));
        gateway.crash();
        let again = gateway.ask(request(), payload(10));
        assert_eq!(body(&again)["recipientsFound"], 1, "the record has the counts");
        assert!(again.headers.contains(&quota_left(9_999)), "{:?}", again.headers);
        assert_eq!(submitted(&gateway).len(), submissions);
    }
}

/// Rows of recipients in the inbox.
fn inbox(recipients: &[&str]) -> Vec<Value> {
    recipients.iter().map(|recipient| row(recipient, "inbox_folder")).collect()
}

/// Graph's 409 of a remediation that it already has.
fn duplicate() -> Reply {
    let body = json!({ "error": { "code": "Conflict", "message": "Duplicate remediation" } });
    Reply::Response(409, Vec::new(), body.to_string().into_bytes())
}

/// A gateway whose first attempt at [`ID`] ended with an unknown outcome.
fn with_unknown_outcome(recipients: &[&str]) -> Gateway {
    let mut gateway = gateway_listing(protecting_variables(&json!({})), &inbox(recipients));
    gateway.stage.runtime.upstream().respond(GRAPH_URL, Reply::Failure(SendError::Connection));
    let first = remediate(&mut gateway, &payload("softDelete", &[ID]));
    assert!(first.body.contains("failed. The outcome is unknown; it is safe to retry."), "{}", first.body);
    assert_eq!(gateway.logged()["recipientsFound"], recipients.len());
    gateway
}

/// "Nothing was sent." would be untrue of the earlier attempt, which Graph may have accepted.
#[test]
fn failed_retry_of_an_unknown_outcome_reports_it_as_unknown() {
    let many: Vec<String> = (0..101).map(|n| format!("user{n}@contoso.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let list = |rows: &[Value]| Reply::json(&json!({ "value": rows }));
    for (page, plain, retried, retry_after) in [
        (list(&[]), "messageNotFound", "inProgress", Some("300")),
        (list(&inbox(&["a@contoso.com", "b@fabrikam.com"])), "recipientNotAllowed", "inProgress", Some("30")),
        (list(&inbox(&many)), "tooManyRecipients", "inProgress", Some("30")),
        (list(&[row("a@contoso.com", "quarantine")]), "nothingToRemediate", "inProgress", Some("30")),
        (Reply::status(403), "graphPermissionMissing", "graphPermissionMissing", None),
        (Reply::status(429), "graphThrottled", "graphThrottled", Some("30")),
        (Reply::status(503), "graphUnavailable", "graphUnavailable", Some("30")),
        (Reply::status(500), "graphError", "graphError", None),
        (Reply::CutOff(200), "graphUnavailable", "graphUnavailable", Some("30")),
        (Reply::Failure(SendError::Deadline), "graphTimeout", "graphTimeout", None),
        (list(&[json!(1)]), "graphError", "graphError", None),
    ] {
        let mut gateway = with_unknown_outcome(&["a@contoso.com"]);
        gateway.stage.runtime.upstream().respond(&first_page(ID), page);
        for _ in 0..2 {
            let retry = remediate(&mut gateway, &payload("softDelete", &[ID]));
            assert_eq!(
                (code(&retry).as_str(), header(&retry, "Retry-After")),
                (retried, retry_after),
                "{}",
                retry.body
            );
            let outcome = "An earlier attempt may have been accepted. The outcome is unknown; it is safe to retry.";
            assert!(body(&retry)["detail"].as_str().unwrap().ends_with(outcome), "{}", retry.body);
            assert!(!retry.body.contains("Nothing was sent"), "{}", retry.body);
            assert!(retry.headers.contains(&quota_left(9_900)), "{:?}", retry.headers);
            let line = gateway.logged();
            assert!(
                line["reason"].as_str().unwrap().ends_with("; the outcome of an earlier attempt is unknown"),
                "{line}"
            );
            gateway.crash();
        }
        // A new key is a new remediation.
        let headers = RequestHeaders { idempotency_key: Some("k".to_owned()), ..api_key(CRON_KEY) };
        let first = gateway.ask(post(PATH, "", headers), payload("softDelete", &[ID]).to_string().into_bytes());
        assert_eq!(code(&first), plain);
        assert!(first.body.contains("Nothing was sent."), "{}", first.body);
        assert_eq!(submitted(&gateway).len(), 1);
    }
}

#[test]
fn retry_beyond_the_quota_reports_the_unknown_outcome() {
    let mut gateway = with_unknown_outcome(&["a@contoso.com"]);
    gateway.environment = FixedEnvironment::new(variables(&json!({ "max_emails_per_hour": 150 })));
    let pairs = super::support::gateway::payload("softDelete", &["a@contoso.com"]);
    assert_eq!(code(&gateway.remediate(api_key(CRON_KEY), &pairs)), "graphUnavailable");
    let mut more = payload("softDelete", &[ID]);
    more["maxRecipients"] = json!(150);
    let retry = remediate(&mut gateway, &more);
    assert_eq!(code(&retry), "quotaExceeded");
    let outcome = "needs 150. An earlier attempt may have been accepted. The outcome is unknown; it is safe to retry.";
    assert!(body(&retry)["detail"].as_str().unwrap().ends_with(outcome), "{}", retry.body);
}

/// Graph has what the earlier attempt submitted, and not what the list has become.
#[test]
fn duplicate_has_the_counts_of_the_earlier_submission() {
    let counts = |response: &Response| {
        let body = body(response);
        (body["emails"].clone(), body["recipientsFound"].clone(), body["leftOut"]["protected"].clone())
    };
    let grown = json!({ "value": inbox(&["a@contoso.com", "b@contoso.com", "c@contoso.com"]) });
    for (crashes, reply, emails, found, protected, left) in [
        (false, duplicate(), 1, 2, 1, 9_999),
        (true, duplicate(), 1, 2, 1, 9_999),
        (true, Reply::status(202), 3, 3, 0, 9_997),
    ] {
        let mut gateway = with_unknown_outcome(&["a@contoso.com", "legal@contoso.com"]);
        gateway.stage.runtime.upstream().respond(&first_page(ID), Reply::json(&grown));
        // Attempts that fail with certainty or again with an unknown outcome change nothing of it.
        for failure in [Reply::status(429), Reply::Failure(SendError::Connection)] {
            gateway.stage.runtime.upstream().respond(GRAPH_URL, failure);
            assert_ne!(code(&remediate(&mut gateway, &payload("softDelete", &[ID]))), "accepted");
            if crashes {
                gateway.crash();
            }
        }
        gateway.stage.runtime.take_log();
        gateway.stage.runtime.upstream().respond(GRAPH_URL, reply);
        let retry = remediate(&mut gateway, &payload("softDelete", &[ID]));
        assert_eq!(counts(&retry), (json!(emails), json!(found), json!(protected)), "{}", retry.body);
        assert!(retry.headers.contains(&quota_left(left)), "{:?}", retry.headers);
        assert_eq!(gateway.logged()["recipientsFound"], found);
        let replay = remediate(&mut gateway, &payload("softDelete", &[ID]));
        assert_eq!((counts(&replay), header(&replay, "Idempotency-Replayed")), (counts(&retry), Some("true")));
    }

    // The same of a success under another key.
    let mut gateway = gateway_listing(variables(&json!({})), &inbox(&["a@contoso.com"]));
    let first = remediate(&mut gateway, &payload("softDelete", &[ID]));
    gateway.stage.runtime.upstream().respond(&first_page(ID), Reply::json(&grown));
    gateway.stage.runtime.upstream().respond(GRAPH_URL, duplicate());
    let headers = RequestHeaders { idempotency_key: Some("k".to_owned()), ..api_key(CRON_KEY) };
    let second = gateway.ask(post(PATH, "", headers), payload("softDelete", &[ID]).to_string().into_bytes());
    assert_eq!((counts(&second), header(&second, "Location")), (counts(&first), header(&first, "Location")));
    assert!(second.headers.contains(&quota_left(9_999)), "{:?}", second.headers);
}

/// Requests share a failure only if it depends on limits and settings that are equal.
#[test]
fn waiter_with_other_limits_or_settings_shares_only_a_success() {
    let with = |most: u64, received_after: Value| {
        let mut payload = payload("softDelete", &[ID]);
        payload["maxRecipients"] = json!(most);
        payload["receivedAfter"] = received_after;
        payload.to_string().into_bytes()
    };
    let mut secret = variables(&json!({}));
    secret.insert("CLIENT_SECRET", json!("another~client.secret"));
    for (environment, waiting, rows, expected) in [
        (variables(&json!({})), with(2, Value::Null), 3, "tooManyRecipients"),
        (variables(&json!({})), with(100, Value::Null), 3, "inProgress"),
        (variables(&json!({})), with(2, json!("2026-12-16T08:00:00Z")), 3, "inProgress"),
        (variables(&json!({ "recipient_domains": ["*"] })), with(2, Value::Null), 3, "inProgress"),
        (secret, with(2, Value::Null), 3, "inProgress"),
        (variables(&json!({})), with(100, Value::Null), 2, "accepted"),
    ] {
        let rows = &inbox(&["a@contoso.com", "b@contoso.com", "c@contoso.com"])[..rows];
        let mut gateway = gateway_listing(variables(&json!({})), rows);
        gateway.stage.runtime.upstream().hold(&first_page(ID));
        let first = gateway.start(post(PATH, "", api_key(CRON_KEY)), with(2, Value::Null));
        gateway.environment = FixedEnvironment::new(environment);
        let second = gateway.start(post(PATH, "", api_key(CRON_KEY)), waiting.clone());
        gateway.stage.runtime.upstream().release(&first_page(ID));
        let (first, second) = (gateway.stage.finish(first), gateway.stage.finish(second));
        assert_eq!(code(&first), if rows.len() > 2 { "tooManyRecipients" } else { "accepted" });
        let retry_after = (expected == "inProgress").then_some("30");
        assert_eq!((code(&second).as_str(), header(&second, "Retry-After")), (expected, retry_after));
        assert_eq!(gateway.stage.runtime.upstream().count(&first_page(ID)), 1);
    }
}

/// `maxRecipients` is reserved while the attempt runs, and what was not needed is given back.
#[test]
fn quota_reserves_max_recipients_until_the_attempt_completes() {
    let caller = json!({ "max_emails_per_hour": 150 });
    let mut gateway = gateway_listing(variables(&caller), &[row("a@contoso.com", "inbox_folder")]);
    let other = json!({ "value": [row("b@contoso.com", "inbox_folder")] }).to_string().replace(ID, OTHER);
    gateway.stage.runtime.upstream().respond(&first_page(OTHER), Reply::Response(200, Vec::new(), other.into_bytes()));
    gateway.stage.runtime.upstream().hold(&first_page(ID));
    let first = gateway.start(post(PATH, "", api_key(CRON_KEY)), payload("softDelete", &[ID]).to_string().into_bytes());
    let response = remediate(&mut gateway, &payload("softDelete", &[OTHER]));
    assert_eq!((response.status, code(&response).as_str()), (429, "quotaExceeded"), "{}", response.body);
    assert!(response.body.contains("the remaining quota is 50, and the request needs 100"), "{}", response.body);
    // The attempt ends soon, and then the request fits.
    assert_eq!(header(&response, "Retry-After"), Some("30"));
    assert!(response.headers.contains(&("RateLimit", "\"emails\";r=50;t=30".to_owned())), "{:?}", response.headers);
    gateway.stage.runtime.upstream().release(&first_page(ID));
    assert!(gateway.stage.finish(first).headers.contains(&quota_left(149)));
    assert!(remediate(&mut gateway, &payload("softDelete", &[OTHER])).headers.contains(&quota_left(148)));
}

/// Another action on the same messages ends the replay, and one on other messages does not.
#[test]
fn replay_is_invalidated_by_another_action_on_the_same_messages() {
    let mut gateway = Gateway::new(variables(&json!({})));
    for (action, messages, replayed) in [
        ("softDelete", [ID].as_slice(), false),
        ("softDelete", &[OTHER], false),
        ("moveToInbox", &[OTHER], false),
        ("softDelete", &[ID], true),
        ("softDelete", &[ID, OTHER], false),
        ("softDelete", &[OTHER, ID], true),
        ("moveToInbox", &[ID], false),
        ("softDelete", &[ID], false),
        ("softDelete", &[ID], true),
    ] {
        gateway.stage.pass(Duration::from_secs(1));
        let now = gateway.stage.runtime.now();
        let (start, end) = (now.minus(Duration::from_hours(30 * 24)).to_rfc3339(), now.to_rfc3339());
        for id in [ID, OTHER] {
            let at_start = first_page(id);
            let url = at_start.replace("2026-12-16T08:00:00Z", &start).replace("2027-01-15T08:00:00Z", &end);
            let list = json!({ "value": [row("a@contoso.com", "inbox_folder")] }).to_string().replace(ID, id);
            gateway.stage.runtime.upstream().respond(&url, Reply::Response(200, Vec::new(), list.into_bytes()));
        }
        let response = remediate(&mut gateway, &payload(action, messages));
        assert_eq!(response.status, 202, "{}", response.body);
        let is_replayed = header(&response, "Idempotency-Replayed").is_some();
        assert_eq!(is_replayed, replayed, "{action} {messages:?}");
    }
}

/// A key belongs to one payload, also across the paths.
#[test]
fn idempotency_key_of_a_pair_remediation_is_rejected_for_messages() {
    let mut gateway = gateway_listing(variables(&json!({})), &[row("a@contoso.com", "inbox_folder")]);
    let headers = || RequestHeaders { idempotency_key: Some("k".to_owned()), ..api_key(CRON_KEY) };
    let pairs = super::support::gateway::payload("softDelete", &["a@contoso.com"]);
    assert_eq!(gateway.remediate(headers(), &pairs).status, 202);
    let response = gateway.ask(post(PATH, "", headers()), payload("softDelete", &[ID]).to_string().into_bytes());
    assert_eq!(code(&response), "idempotencyKeyReused");
    assert_eq!(remediate(&mut gateway, &payload("softDelete", &[ID])).status, 202, "without the key it is another one");
    assert_eq!(submitted(&gateway).len(), 2);
}

/// The Worker's configuration decides, also for an object that started before a change.
#[test]
fn changed_permissions_apply_from_the_next_request() {
    let mut gateway = gateway_listing(protecting_variables(&json!({})), &[row("a@contoso.com", "inbox_folder")]);
    assert_eq!(remediate(&mut gateway, &payload("moveToInbox", &[ID])).status, 202);
    for (variables, expected) in [
        (variables(&json!({ "recipient_domains": ["fabrikam.com"] })), "recipientNotAllowed"),
        (
            {
                let mut variables = variables(&json!({}));
                variables.insert("PROTECTED_RECIPIENTS", json!(["a@contoso.com"]));
                variables
            },
            "nothingToRemediate",
        ),
        (variables(&json!({ "whole_messages": false })), "wholeMessagesNotAllowed"),
    ] {
        gateway.environment = FixedEnvironment::new(variables);
        assert_eq!(code(&remediate(&mut gateway, &payload("softDelete", &[ID]))), expected);
    }
    assert_eq!(submitted(&gateway).len(), 1);
}

/// The time for the list leaves time for the remediation.
#[test]
fn list_timeout_sends_nothing_and_refunds_the_quota() {
    let mut gateway = gateway_listing(variables(&json!({})), &[row("a@contoso.com", "inbox_folder")]);
    let second = format!("{LIST}?$skiptoken=2");
    let page = json!({ "value": [row("a@contoso.com", "inbox_folder")], "@odata.nextLink": second });
    gateway.stage.runtime.upstream().respond(&first_page(ID), Reply::json(&page));
    for url in [&first_page(ID), &second] {
        gateway.stage.runtime.upstream().hold(url);
    }
    let started =
        gateway.start(post(PATH, "", api_key(CRON_KEY)), payload("softDelete", &[ID]).to_string().into_bytes());
    gateway.stage.pass(Duration::from_secs(50));
    gateway.stage.runtime.upstream().release(&first_page(ID));
    gateway.stage.pass(Duration::from_secs(35));
    let response = started.result();
    assert_eq!((response.status, code(&response).as_str()), (504, "graphTimeout"), "{}", response.body);
    assert!(response.body.contains("Nothing was sent.") && submitted(&gateway).is_empty(), "{}", response.body);
    assert!(response.headers.contains(&quota_left(10_000)), "{:?}", response.headers);
}

/// The same parser reads all bodies, so that errors are grouped, located and explained alike.
#[test]
fn invalid_messages_payload_lists_each_error_with_its_pointer() {
    let with = |name: &str, value: Value| {
        let mut payload = payload("softDelete", &[ID]);
        payload[name] = value;
        payload
    };
    let ids = |ids: Value| with("networkMessageIds", ids);
    let faults = |payload: &Value| match parse_messages(payload.to_string().as_bytes()) {
        Ok(_) => Vec::new(),
        Err(ParseError::Invalid(errors)) => {
            errors.listed().iter().map(|error| (error.pointer.clone(), error.detail.clone(), error.count)).collect()
        }
        Err(error) => panic!("{error}"),
    };
    for (payload, expected) in [
        (payload("softDelete", &[ID]), vec![]),
        (with("receivedAfter", json!("2027-01-15T07:00:00Z")), vec![]),
        (with("receivedAfter", Value::Null), vec![]),
        (with("@odata.type", json!("#x")), vec![]),
        (with("maxRecipients", json!(1)), vec![]),
        (with("maxRecipients", json!(10_000)), vec![]),
        (ids(json!(vec![ID; MAX_MESSAGES])), vec![]),
        (ids(json!([])), vec![("/networkMessageIds", "must have 1 to 20 items, and has 0", 1)]),
        (ids(json!(vec![ID; 21])), vec![("/networkMessageIds", "must have 1 to 20 items, and has 21", 1)]),
        (ids(json!(ID)), vec![("/networkMessageIds", "must be an array of GUIDs, not a string", 1)]),
        (ids(json!([ID, 1, 2])), vec![("/networkMessageIds/1", "must be a string, not a number", 2)]),
        (ids(json!(["<a@b>", ID])), vec![("/networkMessageIds/0", "an internet message id", 1)]),
        (ids(Value::Null), vec![("/networkMessageIds", "null counts as missing; must be an array of GUIDs", 1)]),
        (with("maxRecipients", json!(0)), vec![("/maxRecipients", "must be a whole number from 1 to 10000", 1)]),
        (with("maxRecipients", json!(-1)), vec![("/maxRecipients", "must be a whole number from 1 to 10000", 1)]),
        (with("maxRecipients", json!(1.5)), vec![("/maxRecipients", "must be a whole number from 1 to 10000", 1)]),
        (with("maxRecipients", json!(u64::MAX)), vec![("/maxRecipients", "must be a whole number", 1)]),
        (with("maxRecipients", json!("100")), vec![("/maxRecipients", "from 1 to 10000, not a string", 1)]),
        (with("receivedAfter", json!("yesterday")), vec![("/receivedAfter", "RFC 3339", 1)]),
        (with("acceptedAt", json!("2027-01-15T07:00:00Z")), vec![("/acceptedAt", "unknown member", 1)]),
        (with("analyzedEmails", json!([])), vec![("/analyzedEmails", "belongs in a request to /remediate", 1)]),
        (with("approverUpn", json!("a@b.c")), vec![("/approverUpn", "leave it out", 1)]),
        (
            json!({ "networkMessageId": ["x"], "MaxRecipients": 0, "action": "Delete" }),
            vec![
                ("/MaxRecipients", "whole number", 1),
                ("/action", "must be one of", 1),
                ("/networkMessageId/0", "must be a GUID", 1),
                ("/displayName", "missing", 1),
                ("/description", "missing", 1),
                ("/severity", "missing", 1),
                ("/remediateSendersCopy", "missing", 1),
                ("/MaxRecipients", "did you mean \"maxRecipients\"?", 1),
                ("/networkMessageId", "did you mean \"networkMessageIds\"?", 1),
            ],
        ),
        (
            json!({}),
            [
                "displayName",
                "description",
                "severity",
                "action",
                "remediateSendersCopy",
                "networkMessageIds",
                "maxRecipients",
            ]
            .iter()
            .map(|name| -> (&str, &str, usize) { (Box::leak(format!("/{name}").into_boxed_str()), "missing", 1) })
            .collect(),
        ),
    ] {
        let found = faults(&payload);
        assert_eq!(found.len(), expected.len(), "{payload}: {found:?}");
        for ((pointer, detail, count), (expected_pointer, expected_detail, expected_count)) in
            found.iter().zip(expected)
        {
            assert_eq!((pointer.as_str(), *count), (expected_pointer, expected_count), "{payload}: {detail}");
            assert!(detail.contains(expected_detail), "{payload}: {detail}");
        }
    }
}

#[test]
fn payload_hash_depends_on_messages_action_and_senders_copy() {
    let read = |payload: &Value| {
        let payload = payload.to_string();
        let MessagesRemediation { remediation, messages, .. } = parse_messages(payload.as_bytes()).unwrap();
        let (messages, duplicates) = (messages.len(), remediation.duplicates_removed);
        let query = parse_messages(payload.as_bytes()).unwrap();
        (query.payload_hash(), query.messages_digest(), messages, duplicates)
    };
    let one = read(&payload("softDelete", &[ID, OTHER]));
    assert_eq!((one.2, one.3), (2, 0));
    let mut same = payload("softDelete", &[&OTHER.to_uppercase(), ID, OTHER]);
    same["maxRecipients"] = json!(7);
    same["severity"] = json!("low");
    same["receivedAfter"] = json!("2027-01-15T07:00:00Z");
    assert_eq!(read(&same), (one.0, one.1, 2, 1));
    let mut copy = payload("softDelete", &[ID, OTHER]);
    copy["remediateSendersCopy"] = json!(true);
    assert_eq!((read(&copy).0 == one.0, read(&copy).1 == one.1), (false, true));
    let other = read(&payload("moveToInbox", &[ID, OTHER]));
    assert_eq!((other.0 == one.0, other.1 == one.1), (false, true));
    let fewer = read(&payload("softDelete", &[ID]));
    assert_eq!((fewer.0 == one.0, fewer.1 == one.1), (false, false));
}
