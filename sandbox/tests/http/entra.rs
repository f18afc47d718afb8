//! Entra ID's token endpoint and keys (facts, sections 2 and 3).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{
    BoxedUint, PublicKey,
    pkcs1v15::{Signature, VerifyingKey},
    sha2::Sha256,
    signature::Verifier as _,
};
use sandbox::{
    APPLICATION_ID, CLIENT_ID, Endpoint, SECOND_TENANT_ID, Sandbox, TENANT_ID, TENANT_WITHOUT_CONSENT, TokenRequest,
    TokenVersion,
};
use serde_json::{Map, Value, json};

use crate::client::{SECRET, send, start};

pub(crate) const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const SCOPE: &str = "https://graph.microsoft.com/.default";

pub(crate) fn encode_form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn valid_form() -> Vec<(&'static str, &'static str)> {
    vec![("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("scope", SCOPE), ("client_secret", SECRET)]
}

pub(crate) fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    valid_form().into_iter().filter(|(held, _)| *held != name).collect()
}

fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    [without(name), vec![(name, value)]].concat()
}

fn decode_part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Returns whether the published key with the token's `kid` verifies the token.
fn is_signed_by(token: &str, keys: &Value) -> bool {
    let kid = &decode_part(token, 0)["kid"];
    let Some(key) = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid) else {
        return false;
    };
    let number =
        |name: &str| BoxedUint::from_be_slice_vartime(&URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = Signature::try_from(URL_SAFE_NO_PAD.decode(signature).unwrap().as_slice()).unwrap();
    let key = VerifyingKey::<Sha256>::new(PublicKey::new(number("n"), number("e")).unwrap());
    key.verify(signed.as_bytes(), &signature).is_ok()
}

async fn fetch_keys(sandbox: &Sandbox) -> Value {
    send(sandbox, "GET", &format!("/{TENANT_ID}/discovery/v2.0/keys"), &[], "").await.json()
}

#[tokio::test]
async fn client_credentials_get_a_token_for_graph() {
    let sandbox = start().await;
    let path = format!("/{TENANT_ID}/oauth2/v2.0/token");
    let reply = send(&sandbox, "POST", &path, &[FORM], encode_form(&valid_form())).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), Some("no-store, no-cache"));
    let body = reply.json();
    assert_eq!(body["token_type"], "Bearer");
    let lifetime = body["expires_in"].as_i64().unwrap();
    assert!((3_600..=5_400).contains(&lifetime), "{lifetime}");
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(decode_part(token, 0), json!({ "alg": "RS256", "typ": "JWT", "kid": sandbox.kid() }));
    let claims = decode_part(token, 1);
    assert_eq!(claims["aud"], "https://graph.microsoft.com");
    assert_eq!(claims["roles"], json!(["SecurityAnalyzedMessage.ReadWrite.All"]));
    assert_eq!(claims["appid"], CLIENT_ID);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), lifetime);
    assert!(is_signed_by(token, &fetch_keys(&sandbox).await));
    assert_eq!(sandbox.issued_tokens(), [token]);
}

