//! Text from callers or from Microsoft never appears in the log.

use std::cell::Cell;

use acceptance::{
    API_KEY, API_KEY_SHA256, Failure, Gateway, Raw, Response, TestResult, World, assert_members, guid, payload,
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use reqwest::{Method, RequestBuilder};
use sandbox::{Endpoint, Fault, ScriptedResponse, TokenRequest};
use serde_json::{Value, json};

use crate::lines::MEMBERS;

/// Part of every text in this test that must not be logged.
const MARK: &str = "leak5e7d";

/// Source of numbered marks.
#[derive(Default)]
struct Marks(Cell<u32>);

impl Marks {
    fn next(&self) -> String {
        self.0.set(self.0.get() + 1);
        format!("{MARK}n{}", self.0.get())
    }

    fn address(&self) -> String {
        format!("{}@contoso.com", self.next())
    }

    /// Returns a valid remediation with a mark in every free text.
    fn payload(&self) -> Value {
        let mut payload = payload();
        payload["displayName"] = json!(self.next());
        payload["description"] = json!(format!("{} {}", self.next(), self.address()));
        payload["analyzedEmails"][0]["recipientEmailAddress"] = json!(self.address());
        payload["@odata.context"] = json!(self.next());
        payload
    }

    /// Returns a payload with a marked, invalid member.
    fn payload_with(&self, member: &str, value: Value) -> Value {
        let mut payload = self.payload();
        payload[member] = value;
        payload
    }
}

/// Returns valid payloads with marks in all free texts, and invalid payloads.
fn payloads(marks: &Marks) -> Vec<String> {
    let with = |member: &str, value: Value| marks.payload_with(member, value).to_string();
    let items = |items: Value| with("analyzedEmails", items);
    vec![
        marks.payload().to_string(),
        with("severity", json!(marks.next())),
        with("action", json!(marks.next())),
        with("remediateSendersCopy", json!(marks.next())),
        with("displayName", json!([marks.next()])),
        with(&marks.next(), json!(1)),
        with(&marks.address(), json!(1)),
        with(&format!("action{MARK}"), json!(marks.next())),
        items(json!(marks.next())),
        items(json!([marks.next()])),
        items(json!([{ "networkMessageId": marks.next(), "recipientEmailAddress": marks.next() }])),
        items(
            json!([{ "networkMessageId": guid(), "recipientEmailAddress": format!("{}@fabrikam.com", marks.next()) }]),
        ),
        items(
            json!([{ "networkMessageId": guid(), "recipientEmailAddress": format!("a@{}.contoso.com", marks.next()) }]),
        ),
        items(json!([{ "id": marks.next() }])),
        format!("{{\"{0}\":1,\"{0}\":2}}", marks.next()),
        format!("{{\"x\":{{\"{0}\":[{{\"{0}\":1,\"{0}\":2}}]}}}}", marks.next()),
        format!("{{\"displayName\":\"{}", marks.next()),
        format!("<{}>", marks.next()),
        marks.next(),
        format!("{} {}", marks.payload(), marks.next()),
    ]
}

/// Returns credentials that are invalid in each possible way.
fn credentials(world: &World, marks: &Marks) -> Vec<(&'static str, String)> {
    let token = world.token();
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap_or_default();
    let base64 = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let issue = |request: &TokenRequest| format!("Bearer {}", world.sandbox.issue_token(request));
    let claim = |name: &str| {
        let mut request = TokenRequest::default();
        request.claims.insert(name.to_owned(), json!(marks.next()));
        issue(&request)
    };
    let kid = json!({ "typ": "JWT", "alg": "RS256", "kid": marks.next() });
    let alg = json!({ "typ": "JWT", "alg": marks.next(), "kid": marks.next() });
    let mut all = vec![
        ("authorization", format!("Bearer {}", marks.next())),
        ("authorization", format!("Bearer {header}.{claims}.{}", marks.next())),
        ("authorization", format!("Bearer {}.{claims}.{signature}", base64(&kid))),
        ("authorization", format!("Bearer {}.{claims}.{signature}", base64(&alg))),
        ("authorization", format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", marks.next(), marks.next())))),
        ("authorization", format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{API_KEY}", marks.next())))),
        ("authorization", format!("{} {}", marks.next(), marks.next())),
        ("authorization", marks.next()),
        ("authorization", format!("Bearer {token}, Bearer {}", marks.next())),
        ("x-api-key", marks.next()),
        ("x-api-key", marks.address()),
        ("x-api-key", format!("{} {}", marks.next(), "k".repeat(5_000))),
    ];
    for name in ["aud", "iss", "tid", "oid", "ver", "exp", "nbf", "scp", "roles", "upn", "name", "sub"] {
        all.push(("authorization", claim(name)));
    }
    all
}

/// Returns responses of Microsoft with marks in all parts.
fn responses(world: &World, marks: &Marks) -> Vec<ScriptedResponse> {
    let graph = |status: u16| ScriptedResponse::new(Endpoint::Remediate).status(status);
    let mut all = Vec::new();
    for status in [200, 202, 301, 400, 403, 404, 409, 418, 429, 500, 503] {
        let error = json!({ "error": {
            "code": format!("{} {}", marks.next(), marks.address()),
            "message": format!("The mailbox {} was not found: {}", marks.address(), marks.next()),
            "innerError": { "request-id": marks.next(), "date": marks.next() },
        }});
        let location = format!(
            r#"https://security.microsoft.com/action-center/history?filters={{"bulkId":["{}"]}}&tid={}#{}"#,
            marks.address(),
            marks.address(),
            marks.next()
        );
        let response = graph(status).json(&error).header("Location", &location).header("request-id", &marks.address());
        all.push(response.header("Retry-After", &format!("60 {}", marks.next())).header("X-Other", &marks.next()));
    }
    all.push(graph(400).body(marks.next()));
    all.push(graph(409).body(format!("Duplicate remediation of {}", marks.address())));
    all.push(
        graph(400)
            .json(&json!({ "error": { "code": marks.address(), "message": marks.next() } }))
            .fault(Fault::CutAfter(30)),
    );
    all.push(graph(302).header("Location", &format!("{}/{}", world.sandbox.base_url(), marks.next())));
    all
}

fn count_post(posts: &Cell<usize>, request: RequestBuilder) -> RequestBuilder {
    posts.set(posts.get() + 1);
    request
}

/// The test sends requests of all kinds and checks the run's complete output: it contains no mark, and only lines of
/// the log.
pub(crate) async fn untrusted_text_of_callers_and_microsoft_is_not_logged(world: &World) -> TestResult {
    let marks = Marks::default();
    let posts = Cell::new(0);
    let callers = json!([
        { "name": "tokens", "object_id": sandbox::CALLER_OBJECT_ID, "actions": ["softDelete"], "recipient_domains": ["contoso.com"] },
        { "name": "keys", "api_key_sha256": [API_KEY_SHA256], "actions": ["softDelete"], "recipient_domains": ["contoso.com"] },
    ]);
    let gateway = world.gateway_with(json!({ "CALLERS": callers })).await?;
    let post = |path: &str| count_post(&posts, gateway.post(path)).header("Content-Type", "application/json");

    for body in payloads(&marks) {
        Response::to(post("/remediate").bearer_auth(world.token()).body(body.clone())).await?;
        Response::to(post("/remediate?validateOnly=true").header("X-API-Key", API_KEY).body(body.clone())).await?;
        Response::to(post("/remediate").body(body)).await?;
    }
    for (name, value) in credentials(world, &marks) {
        Response::to(post("/remediate").header(name, &value).body(marks.payload().to_string())).await?;
    }
    for next in responses(world, &marks) {
        world.sandbox.script(next)?;
        Response::to(post("/remediate").bearer_auth(world.token()).body(marks.payload().to_string())).await?;
    }
    send_headers_and_paths(&gateway, world, &marks, &posts).await?;
    send_marks_as_entra(world, &marks).await?;
    send_malformed_requests(&gateway, world, &marks).await?;

    // Once this line is logged, all earlier lines are too.
    let last = Response::to(post("/remediate").bearer_auth(world.token()).body(marks.payload().to_string())).await?;
    assert_eq!(last.status, 202, "the gateway has survived it: {last:?}");
    gateway.wait_for_line(|line| line.contains(last.request_id())).await?;
    let output = gateway.output();
    assert!(
        !output.join("\n").contains(MARK),
        "{:#?}",
        output.iter().filter(|line| line.contains(MARK)).collect::<Vec<_>>()
    );
    assert!(!output.join("\n").to_lowercase().contains(&MARK.to_lowercase()));
    let lines: Vec<Value> = output.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for line in &lines {
        assert_members(line, &MEMBERS, &[]);
    }
    assert!(posts.get() > 120 && lines.len() >= posts.get(), "{} POSTs, {} lines", posts.get(), lines.len());
    assert!(marks.0.get() > 400, "{} marks", marks.0.get());
    Ok(())
}

/// Sends marks in every header that the gateway reads, in some other headers, and in paths and queries.
async fn send_headers_and_paths(gateway: &Gateway, world: &World, marks: &Marks, posts: &Cell<usize>) -> TestResult {
    for name in [
        "Content-Type",
        "Content-Encoding",
        "x-ms-transfer-mode",
        "client-request-id",
        "Prefer",
        "Idempotency-Key",
        "x-ms-workflow-run-id",
        "x-ms-workflow-id",
        "User-Agent",
        "Cookie",
        "X-Forwarded-For",
        "Origin",
        "X-Other",
    ] {
        // The gateway logs valid values of the two IDs, so these are invalid.
        for value in [format!("{} {}", marks.next(), marks.address()), format!("\"{}\"", marks.next())] {
            let request = count_post(posts, gateway.post("/remediate")).bearer_auth(world.token());
            Response::to(request.json(&marks.payload()).header(name, value)).await?;
        }
    }
    for key in [marks.next(), format!("\"{}\"", marks.next()), marks.address()] {
        let request =
            count_post(posts, gateway.post("/remediate")).bearer_auth(world.token()).header("Idempotency-Key", &key);
        Response::to(request.json(&marks.payload())).await?;
        let again =
            count_post(posts, gateway.post("/remediate")).bearer_auth(world.token()).header("Idempotency-Key", &key);
        assert_eq!(Response::to(again.json(&marks.payload())).await?.status, 422);
    }
    for path in [
        format!("/{}", marks.next()),
        format!("/remediate/{}", marks.address()),
        format!("/beta/security/collaboration/analyzedEmails/{}/remediate", marks.next()),
        format!("/remediate?x={}&{}=1", marks.next(), marks.next()),
        format!("/remediate?validateOnly={}", marks.next()),
        format!("/remediate?validateOnly{}=true", marks.next()),
        format!("/remediate?%FF{}=1", marks.next()),
        format!("/remediate?access_token={}", marks.next()),
    ] {
        for method in [Method::POST, Method::GET, Method::PUT] {
            let request = gateway.request(method.clone(), &path).bearer_auth(world.token()).json(&marks.payload());
            let request = if method == Method::POST { count_post(posts, request) } else { request };
            Response::to(request).await?;
        }
    }
    Ok(())
}

/// Sends marks in Entra ID's errors, tokens and keys, and in the configuration, each to a gateway with empty caches.
async fn send_marks_as_entra(world: &World, marks: &Marks) -> TestResult {
    let error = || json!({ "error": marks.next(), "error_description": format!("AADSTS7000215: {} {}", marks.next(), marks.address()) });
    let token = |status: u16| ScriptedResponse::new(Endpoint::Token).status(status).times(2);
    let keys = |status: u16| ScriptedResponse::new(Endpoint::Keys).status(status);
    let secret = marks.next();
    for next in [
        token(400).json(&error()),
        token(401).json(&error()).header("WWW-Authenticate", &marks.next()),
        token(429).json(&error()).header("Retry-After", &marks.next()),
        token(500).json(&error()),
        token(302).header("Location", &format!("/{}", marks.next())),
        token(200)
            .json(&json!({ "token_type": marks.next(), "expires_in": marks.next(), "access_token": marks.next() })),
        // Graph rejects this token twice.
        token(200).json(&json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": marks.next() })),
        token(200).body(marks.next()),
        keys(200).json(&json!({ "keys": [{ "kid": marks.next(), "kty": marks.next() }] })),
        keys(200).body(marks.next()),
        keys(500).body(marks.next()),
        // No script: the secret itself is wrong.
        ScriptedResponse::new(Endpoint::Remediate),
    ] {
        world.sandbox.clear();
        let own = world.gateway_with(json!({ "CLIENT_SECRET": secret })).await?;
        world.sandbox.script(next.clone())?;
        let response = Response::to(own.post("/remediate").bearer_auth(world.token()).json(&marks.payload())).await?;
        assert!(response.status >= 429, "{next:?}: {response:?}");
        own.wait_for_line(|line| line.contains(response.request_id())).await?;
        let output = own.output().join("\n");
        assert!(!output.contains(MARK), "{next:?}: {output}");
    }
    world.sandbox.clear();
    Ok(())
}

/// Sends malformed or truncated requests and waits until the runtime has processed each. The output includes the
/// runtime's messages.
async fn send_malformed_requests(gateway: &Gateway, world: &World, marks: &Marks) -> Result<(), Failure> {
    let authorization = format!("Authorization: Bearer {}", world.token());
    let json = "Content-Type: application/json";
    for (lines, body) in [
        (vec!["Content-Length: 100000"], marks.payload().to_string()),
        (vec!["Transfer-Encoding: chunked"], format!("zz\r\n{}\r\n", marks.next())),
        (vec!["Transfer-Encoding: chunked"], format!("5\r\n{}", marks.next())),
        (vec!["Content-Length: 5", "Content-Length: 6"], marks.next()),
        (vec!["Content-Length: -1"], marks.next()),
        (vec!["Transfer-Encoding: gzip, chunked"], marks.next()),
        (vec!["X-Bad Header: 1"], marks.next()),
    ] {
        let marked = format!("X-Marked: {}", marks.next());
        let all: Vec<&str> = [authorization.as_str(), json, &marked].into_iter().chain(lines).collect();
        let mut raw = Raw::connect(gateway).await?;
        raw.post(&format!("/remediate?{}", marks.next()), &all).await?;
        // The runtime may already have closed the connection.
        let _ = raw.send(body).await;
        raw.end().await?;
    }
    let mut raw = Raw::connect(gateway).await?;
    raw.send(format!("{} {}\r\n\r\n", marks.next(), marks.address())).await?;
    raw.end().await?;
    let mut raw = Raw::connect(gateway).await?;
    raw.head(&marks.next(), "/remediate", &[&format!("Authorization: Bearer {}", marks.next())]).await?;
    raw.end().await
}
