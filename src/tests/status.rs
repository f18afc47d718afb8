//! The status: which state a row shows, when a status is settled, and the steps that lead to a response.

use std::time::Duration;

use serde_json::{Value, json};

use super::messages;
use super::support::gateway::{GRAPH_URL, Gateway, TOKEN_URL, api_key, code, payload, post};
use super::support::upstream::Reply;
use super::support::{CRON_KEY, variables_with};
use crate::graph::email_page::AnalyzedEmailRow;
use crate::graph::timeline_event::TimelineEvent;
use crate::http::Response;
use crate::remediation::Action;
use crate::runtime::SendError;
use crate::status::{PairState, SETTLED_AFTER, StateCounts};
use crate::time::Timestamp;

pub(super) const ID: &str = "73ca4154-58d8-43d0-a890-08dc18c52e6d";
pub(super) const LIST: &str = "https://graph.microsoft.com/beta/security/collaboration/analyzedEmails";
const ACCEPTED: &str = "2027-01-15T07:00:00Z";

/// The request for the first page of a message at the start of each test.
pub(super) fn first_page(id: &str) -> String {
    format!(
        "{LIST}?startTime=2026-12-16T08:00:00Z&endTime=2027-01-15T08:00:00Z&$filter=networkMessageId%20eq%20'{id}'&$top=1000"
    )
}

pub(super) fn row(recipient: &str, location: &str) -> Value {
    json!({
        "id": "x", "networkMessageId": ID, "recipientEmailAddress": recipient, "subject": "Hello",
        "latestDelivery": { "action": "delivered", "location": location }, "timelineEvents": [],
    })
}

fn state(action: Action, location: &str, events: &Value, accepted_at: Option<&str>) -> PairState {
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned().into();
    let event = |event: &Value| TimelineEvent {
        time: text(event, "eventDateTime"),
        source: text(event, "eventSource"),
        result: text(event, "eventResult"),
    };
    let last_success = events.as_array().into_iter().flatten().filter_map(|value| event(value).success_time()).max();
    let row = AnalyzedEmailRow { location: location.into(), last_success, ..AnalyzedEmailRow::default() };
    PairState::of(action, &row, accepted_at.and_then(Timestamp::parse_rfc3339))
}

#[test]
fn location_determines_the_state_in_every_spelling() {
    use Action::{HardDelete, MoveToDeletedItems, MoveToInbox, MoveToJunk, MoveToQuarantine, SoftDelete};
    use PairState::{NotYet, Observed, Unclear, Unreachable};
    let actions = [MoveToJunk, MoveToInbox, HardDelete, SoftDelete, MoveToDeletedItems, MoveToQuarantine];
    for (spellings, expected) in [
        (
            ["inbox_folder", "Inbox", "inboxFolder", "INBOX_FOLDER"].as_slice(),
            [NotYet, Observed, NotYet, NotYet, NotYet, NotYet],
        ),
        (&["junkFolder", "JunkFolder", "junk_folder"], [Observed, NotYet, NotYet, NotYet, NotYet, NotYet]),
        (&["deletedFolder", "DeletedFolder", "deleted_folder"], [NotYet, NotYet, Observed, Observed, Observed, NotYet]),
        (&["quarantine", "Quarantine"], [Unclear, NotYet, Unclear, Unclear, Unclear, Observed]),
        (&["onprem_external", "OnpremExternal", "failed", "Failed", "dropped", "Dropped"], [Unreachable; 6]),
        (
            &["unknown", "Unknown", "others", "Others", "unknownFutureValue", "", "_", "inbox ", "Inbox/folder", "éa"],
            [Unclear; 6],
        ),
    ] {
        for location in spellings {
            for (action, expected) in actions.into_iter().zip(expected) {
                assert_eq!(state(action, location, &json!([]), Some(ACCEPTED)), expected, "{action:?} {location:?}");
            }
        }
    }
}

