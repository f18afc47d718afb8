//! Bodies in the encodings and formats of real clients: each is accepted, or rejected with a cause that its sender can
//! act on.

use std::fmt::Write as _;
use std::io::Write as _;

use acceptance::{Failure, Response, TestResult, World, guid, payload, payload_with};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::RequestBuilder;
use sandbox::{Endpoint, TokenRequest};
use serde_json::{Value, json};

use crate::bodies::NOT_JSON;
use crate::size::{LIMIT, TOO_LARGE};

const VALIDATE: &str = "/remediate?validateOnly=true";
const DAMAGED: &str = "truncated or damaged";
const UTF_8: &str = "Content-Type: application/json; charset=utf-8";

fn post(world: &World, path: &str, content_type: &str) -> RequestBuilder {
    world.gateway.post(path).bearer_auth(world.token()).header("Content-Type", content_type)
}

fn gzip(body: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body)?;
    Ok(encoder.finish()?)
}

async fn assert_valid(request: RequestBuilder, name: &str) -> Result<Value, Failure> {
    let response = Response::to(request).await?;
    assert_eq!((response.status, &response.json()["status"]), (200, &json!("valid")), "{name}: {response:?}");
    Ok(response.json()["request"].clone())
}

pub(crate) async fn each_spelling_of_utf_8_is_accepted(world: &World) -> TestResult {
    let body = payload_with("displayName", "Phish an Zo\u{eb} M\u{fc}ller").to_string();
    for charset in ["utf-8", "utf8", "UTF8", "\"utf-8\"", "'UTF-8'", "utf_8", "Utf 8", "unicode-1-1-utf-8"] {
        let content_type = format!("application/json; charset={charset}");
        assert_valid(post(world, VALIDATE, &content_type).body(body.clone()), charset).await?;
        let marked = format!("\u{feff}{body}");
        let sent = assert_valid(post(world, VALIDATE, &content_type).body(marked), charset).await?;
        assert_eq!(sent["displayName"], "Phish an Zo\u{eb} M\u{fc}ller");
    }
    Ok(())
}

/// Graph receives the same text as for the plain body, and the remediation's record is the same.
pub(crate) async fn gzip_body_replays_the_success_of_its_plain_body(world: &World) -> TestResult {
    let body = payload().to_string();
    for coding in ["gzip", "x-gzip", "GZIP", "identity, gzip"] {
        let request = post(world, VALIDATE, "application/json").header("Content-Encoding", coding);
        assert_valid(request.body(gzip(body.as_bytes())?), coding).await?;
    }
    let plain = Response::to(post(world, "/remediate", "application/json").body(body.clone())).await?;
    let request = post(world, "/remediate", "application/json").header("Content-Encoding", "gzip");
    let compressed = Response::to(request.body(gzip(format!("\u{feff}{body}").as_bytes())?)).await?;
    assert_eq!((plain.status, compressed.status), (202, 202), "{compressed:?}");
    assert_eq!(compressed.header("idempotency-replayed"), Some("true"));
    assert_eq!(world.sandbox.accepted().len(), 1);
    Ok(())
}

