//! Failing connections to Graph, and bytes that no HTTP library sends.

use acceptance::{API_KEY, API_KEY_SHA256, Response, TestResult, World, payload};
use serde_json::json;
use tokio::net::TcpSocket;

use crate::{
    fake_graph::{Behaviour, FakeGraph},
    outcome::{CaseRunner, ExpectedResponse, LedgerState},
};

const UNAVAILABLE: ExpectedResponse = ExpectedResponse::Rejection(503, "graphUnavailable", Some("30"));

pub(crate) async fn each_connection_fault_has_its_response_and_ledger_state(world: &World) -> TestResult {
    let fake_graph = FakeGraph::start().await?;
    let gateway = world.gateway_with(json!({ "GRAPH_URL": fake_graph.base_url() })).await?;
    let runner = CaseRunner { world, gateway: &gateway, fake_graph: Some(&fake_graph) };
    let bytes = |text: &str| Behaviour::Bytes(text.as_bytes().to_vec());
    for (name, behaviour, expected, state) in [
        ("reset", Behaviour::Reset, UNAVAILABLE, LedgerState::Open),
        ("closed", bytes(""), UNAVAILABLE, LedgerState::Open),
        ("not HTTP", bytes("220 mail.contoso.com ESMTP\r\n"), UNAVAILABLE, LedgerState::Open),
        ("a status line cut off", bytes("HTTP/1.1 202 Acc"), UNAVAILABLE, LedgerState::Open),
        ("a head cut off", bytes("HTTP/1.1 202 Accepted\r\nLocation: https://x"), UNAVAILABLE, LedgerState::Open),
        (
            "no such status",
            bytes("HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"),
            ExpectedResponse::Rejection(502, "graphError", None),
            LedgerState::Open,
        ),
        (
            "a success until the connection closes",
            bytes("HTTP/1.1 200 OK\r\n\r\nand so on"),
            ExpectedResponse::Success,
            LedgerState::Success,
        ),
        (
            "a duplicate in chunks, the last of them missing",
            bytes("HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n15\r\nDuplicate remediation\r\n"),
            UNAVAILABLE,
            LedgerState::Open,
        ),
    ] {
        runner.run(name, || fake_graph.script(behaviour), expected, 1, state).await?;
    }

    // The port is bound but never listens, so connections to it are refused.
    let taken = TcpSocket::new_v4()?;
    taken.bind(([127, 0, 0, 1], 0).into())?;
    let nobody = format!("http://{}", taken.local_addr()?);
    let callers = json!([{ "name": "by key", "api_key_sha256": [API_KEY_SHA256], "actions": ["softDelete"], "recipient_domains": ["*"] }]);
    for (variable, left) in [("GRAPH_URL", 9_999), ("LOGIN_URL", 10_000)] {
        let gateway = world.gateway_with(json!({ variable: nobody, "CALLERS": callers })).await?;
        let payload = payload();
        for _ in 0..2 {
            let response = Response::to(gateway.post("/remediate").header("X-API-Key", API_KEY).json(&payload)).await?;
            UNAVAILABLE.assert(variable, &response);
            assert_eq!(response.header("ratelimit"), Some(format!("\"emails\";r={left}").as_str()), "{variable}");
        }
    }
    Ok(())
}

pub(crate) async fn location_with_invalid_bytes_or_duplicate_header_is_replaced(world: &World) -> TestResult {
    let fake_graph = FakeGraph::start().await?;
    let gateway = world.gateway_with(json!({ "GRAPH_URL": fake_graph.base_url() })).await?;
    let runner = CaseRunner { world, gateway: &gateway, fake_graph: Some(&fake_graph) };
    let fallback =
        format!("https://security.microsoft.com/action-center/history?tid={}", world.sandbox.settings().tenant_id);
    let history = b"https://security.microsoft.com/action-center/history?x=";
    // The sandbox cannot send Latin-1 or a control character. The last value adds a second header.
    for value in ["\u{e9}".as_bytes(), "\u{65e5}".as_bytes(), b"\xe9", b"\x01", b"a\r\nLocation: https://evil.example/"]
    {
        let head = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nLocation: ";
        let behaviour = Behaviour::Bytes([head, &history[..], value, b"\r\n\r\n"].concat());
        let name = String::from_utf8_lossy(value).into_owned();
        let response = runner
            .run(&name, || fake_graph.script(behaviour), ExpectedResponse::Success, 1, LedgerState::Success)
            .await?;
        assert_eq!(response.header("location"), Some(fallback.as_str()), "{name}");
        assert_eq!(response.json()["trackingUrl"], fallback, "{name}");
    }
    Ok(())
}
