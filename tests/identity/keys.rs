//! Issuer's keys: fetched when needed, and no more often than that.

use acceptance::{Failure, Gateway, Response, TestResult, World, payload};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sandbox::{Endpoint, Fault, ScriptedResponse, TokenRequest};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Validates a remediation with this token and returns the status.
async fn status(gateway: &Gateway, token: &str) -> Result<u16, Failure> {
    let request = gateway.post("/remediate?validateOnly=true").bearer_auth(token).json(&payload());
    Ok(Response::to(request).await?.status)
}

/// Validates remediations with all tokens concurrently.
async fn statuses(gateway: &Gateway, tokens: impl IntoIterator<Item = String>) -> Result<Vec<u16>, Failure> {
    let mut set = JoinSet::new();
    for token in tokens {
        let request = gateway.post("/remediate?validateOnly=true").bearer_auth(token).json(&payload());
        set.spawn(async move { Response::to(request).await.map(|response| response.status) });
    }
    set.join_all().await.into_iter().collect()
}

fn fetches(world: &World) -> usize {
    world.sandbox.recorded_at(Endpoint::Keys).len()
}

/// Replaces the token's key ID with an unknown one. The gateway then never checks the signature.
fn with_key_id(token: &str, kid: &str) -> String {
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": kid }).to_string();
    let rest = token.split_once('.').map_or("", |(_, rest)| rest);
    format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(header))
}

/// Entra ID may roll its keys at any time, and keeps the old key published for some time.
pub(crate) async fn key_rotation_during_traffic_rejects_no_token(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({})).await?;
    let old: Vec<String> = (0..20).map(|_| world.token()).collect();
    assert_eq!(status(&gateway, &old[0]).await?, 200);
    assert_eq!(fetches(world), 1);

    world.sandbox.rotate_key();
    let new = (0..20).map(|_| world.token());
    let statuses = statuses(&gateway, old.into_iter().chain(new)).await?;
    assert_eq!(statuses, [200; 40]);
    assert_eq!(fetches(world), 2, "more than one fetch");
    Ok(())
}

/// A flood of invalid tokens neither reaches Entra ID nor affects valid callers.
pub(crate) async fn thousand_unknown_key_ids_cause_one_fetch(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({})).await?;
    let good = world.token();
    assert_eq!(status(&gateway, &good).await?, 200);
    assert_eq!(fetches(world), 1);

    for number in 0..1_000 {
        let token = with_key_id(&good, &format!("unknown-{number}"));
        let response = Response::to(gateway.post("/remediate").bearer_auth(token).json(&payload())).await?;
        response.assert_problem(503, "graphUnavailable", &["retry-after"]);
    }
    assert_eq!(fetches(world), 2);
    assert_eq!(status(&gateway, &good).await?, 200);
    assert_eq!(status(&gateway, &world.token()).await?, 200);
    Ok(())
}

/// The flood is concurrent, on a gateway without keys, with a valid token among it. If the valid token starts the
/// fetch, an unknown key causes one more.
pub(crate) async fn concurrent_unknown_key_ids_cause_at_most_two_fetches(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({})).await?;
    world.sandbox.script(ScriptedResponse::new(Endpoint::Keys).delay(std::time::Duration::from_millis(200)))?;
    let good = world.token();
    let unknown = (0..100).map(|number| with_key_id(&good, &format!("unknown-{number}")));
    let mut statuses = statuses(&gateway, unknown.chain([good.clone()])).await?;
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[503; 100][..]));
    assert!((1..=2).contains(&fetches(world)), "{} fetches", fetches(world));
    Ok(())
}

/// Tokens for another audience or tenant and expired tokens never cause a fetch.
pub(crate) async fn unknown_key_id_with_invalid_claims_returns_401_without_fetch(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({})).await?;
    assert_eq!(status(&gateway, &world.token()).await?, 200);
    for request in [
        TokenRequest { audience: Some("api://another".to_owned()), ..TokenRequest::default() },
        TokenRequest { audience: Some(sandbox::GRAPH_AUDIENCE.to_owned()), ..TokenRequest::default() },
        TokenRequest { tenant_id: Some("99998888-7777-6666-5555-444433332222".to_owned()), ..TokenRequest::default() },
        TokenRequest { expires_in: Some(-600), ..TokenRequest::default() },
        TokenRequest { not_before: Some(600), ..TokenRequest::default() },
    ] {
        let token = with_key_id(&world.sandbox.issue_token(&request), "unknown");
        assert_eq!(status(&gateway, &token).await?, 401, "{request:?}");
    }
    assert_eq!(fetches(world), 1);
    Ok(())
}