#[test]
fn event_is_evidence_only_from_admin_after_acceptance_without_failure() {
    let event = |time: &str, source: &str, result: Value| json!([{ "eventDateTime": time, "eventSource": source, "eventType": null, "eventResult": result }]);
    let at = |time: &str| event(time, "admin", json!("Success"));
    let with = |result: Value| event("2027-01-15T07:05:00Z", "Admin", result);
    for (events, is_evidence) in [
        (at("2027-01-15T07:05:00Z"), true),
        (at("2027-01-15T07:00:00Z"), true),
        (at("2027-01-15T07:00:00.123Z"), true),
        (at("2027-01-15T08:05:00+01:00"), true),
        (at("2027-01-15T06:59:59Z"), false),
        (at("2027-01-15T07:59:59+01:00"), false),
        (at("2027-01-15T07:05:00"), false),
        (at("yesterday"), false),
        (at(""), false),
        (event("2027-01-15T07:05:00Z", "system", json!("Success")), false),
        (event("2027-01-15T07:05:00Z", "user", json!("Success")), false),
        (event("2027-01-15T07:05:00Z", "", json!("Success")), false),
        (with(json!("Completed")), true),
        (with(json!("Message not found in the original folder")), true),
        (with(json!("")), true),
        (with(Value::Null), true),
        (with(json!("Failed")), false),
        (with(json!("failure")), false),
        (with(json!("Not completed")), false),
        (with(json!("Access denied")), false),
        (with(json!("Error: mailbox")), false),
        (with(json!("unsuccessful")), false),
        (with(json!("Timed out")), false),
        (with(json!("In progress")), false),
        (with(json!("Pending")), false),
        (with(json!("Cancelled")), false),
        (with(json!("Skipped")), false),
        (with(json!("Partially done")), false),
        (json!([at("2027-01-15T06:00:00Z")[0], with(json!("Failed"))[0], at("2027-01-15T07:05:00Z")[0]]), true),
        (json!([]), false),
        (Value::Null, false),
    ] {
        let expected = |otherwise| if is_evidence { PairState::Observed } else { otherwise };
        for (location, otherwise) in [("inbox_folder", PairState::NotYet), ("others", PairState::Unclear)] {
            let found = state(Action::SoftDelete, location, &events, Some(ACCEPTED));
            assert_eq!(found, expected(otherwise), "{location} {events}");
            // Without the time of the acceptance, no event is after it.
            assert_eq!(state(Action::SoftDelete, location, &events, None), otherwise, "{location} {events}");
        }
        let external = state(Action::SoftDelete, "onprem_external", &events, Some(ACCEPTED));
        assert_eq!(external, PairState::Unreachable, "{events}");
    }
}

#[test]
fn status_is_settled_after_four_hours_unless_a_state_is_not_yet() {
    let counts = |not_yet, unclear, not_found| StateCounts { observed: 1, not_yet, unclear, unreachable: 1, not_found };
    let accepted = Timestamp::parse_rfc3339(ACCEPTED).unwrap();
    let moment = Duration::from_millis(1);
    for (counts, at_once, at_four_hours, later) in [
        (counts(0, 0, 0), true, true, true),
        (counts(0, 1, 0), false, false, true),
        (counts(0, 0, 1), false, false, true),
        (counts(0, 1, 1), false, false, true),
        (counts(1, 0, 0), false, false, false),
        (counts(1, 1, 1), false, false, false),
    ] {
        for (now, expected) in [
            (accepted, at_once),
            (accepted.minus(Duration::from_hours(24)), at_once),
            (accepted.plus(SETTLED_AFTER), at_four_hours),
            (accepted.plus(SETTLED_AFTER + moment), later),
        ] {
            assert_eq!(counts.is_settled(Some(accepted), now), expected, "{counts:?} {now}");
            assert_eq!(counts.is_settled(None, now), at_once, "{counts:?}: without the time, four hours never pass");
        }
    }
}

fn status(gateway: &mut Gateway, payload: &Value) -> Response {
    gateway.ask(post("/remediate/status", "", api_key(CRON_KEY)), payload.to_string().into_bytes())
}

fn accepted(action: &str, recipients: &[&str]) -> Value {
    let mut payload = payload(action, recipients);
    payload["acceptedAt"] = json!(ACCEPTED);
    payload
}

