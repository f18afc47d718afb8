//! Messages in mailboxes: the list of analyzed emails, and the effect of a remediation on it.

use sandbox::{Endpoint, GRAPH_READ_ROLE, Message, SECOND_TENANT_ID, Sandbox, TENANT_ID, TokenRequest};
use serde_json::{Value, json};

use crate::client::{GUID, REMEDIATE, Reply, graph_request, remediate, remediation, send, start};

const LIST: &str = "/v1.0/security/collaboration/analyzedEmails";
const TIMES: &str = "startTime=2020-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z";

fn filter() -> String {
    format!("$filter=networkMessageId+eq+'{GUID}'")
}

fn valid_query() -> String {
    format!("{TIMES}&{}&$top=1000", filter())
}

async fn get(sandbox: &Sandbox, target: &str, token_request: &TokenRequest) -> Reply {
    let bearer = format!("Bearer {}", sandbox.issue_token(token_request));
    send(sandbox, "GET", target, &[("Authorization", bearer.as_str())], "").await
}

async fn list(sandbox: &Sandbox, query: &str) -> Reply {
    get(sandbox, &format!("{LIST}?{query}"), &graph_request()).await
}

/// Returns the locations of the rows, by recipient.
async fn locations(sandbox: &Sandbox) -> Vec<(String, String)> {
    let reply = list(sandbox, &valid_query()).await;
    assert_eq!(reply.status, 200);
    let text = |row: &Value, pointer: &str| row.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let rows = reply.json()["value"].as_array().unwrap().clone();
    rows.iter().map(|row| (text(row, "/recipientEmailAddress"), text(row, "/latestDelivery/location"))).collect()
}

#[tokio::test]
async fn list_has_one_row_per_recipient_in_both_versions() {
    let sandbox = start().await;
    sandbox.seed([Message::new(GUID, ["b@contoso.com", "a@contoso.com"])]).unwrap();
    sandbox.seed([Message::new(&GUID.replace('7', "8"), ["c@contoso.com"])]).unwrap();
    for version in ["beta", "v1.0"] {
        let target = format!("{}?{}", LIST.replace("v1.0", version), valid_query());
        let reply = get(&sandbox, &target, &graph_request()).await;
        assert_eq!(reply.status, 200, "{version}");
        let row = |recipient: &str| {
            json!({
                "networkMessageId": GUID,
                "recipientEmailAddress": recipient,
                "latestDelivery": { "action": "delivered", "location": "inbox_folder" },
                "timelineEvents": [],
            })
        };
        assert_eq!(reply.json(), json!({ "value": [row("a@contoso.com"), row("b@contoso.com")] }), "{version}");
        assert_eq!(sandbox.recorded().last().unwrap().endpoint, Endpoint::AnalyzedEmails);
    }
    let reader = TokenRequest { roles: vec![GRAPH_READ_ROLE.to_owned()], ..graph_request() };
    assert_eq!(get(&sandbox, &format!("{LIST}?{}", valid_query()), &reader).await.status, 200);
}

#[tokio::test]
async fn list_pages_are_linked_and_cover_every_recipient() {
    for (limit, pages) in [(100, 8), (1000, 1)] {
        let sandbox = start().await;
        sandbox.seed([Message::new(GUID, (0..800).map(|n| format!("user{n}@contoso.com")))]).unwrap();
        sandbox.limit_pages(limit).unwrap();
        let (mut target, mut recipients, mut read) = (format!("{LIST}?{}", valid_query()), Vec::new(), 0);
        loop {
            let page = get(&sandbox, &target, &graph_request()).await.json();
            read += 1;
            recipients
                .extend(page["value"].as_array().unwrap().iter().map(|row| row["recipientEmailAddress"].to_string()));
            let Some(next) = page.get("@odata.nextLink") else { break };
            target = next.as_str().unwrap().strip_prefix(sandbox.base_url()).unwrap().to_owned();
        }
        recipients.sort_unstable();
        recipients.dedup();
        assert_eq!((read, recipients.len()), (pages, 800), "pages of {limit}");
    }
}