/// Entra ID's endpoint consists of many servers, and one may lag during a roll. Workflow engines do not retry a 401.
pub(crate) async fn key_missing_from_one_response_is_refetched_or_returns_503(world: &World) -> TestResult {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/{}/discovery/v2.0/keys", world.sandbox.base_url(), sandbox::TENANT_ID);
    let published: Value = client.get(url).send().await?.json().await?;
    world.sandbox.clear();
    let named = |kid: &str| {
        let mut key = published["keys"][0].clone();
        key["kid"] = json!(kid);
        key
    };
    let mut before = published.clone();
    before["keys"].as_array_mut().ok_or("no keys")?.push(named("key-b"));
    let without = json!({ "keys": [named("key-b"), named("key-d")] });
    let keys = |set: &Value| ScriptedResponse::new(Endpoint::Keys).json(set);

    // [A, B] are cached, one response lists [B, D], and then the endpoint recovers.
    let gateway = world.gateway_with(json!({})).await?;
    world.sandbox.script(keys(&before))?;
    world.sandbox.script(keys(&without))?;
    assert_eq!(status(&gateway, &world.token()).await?, 200);
    assert_eq!(status(&gateway, &with_key_id(&world.token(), "unknown")).await?, 503);
    assert_eq!(fetches(world), 2);
    assert_eq!(status(&gateway, &world.token()).await?, 200, "the key was listed before");
    assert_eq!(fetches(world), 3);

    // The endpoint takes longer to recover: the gateway tells the caller to retry and does not fetch again.
    world.sandbox.clear();
    let gateway = world.gateway_with(json!({})).await?;
    world.sandbox.script(keys(&before))?;
    world.sandbox.script(keys(&without).times(2))?;
    assert_eq!(status(&gateway, &world.token()).await?, 200);
    assert_eq!(status(&gateway, &with_key_id(&world.token(), "unknown")).await?, 503);
    for _ in 0..20 {
        let response = Response::to(gateway.post("/remediate").bearer_auth(world.token()).json(&payload())).await?;
        response.assert_problem(503, "graphUnavailable", &["retry-after"]);
        let wait: u64 = response.header("retry-after").unwrap_or_default().parse()?;
        assert!((1..=30).contains(&wait), "{wait} s");
    }
    assert_eq!(fetches(world), 3);
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty(), "it was sent to Graph");
    Ok(())
}

/// Workflow engines do not retry a 401, but they retry a 503. The failure is forgotten once the keys are available.
pub(crate) async fn unavailable_keys_return_503_with_retry_after(world: &World) -> TestResult {
    let keys = || ScriptedResponse::new(Endpoint::Keys);
    for next in [
        keys().status(500),
        keys().status(302).header("Location", &format!("{}/elsewhere", world.sandbox.base_url())),
        keys().fault(Fault::Close),
        keys().fault(Fault::CutAfter(20)),
        keys().body("<html>"),
        keys().body(r#"{"keys":[]}"#),
        keys().body(vec![b' '; 300_000]),
    ] {
        world.sandbox.clear();
        world.sandbox.script(next.clone())?;
        let gateway = world.gateway_with(json!({})).await?;
        let response = Response::to(gateway.post("/remediate").bearer_auth(world.token()).json(&payload())).await?;
        assert_eq!(response.status, 503, "{next:?}: {response:?}");
        response.assert_problem(503, "graphUnavailable", &["retry-after"]);
        assert_eq!(fetches(world), 1, "{next:?}");
        let called =
            [Endpoint::Remediate, Endpoint::Token, Endpoint::Other].map(|at| world.sandbox.recorded_at(at).len());
        assert_eq!(called, [0, 0, 0], "{next:?}");
    }
    Ok(())
}

/// A key that names an issuer is valid only for that issuer. Only RSA signature keys can sign tokens (facts, section
/// 3).
pub(crate) async fn key_with_unsupported_issuer_or_parameters_is_ignored(world: &World) -> TestResult {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/{}/discovery/keys", world.sandbox.base_url(), sandbox::TENANT_ID);
    let published: Value = client.get(url).send().await?.json().await?;
    let decoy = json!({ "kty": "RSA", "use": "sig", "kid": "decoy", "n": published["keys"][0]["n"], "e": "AQAB" });
    let own = format!("{}/{}/v2.0", world.sandbox.base_url(), sandbox::TENANT_ID);
    for (member, value, expected) in [
        ("x5t", json!("as published"), 200),
        ("issuer", json!(own), 200),
        ("issuer", json!(format!("{}/{{tenantid}}/v2.0", world.sandbox.base_url())), 200),
        ("issuer", json!("https://login.microsoftonline.com/common/v2.0"), 503),
        ("use", json!("enc"), 503),
        ("kty", json!("EC"), 503),
        ("alg", json!("PS256"), 503),
        ("e", json!("Aw"), 503),
    ] {
        world.sandbox.clear();
        let mut keys = published.clone();
        let all = keys["keys"].as_array_mut().ok_or("no keys")?;
        for key in all.iter_mut() {
            key[member] = value.clone();
        }
        // Another key keeps the set from being without a valid key.
        all.push(decoy.clone());
        world.sandbox.script(ScriptedResponse::new(Endpoint::Keys).json(&keys).times(2))?;
        let gateway = world.gateway_with(json!({})).await?;
        assert_eq!(status(&gateway, &world.token()).await?, expected, "{member}: {value}");
    }
    Ok(())
}