#[tokio::test]
async fn invalid_token_request_is_rejected_with_its_aadsts_code() {
    let sandbox = start().await;
    let twice = [valid_form(), vec![("scope", SCOPE)]].concat();
    let table = [
        (without("grant_type"), 400, "invalid_request", 900_144),
        (with("grant_type", "password"), 400, "unsupported_grant_type", 70_003),
        (without("client_id"), 400, "invalid_request", 900_144),
        (with("client_id", TENANT_ID), 400, "unauthorized_client", 700_016),
        (without("scope"), 400, "invalid_request", 900_144),
        (with("scope", "https://graph.microsoft.com/User.Read"), 400, "invalid_scope", 70_011),
        (without("client_secret"), 401, "invalid_client", 7_000_216),
        (with("client_secret", ""), 401, "invalid_client", 7_000_215),
        (with("client_secret", "The-Secret"), 401, "invalid_client", 7_000_215),
        (with("resource", SCOPE), 400, "invalid_request", 90_023),
        (twice, 400, "invalid_request", 9_000_411),
    ];
    let path = format!("/{TENANT_ID}/oauth2/v2.0/token");
    for (pairs, status, error, number) in table {
        let reply =
            send(&sandbox, "POST", &path, &[FORM, ("client-request-id", "correlated")], encode_form(&pairs)).await;
        let body = reply.json();
        assert_eq!(reply.status, status, "{pairs:?}");
        assert_eq!(body["error"], error, "{pairs:?}");
        assert_eq!(body["error_codes"], json!([number]), "{pairs:?}");
        let description = body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{number}: ")), "{description}");
        assert!(!description.contains("The-Secret"));
        assert_eq!(body["correlation_id"], "correlated");
        assert_eq!(body["trace_id"].as_str().unwrap().len(), 36);
        assert_eq!(body["timestamp"].as_str().unwrap().len(), "2026-01-31 12:34:56Z".len());
    }
    assert!(sandbox.issued_tokens().is_empty());
}

