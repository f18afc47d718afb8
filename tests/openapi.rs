//! The gateway serves its OpenAPI document, and its responses over HTTP match the document.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use acceptance::description::{Description, Exchange};
use acceptance::{Failure, Gateway, PATHS, Raw, Response, TestResult, World, tests};
use reqwest::{Method, RequestBuilder};
use sandbox::{Endpoint, Fault, ScriptedResponse, TokenRequest};
use serde_json::{Value, json};

const SEED: &str = include_str!("seed-example.json");

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        openapi_document_is_served_unchanged,
        successes_match_the_openapi_document,
        gateway_rejections_match_the_openapi_document,
        microsoft_rejections_match_the_openapi_document,
        configuration_and_permission_errors_match_the_openapi_document,
    ])
}

async fn description(gateway: &Gateway) -> Result<Description, Failure> {
    Ok(Description::parse(&gateway.get("/openapi.json").send().await?.text().await?)?)
}

/// Sends the request, and checks the response against the document. Returns its status and code.
async fn ask(description: &Description, request: RequestBuilder) -> Result<(u16, String), Failure> {
    let (client, request) = request.build_split();
    let request = request?;
    let (method, path) = (request.method().to_string(), request.url().path().to_owned());
    let response = Response::to(RequestBuilder::from_parts(client, request)).await?;
    described(description, &method, &path, &response)
}

/// Checks the response against the document. Returns its status and code.
fn described(
    description: &Description,
    method: &str,
    path: &str,
    response: &Response,
) -> Result<(u16, String), Failure> {
    let Response { status, ref headers, ref body } = *response;
    let body = std::str::from_utf8(body)?;
    description
        .check_response(Exchange { method, path, status, headers, body })
        .map_err(|fault| format!("{method} {path}: {fault}\n{response:?}"))?;
    Ok((status, response.json()["error"]["code"].as_str().unwrap_or_default().to_owned()))
}

/// Returns Graph's documented example as a different remediation for each number.
fn seed(number: u32) -> String {
    SEED.replace("73ca4154", &format!("{number:08x}"))
}

fn post(world: &World, path: &str) -> RequestBuilder {
    let token = world.sandbox.issue_token(&TokenRequest::default());
    world.gateway.post(path).bearer_auth(token).header("Content-Type", "application/json")
}

async fn openapi_document_is_served_unchanged(world: &World) -> TestResult {
    let description = description(&world.gateway).await?;
    let written: Value = serde_json::from_str(include_str!("../src/openapi.json"))?;
    assert_eq!(description.document(), &written);
    assert_eq!(ask(&description, world.gateway.get("/openapi.json")).await?.0, 200);
    assert_eq!(ask(&description, world.gateway.get("/OpenAPI.json/")).await?.0, 200);
    assert_eq!(ask(&description, world.gateway.get("/openapi-3.0.json")).await?.0, 200);
    assert_eq!(ask(&description, world.gateway.get("/healthz")).await?.0, 200);
    for path in ["/openapi.json", "/openapi-3.0.json", "/healthz", "/remediate"] {
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            assert_eq!(ask(&description, world.gateway.request(method, path)).await?.0, 405);
        }
    }
    assert_eq!(ask(&description, world.gateway.get("/openapi.yaml")).await?, (404, "notFound".to_owned()));
    Ok(())
}

async fn successes_match_the_openapi_document(world: &World) -> TestResult {
    let description = description(&world.gateway).await?;
    for (path, number) in PATHS.into_iter().zip(0x100..) {
        let request = || post(world, path).body(seed(number));
        assert_eq!(
            ask(&description, post(world, &format!("{path}?validateOnly=true")).body(seed(number))).await?.0,
            200
        );
        assert_eq!(ask(&description, request().header("client-request-id", "{first}")).await?.0, 202);
        assert_eq!(ask(&description, request()).await?.0, 202, "replayed");
        assert_eq!(
            ask(&description, request().header("x-ms-workflow-run-id", "08584366234567890123CU00")).await?.0,
            200
        );
        assert_eq!(ask(&description, request().header("Prefer", "return=minimal")).await?.0, 202);
    }
    let error = json!({ "error": { "code": "Conflict", "message": "Duplicate remediation" } });
    let duplicate = ScriptedResponse::new(Endpoint::Remediate).status(409).body(error.to_string());
    world.sandbox.script(duplicate)?;
    assert_eq!(ask(&description, post(world, "/remediate").body(seed(0x200))).await?.0, 202);
    Ok(())
}

