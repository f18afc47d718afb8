//! Graph's remediation action (facts, section 1).

use sandbox::{
    Action, Endpoint, GRAPH_APPLICATION_ID, SECOND_TENANT_ID, Sandbox, TENANT_ID, TENANT_WITHOUT_CONSENT, TokenRequest,
};
use serde_json::{Value, json};

use crate::client::{GUID, REMEDIATE, graph_request, graph_token, remediate, remediation, send, start};

/// The valid body with one member changed at a JSON Pointer; null removes it.
fn remediation_with(pointer: &str, value: Value) -> Value {
    let mut body = remediation();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.remove(name);
    if !value.is_null() {
        parent.insert(name.to_owned(), value);
    }
    body
}

#[tokio::test]
async fn valid_remediation_returns_202_with_graphs_headers() {
    let sandbox = start().await;
    let reply = remediate(&sandbox, &[("client-request-id", "mine")], remediation().to_string()).await;
    assert_eq!(reply.status, 202);
    assert!(reply.body.is_empty());
    assert_eq!(reply.header("content-type"), Some("application/json;text/plain"));
    assert_eq!(reply.header("content-length"), Some("0"));
    assert_eq!(reply.header("client-request-id"), Some("mine"));
    assert_eq!(reply.header("request-id").unwrap().len(), 36);
    assert!(reply.header("date").unwrap().ends_with(" GMT"));
    let accepted = sandbox.accepted();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].version, "beta");
    assert_eq!(accepted[0].remediation.action, Action::SoftDelete);
    assert_eq!(serde_json::to_value(&accepted[0].remediation).unwrap(), remediation());
    let bulk_id = &accepted[0].bulk_id;
    let location = format!(
        r#"https://security.microsoft.com/action-center/history?filters={{"bulkId":["{bulk_id}"]}}&tid={TENANT_ID}"#
    );
    assert_eq!(reply.header("location"), Some(location.as_str()));
}

#[tokio::test]
async fn action_is_served_under_both_versions_and_both_names() {
    let sandbox = start().await;
    let bearer = format!("Bearer {}", graph_token(&sandbox));
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json; charset=utf-8")];
    let table = [
        ("POST", REMEDIATE.to_owned(), 202),
        ("POST", REMEDIATE.replace("beta", "v1.0"), 202),
        ("POST", REMEDIATE.replace("remediate", "microsoft.graph.security.remediate"), 202),
        ("POST", REMEDIATE.replace("beta", "v1.0").replace("remediate", "microsoft.graph.security.remediate"), 202),
        ("POST", REMEDIATE.replace("beta", "v2.0"), 404),
        ("POST", REMEDIATE.replace("analyzedEmails", "emails"), 404),
        ("POST", format!("{REMEDIATE}/"), 404),
        ("POST", REMEDIATE.to_uppercase(), 404),
        ("GET", REMEDIATE.to_owned(), 405),
        ("POST", format!("{REMEDIATE}?a=b"), 400),
    ];
    for (method, path, status) in table {
        sandbox.clear();
        let reply = send(&sandbox, method, &path, &headers, remediation().to_string()).await;
        assert_eq!(reply.status, status, "{method} {path}");
        assert_eq!(sandbox.accepted().len(), usize::from(status == 202), "{method} {path}");
        let expected = if status == 404 { Endpoint::Other } else { Endpoint::Remediate };
        assert_eq!(sandbox.recorded()[0].endpoint, expected);
    }
}

