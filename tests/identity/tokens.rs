//! Entra ID's tokens and invalid tokens that resemble them.

use acceptance::{Failure, Response, TestResult, World, payload};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sandbox::{
    APPLICATION_ID, GRAPH_APPLICATION_ID, GRAPH_AUDIENCE, GRAPH_ROLE, Sandbox, Settings, TENANT_ID, TokenRequest,
    TokenVersion,
};
use serde_json::{Value, json};

const OTHER_TENANT: &str = "99998888-7777-6666-5555-444433332222";

/// Asserts that the responses are identical, apart from the IDs of each exchange.
pub(crate) fn assert_same(responses: &[(&str, Response)]) -> Result<(), Failure> {
    let mut first = None;
    for (name, response) in responses {
        response.assert_problem(401, "invalidCredentials", &["www-authenticate"]);
        let mut text = String::from_utf8(response.body.clone())?.replace(response.request_id(), "{id}");
        let date = response.json()["error"]["innerError"]["date"].as_str().ok_or("no date")?.to_owned();
        text = text.replace(&date, "{date}");
        let headers: Vec<_> = response
            .headers
            .iter()
            .filter(|(name, _)| !["request-id", "connection"].contains(&name.as_str()))
            .collect();
        let seen = format!("{headers:?}\n{text}");
        assert_eq!(first.get_or_insert_with(|| seen.clone()), &seen, "{name}");
    }
    Ok(())
}

/// Returns a correctly signed token with changed header or claims.
fn with(change: impl FnOnce(&mut TokenRequest)) -> TokenRequest {
    let mut request = TokenRequest::default();
    change(&mut request);
    request
}

fn with_claim(name: &str, value: Value) -> TokenRequest {
    with(|token| drop(token.claims.insert(name.to_owned(), value)))
}

fn with_header(name: &str, value: Value) -> TokenRequest {
    with(|token| drop(token.header.insert(name.to_owned(), value)))
}

fn app_with_scope() -> TokenRequest {
    with(|token| {
        token.scopes = vec!["Remediation.Submit".to_owned()];
        token.app_only = Some(true);
    })
}