async fn gateway_rejections_match_the_openapi_document(world: &World) -> TestResult {
    let description = description(&world.gateway).await?;
    let anonymous = || world.gateway.post("/remediate").header("Content-Type", "application/json").body(SEED);
    let token = |asked: &TokenRequest| world.sandbox.issue_token(asked);
    let stranger = token(&TokenRequest {
        object_id: Some("99999999-0000-0000-0000-000000000000".to_owned()),
        ..TokenRequest::default()
    });
    let scopeless = token(&TokenRequest { scopes: vec!["User.Read".to_owned()], ..TokenRequest::default() });
    let foreign = SEED.replace("hannah.jarvis@contoso.com", "hannah.jarvis@fabrikam.com");
    let used = post(world, "/remediate").header("Idempotency-Key", "used");
    assert_eq!(ask(&description, used.body(seed(0x300))).await?.0, 202);
    for (request, status, code) in [
        (post(world, "/remediate").body("{"), 400, "invalidJson"),
        (post(world, "/remediate").body(r#"{"action":1,"action":2}"#), 400, "invalidJson"),
        (post(world, "/remediate").body(r#"{"Action":"softDelete"}"#), 400, "invalidPayload"),
        (post(world, "/remediate?validateOnly=perhaps").body(SEED), 400, "invalidRequest"),
        (post(world, "/remediate").header("Idempotency-Key", "a b").body(SEED), 400, "invalidRequest"),
        (post(world, "/remediate").header("x-ms-transfer-mode", "chunked").body(SEED), 400, "invalidRequest"),
        (post(world, "/remediate").header("X-API-Key", "as well").body(SEED), 400, "invalidRequest"),
        (anonymous(), 401, "unauthenticated"),
        (anonymous().bearer_auth("a.b.c"), 401, "invalidCredentials"),
        (anonymous().basic_auth("soar", Some("wrong")), 401, "invalidCredentials"),
        (anonymous().bearer_auth(stranger), 403, "unknownCaller"),
        (anonymous().bearer_auth(scopeless), 403, "unknownCaller"),
        (post(world, "/remediate").body(foreign), 403, "recipientNotAllowed"),
        (world.gateway.post("/remediate").body(SEED), 415, "unsupportedMediaType"),
        (post(world, "/remediate").header("Content-Encoding", "br").body(SEED), 415, "unsupportedMediaType"),
        (post(world, "/remediate").header("Content-Encoding", "gzip").body(SEED), 400, "invalidRequest"),
        (post(world, "/remediate").header("Idempotency-Key", "used").body(SEED), 422, "idempotencyKeyReused"),
    ] {
        assert_eq!(ask(&description, request).await?, (status, code.to_owned()));
    }
    // Only the length is sent: the gateway rejects the body unread, and may close the connection of a client that still
    // sends.
    let mut large = Raw::connect(&world.gateway).await?;
    large.post("/remediate", &["Content-Type: application/json", "Content-Length: 4194305"]).await?;
    let response = described(&description, "POST", "/remediate", &large.response().await?)?;
    assert_eq!(response, (413, "payloadTooLarge".to_owned()));
    Ok(())
}

async fn microsoft_rejections_match_the_openapi_document(world: &World) -> TestResult {
    let description = description(&world.gateway).await?;
    let graph = || ScriptedResponse::new(Endpoint::Remediate);
    let bad = json!({ "error": { "code": "badRequest", "message": "Invalid subscription" } });
    for (number, (next, status, code)) in (0x400..).zip([
        (graph().status(400).json(&bad), 400, "graphRefused"),
        (graph().status(409), 409, "graphConflict"),
        (graph().status(429).header("Retry-After", "11"), 429, "graphThrottled"),
        (graph().status(401).times(2), 502, "graphCredentialRejected"),
        (graph().status(403), 502, "graphPermissionMissing"),
        (graph().status(302).header("Location", "https://example.com/"), 502, "graphError"),
        (graph().status(503), 503, "graphUnavailable"),
        (graph().fault(Fault::Close), 503, "graphUnavailable"),
    ]) {
        world.sandbox.script(next)?;
        let request = post(world, "/remediate").body(seed(number));
        assert_eq!(ask(&description, request).await?, (status, code.to_owned()));
    }
    Ok(())
}

async fn configuration_and_permission_errors_match_the_openapi_document(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({ "TENANT_ID": null })).await?;
    let description = description(&gateway).await?;
    let request = gateway.post("/remediate").header("Content-Type", "application/json").body(SEED);
    assert_eq!(ask(&description, request).await?, (500, "misconfigured".to_owned()));

    let stopped = world.gateway_with(json!({ "STOPPED": "true" })).await?;
    let request = stopped.post("/remediate").bearer_auth(world.token()).header("Content-Type", "application/json");
    assert_eq!(ask(&description, request.body(SEED)).await?, (503, "stopped".to_owned()));

    let caller = |limit: &str, emails: u64| {
        let mut caller = json!({ "name": "limited", "object_id": sandbox::CALLER_OBJECT_ID, "actions": ["softDelete"], "recipient_domains": ["*"] });
        caller[limit] = json!(emails);
        json!({ "CALLERS": [caller] })
    };
    let small = world.gateway_with(caller("max_emails_per_request", 1)).await?;
    let slow = world.gateway_with(caller("max_emails_per_hour", 2)).await?;
    let post = |gateway: &Gateway, body: String| {
        let token = world.sandbox.issue_token(&TokenRequest::default());
        gateway.post("/remediate").bearer_auth(token).header("Content-Type", "application/json").body(body)
    };
    let harder = SEED.replace("softDelete", "hardDelete");
    for (request, status, code) in [
        (post(&small, harder), 403, "actionNotAllowed"),
        (post(&small, SEED.to_owned()), 403, "tooManyEmails"),
        (post(&slow, seed(0x500)), 202, ""),
        (post(&slow, seed(0x501)), 429, "quotaExceeded"),
    ] {
        assert_eq!(ask(&description, request).await?, (status, code.to_owned()));
    }
    Ok(())
}
