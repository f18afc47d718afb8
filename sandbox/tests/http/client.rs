//! An HTTP client that sends and returns raw bytes, one request per connection.

use std::io::Write as _;

use sandbox::{GRAPH_AUDIENCE, GRAPH_ROLE, Sandbox, Settings, TokenRequest};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub(crate) const SECRET: &str = "the-secret";
pub(crate) const REMEDIATE: &str = "/beta/security/collaboration/analyzedEmails/remediate";
pub(crate) const GUID: &str = "73ca4154-58d8-43d0-a890-08dc18c52e6d";

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }
}

pub(crate) async fn start() -> Sandbox {
    Sandbox::start(Settings::new(SECRET)).await.unwrap()
}

/// Sends bytes, and reads until the server closes the connection.
pub(crate) async fn send_raw(sandbox: &Sandbox, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(sandbox.base_url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    response
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n").into_bytes();
    for (name, value) in headers {
        write!(bytes, "{name}: {value}\r\n").unwrap();
    }
    write!(bytes, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
    bytes.extend_from_slice(body);
    bytes
}

pub(crate) async fn send(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Reply {
    let response = send_raw(sandbox, &request(method, path, headers, body.as_ref())).await;
    let end = response.windows(4).position(|window| window == b"\r\n\r\n").expect("a response");
    let head = String::from_utf8(response[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head, body: response[end + 4..].to_vec() }
}

/// A token that Graph accepts.
pub(crate) fn graph_token(sandbox: &Sandbox) -> String {
    sandbox.issue_token(&graph_request())
}

pub(crate) fn graph_request() -> TokenRequest {
    TokenRequest {
        audience: Some(GRAPH_AUDIENCE.to_owned()),
        roles: vec![GRAPH_ROLE.to_owned()],
        ..TokenRequest::default()
    }
}

/// Graph's documented example, with the boolean of the schema.
pub(crate) fn remediation() -> Value {
    json!({
        "displayName": "Clean up Phish email",
        "description": "Delete email",
        "severity": "medium",
        "action": "softDelete",
        "remediateSendersCopy": false,
        "analyzedEmails": [
            { "networkMessageId": GUID, "recipientEmailAddress": "hannah.jarvis@contoso.com" },
            { "networkMessageId": GUID, "recipientEmailAddress": "preston.morales@contoso.com" },
        ],
    })
}

/// Sends the example to Graph, with a valid token and these headers.
pub(crate) async fn remediate(sandbox: &Sandbox, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Reply {
    let bearer = format!("Bearer {}", graph_token(sandbox));
    let mut all = vec![("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    all.extend_from_slice(headers);
    send(sandbox, "POST", REMEDIATE, &all, body).await
}