#[tokio::test]
async fn invalid_list_query_method_or_role_is_rejected() {
    let sandbox = start().await;
    let filter = filter();
    for query in [
        String::new(),
        format!("{filter}&$top=1000"),
        format!("startTime=2020-01-01T00:00:00Z&{filter}&$top=1000"),
        format!("startTime=2020-01-01&endTime=2100-01-01T00:00:00Z&{filter}&$top=1000"),
        format!("startTime=2100-01-01T00:00:00Z&endTime=2020-01-01T00:00:00Z&{filter}&$top=1000"),
        format!("{TIMES}&$top=1000"),
        format!("{TIMES}&$filter=recipientEmailAddress+eq+'a@contoso.com'&$top=1000"),
        format!("{TIMES}&$filter=networkMessageId+eq+'x'&$top=1000"),
        format!("{TIMES}&{filter}"),
        format!("{TIMES}&{filter}&$top=0"),
        format!("{TIMES}&{filter}&$top=1001"),
        format!("{TIMES}&{filter}&$top=10&$top=10"),
        format!("{TIMES}&{filter}&$top=10&$select=id"),
    ] {
        let reply = list(&sandbox, &query).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!("BadRequest")), "{query}");
    }
    let reply = send(&sandbox, "POST", LIST, &[], "").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
    let without_role = TokenRequest { roles: Vec::new(), ..graph_request() };
    let reply = get(&sandbox, &format!("{LIST}?{}", valid_query()), &without_role).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (403, &json!("Authorization_RequestDenied")));
}

#[tokio::test]
async fn remediation_changes_location_as_configured_for_the_message() {
    let (hannah, preston) = ("hannah.jarvis@contoso.com", "preston.morales@contoso.com");
    for (action, shows, expected) in [
        ("softDelete", None, "deletedFolder"),
        ("hardDelete", None, "deletedFolder"),
        ("moveToJunk", None, "junkFolder"),
        ("moveToInbox", None, "inbox_folder"),
        ("softDelete", Some("others"), "others"),
        ("softDelete", Some("nothing"), "Inbox"),
        ("softDelete", Some("DeletedFolder"), "DeletedFolder"),
    ] {
        let sandbox = start().await;
        let message = |recipient, effect_after_ms| Message {
            location: "Inbox".to_owned(),
            shows: shows.map(str::to_owned),
            effect_after_ms,
            ..Message::new(GUID, [recipient])
        };
        // One takes effect at once, the other long after this test.
        sandbox.seed([message(hannah, 0), message(preston, 3_600_000)]).unwrap();
        let mut body = remediation();
        body["action"] = json!(action);
        assert_eq!(remediate(&sandbox, &[], body.to_string()).await.status, 202);
        let rows = [(hannah.to_owned(), expected.to_owned()), (preston.to_owned(), "Inbox".to_owned())];
        assert_eq!(locations(&sandbox).await, rows, "{action} {shows:?}");
    }
}

/// A token reads and remediates only its tenant's mailboxes.
#[tokio::test]
async fn each_tenant_has_its_own_mailboxes() {
    let sandbox = start().await;
    let message = |tenant: Option<&str>, recipients: &[&str]| Message {
        tenant_id: tenant.map(str::to_owned),
        ..Message::new(GUID, recipients.iter().copied())
    };
    let both = "hannah.jarvis@contoso.com";
    sandbox.seed([message(None, &[both, "a@contoso.com"]), message(Some(SECOND_TENANT_ID), &[both])]).unwrap();
    assert!(sandbox.seed([message(Some(GUID), &[both])]).is_err());
    let of = |tenant: &str| TokenRequest { tenant_id: Some(tenant.to_owned()), ..graph_request() };
    let rows = async |tenant: &str| {
        get(&sandbox, &format!("{LIST}?{}", valid_query()), &of(tenant)).await.json()["value"].clone()
    };
    assert_eq!(rows(TENANT_ID).await.as_array().unwrap().len(), 2);
    let bearer = format!("Bearer {}", sandbox.issue_token(&of(SECOND_TENANT_ID)));
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let reply = send(&sandbox, "POST", REMEDIATE, &headers, remediation().to_string()).await;
    assert!(reply.header("location").unwrap().ends_with(&format!("&tid={SECOND_TENANT_ID}")), "{}", reply.head);
    assert_eq!(sandbox.accepted()[0].tenant_id, SECOND_TENANT_ID);
    let second = rows(SECOND_TENANT_ID).await;
    assert_eq!(
        (second.as_array().unwrap().len(), &second[0]["latestDelivery"]["location"]),
        (1, &json!("deletedFolder"))
    );
    assert_eq!(rows(TENANT_ID).await[1]["latestDelivery"]["location"], "inbox_folder");
    assert_eq!(remediate(&sandbox, &[], remediation().to_string()).await.status, 202, "no duplicate in this tenant");
}

