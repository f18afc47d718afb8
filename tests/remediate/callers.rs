//! Callers, each with one kind of credential.

use acceptance::{
    API_KEY, API_KEY_SHA256, NEXT_API_KEY, NEXT_API_KEY_SHA256, Response, TestResult, World, payload, payload_with,
};
use sandbox::{APPLICATION_ID, CALLER_OBJECT_ID, Endpoint, TokenRequest, TokenVersion};
use serde_json::json;

/// The resource's application selects the version, and with it the form of `aud` (facts, section 3).
pub(crate) async fn token_of_each_version_and_audience_is_accepted(world: &World) -> TestResult {
    let audience = json!(["api://remediation-gateway", APPLICATION_ID, "https://gateway.contoso.com/"]);
    let gateway = world.gateway_with(json!({ "AUDIENCE": audience })).await?;
    for (version, audience) in [
        (TokenVersion::V2, APPLICATION_ID),
        // Entra never issues these. Accepting them is safe, because both forms are the gateway's own.
        (TokenVersion::V2, "api://remediation-gateway"),
        (TokenVersion::V1, "api://remediation-gateway"),
        (TokenVersion::V1, "api://remediation-gateway/"),
        (TokenVersion::V1, APPLICATION_ID),
        (TokenVersion::V1, "https://gateway.contoso.com"),
        (TokenVersion::V1, "https://gateway.contoso.com/"),
    ] {
        let request = TokenRequest { version, audience: Some(audience.to_owned()), ..TokenRequest::default() };
        let token = world.sandbox.issue_token(&request);
        let response = Response::to(gateway.post("/remediate").bearer_auth(token).json(&payload())).await?;
        assert_eq!(response.status, 202, "{version:?} {audience}: {response:?}");
    }
    let keys = world.sandbox.recorded_at(Endpoint::Keys);
    let paths: Vec<&str> = keys.iter().map(|request| request.path.as_str()).collect();
    let tenant = sandbox::TENANT_ID;
    assert_eq!(paths, [format!("/{tenant}/discovery/v2.0/keys"), format!("/{tenant}/discovery/keys")]);
    Ok(())
}

/// A user's token needs the scope that the user consented to; an application's token needs the role that the caller's
/// entry requires.
pub(crate) async fn delegated_token_needs_scope_and_application_token_needs_role(world: &World) -> TestResult {
    let callers = |role: Option<&str>| {
        let mut caller = json!({ "name": "soc", "object_id": CALLER_OBJECT_ID, "actions": ["softDelete"], "recipient_domains": ["*"] });
        if let Some(role) = role {
            caller["role"] = json!(role);
        }
        json!({ "CALLERS": [caller] })
    };
    let free = world.gateway_with(callers(None)).await?;
    let with_role = world.gateway_with(callers(Some("Remediation.Submit.All"))).await?;
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    for (gateway, scopes, roles, status) in [
        (&free, &[][..], &[][..], 202),
        (&free, &[], &["Whatever"], 202),
        (&free, &["Remediation.Submit"], &[], 202),
        (&free, &["openid", "Remediation.Submit", "profile"], &[], 202),
        (&free, &["remediation.submit"], &[], 403),
        (&free, &["Remediation.Submit.All"], &[], 403),
        (&with_role, &[], &["Remediation.Submit.All"], 202),
        (&with_role, &[], &["x", "Remediation.Submit.All"], 202),
        (&with_role, &[], &[], 403),
        (&with_role, &[], &["remediation.submit.all"], 403),
        (&with_role, &["Remediation.Submit"], &[], 202),
        (&with_role, &["User.Read"], &["Remediation.Submit.All"], 403),
    ] {
        let request = TokenRequest { scopes: texts(scopes), roles: texts(roles), ..TokenRequest::default() };
        let token = world.sandbox.issue_token(&request);
        let response = Response::to(gateway.post("/remediate").bearer_auth(token).json(&payload())).await?;
        assert_eq!(response.status, status, "scopes {scopes:?}, roles {roles:?}: {response:?}");
        if status == 403 {
            response.assert_problem(403, "unknownCaller", &["www-authenticate"]);
        }
    }
    Ok(())
}

/// Two keys at a time, so that they can be rotated. No part of a key leaves the gateway.
pub(crate) async fn api_key_is_accepted_in_either_header(world: &World) -> TestResult {
    let callers = json!([
        { "name": "Play Book", "api_key_sha256": [API_KEY_SHA256, NEXT_API_KEY_SHA256.to_uppercase()], "actions": ["softDelete"], "recipient_domains": ["*"] },
    ]);
    // No caller has an object ID, so no audience is needed.
    let gateway = world.gateway_with(json!({ "CALLERS": callers, "AUDIENCE": null })).await?;
    for key in [API_KEY, NEXT_API_KEY] {
        let post = || gateway.post("/remediate").json(&payload());
        for request in [post().header("X-API-Key", key), post().basic_auth("Play Book", Some(key))] {
            let response = Response::to(request).await?;
            assert_eq!(response.status, 202, "{response:?}");
        }
    }
    assert_eq!(world.sandbox.accepted().len(), 4);
    assert!(world.sandbox.recorded_at(Endpoint::Keys).is_empty(), "there is no token to check");
    for received in world.sandbox.recorded() {
        let all = format!("{:?} {}", received.headers, String::from_utf8_lossy(&received.body));
        assert!(!all.contains(API_KEY) && !all.contains(NEXT_API_KEY), "{all}");
    }
    Ok(())
}

/// Two callers on one gateway: the permissions of one are not available to the other.
pub(crate) async fn permissions_are_those_of_the_authenticated_caller(world: &World) -> TestResult {
    let callers = json!([
        { "name": "inbox", "object_id": CALLER_OBJECT_ID, "actions": ["moveToInbox"], "recipient_domains": ["*"] },
        { "name": "delete", "api_key_sha256": [API_KEY_SHA256], "actions": ["hardDelete"], "recipient_domains": ["*"] },
    ]);
    let gateway = world.gateway_with(json!({ "CALLERS": callers })).await?;
    for (action, with_token, status) in
        [("moveToInbox", true, 202), ("hardDelete", true, 403), ("moveToInbox", false, 403), ("hardDelete", false, 202)]
    {
        let request = gateway.post("/remediate").json(&payload_with("action", action));
        let request =
            if with_token { request.bearer_auth(world.token()) } else { request.header("X-API-Key", API_KEY) };
        assert_eq!(Response::to(request).await?.status, status, "{action} {with_token}");
    }
    assert_eq!(world.sandbox.recorded_at(Endpoint::Remediate).len(), 2);
    Ok(())
}

/// Microsoft requires caching: many playbooks at once must not cause many token requests.
pub(crate) async fn keys_and_app_token_are_fetched_once(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({})).await?;
    for _ in 0..25 {
        let response = Response::to(gateway.post("/remediate").bearer_auth(world.token()).json(&payload())).await?;
        assert_eq!(response.status, 202);
    }
    let count = |endpoint| world.sandbox.recorded_at(endpoint).len();
    assert_eq!((count(Endpoint::Keys), count(Endpoint::Token), count(Endpoint::Remediate)), (1, 1, 25));
    Ok(())
}