pub(crate) async fn hostile_gzip_is_rejected_with_its_cause(world: &World) -> TestResult {
    let body = payload().to_string();
    let good = gzip(body.as_bytes())?;
    let mut full = body.clone().into_bytes();
    full.resize(LIMIT, b' ');
    let request = post(world, VALIDATE, "application/json").header("Content-Encoding", "gzip");
    assert_valid(request.body(gzip(&full)?), "a body that decompresses to the limit").await?;
    full.push(b' ');

    let changed = |at: usize| {
        let mut changed = good.clone();
        changed[at] ^= 1;
        changed
    };
    let end = good.len();
    // With a file name in the header, the body ends at each position near the end of a slice of glue.js.
    let named = |length: usize| {
        let name = "n".repeat(length - end - 1);
        [&good[..3], &[8], &good[4..10], name.as_bytes(), &[0], &good[10..]].concat()
    };
    for length in 1016..=1032 {
        let request = post(world, VALIDATE, "application/json").header("Content-Encoding", "gzip");
        assert_valid(request.body(named(length)), &format!("gzip of {length} bytes")).await?;
    }
    for (name, body, status, code, part) in [
        ("one byte above the limit", gzip(&full)?, 413, TOO_LARGE, "after decompression"),
        ("a bomb: 1 GiB of zeros", gzip(&vec![0; 1 << 30])?, 413, TOO_LARGE, "after decompression"),
        ("the magic number alone", good[..3].to_vec(), 400, "invalidRequest", DAMAGED),
        ("the header alone", good[..10].to_vec(), 400, "invalidRequest", DAMAGED),
        ("truncated", good[..end - 9].to_vec(), 400, "invalidRequest", DAMAGED),
        ("no trailer", good[..end - 8].to_vec(), 400, "invalidRequest", DAMAGED),
        ("all but one byte", good[..end - 1].to_vec(), 400, "invalidRequest", DAMAGED),
        ("no trailer, at the end of a slice", named(1032)[..1024].to_vec(), 400, "invalidRequest", DAMAGED),
        ("a wrong checksum", changed(end - 8), 400, "invalidRequest", DAMAGED),
        ("a wrong length", changed(end - 1), 400, "invalidRequest", DAMAGED),
        ("a reserved block type", [&good[..10], &[0xff; 9]].concat(), 400, "invalidRequest", DAMAGED),
        ("a byte after the end", [&good[..], b"x"].concat(), 400, "invalidRequest", "bytes after its end"),
        (
            "a byte in a slice of its own",
            [&named(1024)[..], b"x"].concat(),
            400,
            "invalidRequest",
            "bytes after its end",
        ),
        ("zeros after the end", [&good[..], &[0; 64]].concat(), 400, "invalidRequest", "bytes after its end"),
        ("two members", [&good[..], &good[..]].concat(), 400, "invalidRequest", "bytes after its end"),
        ("a member in a slice of its own", named(1024).repeat(2), 400, "invalidRequest", "bytes after its end"),
        ("plain", body.clone().into_bytes(), 400, "invalidRequest", "not gzip"),
        ("zlib", vec![0x78, 0x9c, 0x03, 0, 0, 0, 0, 1], 400, "invalidRequest", "not gzip"),
        ("nothing", Vec::new(), 400, "invalidRequest", "not gzip"),
        ("compressed twice", gzip(&good)?, 400, NOT_JSON, "compress it once"),
    ] {
        let request = post(world, "/remediate", "application/json").header("Content-Encoding", "gzip").body(body);
        let response = Response::to(request).await?;
        let problem = response.assert_problem(status, code, &[]);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(part)), "{name}: {problem:#}");
    }
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty(), "it was sent to Graph");
    Ok(())
}

