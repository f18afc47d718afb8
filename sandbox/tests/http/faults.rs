//! Scripted responses and faults, as a client's socket receives them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sandbox::{Endpoint, Fault, Outcome, ScriptedResponse, TENANT_ID};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::client::{GUID, REMEDIATE, remediate, remediation, request, send, send_raw, start};

fn keys_path() -> String {
    format!("/{TENANT_ID}/discovery/v2.0/keys")
}

/// Returns the example with the emails of another message.
fn other_remediation() -> Value {
    let text = remediation().to_string().replace(GUID, TENANT_ID);
    serde_json::from_str(&text).unwrap()
}

/// Longer than any response takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn closed_connection_has_no_response() {
    let sandbox = start().await;
    sandbox.script(ScriptedResponse::new(Endpoint::Keys).fault(Fault::Close)).unwrap();
    assert_eq!(send_raw(&sandbox, &request("GET", &keys_path(), &[], b"")).await, b"");
    assert_eq!(sandbox.recorded()[0].outcome, Outcome::Closed);
    assert_eq!(send(&sandbox, "GET", &keys_path(), &[], "").await.status, 200);
}

#[tokio::test]
async fn cut_response_is_shorter_than_its_content_length() {
    let sandbox = start().await;
    let table = [("hello world", 5, "11", "hello"), ("hello", 9, "6", "hello"), ("", 3, "1", ""), ("abc", 0, "3", "")];
    for (body, after, declared, sent) in table {
        sandbox.script(ScriptedResponse::new(Endpoint::Keys).body(body).fault(Fault::CutAfter(after))).unwrap();
        let reply = send(&sandbox, "GET", &keys_path(), &[], "").await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-length"), Some(declared), "{body:?} after {after}");
        assert_eq!(reply.body, sent.as_bytes(), "{body:?} after {after}");
    }
    assert!(matches!(&sandbox.recorded()[0].outcome, Outcome::Cut(response) if response.status == 200));
}

#[tokio::test]
async fn hung_connection_is_silent_and_open_until_shutdown() {
    let sandbox = start().await;
    sandbox.script(ScriptedResponse::new(Endpoint::Remediate).fault(Fault::Hang)).unwrap();
    let mut stream = TcpStream::connect(sandbox.base_url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(&request("POST", REMEDIATE, &[], b"{}")).await.unwrap();
    sandbox.wait_for(TIMEOUT, |all| all.iter().any(|one| one.outcome == Outcome::Hung)).await.unwrap();
    let mut byte = [0];
    assert!(timeout(Duration::from_millis(100), stream.read(&mut byte)).await.is_err());
    sandbox.shutdown().await;
    assert!(!matches!(timeout(TIMEOUT, stream.read(&mut byte)).await, Err(_) | Ok(Ok(1..))));
}

#[tokio::test]
async fn accept_first_registers_the_remediation_before_the_fault() {
    let sandbox = start().await;
    let body = remediation().to_string();
    let bearer = format!("Bearer {}", crate::client::graph_token(&sandbox));
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let post = request("POST", REMEDIATE, &headers, body.as_bytes());
    sandbox.script(ScriptedResponse::new(Endpoint::Remediate).fault(Fault::Close)).unwrap();
    assert_eq!(send_raw(&sandbox, &post).await, b"");
    assert!(sandbox.accepted().is_empty());
    sandbox.script(ScriptedResponse::new(Endpoint::Remediate).fault(Fault::Close).accept_first()).unwrap();
    assert_eq!(send_raw(&sandbox, &post).await, b"");
    assert_eq!(sandbox.accepted().len(), 1);
    assert_eq!(remediate(&sandbox, &[], &body).await.status, 409);
}

#[tokio::test]
async fn scripted_status_or_body_replaces_the_endpoints_response() {
    let sandbox = start().await;
    let body = remediation().to_string();
    let next = || ScriptedResponse::new(Endpoint::Remediate);
    let table = [
        // Script, status, whether the remediation was registered, and `Retry-After`.
        (next().status(429), 429, 0, None),
        (next().status(503).header("Retry-After", "7"), 503, 0, Some("7")),
        (next().json(&json!({})), 200, 0, None),
        (next().header("Retry-After", "8"), 202, 1, Some("8")),
        (next().status(500).accept_first(), 500, 1, None),
        (next().accept_first(), 202, 1, None),
    ];
    for (next, status, registered, retry_after) in table {
        sandbox.clear();
        sandbox.script(next.clone()).unwrap();
        let reply = remediate(&sandbox, &[], &body).await;
        assert_eq!(reply.status, status, "{next:?}");
        assert_eq!(sandbox.accepted().len(), registered, "{next:?}");
        assert_eq!(reply.header("retry-after"), retry_after, "{next:?}");
        assert_eq!(sandbox.recorded()[0].status(), Some(status), "{next:?}");
    }
}

#[tokio::test]
async fn scripted_responses_are_queued_per_endpoint() {
    let sandbox = start().await;
    let next = |status| ScriptedResponse::new(Endpoint::Remediate).status(status);
    sandbox.script(next(500).times(2)).unwrap();
    sandbox.script(next(429)).unwrap();
    assert_eq!(send(&sandbox, "GET", &keys_path(), &[], "").await.status, 200);
    for status in [500, 500, 429, 401] {
        assert_eq!(send(&sandbox, "POST", REMEDIATE, &[], "").await.status, status);
    }
    sandbox.script(next(500)).unwrap();
    sandbox.clear();
    assert_eq!(send(&sandbox, "POST", REMEDIATE, &[], "").await.status, 401);
}

#[tokio::test]
async fn delay_postpones_response() {
    let sandbox = start().await;
    let delay = Duration::from_millis(200);
    sandbox.script(ScriptedResponse::new(Endpoint::Remediate).delay(delay)).unwrap();
    let start = Instant::now();
    assert_eq!(remediate(&sandbox, &[], remediation().to_string()).await.status, 202);
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn unreleased_request_waits_and_survives_client_disconnect() {
    let sandbox = Arc::new(start().await);
    let bodies = [remediation(), other_remediation()].map(|body| body.to_string());
    sandbox.script(ScriptedResponse::new(Endpoint::Remediate).held().times(2)).unwrap();
    let [stays, goes] = bodies.map(|body| {
        let sandbox = Arc::clone(&sandbox);
        tokio::spawn(async move { remediate(&sandbox, &[], body).await.status })
    });
    sandbox.wait_for(TIMEOUT, |all| all.len() == 2).await.unwrap();
    goes.abort();
    assert!(goes.await.unwrap_err().is_cancelled());
    assert!(sandbox.accepted().is_empty() && !stays.is_finished());

    sandbox.release();
    assert_eq!(stays.await.unwrap(), 202);
    sandbox.wait_for(TIMEOUT, |all| all.iter().all(|one| one.status() == Some(202))).await.unwrap();
    assert_eq!(sandbox.accepted().len(), 2);
    // Later requests are not delayed.
    assert_eq!(remediate(&sandbox, &[], remediation().to_string()).await.status, 409);
}

#[tokio::test]
async fn wait_for_returns_on_match_or_timeout() {
    let sandbox = start().await;
    let short = Duration::from_millis(20);
    assert_eq!(sandbox.wait_for(short, |all| !all.is_empty()).await.unwrap_err(), sandbox::NotSeen(short));
    let (seen, _) = tokio::join!(
        sandbox.wait_for(TIMEOUT, |all| all.iter().any(|one| one.status().is_some())),
        send(&sandbox, "GET", "/", &[], "")
    );
    assert_eq!(seen.unwrap().len(), 1);
}