fn base64(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// Returns tokens, each with the reason that only the log contains.
fn issued_tokens(base_url: &str, tenant: &str) -> Vec<(&'static str, &'static str, TokenRequest)> {
    let audience = |audience: &str| with(|token| token.audience = Some(audience.to_owned()));
    let issuer = |issuer: String| with_claim("iss", json!(issuer));
    vec![
        ("another audience", "aud", audience("api://another-gateway")),
        ("the audience with more after it", "aud", audience("api://remediation-gateway.evil")),
        ("the audience in another case", "aud", audience("API://remediation-gateway")),
        ("two slashes at its end", "aud", audience("api://remediation-gateway//")),
        ("a list of audiences", "aud", with_claim("aud", json!([APPLICATION_ID]))),
        ("no audience", "aud", with_claim("aud", Value::Null)),
        ("Graph's audience by name", "Microsoft Graph", audience(GRAPH_AUDIENCE)),
        ("Graph's audience with a slash", "Microsoft Graph", audience("https://graph.microsoft.com/")),
        ("Graph's audience by id", "Microsoft Graph", audience(GRAPH_APPLICATION_ID)),
        ("another tenant", "iss", with(|token| token.tenant_id = Some(OTHER_TENANT.to_owned()))),
        (
            "another tenant, version 1",
            "iss",
            with(|token| {
                token.tenant_id = Some(OTHER_TENANT.to_owned());
                token.version = TokenVersion::V1;
            }),
        ),
        ("the issuer of ours for another tenant", "tid", with_claim("tid", json!(OTHER_TENANT))),
        ("no tenant", "tid", with_claim("tid", Value::Null)),
        ("an issuer without a tenant", "iss", issuer(format!("{base_url}/common/v2.0"))),
        ("an issuer with a slash more", "iss", issuer(format!("{base_url}/{tenant}/v2.0/"))),
        ("an issuer of another host", "iss", issuer(format!("https://login.evil.com/{tenant}/v2.0"))),
        ("no issuer", "iss", with_claim("iss", Value::Null)),
        (
            "the issuer of version 1 in a token of version 2",
            "ver",
            issuer(format!("https://sts.windows.net/{tenant}/")),
        ),
        ("no version", "ver", with_claim("ver", Value::Null)),
        ("expired", "expired", with(|token| token.expires_in = Some(-310))),
        ("expired a year ago", "expired", with(|token| token.expires_in = Some(-31_536_000))),
        ("not yet valid", "not valid yet", with(|token| token.not_before = Some(310))),
        ("no end", "exp", with_claim("exp", Value::Null)),
        ("an end in words", "exp", with_claim("exp", json!("4102444800"))),
        ("an end before all time", "exp", with_claim("exp", json!(-1))),
        ("a start in words", "nbf", with_claim("nbf", json!("0"))),
        ("no object id", "oid", with_claim("oid", Value::Null)),
        ("an object id that is none", "oid", with_claim("oid", json!("development"))),
        ("scopes in a list", "scp", with_claim("scp", json!(["Remediation.Submit"]))),
        ("roles in a text", "roles", with_claim("roles", json!("R"))),
        ("alg none", "RS256", with_header("alg", json!("none"))),
        ("alg None", "RS256", with_header("alg", json!("None"))),
        ("alg HS256", "RS256", with_header("alg", json!("HS256"))),
        ("alg PS256", "RS256", with_header("alg", json!("PS256"))),
        ("alg RS384", "RS256", with_header("alg", json!("RS384"))),
        ("alg rs256", "RS256", with_header("alg", json!("rs256"))),
        ("alg in a list", "RS256", with_header("alg", json!(["RS256"]))),
        ("no alg", "RS256", with_header("alg", Value::Null)),
        ("an access token of another kind", "typ", with_header("typ", json!("at+jwt"))),
        ("a critical extension", "never accepts", with_header("crit", json!(["exp"]))),
        ("a key that it brings along", "never accepts", with_header("jwk", json!({ "kty": "RSA" }))),
        (
            "a key that it points to",
            "never accepts",
            with_header("jku", json!(format!("{base_url}/{tenant}/discovery/v2.0/keys"))),
        ),
        ("a certificate that it brings along", "never accepts", with_header("x5c", json!(["MII"]))),
        ("compressed", "never accepts", with_header("zip", json!("DEF"))),
        ("no kid", "kid", with_header("kid", Value::Null)),
        ("bound to a key of the client", "cnf", with_claim("cnf", json!({ "kid": "x" }))),
        ("bound to a certificate of the client", "cnf", with_claim("cnf", json!({ "x5t#S256": "x" }))),
        ("bound to nothing that can be read", "cnf", with_claim("cnf", json!(""))),
        ("an application's with a scope", "idtyp", app_with_scope()),
        ("a type of token that is no text", "idtyp", with_claim("idtyp", json!(["app"]))),
    ]
}

/// Returns tokens that were changed after Entra ID issued them.
fn forged_tokens(world: &World) -> Result<Vec<(&'static str, &'static str, String)>, Failure> {
    let token = world.token();
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().map_err(|_| "not three parts")?;
    let mut others: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).map_err(|error| error.to_string())?)?;
    others["roles"] = json!(["more"]);
    let kid = world.sandbox.kid();
    let none = base64(&json!({ "typ": "JWT", "alg": "none", "kid": kid }).to_string());
    let hs256 = base64(&json!({ "typ": "JWT", "alg": "HS256", "kid": kid }).to_string());
    let twice = base64(&format!(r#"{{"typ":"JWT","alg":"none","alg":"RS256","kid":"{kid}"}}"#));
    let cut: String = signature.chars().skip(4).collect();
    let another = world.token();
    let of_another = another.rsplit('.').next().ok_or("no signature")?;
    Ok(vec![
        (
            "other claims under the signature",
            "signature",
            format!("{header}.{}.{signature}", base64(&others.to_string())),
        ),
        ("the signature of another token", "signature", format!("{header}.{claims}.{of_another}")),
        ("a signature cut short", "signature", format!("{header}.{claims}.{cut}")),
        ("no signature", "three parts", format!("{header}.{claims}.")),
        ("no signature and no dot", "three parts", format!("{header}.{claims}")),
        ("unsecured", "three parts", format!("{none}.{claims}.")),
        ("alg none with a signature", "RS256", format!("{none}.{claims}.{signature}")),
        ("HS256 with 32 bytes", "RS256", format!("{hs256}.{claims}.{}", base64("0123456789abcdef0123456789abcdef"))),
        ("alg given twice", "object", format!("{twice}.{claims}.{signature}")),
        ("four parts", "three parts", format!("{token}.{signature}")),
        ("padded", "three parts", format!("{header}=.{claims}.{signature}")),
        ("with a blank", "three parts", format!("{header}. {claims}.{signature}")),
        ("in quotes", "three parts", format!("\"{token}\"")),
        ("an encrypted one", "three parts", format!("{header}..{signature}.{claims}.{signature}")),
        ("the claims of an array", "object", format!("{header}.{}.{signature}", base64("[]"))),
        ("a text", "three parts", "hunter2".to_owned()),
        ("dots", "three parts", "..".to_owned()),
    ])
}

/// A caller that learns which check failed can work around the check. The operator finds the reason in the log.
pub(crate) async fn every_invalid_token_gets_the_same_response(world: &World) -> TestResult {
    let mut bad: Vec<(&str, &str, String)> = forged_tokens(world)?;
    for (name, reason, mut request) in issued_tokens(world.sandbox.base_url(), TENANT_ID) {
        // The token has the app token's role, so Graph would accept it if the gateway forwarded it.
        request.roles.push(GRAPH_ROLE.to_owned());
        bad.push((name, reason, world.sandbox.issue_token(&request)));
    }
    // Another Entra ID with a different key and the same issuer name.
    let other = Sandbox::start(Settings::new("x")).await?;
    let mut ours = with_claim("iss", json!(format!("{}/{TENANT_ID}/v2.0", world.sandbox.base_url())));
    // The gateway cannot know whether Entra ID has a key with this ID.
    let request = world.gateway.post("/remediate").bearer_auth(other.issue_token(&ours)).json(&payload());
    Response::to(request).await?.assert_problem(503, "graphUnavailable", &["retry-after"]);
    ours.header.insert("kid".to_owned(), json!(world.sandbox.kid()));
    bad.push(("another's key under the name of ours", "signature", other.issue_token(&ours)));

    let mut responses = Vec::new();
    for (name, reason, token) in bad {
        let request = world.gateway.post("/remediate").bearer_auth(token).json(&payload());
        let response = Response::to(request).await?;
        assert_eq!(response.status, 401, "{name}: {response:?}");
        assert_eq!(
            response.header("www-authenticate"),
            Some(r#"Bearer realm="remediation-gateway", error="invalid_token""#),
            "{name}"
        );
        let id = response.request_id().to_owned();
        let line: Value = serde_json::from_str(&world.gateway.wait_for_line(|line| line.contains(&id)).await?)?;
        assert_eq!((&line["code"], &line["caller"]), (&json!("invalidCredentials"), &Value::Null), "{name}");
        assert!(line["reason"].as_str().is_some_and(|logged| logged.contains(reason)), "{name}: {line:#}");
        responses.push((name, response));
    }
    assert_same(&responses)?;
    let called = |endpoint| world.sandbox.recorded_at(endpoint).len();
    assert_eq!((called(sandbox::Endpoint::Remediate), called(sandbox::Endpoint::Token)), (0, 0));
    assert!(other.recorded().is_empty(), "the gateway fetched a key from a server that the token names");
    // The token from which all invalid tokens differ slightly is valid.
    assert_eq!(Response::to(world.remediate(&payload())).await?.status, 202);
    Ok(())
}

/// Microsoft's libraries use the same tolerance.
pub(crate) async fn token_within_five_minutes_of_clock_skew_is_accepted(world: &World) -> TestResult {
    for (expires_in, not_before) in [(-280, -4_000), (4_200, 280)] {
        let times =
            TokenRequest { expires_in: Some(expires_in), not_before: Some(not_before), ..TokenRequest::default() };
        let token = world.sandbox.issue_token(&times);
        for _ in 0..2 {
            let request = world.gateway.post("/remediate?validateOnly=true").bearer_auth(&token).json(&payload());
            assert_eq!(Response::to(request).await?.status, 200, "{expires_in} {not_before}");
        }
    }
    Ok(())
}

/// Names can be reassigned and applications can be shared, but not object IDs.
pub(crate) async fn caller_is_identified_only_by_object_id(world: &World) -> TestResult {
    let nobody = acceptance::guid();
    let mut claims = serde_json::Map::new();
    for name in
        ["upn", "email", "preferred_username", "unique_name", "name", "sub", "appid", "azp", "client_id", "idtyp"]
    {
        claims.insert(name.to_owned(), json!(sandbox::CALLER_OBJECT_ID));
    }
    for object_id in [nobody.as_str(), sandbox::CALLER_CLIENT_ID] {
        let request =
            TokenRequest { object_id: Some(object_id.to_owned()), claims: claims.clone(), ..TokenRequest::default() };
        let token = world.sandbox.issue_token(&request);
        let response = Response::to(world.gateway.post("/remediate").bearer_auth(token).json(&payload())).await?;
        response.assert_problem(403, "unknownCaller", &[]);
    }
    // All other claims, and the case of the ID, do not matter.
    let mut claims = claims.clone();
    claims.remove("idtyp");
    claims.insert("oid".to_owned(), json!(sandbox::CALLER_OBJECT_ID.to_uppercase()));
    let token = world.sandbox.issue_token(&TokenRequest { claims, ..TokenRequest::default() });
    let request = world.gateway.post("/remediate?validateOnly=true").bearer_auth(token).json(&payload());
    assert_eq!(Response::to(request).await?.status, 200);
    Ok(())
}

/// A user without a scope has not consented. `scp` alone is no proof, because a user's token may lack it.
pub(crate) async fn token_without_scope_is_accepted_only_from_an_application(world: &World) -> TestResult {
    let claims = |claims: Value| TokenRequest { claims: claims.as_object().cloned().unwrap_or_default(), ..v1() };
    for (name, status, request) in [
        ("an application's by idtyp", 200, v1()),
        ("an application's by idtyp, without sub", 200, claims(json!({ "sub": null }))),
        ("a managed identity's, without idtyp and roles", 200, claims(json!({ "idtyp": null }))),
        ("a user's by idtyp", 403, claims(json!({ "idtyp": "user" }))),
        ("a device's", 403, claims(json!({ "idtyp": "device" }))),
        ("idtyp in another case", 403, claims(json!({ "idtyp": "App" }))),
        ("a user's by sub", 403, claims(json!({ "idtyp": null, "sub": "pairwise" }))),
        ("without idtyp and sub", 403, claims(json!({ "idtyp": null, "sub": null }))),
        ("a user's by upn", 403, claims(json!({ "idtyp": null, "upn": "hannah@contoso.com" }))),
        ("a user's by preferred_username", 403, claims(json!({ "idtyp": null, "preferred_username": "h" }))),
        ("a user's with a role alone", 403, claims(json!({ "idtyp": "user", "roles": ["Remediation.Submit"] }))),
    ] {
        let token = world.sandbox.issue_token(&request);
        // The second request uses the cache of validated tokens.
        for _ in 0..2 {
            let request = world.gateway.post("/remediate?validateOnly=true").bearer_auth(&token).json(&payload());
            let response = Response::to(request).await?;
            assert_eq!(response.status, status, "{name}: {response:?}");
            if status == 403 {
                response.assert_problem(403, "unknownCaller", &["www-authenticate"]);
                let challenge = r#"Bearer realm="remediation-gateway", error="insufficient_scope""#;
                assert_eq!(response.header("www-authenticate"), Some(challenge), "{name}");
            }
        }
    }
    assert!(world.sandbox.recorded_at(sandbox::Endpoint::Token).is_empty(), "it was sent");
    Ok(())
}

fn v1() -> TokenRequest {
    TokenRequest { version: TokenVersion::V1, ..TokenRequest::default() }
}

/// Anyone can send such a token, so the gateway must do little work for it.
pub(crate) async fn oversized_token_is_rejected(world: &World) -> TestResult {
    for (groups, status) in [(100, 200), (1_000, 401)] {
        // Entra ID writes groups in this form. 1,000 groups make a token of 50 KiB.
        let token = world.sandbox.issue_token(&with_claim("groups", json!(vec![TENANT_ID; groups])));
        let request = world.gateway.post("/remediate?validateOnly=true").bearer_auth(token).json(&payload());
        assert_eq!(Response::to(request).await?.status, status, "{groups} groups");
    }
    Ok(())
}
