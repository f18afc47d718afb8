//! The sandbox's own routes.

use sandbox::Endpoint;
use serde_json::{Value, json};

use crate::client::{REMEDIATE, graph_token, remediation, send, start};

#[tokio::test]
async fn every_received_request_is_recorded() {
    let sandbox = start().await;
    let headers = [("X-Twice", "one"), ("x-twice", "two"), ("Authorization", "Bearer nonsense")];
    send(&sandbox, "POST", &format!("{REMEDIATE}?q=1"), &headers, "not json").await;
    send(&sandbox, "GET", "/nowhere", &[], "").await;
    let reply = send(&sandbox, "GET", "/sandbox/requests", &[], "").await;
    let list = reply.json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let first = &list[0];
    assert_eq!(first["endpoint"], "remediate");
    assert_eq!(first["method"], "POST");
    assert_eq!(first["path"], REMEDIATE);
    assert_eq!(first["query"], "q=1");
    assert_eq!(first["body"], "not json");
    assert_eq!(first["outcome"], "answered");
    assert_eq!(first["answer"]["status"], 401);
    assert!(first["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(list[1]["endpoint"], "other");
    let recorded = sandbox.recorded();
    assert_eq!(recorded[0].header_values("X-Twice").collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(recorded[0].header("AUTHORIZATION"), Some("Bearer nonsense"));
    assert_eq!(recorded[0].json(), Value::Null);
    assert_eq!(send(&sandbox, "DELETE", "/sandbox/requests", &[], "").await.status, 204);
    assert!(sandbox.recorded().is_empty());
}

#[tokio::test]
async fn responses_can_be_scripted_over_http() {
    let sandbox = start().await;
    let script = json!({
        "endpoint": "remediate",
        "status": 503,
        "headers": { "Retry-After": "1", "X-Twice": ["one", "two"] },
        "body": { "error": {} },
        "delayMs": 1,
        "times": 2,
    });
    assert_eq!(send(&sandbox, "POST", "/sandbox/next", &[], script.to_string()).await.status, 204);
    for _ in 0..2 {
        let reply = send(&sandbox, "POST", REMEDIATE, &[], "").await;
        assert_eq!(reply.status, 503);
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert_eq!(reply.head.matches("x-twice").count(), 2);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.json(), json!({ "error": {} }));
    }
    assert_eq!(send(&sandbox, "POST", REMEDIATE, &[], "").await.status, 401);
    let text = json!({ "endpoint": "token", "status": 200, "body": "<html>" });
    send(&sandbox, "POST", "/sandbox/next", &[], text.to_string()).await;
    let path = format!("/{}/oauth2/v2.0/token", sandbox::TENANT_ID);
    assert_eq!(send(&sandbox, "POST", &path, &[], "").await.body, b"<html>");
}

#[tokio::test]
async fn accept_first_can_be_scripted_over_http() {
    let sandbox = start().await;
    let script = json!({ "endpoint": "remediate", "status": 504, "acceptFirst": true });
    assert_eq!(send(&sandbox, "POST", "/sandbox/next", &[], script.to_string()).await.status, 204);
    let bearer = format!("Bearer {}", graph_token(&sandbox));
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    assert_eq!(send(&sandbox, "POST", REMEDIATE, &headers, remediation().to_string()).await.status, 504);
    assert_eq!(sandbox.accepted().len(), 1);
}

#[tokio::test]
async fn invalid_admin_requests_are_rejected_with_a_reason() {
    let sandbox = start().await;
    let table = [
        ("/sandbox/next", json!({})),
        ("/sandbox/next", json!([])),
        ("/sandbox/next", json!({ "endpoint": "graph" })),
        ("/sandbox/next", json!({ "endpoint": "other", "status": 500 })),
        ("/sandbox/next", json!({ "endpoint": "keys", "statuss": 500 })),
        ("/sandbox/next", json!({ "endpoint": "keys", "status": 100 })),
        ("/sandbox/next", json!({ "endpoint": "keys", "status": 700 })),
        ("/sandbox/next", json!({ "endpoint": "keys", "times": 0 })),
        ("/sandbox/next", json!({ "endpoint": "keys", "delayMs": -1 })),
        ("/sandbox/next", json!({ "endpoint": "keys", "close": true, "hang": true })),
        ("/sandbox/next", json!({ "endpoint": "keys", "headers": { "a b": "c" } })),
        ("/sandbox/next", json!({ "endpoint": "keys", "headers": { "a": "b\nc" } })),
        ("/sandbox/next", json!({ "endpoint": "keys", "headers": { "Content-Length": "9" } })),
        ("/sandbox/token", json!([])),
        ("/sandbox/token", json!({ "version": 3 })),
        ("/sandbox/token", json!({ "aud": "x" })),
        ("/sandbox/token", json!({ "claims": "x" })),
    ];
    for (path, body) in table {
        let reply = send(&sandbox, "POST", path, &[], body.to_string()).await;
        assert_eq!(reply.status, 400, "{path} {body}");
        assert!(reply.json()["error"].as_str().is_some_and(|reason| !reason.is_empty()), "{path} {body}");
    }
    for (method, path, status) in [
        ("GET", "/sandbox/next", 405),
        ("POST", "/sandbox/requests", 405),
        ("DELETE", "/sandbox/token", 405),
        ("GET", "/sandbox/keys/rotate", 405),
        ("GET", "/sandbox", 404),
    ] {
        assert_eq!(send(&sandbox, method, path, &[], "").await.status, status, "{method} {path}");
    }
    assert!(sandbox.recorded().is_empty());
    assert!(sandbox.issued_tokens().is_empty());
}

#[tokio::test]
async fn admin_routes_issue_tokens_and_rotate_the_key() {
    let sandbox = start().await;
    let plain = send(&sandbox, "GET", "/sandbox/token", &[], "").await.json();
    let empty = send(&sandbox, "POST", "/sandbox/token", &[], "").await.json();
    let custom =
        json!({ "version": 1, "appOnly": true, "expiresIn": -5, "roles": ["R"], "header": { "typ": "at+jwt" } });
    let custom = send(&sandbox, "POST", "/sandbox/token", &[], custom.to_string()).await.json();
    assert_eq!(plain["token_type"], "Bearer");
    assert_eq!(plain["expires_in"], 4_200);
    assert_eq!(custom["expires_in"], -5);
    let tokens = [plain, empty, custom].map(|body| body["access_token"].as_str().unwrap().to_owned());
    assert_eq!(sandbox.issued_tokens(), tokens);
    let before = sandbox.kid();
    let rotated = send(&sandbox, "POST", "/sandbox/keys/rotate", &[], "").await.json();
    assert_ne!(sandbox.kid(), before);
    assert_eq!(rotated["kid"], sandbox.kid());
    assert!(sandbox.recorded_at(Endpoint::Keys).is_empty());
}