pub(crate) async fn unsupported_body_format_is_named_in_the_error(world: &World) -> TestResult {
    let body = payload_with("displayName", "Phish an Zo\u{eb}").to_string();
    let latin_1: Vec<u8> = body.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let utf_16: Vec<u8> = format!("\u{feff}{body}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let base64 = BASE64_STANDARD.encode(&body);
    let wrapped = json!({ "$content-type": "application/json", "$content": base64 }).to_string();
    for (name, sent, code, part) in [
        ("Latin-1", latin_1, NOT_JSON, UTF_8),
        ("UTF-16", utf_16, NOT_JSON, "charset=utf-8"),
        ("gzip", gzip(body.as_bytes())?, NOT_JSON, "Content-Encoding: gzip"),
        ("a form", b"displayName=Clean+up&analyzedEmails=System.Object%5B%5D".to_vec(), NOT_JSON, "form-encoded"),
        ("a form of JSON", format!("payload={body}").into_bytes(), NOT_JSON, "form-encoded"),
        ("base64", base64.clone().into_bytes(), NOT_JSON, "base64"),
        ("base64 in a string", format!("\"{base64}\"").into_bytes(), NOT_JSON, "base64"),
        ("JSON in a string", Value::from(body.as_str()).to_string().into_bytes(), NOT_JSON, "looks like JSON"),
        ("Logic Apps' binary", wrapped.into_bytes(), "invalidPayload", "$content"),
    ] {
        let response = Response::to(post(world, "/remediate", "application/json").body(sent)).await?;
        let problem = response.assert_problem(400, code, &[]);
        let message = problem["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(part), "{name}: {problem:#}");
    }
    Ok(())
}

pub(crate) async fn duplicate_header_is_named_in_the_error(world: &World) -> TestResult {
    let json = || world.gateway.post("/remediate").json(&payload());
    for (name, request, part) in [
        ("key", json().bearer_auth(world.token()).header("Idempotency-Key", "a"), "Idempotency-Key is given more"),
        ("API key", json().header("X-API-Key", "a").header("X-API-Key", "a"), "X-API-Key is given more"),
        ("token", json().bearer_auth("a").header("Authorization", "Bearer a"), "Authorization is given more"),
    ] {
        let request = if name == "key" { request.header("Idempotency-Key", "a") } else { request };
        let problem = Response::to(request).await?.assert_problem(400, "invalidRequest", &[]);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.starts_with(part)), "{name}: {problem:#}");
    }
    Ok(())
}

/// 10,000 pairs as `ConvertTo-Json` of PowerShell 5.1 indents them.
pub(crate) async fn largest_payload_indented_by_powershell_is_accepted(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({ "CALLERS": [{
        "name": "powershell", "object_id": sandbox::CALLER_OBJECT_ID, "actions": ["softDelete"],
        "recipient_domains": ["*"], "max_emails_per_request": 10_000,
    }] }));
    let gateway = gateway.await?;
    let (brace, member) = (" ".repeat(31), " ".repeat(35));
    let mut emails = String::new();
    for index in 0..10_000 {
        let comma = if index == 0 { "" } else { ",\r\n" };
        write!(
            emails,
            "{comma}{brace}{{\r\n{member}\"networkMessageId\":  \"{}\",\r\n{member}\"recipientEmailAddress\":  \
             \"recipient-{index}@contoso.com\"\r\n{brace}}}",
            guid()
        )?;
    }
    let body = format!(
        "{{\r\n    \"displayName\":  \"Clean up\",\r\n    \"description\":  \"Delete email\",\r\n    \
         \"severity\":  \"medium\",\r\n    \"action\":  \"softDelete\",\r\n    \"remediateSendersCopy\":  false,\r\n    \
         \"analyzedEmails\":  [\r\n{emails}\r\n                       ]\r\n}}"
    );
    assert!(body.len() > 2 * 1024 * 1024, "{} bytes are not much", body.len());
    let request = gateway.post("/remediate").bearer_auth(world.token()).header("Content-Type", "application/json");
    let response = Response::to(request.body(body)).await?;
    assert_eq!((response.status, &response.json()["emails"]), (202, &json!(10_000)), "{response:?}");
    Ok(())
}

/// Only Graph can verify its tokens: the signature covers the hash of the header's nonce.
pub(crate) async fn graph_paths_accept_double_slash_and_return_graph_errors(world: &World) -> TestResult {
    let path = "security/collaboration/analyzedEmails/remediate";
    for version in ["v1.0", "beta"] {
        let doubled = world.gateway.post(&format!("/{version}//{path}")).bearer_auth(world.token()).json(&payload());
        assert_eq!(Response::to(doubled).await?.status, 202, "{version}");
        for path in [format!("/{version}/{path}"), format!("/{version}//{path}"), format!("/{version}/me")] {
            let response = Response::to(world.gateway.post(&path).bearer_auth(world.token()).json(&json!({}))).await?;
            assert_eq!(response.header("content-type"), Some("application/json"), "{path}");
            let error = response.json()["error"].clone();
            assert!(error["code"].is_string() && error["message"].is_string(), "{path}: {error}");
        }
    }
    let graph = TokenRequest {
        audience: Some("https://graph.microsoft.com".to_owned()),
        header: [("nonce".to_owned(), json!("x"))].into_iter().collect(),
        ..TokenRequest::default()
    };
    let request = world.gateway.post("/remediate").bearer_auth(world.sandbox.issue_token(&graph)).json(&payload());
    let challenge = Response::to(request).await?;
    challenge.assert_problem(401, "invalidCredentials", &["www-authenticate"]);
    Ok(())
}