#[test]
fn each_pair_has_the_worst_state_of_its_rows() {
    let mut gateway = Gateway::default();
    let rows = [
        row("a@contoso.com", "deletedFolder"),
        row("B@Contoso.com", "Inbox"),
        row("c@contoso.com", "others"),
        row("d@contoso.com", "onprem_external"),
        // Two rows of one pair: the worse one counts.
        row("f@contoso.com", "deletedFolder"),
        row("f@contoso.com", "inbox_folder"),
        // The request did not name these.
        row("x@contoso.com", "inbox_folder"),
        json!({ "networkMessageId": ID }),
    ];
    let next = format!("{LIST}?$skiptoken=2");
    let upstream = gateway.stage.runtime.upstream();
    upstream.respond(&first_page(ID), Reply::json(&json!({ "value": rows[..3], "@odata.nextLink": next })));
    upstream.respond(&next, Reply::json(&json!({ "value": rows[3..] })));
    let recipients = ["a", "b", "c", "d", "e", "f", "A"].map(|name| format!("{name}@contoso.com"));
    let payload = accepted("softDelete", &recipients.each_ref().map(String::as_str));
    let response = status(&mut gateway, &payload);
    assert_eq!(response.status, 200, "{}", response.body);
    assert!(response.headers.contains(&("Retry-After", "300".to_owned())), "{:?}", response.headers);
    let item = |name: &str, state: &str, location: Option<&str>| {
        let recipient = format!("{name}@contoso.com");
        json!({ "networkMessageId": ID, "recipientEmailAddress": recipient, "state": state, "location": location })
    };
    assert_eq!(
        serde_json::from_str::<Value>(&response.body).unwrap(),
        json!({
            "status": "pending", "emails": 6,
            "observed": 1, "notYet": 2, "unclear": 1, "unreachable": 1, "notFound": 1,
            "items": [
                item("b", "notYet", Some("Inbox")),
                item("c", "unclear", Some("others")),
                item("d", "unreachable", Some("onprem_external")),
                item("e", "notFound", None),
                item("f", "notYet", Some("inbox_folder")),
            ],
            "itemsOmitted": 0,
        })
    );
    let line = gateway.logged();
    assert_eq!(
        line["states"],
        json!({ "observed": 1, "notYet": 2, "unclear": 1, "unreachable": 1, "notFound": 1 }),
        "{line}"
    );
    assert_eq!(
        (&line["route"], &line["caller"], &line["action"], &line["emails"], &line["status"], &line["code"]),
        (&json!("/remediate/status"), &json!("cron"), &json!("softDelete"), &json!(6), &json!(200), &Value::Null)
    );
    assert!(!line.to_string().contains("contoso"), "{line}");
    let calls = gateway.stage.runtime.upstream().calls();
    let urls: Vec<&str> = calls.iter().map(|call| call.url.as_str()).collect();
    assert_eq!(urls, [TOKEN_URL, &first_page(ID), &next]);
    assert!(calls[1].headers.contains(&("Authorization".to_owned(), "Bearer graph.token".to_owned())));
    assert_eq!(calls[1].body, None);
}