#[tokio::test]
async fn unknown_tenant_method_media_type_or_path_is_rejected() {
    let sandbox = start().await;
    let json = ("Content-Type", "application/json");
    let other = "00000000-0000-0000-0000-000000000000";
    let table = [
        ("POST", format!("/{other}/oauth2/v2.0/token"), vec![FORM], 400, Some(90_002)),
        ("GET", format!("/{other}/discovery/v2.0/keys"), vec![], 400, Some(90_002)),
        ("GET", "/common/discovery/keys".to_owned(), vec![], 400, Some(90_002)),
        ("POST", format!("/{TENANT_ID}/oauth2/v2.0/token"), vec![json], 400, Some(900_144)),
        ("POST", format!("/{TENANT_ID}/oauth2/v2.0/token"), vec![FORM, FORM], 400, Some(900_144)),
        ("GET", format!("/{TENANT_ID}/oauth2/v2.0/token"), vec![], 405, None),
        ("POST", format!("/{TENANT_ID}/discovery/keys"), vec![], 405, None),
        ("POST", format!("/{TENANT_ID}/oauth2/token"), vec![FORM], 404, None),
        ("POST", format!("/{TENANT_ID}/oauth2/v2.0/token/"), vec![FORM], 404, None),
    ];
    for (method, path, headers, status, number) in table {
        let reply = send(&sandbox, method, &path, &headers, encode_form(&valid_form())).await;
        assert_eq!(reply.status, status, "{method} {path}");
        if let Some(number) = number {
            assert_eq!(reply.json()["error_codes"], json!([number]), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn token_names_its_tenant_and_tenant_without_consent_is_rejected() {
    let sandbox = start().await;
    for (tenant, is_granted) in [(TENANT_ID, true), (SECOND_TENANT_ID, true), (TENANT_WITHOUT_CONSENT, false)] {
        for spelling in [tenant.to_owned(), tenant.to_uppercase()] {
            let path = format!("/{spelling}/oauth2/v2.0/token");
            let reply = send(&sandbox, "POST", &path, &[FORM], encode_form(&valid_form())).await;
            if is_granted {
                let claims = decode_part(reply.json()["access_token"].as_str().unwrap(), 1);
                assert_eq!(claims["tid"], tenant);
                assert_eq!(claims["iss"], format!("https://sts.windows.net/{tenant}/"));
            } else {
                assert_eq!((reply.status, &reply.json()["error_codes"]), (401, &json!([7_000_229])));
            }
            let keys = send(&sandbox, "GET", &format!("/{spelling}/discovery/v2.0/keys"), &[], "").await.json();
            assert_eq!(keys["keys"][0]["issuer"], format!("{}/{tenant}/v2.0", sandbox.base_url()));
        }
    }
}

#[tokio::test]
async fn rotated_key_stays_published() {
    let sandbox = start().await;
    let (old, old_kid) = (sandbox.issue_token(&TokenRequest::default()), sandbox.kid());
    sandbox.rotate_key();
    let new = sandbox.issue_token(&TokenRequest::default());
    assert_ne!(sandbox.kid(), old_kid);
    assert_eq!(decode_part(&new, 0)["kid"], sandbox.kid());
    let published = fetch_keys(&sandbox).await;
    assert!(is_signed_by(&old, &published) && is_signed_by(&new, &published));
    let issuer = format!("{}/{TENANT_ID}/v2.0", sandbox.base_url());
    for key in published["keys"].as_array().unwrap() {
        let mut names: Vec<&String> = key.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["e", "issuer", "kid", "kty", "n", "use"]);
        assert_eq!(key["issuer"], issuer);
    }
    let v1 = send(&sandbox, "GET", &format!("/{TENANT_ID}/discovery/keys"), &[], "").await.json();
    assert_eq!(v1["keys"].as_array().unwrap().len(), 2);
    assert_eq!(v1["keys"][0].get("issuer"), None);
    assert_eq!(sandbox.recorded_at(Endpoint::Keys).len(), 2);
}

#[tokio::test]
async fn token_claims_match_the_token_version() {
    let sandbox = start().await;
    let claims = |request: &TokenRequest| decode_part(&sandbox.issue_token(request), 1);
    let v2 = claims(&TokenRequest::default());
    let v1 = claims(&TokenRequest { version: TokenVersion::V1, ..TokenRequest::default() });
    assert_eq!((&v1["ver"], &v2["ver"]), (&json!("1.0"), &json!("2.0")));
    assert_eq!(v1["iss"], format!("https://sts.windows.net/{TENANT_ID}/"));
    assert_eq!(v2["iss"], format!("{}/{TENANT_ID}/v2.0", sandbox.base_url()));
    assert!(v1.get("azp").is_none() && v1["appid"].is_string());
    assert!(v2.get("appid").is_none() && v2["azp"].is_string());
    assert_eq!((&v1["aud"], &v2["aud"]), (&json!("api://remediation-gateway"), &json!(APPLICATION_ID)));
    for claims in [v1, v2] {
        assert_eq!(claims["oid"], "aaaaaaaa-bbbb-cccc-1111-222222222222");
        assert_eq!(claims["tid"], TENANT_ID);
        assert_eq!(claims["idtyp"], "app");
        assert!(claims.get("roles").is_none() && claims.get("scp").is_none());
    }
}

#[tokio::test]
async fn token_has_the_requested_header_and_claims() {
    let sandbox = start().await;
    let map = |value: Value| -> Map<String, Value> { value.as_object().unwrap().clone() };
    let token = sandbox.issue_token(&TokenRequest {
        audience: Some("other".to_owned()),
        object_id: Some("someone".to_owned()),
        tenant_id: Some("elsewhere".to_owned()),
        scopes: vec!["One".to_owned(), "Two".to_owned()],
        roles: vec!["Role".to_owned()],
        expires_in: Some(-10),
        not_before: Some(100),
        claims: map(json!({ "uti": null, "upn": "a@b" })),
        header: map(json!({ "alg": "none", "kid": null })),
        ..TokenRequest::default()
    });
    assert_eq!(decode_part(&token, 0), json!({ "typ": "JWT", "alg": "none" }));
    let claims = decode_part(&token, 1);
    let now = claims["iat"].as_i64().unwrap();
    assert_eq!(claims["aud"], "other");
    assert_eq!(claims["oid"], "someone");
    assert_eq!(claims["tid"], "elsewhere");
    assert_eq!(claims["iss"], format!("{}/elsewhere/v2.0", sandbox.base_url()));
    assert_eq!(claims["scp"], "One Two");
    assert_eq!(claims["roles"], json!(["Role"]));
    assert_eq!(claims["idtyp"], "user");
    assert_eq!((claims["exp"].as_i64(), claims["nbf"].as_i64()), (Some(now - 10), Some(now + 100)));
    assert_eq!((claims.get("uti"), &claims["upn"]), (None, &json!("a@b")));
}
