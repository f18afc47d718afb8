//! Requests that are rejected by their head: path, method, declared size and type, credentials, query and idempotency
//! key.

use acceptance::{API_KEY, API_KEY_SHA256, Response, TestResult, World, payload};
use reqwest::Method;
use sandbox::TokenRequest;
use serde_json::json;

use crate::case::{Case, case, provoke, provoke_by_head};

const BEARER: &str = r#"Bearer realm="remediation-gateway""#;
const INVALID_TOKEN: &str = r#"Bearer realm="remediation-gateway", error="invalid_token""#;
const INSUFFICIENT_SCOPE: &str = r#"Bearer realm="remediation-gateway", error="insufficient_scope""#;

const PATHS: [&str; 17] = [
    "/",
    "/nowhere",
    "/remediate/x",
    "/remediate//",
    "/v1.0///security/collaboration/analyzedEmails/remediate",
    "/v1.0/security//collaboration/analyzedEmails/remediate",
    "//v1.0/security/collaboration/analyzedEmails/remediate",
    "//remediate",
    "/remediat%65",
    "/remediate;x",
    "/beta/remediate",
    "/BETA/security/collaboration/analyzedEmails/remediate",
    "/v2.0/security/collaboration/analyzedEmails/remediate",
    "/v1/security/collaboration/analyzedEmails/remediate",
    "/security/collaboration/analyzedEmails/remediate",
    "/beta/security/collaboration/analyzedEmails",
    "/v1.0/security/collaboration/analyzedEmails/73ca4154-58d8-43d0-a890-08dc18c52e6d/remediate",
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for path in PATHS {
        cases.push(case("no such path", 404, "notFound", move |world, gateway| {
            gateway.post(path).bearer_auth(world.token()).json(&payload())
        }));
    }
    for (path, allowed) in [
        ("/remediate", "POST"),
        ("/healthz", "GET, HEAD"),
        ("/healthz/", "GET, HEAD"),
        ("/beta/security/collaboration/analyzedEmails/remediate", "POST"),
        ("/v1.0/security/collaboration/analyzedEmails/Microsoft.Graph.Security.Remediate/", "POST"),
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
            if !allowed.contains(method.as_str()) {
                let request = move |world: &World, gateway: &acceptance::Gateway| {
                    gateway.request(method.clone(), path).bearer_auth(world.token()).json(&payload())
                };
                cases.push(case("no such method", 405, "methodNotAllowed", request).header("allow", allowed));
            }
        }
    }
    cases.extend(types());
    cases.extend(credentials());
    cases.extend(queries_and_keys());
    cases.push(
        case("a broken configuration", 500, "misconfigured", |world, gateway| {
            gateway.post("/remediate").bearer_auth(world.token()).json(&payload())
        })
        .gateway(json!({ "TENANT_ID": null })),
    );
    cases.push(
        case("a gateway that is stopped", 503, "stopped", |world, gateway| {
            gateway.post("/remediate").bearer_auth(world.token()).json(&payload())
        })
        .gateway(json!({ "STOPPED": true }))
        .header("retry-after", "300"),
    );
    cases
}

/// The body as it is declared.
fn types() -> Vec<Case> {
    let mut cases = Vec::new();
    for content_type in [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/problem+json",
        "application/jsonx",
        "multipart/form-data; boundary=application/json",
        "*/*",
        "",
        "application/json; charset=utf-16",
        "application/json; charset=latin1; charset=utf-8",
        "application/json; charset=",
    ] {
        cases.push(
            case("a type other than JSON in UTF-8", 415, "unsupportedMediaType", move |world, gateway| {
                let request = gateway.post("/remediate").bearer_auth(world.token());
                request.header("Content-Type", content_type).body(payload().to_string())
            })
            .header("accept", "application/json"),
        );
    }
    cases.push(
        case("no type", 415, "unsupportedMediaType", |world, gateway| {
            gateway.post("/remediate").bearer_auth(world.token()).body(payload().to_string())
        })
        .header("accept", "application/json"),
    );
    cases.push(
        case("nothing at all", 415, "unsupportedMediaType", |world, gateway| {
            gateway.post("/remediate").bearer_auth(world.token())
        })
        .header("accept", "application/json"),
    );
    cases.push(
        case("two types", 415, "unsupportedMediaType", |world, gateway| {
            let request = gateway.post("/remediate").bearer_auth(world.token()).body(payload().to_string());
            request.header("Content-Type", "application/json").header("Content-Type", "application/json")
        })
        .header("accept", "application/json"),
    );
    for encoding in ["br", "deflate", "gzip, br", "gzip, gzip", "zstd", "x"] {
        cases.push(
            case("an encoded body", 415, "unsupportedMediaType", move |world, gateway| {
                let request = gateway.post("/remediate").bearer_auth(world.token());
                request.json(&payload()).header("Content-Encoding", encoding)
            })
            .header("accept-encoding", "gzip, identity"),
        );
    }
    for mode in ["chunked", "Chunked", " CHUNKED "] {
        cases.push(case("Logic Apps' chunked upload", 400, "invalidRequest", move |world, gateway| {
            gateway.post("/remediate").bearer_auth(world.token()).header("x-ms-transfer-mode", mode)
        }));
    }
    cases
}