/// If a page fails, the response has no state, and the log has the reason. A remediation of messages sends nothing.
#[test]
fn failed_list_read_returns_an_error_and_sends_nothing() {
    let page =
        |next: &str| Reply::json(&json!({ "value": [row("a@contoso.com", "deletedFolder")], "@odata.nextLink": next }));
    let headers = || vec![("retry-after", "7".to_owned()), ("request-id", "g-1".to_owned())];
    let foreign = "the list's nextLink does not lead to the configured host and the same path";
    let other = json!({ "value": [{ "networkMessageId": ID.replace('7', "8") }] });
    for (reply, status_code, expected, retry_after, reason) in [
        (Reply::Response(429, headers(), Vec::new()), 429, "graphThrottled", Some("7"), "Graph throttles"),
        (Reply::status(429), 429, "graphThrottled", Some("30"), "Graph throttles"),
        (Reply::Response(503, headers(), Vec::new()), 503, "graphUnavailable", Some("7"), "Graph is unavailable"),
        (
            Reply::status(403),
            502,
            "graphPermissionMissing",
            None,
            "Graph denied the gateway: is SecurityAnalyzedMessage.ReadWrite.All granted (to read, \
             SecurityAnalyzedMessage.Read.All suffices), and Defender for Office 365 Plan 2 there?",
        ),
        (Reply::status(401), 502, "graphCredentialRejected", None, "Graph refused the gateway's token"),
        (
            Reply::Response(400, Vec::new(), br#"{"error":{"code":"x","message":"Invalid subscription"}}"#.to_vec()),
            400,
            "graphRefused",
            None,
            "Graph refused the request: x",
        ),
        (Reply::status(500), 502, "graphError", None, "Graph answered with an unexpected status"),
        (Reply::status(302), 502, "graphError", None, "Graph answered with an unexpected status"),
        (Reply::status(204), 502, "graphError", None, "Graph answered with an unexpected status"),
        (Reply::status(200), 502, "graphError", None, "the form of a list page is not the documented one"),
        (Reply::json(&other), 502, "graphError", None, "Graph listed a message that was not asked for"),
        (Reply::CutOff(200), 503, "graphUnavailable", Some("30"), "Graph: the connection failed"),
        (Reply::Failure(SendError::Connection), 503, "graphUnavailable", Some("30"), "Graph: the connection failed"),
        (Reply::Failure(SendError::Deadline), 504, "graphTimeout", None, "Graph: no answer within the deadline"),
        (page("https://evil.example/list"), 502, "graphError", None, foreign),
        (page("https://graph.microsoft.com/beta/users?x"), 502, "graphError", None, foreign),
        (
            Reply::Response(200, Vec::new(), vec![b' '; 1000 * 8 * 1024 + 1]),
            502,
            "graphError",
            None,
            "a page of the list has more than 8192000 bytes",
        ),
        // A link to itself never ends.
        (
            page(&format!("{LIST}?$skiptoken=1")),
            502,
            "graphError",
            None,
            "the list has more than 200 pages, 81920000 bytes or 100000 recipients",
        ),
    ] {
        // At the first page, and after a good one.
        for url in [first_page(ID), format!("{LIST}?$skiptoken=1")] {
            let mut gateway = Gateway::new(messages::variables(&json!({})));
            let upstream = gateway.stage.runtime.upstream();
            upstream.respond(&first_page(ID), page(&format!("{LIST}?$skiptoken=1")));
            upstream.respond(&format!("{LIST}?$skiptoken=1"), page(&format!("{LIST}?$skiptoken=1")));
            upstream.respond(&url, reply.clone());
            let response = status(&mut gateway, &accepted("softDelete", &["a@contoso.com"]));
            assert_eq!((response.status, code(&response).as_str()), (status_code, expected), "{}", response.body);
            assert!(!response.body.contains("observed") && !response.body.contains("example"), "{}", response.body);
            let found = response.headers.iter().find(|(name, _)| *name == "Retry-After");
            assert_eq!(found.map(|(_, value)| value.as_str()), retry_after, "{reason}");
            let line = gateway.logged();
            let reason = format!("reading the list: {reason}");
            assert_eq!((&line["reason"], &line["states"]), (&json!(reason), &Value::Null), "{line}");
            assert!(!line.to_string().contains("example"), "{line}");

            let response = messages::remediate(&mut gateway, &messages::payload("softDelete", &[ID]));
            assert_eq!((response.status, code(&response).as_str()), (status_code, expected), "{}", response.body);
            let found = response.headers.iter().find(|(name, _)| *name == "Retry-After");
            assert_eq!(found.map(|(_, value)| value.as_str()), retry_after, "{reason}");
            assert!(response.headers.contains(&messages::quota_left(10_000)), "{:?}", response.headers);
            let line = gateway.logged();
            assert_eq!((&line["reason"], &line["emails"]), (&json!(reason), &Value::Null), "{line}");
            assert_eq!(gateway.stage.runtime.upstream().count(GRAPH_URL), 0);
        }
    }
}

/// The token that Graph rejects once is replaced once.
#[test]
fn rejected_token_is_renewed_once() {
    let mut gateway = Gateway::default();
    let upstream = gateway.stage.runtime.upstream();
    upstream.respond(&first_page(ID), Reply::status(401));
    assert_eq!(status(&mut gateway, &accepted("softDelete", &["a@contoso.com"])).status, 502);
    let upstream = gateway.stage.runtime.upstream();
    assert_eq!((upstream.count(TOKEN_URL), upstream.count(&first_page(ID))), (2, 2));
    upstream.respond(&first_page(ID), Reply::json(&json!({ "value": [] })));
    assert_eq!(status(&mut gateway, &accepted("softDelete", &["a@contoso.com"])).status, 200);
    assert_eq!(status(&mut gateway, &accepted("softDelete", &["a@contoso.com"])).status, 200);
    assert_eq!(gateway.stage.runtime.upstream().count(TOKEN_URL), 3, "a token is kept between requests");
}

/// A read renews the token once, and not once for each page.
#[test]
fn rejected_token_is_renewed_once_for_all_pages() {
    let mut gateway = Gateway::default();
    let next = format!("{LIST}?$skiptoken=2");
    let page = json!({ "value": [row("a@contoso.com", "deletedFolder")], "@odata.nextLink": next });
    let upstream = gateway.stage.runtime.upstream();
    upstream.hold(&first_page(ID));
    upstream.respond(&first_page(ID), Reply::json(&page));
    upstream.respond(&next, Reply::status(401));
    let body = accepted("softDelete", &["a@contoso.com"]).to_string().into_bytes();
    let started = gateway.start(post("/remediate/status", "", api_key(CRON_KEY)), body);
    gateway.stage.runtime.upstream().release_one(&first_page(ID), 0, Reply::status(401));
    gateway.stage.runtime.upstream().release(&first_page(ID));
    let response = gateway.stage.finish(started);
    assert_eq!((response.status, code(&response).as_str()), (502, "graphCredentialRejected"));
    let upstream = gateway.stage.runtime.upstream();
    assert_eq!((upstream.count(TOKEN_URL), upstream.count(&next)), (2, 1));
}

/// An isolate reads 8 pages at the same time. A request beyond that waits within its own time.
#[test]
fn page_beyond_the_concurrency_limit_waits_for_another_page() {
    let mut gateway = Gateway::default();
    gateway.stage.runtime.upstream().hold(&first_page(ID));
    gateway.stage.runtime.upstream().respond(&first_page(ID), Reply::json(&json!({ "value": [] })));
    let body = || accepted("softDelete", &["a@contoso.com"]).to_string().into_bytes();
    let request = || post("/remediate/status", "", api_key(CRON_KEY));
    let mut started: Vec<_> = (0..10).map(|_| gateway.start(request(), body())).collect();
    let asked = |gateway: &Gateway| gateway.stage.runtime.upstream().count(&first_page(ID));
    assert_eq!(asked(&gateway), 8);
    // A page that ends makes room.
    gateway.stage.runtime.upstream().release_one(&first_page(ID), 0, Reply::status(500));
    assert_eq!(gateway.stage.finish(started.remove(0)).status, 502);
    gateway.stage.pass(Duration::from_secs(1));
    assert_eq!(asked(&gateway), 9);
    gateway.stage.runtime.upstream().release(&first_page(ID));
    for started in started {
        assert_eq!(gateway.stage.finish(started).status, 200);
    }
    assert_eq!(asked(&gateway), 10);
}

/// A page that never comes ends with the call's deadline of 60 s, before the request's deadline of 90 s.
#[test]
fn hanging_page_returns_504_after_its_60_second_deadline() {
    let mut gateway = Gateway::default();
    gateway.stage.runtime.upstream().hold(&first_page(ID));
    let request = post("/remediate/status", "", api_key(CRON_KEY));
    let body = accepted("softDelete", &["a@contoso.com"]).to_string().into_bytes();
    let started = gateway.start(request, body);
    gateway.stage.pass(Duration::from_secs(61));
    let response = started.result();
    assert_eq!((response.status, code(&response).as_str()), (504, "graphTimeout"));
}

#[test]
fn status_request_is_validated_without_a_call_to_microsoft() {
    let good = accepted("softDelete", &["a@contoso.com"]);
    let with = |name: &str, value: Value| {
        let mut payload = good.clone();
        payload[name] = value;
        payload
    };
    let messages = |count: usize| {
        let email = |n| json!({ "networkMessageId": format!("73ca4154-58d8-43d0-a890-08dc18c52e{n:02}"), "recipientEmailAddress": "a@b.c" });
        with("analyzedEmails", (0..count).map(email).collect())
    };
    for (payload, expected, pointer) in [
        (with("acceptedAt", json!("yesterday")), "invalidPayload", "/acceptedAt"),
        (with("acceptedAt", json!(1_800_000_000)), "invalidPayload", "/acceptedAt"),
        (with("acceptedAt", json!("2027-01-15")), "invalidPayload", "/acceptedAt"),
        (with("AcceptedAt", json!(ACCEPTED)), "invalidPayload", "did you mean \\\"acceptedAt\\\"?"),
        (with("severity", json!("grave")), "invalidPayload", "/severity"),
        (with("action", json!("moveToJunk")), "actionNotAllowed", "/action"),
        (messages(21), "invalidPayload", "must name at most 20 different messages; split the request by message"),
    ] {
        let mut gateway = Gateway::default();
        let response = status(&mut gateway, &payload);
        assert_eq!(code(&response), expected, "{}", response.body);
        assert!(response.body.contains(pointer), "{}", response.body);
        assert!(gateway.stage.runtime.upstream().calls().is_empty(), "Microsoft was asked");
        assert_eq!(gateway.logged()["code"], expected);
    }
    for payload in [good.clone(), with("acceptedAt", Value::Null), messages(20)] {
        let mut gateway = Gateway::default();
        let request = post("/remediate/status", "validateOnly=true", api_key(CRON_KEY));
        let response = gateway.ask(request, payload.to_string().into_bytes());
        let emails = payload["analyzedEmails"].as_array().unwrap().len();
        let valid = json!({ "status": "valid", "emails": emails, "duplicatesRemoved": 0, "messages": emails });
        assert_eq!(serde_json::from_str::<Value>(&response.body).unwrap(), valid);
        assert!(gateway.stage.runtime.upstream().calls().is_empty(), "Microsoft was asked");
    }
    // And to the remediation itself the member is unknown.
    let mut gateway = Gateway::default();
    assert_eq!(code(&gateway.remediate(api_key(CRON_KEY), &good)), "invalidPayload");
}

/// Reading removes nothing. While an emergency lasts, people want to know what was done before.
#[test]
fn stopped_gateway_returns_the_status() {
    let mut gateway = Gateway::new(variables_with("STOPPED", json!("true")));
    let page = json!({ "value": [row("a@contoso.com", "deletedFolder")] });
    gateway.stage.runtime.upstream().respond(&first_page(ID), Reply::json(&page));
    let response = status(&mut gateway, &accepted("softDelete", &["a@contoso.com"]));
    assert_eq!(response.status, 200, "{}", response.body);
    assert!(response.body.starts_with(r#"{"status":"settled","emails":1,"observed":1,"#), "{}", response.body);
    assert!(!response.headers.iter().any(|(name, _)| *name == "Retry-After"));
}

#[test]
fn status_lists_at_most_1000_pairs_and_counts_the_rest() {
    let mut gateway = Gateway::default();
    gateway.stage.runtime.upstream().respond(&first_page(ID), Reply::json(&json!({ "value": [] })));
    let recipients: Vec<String> = (0..1000).map(|n| format!("user{n}@contoso.com")).collect();
    let mut payload = accepted("softDelete", &recipients.iter().map(String::as_str).collect::<Vec<_>>());
    let emails = payload["analyzedEmails"].as_array_mut().unwrap();
    let other = ID.replace('7', "8");
    gateway.stage.runtime.upstream().respond(&first_page(&other), Reply::json(&json!({ "value": [] })));
    emails.push(json!({ "networkMessageId": other, "recipientEmailAddress": "a@contoso.com" }));
    let mut variables = super::support::variables();
    variables.get_mut("CALLERS").unwrap()[3]["max_emails_per_request"] = json!(10_000);
    gateway.environment = super::support::FixedEnvironment::new(variables);
    let response = status(&mut gateway, &payload);
    let body: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(body["items"].as_array().map(Vec::len), Some(1000), "{}", response.status);
    assert_eq!((&body["notFound"], &body["itemsOmitted"]), (&json!(1001), &json!(1)));
}