#[tokio::test]
async fn body_is_accepted_only_if_it_matches_graphs_schema() {
    let sandbox = start().await;
    let long = json!("0".repeat(36));
    let email = "/analyzedEmails/0/recipientEmailAddress";
    let id = "/analyzedEmails/0/networkMessageId";
    let odata = "#microsoft.graph.security.analyzedEmail";
    let table = [
        ("/displayName", json!(null), 400),
        ("/displayName", json!(7), 400),
        ("/displayName", json!(" "), 400),
        ("/description", json!(null), 400),
        ("/severity", json!(null), 400),
        ("/severity", json!("high"), 202),
        ("/severity", json!("High"), 400),
        ("/severity", json!("unknownFutureValue"), 400),
        ("/severity", json!({ "high": null }), 400),
        ("/action", json!(null), 400),
        ("/action", json!("moveToJunk"), 202),
        ("/action", json!("moveToInbox"), 202),
        ("/action", json!("hardDelete"), 202),
        ("/action", json!("moveToDeletedItems"), 202),
        ("/action", json!("moveToQuarantine"), 400),
        ("/action", json!("unknownFutureValue"), 400),
        ("/action", json!(["softDelete"]), 400),
        ("/remediateSendersCopy", json!(true), 202),
        ("/remediateSendersCopy", json!("false"), 400),
        ("/remediateSendersCopy", json!(0), 400),
        ("/remediateSendersCopy", json!(null), 400),
        ("/analyzedEmails", json!(null), 400),
        ("/analyzedEmails", json!([]), 400),
        ("/analyzedEmails", json!({}), 400),
        ("/analyzedEmails", json!([[GUID, "a@b.c"]]), 400),
        ("/analyzedEmails", json!([{ "id": GUID }]), 400),
        (id, json!(null), 400),
        (id, json!(GUID.to_uppercase()), 202),
        (id, json!(GUID.replace('-', "")), 400),
        (id, json!(format!("{{{GUID}}}")), 400),
        (id, long, 400),
        (email, json!(null), 400),
        (email, json!("contoso.com"), 400),
        (email, json!("a@"), 400),
        (email, json!("a b@contoso.com"), 400),
        ("/analyzedEmails/0/extra", json!(1), 400),
        ("/analyzedEmails/0/@odata.type", json!(odata), 202),
        ("/remediationAction", json!("softDelete"), 400),
        ("/approverUpn", json!("a@b.c"), 400),
    ];
    for (pointer, value, status) in table {
        sandbox.clear();
        let reply = remediate(&sandbox, &[], remediation_with(pointer, value.clone()).to_string()).await;
        assert_eq!(reply.status, status, "{pointer} {value}");
        assert_eq!(sandbox.accepted().len(), usize::from(status == 202), "{pointer} {value}");
    }
}

