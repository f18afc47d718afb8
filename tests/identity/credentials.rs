//! Credentials of a request: exactly one, of one kind.

use acceptance::{API_KEY, API_KEY_SHA256, Gateway, PATHS, Raw, Response, TestResult, World, payload};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::tokens::assert_same;

/// Starts a gateway that accepts the development caller's token and a key.
async fn gateway_with_both_callers(world: &World) -> Result<Gateway, acceptance::Failure> {
    let callers = json!([
        { "name": "tokens", "object_id": sandbox::CALLER_OBJECT_ID, "actions": ["softDelete"], "recipient_domains": ["*"] },
        { "name": "keys", "api_key_sha256": [API_KEY_SHA256], "actions": ["softDelete"], "recipient_domains": ["*"] },
    ]);
    world.gateway_with(json!({ "CALLERS": callers })).await
}

pub(crate) async fn request_without_credentials_gets_challenge_without_error_code(world: &World) -> TestResult {
    let request = || world.gateway.post("/remediate").json(&payload());
    for request in [request(), request().header("X-API-Key", ""), request().header("Cookie", "token=x")] {
        let response = Response::to(request).await?;
        response.assert_problem(401, "unauthenticated", &["www-authenticate"]);
        assert_eq!(response.header("www-authenticate"), Some(r#"Bearer realm="remediation-gateway""#));
    }
    assert!(world.sandbox.recorded().is_empty(), "Microsoft was called");
    Ok(())
}

pub(crate) async fn every_invalid_api_key_gets_the_same_response(world: &World) -> TestResult {
    let gateway = gateway_with_both_callers(world).await?;
    let post = || gateway.post("/remediate").json(&payload());
    let key = |key: &str| post().header("X-API-Key", key);
    let authorization = |value: &str| post().header("Authorization", value);
    let basic = |pair: &str| authorization(&format!("Basic {}", BASE64_STANDARD.encode(pair)));
    let mut responses = Vec::new();
    for (name, request) in [
        ("unknown", key("nobody's")),
        ("another case", key(&API_KEY.to_lowercase())),
        ("cut", key(&API_KEY.chars().skip(1).collect::<String>())),
        ("longer", key(&format!("{API_KEY}x"))),
        ("its digest", key(API_KEY_SHA256)),
        ("huge", key(&"k".repeat(5_000))),
        ("another's name", basic(&format!("tokens:{API_KEY}"))),
        ("an unknown name", basic(&format!("nobody:{API_KEY}"))),
        ("the name in another case", basic(&format!("KEYS:{API_KEY}"))),
        ("no name", basic(&format!(":{API_KEY}"))),
        ("no key", basic("keys:")),
        ("no colon", basic(API_KEY)),
        ("name and key exchanged", basic(&format!("{API_KEY}:keys"))),
        ("not base64", authorization("Basic ???")),
        ("not UTF-8", authorization("Basic /zp4")),
        ("no scheme", authorization(API_KEY)),
        ("a scheme alone", authorization("Basic")),
        ("an empty token", authorization("Bearer ")),
        ("a key as Digest", authorization(&format!("Digest {API_KEY}"))),
        ("a key as ApiKey", authorization(&format!("ApiKey {API_KEY}"))),
        ("a shared access signature", authorization("SharedAccessSignature sr=x&sig=y&se=1&skn=z")),
    ] {
        let response = Response::to(request).await?;
        assert_eq!(response.status, 401, "{name}: {response:?}");
        assert_eq!(response.header("www-authenticate"), Some(r#"Bearer realm="remediation-gateway""#), "{name}");
        responses.push((name, response));
    }
    assert_same(&responses)?;
    assert!(world.sandbox.recorded().is_empty(), "Microsoft was called");
    // The key and name from which the invalid credentials differ slightly are valid.
    assert_eq!(Response::to(basic(&format!("keys:{API_KEY}"))).await?.status, 202);
    Ok(())
}

/// If the gateway chose one of two credentials, anyone who can add a credential could change the caller.
pub(crate) async fn duplicate_or_mixed_credentials_are_rejected(world: &World) -> TestResult {
    let gateway = gateway_with_both_callers(world).await?;
    let token = format!("Authorization: Bearer {}", world.token());
    let other = format!("AUTHORIZATION: Bearer {}", world.token());
    let key = format!("X-API-Key: {API_KEY}");
    let basic = format!("Authorization: Basic {}", BASE64_STANDARD.encode(format!("keys:{API_KEY}")));
    let bad = "authorization: Bearer x.y.z".to_owned();
    let in_one = format!("{token}, Bearer {}", world.token());
    for lines in [
        vec![&token, &token],
        vec![&token, &other],
        vec![&token, &bad],
        vec![&bad, &token],
        vec![&bad, &bad],
        vec![&token, &basic],
        vec![&basic, &basic],
        vec![&in_one],
        vec![&key, &key],
        vec![&token, &key],
        vec![&key, &token],
        vec![&basic, &key],
        vec![&bad, &key],
    ] {
        let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
        let mut raw = Raw::remediation(&gateway, &lines, &payload().to_string(), 0).await?;
        raw.response().await?.assert_problem(400, "invalidRequest", &[]);
    }
    assert!(world.sandbox.recorded().is_empty(), "Microsoft was called");
    Ok(())
}

/// RFC 6750 defines both forms, and both end up in logs.
pub(crate) async fn credential_in_query_or_body_is_ignored(world: &World) -> TestResult {
    let token = world.token();
    let mut in_body = payload();
    in_body["access_token"] = Value::from(token.as_str());
    for (path, payload) in [
        (format!("/remediate?access_token={token}"), payload()),
        (format!("/remediate?code={API_KEY}"), payload()),
        ("/remediate".to_owned(), in_body),
    ] {
        let response = Response::to(world.gateway.post(&path).json(&payload)).await?;
        response.assert_problem(401, "unauthenticated", &["www-authenticate"]);
    }
    Ok(())
}

/// Plain HTTP exposes a credential. If the gateway accepted it, the caller would never notice.
pub(crate) async fn plain_http_is_rejected_before_authentication(world: &World) -> TestResult {
    let gateway = gateway_with_both_callers(world).await?;
    let token = world.token();
    let bearer = format!("Authorization: Bearer {token}");
    let key = format!("X-API-Key: {API_KEY}");
    let id = format!("client-request-id: {API_KEY}");
    let unknown = "X-API-Key: unknown".to_owned();
    let json = "Content-Type: application/json".to_owned();
    for path in PATHS {
        for lines in [
            vec![&bearer, &json],
            vec![&key, &json],
            vec![&key, &id, &json],
            vec![&bearer, &key, &json],
            vec![&unknown, &json],
            vec![&json],
            vec![],
        ] {
            let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).chain(["Content-Length: 0"]).collect();
            let mut raw = Raw::connect(&gateway).await?;
            raw.head_to("gateway.example", "POST", path, &lines).await?;
            let response = raw.response().await?;
            let body = response.assert_problem(403, "httpsRequired", &[]).to_string();
            assert!(body.contains("rotate") && body.contains("Nothing was sent."), "{body}");
            let seen = format!("{response:?}{body}");
            assert!(!seen.contains(API_KEY) && !seen.contains(&token), "the credential is echoed: {seen}");
        }
    }
    let log = gateway.output().join("\n");
    assert!(!log.contains(API_KEY) && !log.contains(&token), "the credential is logged: {log}");
    assert!(world.sandbox.recorded().is_empty(), "Microsoft was called");
    Ok(())
}

/// Loopback hosts need no TLS. Similar host names need it, and so do hosts that cannot be parsed.
pub(crate) async fn remediation_over_plain_http_is_accepted_only_on_loopback_hosts(world: &World) -> TestResult {
    let gateway = gateway_with_both_callers(world).await?;
    let key = format!("X-API-Key: {API_KEY}");
    let body = payload().to_string();
    let length = format!("Content-Length: {}", body.len());
    let lines = [key.as_str(), "Content-Type: application/json", &length];
    for (host, status) in [
        ("127.0.0.1", 200),
        ("127.0.0.1:8787", 200),
        ("127.255.255.254", 200),
        ("localhost", 200),
        ("LOCALHOST:8787", 200),
        ("[::1]", 200),
        ("[::1]:8787", 200),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("evil-localhost", 403),
        ("128.0.0.1", 403),
        ("10.0.0.1", 403),
        ("[::2]", 403),
        ("gateway.example:443", 403),
    ] {
        let mut raw = Raw::connect(&gateway).await?;
        raw.head_to(host, "POST", "/remediate?validateOnly=true", &lines).await?;
        raw.send(&body).await?;
        let response = raw.response().await?;
        assert_eq!(response.status, status, "{host}: {response:?}");
    }
    // The other routes need no credential.
    let mut raw = Raw::connect(&gateway).await?;
    raw.head_to("gateway.example", "GET", "/healthz", &[]).await?;
    assert_eq!(raw.response().await?.status, 200);
    Ok(())
}
