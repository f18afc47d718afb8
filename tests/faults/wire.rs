//! Failing connections to Graph, and bytes that no HTTP library sends.

use acceptance::{API_KEY, API_KEY_SHA256, Answer, TestResult, World, payload};
use serde_json::json;
use tokio::net::TcpSocket;

use crate::{
    impostor::{Impostor, Play},
    outcome::{Leaves, Sees, Stage},
};

const UNAVAILABLE: Sees = Sees::Rejection(503, "graphUnavailable", Some("30"));

pub(crate) async fn connections_fail_in_each_way(world: &World) -> TestResult {
    let impostor = Impostor::start().await?;
    let gateway = world.gateway_with(json!({ "GRAPH_URL": impostor.base_url() })).await?;
    let stage = Stage { world, gateway: &gateway, impostor: Some(&impostor) };
    let bytes = |text: &str| Play::Bytes(text.as_bytes().to_vec());
    for (name, play, sees, leaves) in [
        ("reset", Play::Reset, UNAVAILABLE, Leaves::Open),
        ("closed", bytes(""), UNAVAILABLE, Leaves::Open),
        ("not HTTP", bytes("220 mail.contoso.com ESMTP\r\n"), UNAVAILABLE, Leaves::Open),
        ("a status line cut off", bytes("HTTP/1.1 202 Acc"), UNAVAILABLE, Leaves::Open),
        ("a head cut off", bytes("HTTP/1.1 202 Accepted\r\nLocation: https://x"), UNAVAILABLE, Leaves::Open),
        (
            "no such status",
            bytes("HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"),
            Sees::Rejection(502, "graphError", None),
            Leaves::Open,
        ),
        (
            "a success until the connection closes",
            bytes("HTTP/1.1 200 OK\r\n\r\nand so on"),
            Sees::Success,
            Leaves::Success,
        ),
        (
            "a duplicate in chunks, the last of them missing",
            bytes("HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n15\r\nDuplicate remediation\r\n"),
            UNAVAILABLE,
            Leaves::Open,
        ),
    ] {
        stage.play(name, || impostor.script(play), sees, 1, leaves).await?;
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
            let answer = Answer::to(gateway.post("/remediate").header("X-API-Key", API_KEY).json(&payload)).await?;
            UNAVAILABLE.assert(variable, &answer);
            assert_eq!(answer.header("ratelimit"), Some(format!("\"emails\";r={left}").as_str()), "{variable}");
        }
    }
    Ok(())
}

pub(crate) async fn a_location_that_is_not_ascii_is_not_passed_on(world: &World) -> TestResult {
    let impostor = Impostor::start().await?;
    let gateway = world.gateway_with(json!({ "GRAPH_URL": impostor.base_url() })).await?;
    let stage = Stage { world, gateway: &gateway, impostor: Some(&impostor) };
    let fallback =
        format!("https://security.microsoft.com/action-center/history?tid={}", world.sandbox.settings().tenant_id);
    let history = b"https://security.microsoft.com/action-center/history?x=";
    // The sandbox cannot send Latin-1 or a control character. The last value adds a second header.
    for value in ["\u{e9}".as_bytes(), "\u{65e5}".as_bytes(), b"\xe9", b"\x01", b"a\r\nLocation: https://evil.example/"]
    {
        let head = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nLocation: ";
        let play = Play::Bytes([head, &history[..], value, b"\r\n\r\n"].concat());
        let name = String::from_utf8_lossy(value).into_owned();
        let answer = stage.play(&name, || impostor.script(play), Sees::Success, 1, Leaves::Success).await?;
        assert_eq!(answer.header("location"), Some(fallback.as_str()), "{name}");
        assert_eq!(answer.json()["trackingUrl"], fallback, "{name}");
    }
    Ok(())
}