#[tokio::test]
async fn malformed_body_is_rejected_with_graphs_error() {
    let sandbox = start().await;
    let good = remediation().to_string();
    let twice = good.replacen('{', r#"{"severity":"low","#, 1);
    let table: [&[u8]; 6] = [b"", b"{", b"null", b"[]", b"{\"displayName\":\"\xff\"}", twice.as_bytes()];
    for body in table {
        let reply = remediate(&sandbox, &[("client-request-id", "mine")], body).await;
        assert_eq!(reply.status, 400, "{}", String::from_utf8_lossy(body));
        let error = &reply.json()["error"];
        assert_eq!(error["code"], "BadRequest");
        assert!(error["message"].is_string());
        assert_eq!(error["innerError"]["client-request-id"], "mine");
        assert_eq!(error["innerError"]["request-id"], reply.header("request-id").unwrap());
        assert_eq!(error["innerError"]["date"].as_str().unwrap().len(), "2026-01-31T12:34:56".len());
    }
    assert!(sandbox.accepted().is_empty());
}

#[tokio::test]
async fn prefer_and_content_headers_determine_the_status() {
    let sandbox = start().await;
    let quarantine = remediation_with("/action", json!("moveToQuarantine")).to_string();
    let prefer = ("Prefer", "return=minimal, include-unknown-enum-members");
    assert_eq!(remediate(&sandbox, &[prefer], &quarantine).await.status, 202);
    assert_eq!(remediate(&sandbox, &[("Prefer", "return=minimal")], &quarantine).await.status, 400);
    assert_eq!(remediate(&sandbox, &[("Content-Encoding", "gzip")], remediation().to_string()).await.status, 415);
    assert_eq!(remediate(&sandbox, &[("Content-Type", "text/plain")], remediation().to_string()).await.status, 400);
}

#[tokio::test]
async fn graph_accepts_only_valid_tokens_with_its_audience_and_role() {
    let sandbox = start().await;
    let stranger = start().await;
    let token = |change: fn(&mut TokenRequest)| {
        let mut request = graph_request();
        change(&mut request);
        format!("Bearer {}", sandbox.issue_token(&request))
    };
    let good = token(|_| {});
    let table = [
        (good.clone(), 202),
        (good.replace("Bearer", "bearer"), 202),
        (token(|request| request.audience = Some(GRAPH_APPLICATION_ID.to_owned())), 202),
        (String::new(), 401),
        ("Bearer".to_owned(), 401),
        ("Bearer nonsense".to_owned(), 401),
        (good.replace("Bearer", "Basic"), 401),
        (format!("{good}x"), 401),
        (format!("Bearer {}", graph_token(&stranger)), 401),
        (token(|request| request.audience = None), 401),
        (token(|request| request.audience = Some("https://graph.microsoft.com/".to_owned())), 401),
        (token(|request| request.tenant_id = Some("elsewhere".to_owned())), 401),
        (token(|request| request.tenant_id = Some(SECOND_TENANT_ID.to_owned())), 202),
        (token(|request| request.tenant_id = Some(TENANT_WITHOUT_CONSENT.to_owned())), 401),
        (token(|request| request.expires_in = Some(0)), 401),
        (token(|request| request.not_before = Some(60)), 401),
        (token(|request| drop(request.header.insert("alg".to_owned(), "none".into()))), 401),
        (token(|request| request.roles.clear()), 403),
        (token(|request| request.roles = vec!["SecurityAnalyzedMessage.Read.All".to_owned()]), 403),
        (
            token(|request| {
                request.scopes = std::mem::take(&mut request.roles);
            }),
            403,
        ),
    ];
    for (authorization, status) in table {
        sandbox.clear();
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        let reply = send(&sandbox, "POST", REMEDIATE, &headers, remediation().to_string()).await;
        assert_eq!(reply.status, status, "{authorization}");
        let code = match status {
            401 => "InvalidAuthenticationToken",
            403 => "Authorization_RequestDenied",
            _ => continue,
        };
        assert_eq!(reply.json()["error"]["code"], code);
        assert_eq!(reply.header("www-authenticate").is_some(), status == 401);
        assert!(sandbox.accepted().is_empty());
    }
    let twice = [("Authorization", good.as_str()), ("Authorization", &good), ("Content-Type", "application/json")];
    assert_eq!(send(&sandbox, "POST", REMEDIATE, &twice, remediation().to_string()).await.status, 401);
    assert_eq!(send(&sandbox, "POST", REMEDIATE, &[], "").await.status, 401);
}

#[tokio::test]
async fn duplicate_remediation_returns_409() {
    let sandbox = start().await;
    assert_eq!(remediate(&sandbox, &[], remediation().to_string()).await.status, 202);
    let renamed = remediation_with("/displayName", json!("another name")).to_string();
    let reply = remediate(&sandbox, &[], renamed).await;
    assert_eq!(reply.status, 409);
    assert_eq!(reply.json()["error"]["message"], "Duplicate remediation");
    assert_eq!(sandbox.accepted().len(), 1);
    sandbox.clear();
    assert!(sandbox.accepted().is_empty());
    assert_eq!(remediate(&sandbox, &[], remediation().to_string()).await.status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_duplicates_are_accepted_once() {
    let sandbox: &'static Sandbox = Box::leak(Box::new(start().await));
    let posts: Vec<_> = (0..32).map(|_| tokio::spawn(remediate(sandbox, &[], remediation().to_string()))).collect();
    let mut statuses = Vec::new();
    for post in posts {
        statuses.push(post.await.unwrap().status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 31);
    assert_eq!(sandbox.accepted().len(), 1);
}