#[tokio::test]
async fn event_is_listed_only_after_the_remediation() {
    let sandbox = start().await;
    let event = Some("Success".to_owned());
    sandbox.seed([Message { event, ..Message::new(GUID, ["hannah.jarvis@contoso.com"]) }]).unwrap();
    let events = async || list(&sandbox, &valid_query()).await.json()["value"][0]["timelineEvents"].clone();
    assert_eq!(events().await, json!([]));
    remediate(&sandbox, &[], remediation().to_string()).await;
    let event = events().await[0].clone();
    assert_eq!((&event["eventSource"], &event["eventResult"]), (&json!("admin"), &json!("Success")));
}

#[tokio::test]
async fn late_row_and_row_outside_the_queried_time_are_not_listed() {
    let sandbox = start().await;
    let late = Message { appears_after_ms: 3_600_000, ..Message::new(GUID, ["late@contoso.com"]) };
    let old = Message { age_seconds: 3_600, ..Message::new(GUID, ["old@contoso.com"]) };
    sandbox.seed([late, old, Message::new(GUID, ["now@contoso.com"])]).unwrap();
    assert_eq!(locations(&sandbox).await.len(), 2);
    let before = valid_query().replace("2100-01-01T00:00:00Z", "2021-01-01T00:00:00Z");
    assert_eq!(list(&sandbox, &before).await.json(), json!({ "value": [] }));
}

#[tokio::test]
async fn admin_route_adds_valid_messages_and_rejects_invalid_ones() {
    let sandbox = start().await;
    let seed = json!({ "messages": [{ "networkMessageId": GUID, "recipients": ["a@contoso.com"] }], "pageSize": 1 });
    let table = [
        ("POST", seed.clone(), 204),
        ("GET", seed, 405),
        ("POST", json!({}), 400),
        ("POST", json!({ "messages": [], "pageSize": 0 }), 400),
        ("POST", json!({ "messages": [], "pageSize": 1001 }), 400),
        ("POST", json!({ "messages": [{ "networkMessageId": "x", "recipients": [] }] }), 400),
        ("POST", json!({ "messages": [{ "networkMessageId": GUID, "recipients": [], "folder": "x" }] }), 400),
    ];
    for (method, body, status) in table {
        let reply = send(&sandbox, method, "/sandbox/messages", &[], body.to_string()).await;
        assert_eq!(reply.status, status, "{method} {body}");
    }
    assert_eq!(locations(&sandbox).await.len(), 1);
    send(&sandbox, "DELETE", "/sandbox/requests", &[], "").await;
    assert_eq!(locations(&sandbox).await.len(), 0, "deleted with the records");
}

#[tokio::test]
async fn scripted_list_page_returns_the_scripted_status_and_headers() {
    let sandbox = start().await;
    for script in [
        json!({ "endpoint": "analyzedEmails" }),
        json!({ "endpoint": "analyzedEmails", "status": 503, "headers": { "Retry-After": "7" } }),
    ] {
        send(&sandbox, "POST", "/sandbox/next", &[], script.to_string()).await;
    }
    assert_eq!(list(&sandbox, &valid_query()).await.status, 200);
    let reply = list(&sandbox, &valid_query()).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("7")));
}
