//! Order of the checks, and what a client does not learn after a failed one.

use acceptance::{Failure, Raw, Response, TestResult, World, payload, payload_with};
use reqwest::{Method, RequestBuilder};
use sandbox::{Endpoint, ScriptedResponse, TokenRequest};
use serde_json::{Value, json};

/// Errors that a request can have, in the order of the checks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Fault {
    Path,
    Method,
    Type,
    NoCredentials,
    BadCredentials,
    Nobody,
    Query,
    Json,
    Payload,
    Permissions,
}

const FAULTS: [(Fault, u16, &str); 10] = [
    (Fault::Path, 404, "notFound"),
    (Fault::Method, 405, "methodNotAllowed"),
    (Fault::Type, 415, "unsupportedMediaType"),
    (Fault::NoCredentials, 401, "unauthenticated"),
    (Fault::BadCredentials, 401, "invalidCredentials"),
    (Fault::Nobody, 403, "unknownCaller"),
    (Fault::Query, 400, "invalidRequest"),
    (Fault::Json, 400, "invalidJson"),
    (Fault::Payload, 400, "invalidPayload"),
    (Fault::Permissions, 403, "recipientNotAllowed"),
];

/// Returns a request with these errors, as far as they can be combined.
fn request(world: &World, faults: &[Fault]) -> RequestBuilder {
    let has = |fault| faults.contains(&fault);
    let method = if has(Fault::Method) { Method::PUT } else { Method::POST };
    let path = if has(Fault::Path) { "/nowhere" } else { "/remediate" };
    let query = if has(Fault::Query) { "?validateOnly=perhaps" } else { "" };
    let mut request = world.gateway.request(method, &format!("{path}{query}"));
    request = request.header("Content-Type", if has(Fault::Type) { "text/plain" } else { "application/json" });
    let token = |request| world.sandbox.issue_token(&request);
    // A request has credentials of one kind at most, so the first error of theirs counts.
    request = if has(Fault::NoCredentials) {
        request
    } else if has(Fault::BadCredentials) {
        request.bearer_auth(token(TokenRequest { expires_in: Some(-600), ..TokenRequest::default() }))
    } else if has(Fault::Nobody) {
        request.bearer_auth(token(TokenRequest { object_id: Some(acceptance::guid()), ..TokenRequest::default() }))
    } else {
        request.bearer_auth(world.token())
    };
    let mut body = payload();
    if has(Fault::Payload) {
        body["severity"] = json!("grave");
    }
    if has(Fault::Permissions) {
        body["analyzedEmails"][0]["recipientEmailAddress"] = json!("a@fabrikam.com");
    }
    let mut body = body.to_string();
    if has(Fault::Json) {
        body.push(',');
    }
    request.body(body)
}

/// Every two errors at once, and each with all later ones: the response reports the earlier one.
pub(crate) async fn first_failed_check_determines_the_response(world: &World) -> TestResult {
    for (at, (first, status, code)) in FAULTS.into_iter().enumerate() {
        let later: Vec<Fault> = FAULTS.into_iter().skip(at + 1).map(|(fault, ..)| fault).collect();
        let mut sets: Vec<Vec<Fault>> = later.iter().map(|other| vec![first, *other]).collect();
        sets.push(std::iter::once(first).chain(later).collect());
        for faults in sets {
            let response = Response::to(request(world, &faults)).await?;
            let body = response.json();
            assert_eq!((response.status, &body["error"]["code"]), (status, &json!(code)), "{faults:?}: {response:?}");
        }
    }
    // The declared size is checked before authentication, the received size after it.
    let mut declared = Raw::connect(&world.gateway).await?;
    declared.post("/remediate", &["Content-Type: application/json", "Content-Length: 4194305"]).await?;
    declared.response().await?.assert_problem(413, "payloadTooLarge", &[]);
    let mut streamed = Raw::connect(&world.gateway).await?;
    streamed.post("/remediate", &["Content-Type: application/json", "Transfer-Encoding: chunked"]).await?;
    streamed.response().await?.assert_problem(401, "unauthenticated", &["www-authenticate"]);
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty());

    let mut long = Raw::connect(&world.gateway).await?;
    let token = format!("Authorization: Bearer {}", world.token());
    long.post("/remediate", &[&token, "Content-Type: application/json", "Transfer-Encoding: chunked"]).await?;
    long.chunk(&vec![b'{'; 4 << 20]).await?;
    long.chunk(b"{").await?;
    long.response().await?.assert_problem(413, "payloadTooLarge", &[]);

    // Permissions come before the ledger, in which the key belongs to another payload.
    let key = acceptance::guid();
    let first = world.remediate(&payload()).header("Idempotency-Key", &key);
    assert_eq!(Response::to(first).await?.status, 202);
    let refused = request(world, &[Fault::Permissions]).header("Idempotency-Key", &key);
    Response::to(refused).await?.assert_problem(403, "recipientNotAllowed", &[]);

    // All checks come before Graph, which would fail otherwise.
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(503))?;
    Response::to(request(world, &[Fault::Permissions])).await?.assert_problem(403, "recipientNotAllowed", &[]);
    Ok(())
}

/// Returns the response without the parts that always differ.
fn plain(response: &Response) -> Result<(Vec<(String, String)>, Value), Failure> {
    let mut body = response.json();
    for pointer in ["/requestId", "/error/innerError/request-id", "/error/innerError/date"] {
        *body.pointer_mut(pointer).ok_or(pointer)? = Value::Null;
    }
    let headers = response.headers.iter().filter(|(name, _)| name != "request-id" && name != "connection").cloned();
    Ok((headers.collect(), body))
}

/// An unauthenticated client gets one response for any payload: neither the payload's rules nor a caller's permissions
/// show.
pub(crate) async fn unauthenticated_client_gets_the_same_response_for_any_payload(world: &World) -> TestResult {
    let good = payload().to_string();
    let fabrikam = json!([{ "networkMessageId": acceptance::guid(), "recipientEmailAddress": "a@fabrikam.com" }]);
    let fabrikam = payload_with("analyzedEmails", fabrikam).to_string();
    let expired = world.sandbox.issue_token(&TokenRequest { expires_in: Some(-600), ..TokenRequest::default() });
    for credentials in [None, Some(expired)] {
        let mut seen: Option<(Vec<(String, String)>, Value)> = None;
        for (query, key, body) in [
            ("", None, good.clone()),
            ("", None, String::new()),
            ("", None, "{".to_owned()),
            ("", None, "{}".to_owned()),
            ("", None, payload_with("action", "delete").to_string()),
            ("", None, fabrikam.clone()),
            // The body fits into the connection's buffer. A larger one is rejected unread, and its sender may find the
            // connection closed.
            ("", None, " ".repeat(32 << 10)),
            ("?validateOnly=true", None, good.clone()),
            ("?validateOnly=perhaps", None, good.clone()),
            ("", Some("not a \"key\""), good.clone()),
        ] {
            let mut request =
                world.gateway.post(&format!("/remediate{query}")).header("Content-Type", "application/json");
            if let Some(token) = &credentials {
                request = request.bearer_auth(token);
            }
            if let Some(key) = key {
                request = request.header("Idempotency-Key", key);
            }
            let response = Response::to(request.body(body.clone())).await?;
            assert_eq!(response.status, 401);
            let response = plain(&response)?;
            assert_eq!(*seen.get_or_insert_with(|| response.clone()), response, "{query} {key:?} {body:.80}");
        }
    }
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty());
    Ok(())
}