/// Each kind of failed authentication; `tests/identity/tokens.rs` has the many kinds of invalid tokens.
fn credentials() -> Vec<Case> {
    let keyed = || {
        json!({ "CALLERS": [
            { "name": "keyed", "api_key_sha256": [API_KEY_SHA256], "actions": ["softDelete"], "recipient_domains": ["*"] },
            { "name": "other", "object_id": sandbox::CALLER_OBJECT_ID, "actions": ["softDelete"], "recipient_domains": ["*"], "role": "R" },
        ]})
    };
    let mut cases = vec![
        case("no credentials", 401, "unauthenticated", |_, gateway| gateway.post("/remediate").json(&payload()))
            .header("www-authenticate", BEARER),
        case("an expired token", 401, "invalidCredentials", |world, gateway| {
            let expired = TokenRequest { expires_in: Some(-600), ..TokenRequest::default() };
            gateway.post("/remediate").bearer_auth(world.sandbox.issue_token(&expired)).json(&payload())
        })
        .header("www-authenticate", INVALID_TOKEN),
        case("an unknown key", 401, "invalidCredentials", |_, gateway| {
            gateway.post("/remediate").header("X-API-Key", "nobody's").json(&payload())
        })
        .header("www-authenticate", BEARER)
        .gateway(keyed()),
        case("a key under another's name", 401, "invalidCredentials", |_, gateway| {
            gateway.post("/remediate").basic_auth("other", Some(API_KEY)).json(&payload())
        })
        .header("www-authenticate", BEARER)
        .gateway(keyed()),
        case("a valid token of nobody", 403, "unknownCaller", |world, gateway| {
            let nobody = TokenRequest { object_id: Some(acceptance::guid()), ..TokenRequest::default() };
            gateway.post("/remediate").bearer_auth(world.sandbox.issue_token(&nobody)).json(&payload())
        }),
        case("a person's token without the scope", 403, "unknownCaller", |world, gateway| {
            let person = TokenRequest { scopes: vec!["User.Read".to_owned()], ..TokenRequest::default() };
            gateway.post("/remediate").bearer_auth(world.sandbox.issue_token(&person)).json(&payload())
        })
        .header("www-authenticate", INSUFFICIENT_SCOPE),
        case("a token without its caller's role", 403, "unknownCaller", |world, gateway| {
            gateway.post("/remediate").bearer_auth(world.token()).json(&payload())
        })
        .header("www-authenticate", INSUFFICIENT_SCOPE)
        .gateway(keyed()),
        case("two kinds of credentials, both good", 400, "invalidRequest", |world, gateway| {
            let request = gateway.post("/remediate").bearer_auth(world.token());
            request.header("X-API-Key", API_KEY).json(&payload())
        })
        .gateway(keyed()),
    ];
    cases.push(case("the same token twice", 400, "invalidRequest", |world, gateway| {
        let token = format!("Bearer {}", world.token());
        let request = gateway.post("/remediate").header("Authorization", &token);
        request.header("Authorization", &token).json(&payload())
    }));
    cases
}

fn queries_and_keys() -> Vec<Case> {
    let mut cases = Vec::new();
    for query in ["validateOnly=yes", "validateOnly=true&validateOnly=true", "validateonly", "validat=true", "%FF=1"] {
        cases.push(case("a query that may mean to validate", 400, "invalidRequest", move |world, gateway| {
            gateway.post(&format!("/remediate?{query}")).bearer_auth(world.token()).json(&payload())
        }));
    }
    let too_long = "x".repeat(256);
    for key in ["", "\"\"", "\"a", "a b", "a, b", &too_long] {
        let key = key.to_owned();
        cases.push(case("a malformed idempotency key", 400, "invalidRequest", move |world, gateway| {
            let request = gateway.post("/remediate").bearer_auth(world.token());
            request.header("Idempotency-Key", &key).json(&payload())
        }));
    }
    cases
}

/// Each request is sent as its head alone, with a declared body that never arrives, and completely, as callers send it.
pub(crate) async fn invalid_head_is_rejected_before_the_body_arrives(world: &World) -> TestResult {
    provoke_by_head(world, cases()).await?;
    provoke(world, cases()).await?;
    // The response names the correction if there is one.
    let chunked = world.gateway.post("/remediate").header("x-ms-transfer-mode", "chunked");
    let detail = Response::to(chunked).await?.json()["detail"].to_string();
    assert!(detail.contains("x-ms-transfer-mode: chunked"), "{detail}");
    Ok(())
}

/// No caller is a browser: a preflight gets the response of any other method.
pub(crate) async fn unsupported_method_returns_405(world: &World) -> TestResult {
    let preflight = world.gateway.request(Method::OPTIONS, "/remediate").header("Origin", "https://contoso.com");
    let preflight = preflight.header("Access-Control-Request-Method", "POST");
    Response::to(preflight).await?.assert_problem(405, "methodNotAllowed", &["allow"]);
    let purge = world.gateway.request(Method::from_bytes(b"PURGE")?, "/remediate");
    Response::to(purge).await?.assert_problem(405, "methodNotAllowed", &["allow"]);
    // A method in an override header does not count.
    let claimed = world.gateway.get("/remediate").header("X-HTTP-Method-Override", "POST");
    Response::to(claimed).await?.assert_problem(405, "methodNotAllowed", &["allow"]);
    Ok(())
}

/// RFC 9110, section 9.3.2.
pub(crate) async fn head_response_has_no_body(world: &World) -> TestResult {
    for (path, status, allow) in
        [("/remediate", 405, Some("POST")), ("/healthz", 200, None), ("/openapi.json", 200, None), ("/x", 404, None)]
    {
        let response = Response::to(world.gateway.request(Method::HEAD, path)).await?;
        assert_eq!(
            (response.status, response.header("allow"), response.body.len()),
            (status, allow, 0),
            "{path}: {response:?}"
        );
        let get = Response::to(world.gateway.get(path)).await?;
        for header in ["content-type", "content-length", "cache-control", "x-content-type-options"] {
            assert!(status != 200 || response.header(header) == get.header(header), "{path} {header}: {response:?}");
        }
    }
    Ok(())
}
