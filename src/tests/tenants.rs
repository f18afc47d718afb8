//! Several tenants behind one gateway: what belongs to one never serves another.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::gateway::job;
use super::status::{ID, first_page, row};
use super::support::certificate::{of, pkcs8};
use super::support::entra::CURRENT;
use super::support::gateway::{GRAPH_URL, Gateway, TOKEN_URL, api_key, code, payload, post};
use super::support::upstream::Reply;
use super::support::{AUDIENCE_GUID, OTHER_TENANT, TENANT, sha256, variables, variables_with};
use crate::config::Variables;
use crate::http::Response;

/// The callers' names, which are their keys too, each with its `tenant_id` and the caller's tenant.
const CALLERS: [(&str, Option<&str>, &str); 4] = [
    ("home", None, TENANT),
    ("named", Some("AAAABBBB-0000-CCCC-1111-DDDD2222EEEE"), TENANT),
    ("other", Some(OTHER_TENANT), OTHER_TENANT),
    ("another", Some("BBBBCCCC-1111-DDDD-2222-EEEE3333FFFF"), OTHER_TENANT),
];

fn token_url(tenant: &str) -> String {
    TOKEN_URL.replace(TENANT, tenant)
}

fn token_of(tenant: &str) -> Reply {
    let token = format!("token.of.{tenant}");
    Reply::json(&json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token }))
}

/// Returns a gateway with these callers. Graph's response has no `Location`.
fn gateway(mut variables: Variables) -> Gateway {
    let caller = |(name, tenant_id, _): (&str, Option<&str>, &str)| {
        let mut caller = json!({
            "name": name, "api_key_sha256": [sha256(name)], "actions": ["softDelete"], "recipient_domains": ["*"],
            "whole_messages": true, "max_emails_per_hour": 10,
        });
        if let Some(tenant_id) = tenant_id {
            caller["tenant_id"] = json!(tenant_id);
        }
        caller
    };
    variables.insert("CALLERS", CALLERS.map(caller).into_iter().collect());
    let gateway = Gateway::new(variables);
    let upstream = gateway.stage.runtime.upstream();
    for tenant in [TENANT, OTHER_TENANT] {
        upstream.respond(&token_url(tenant), token_of(tenant));
    }
    upstream.respond(GRAPH_URL, Reply::status(202));
    gateway
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.iter().find(|(held, _)| *held == name).map_or("", |(_, value)| value)
}

/// The tenants whose tokens Graph received since the call `since`.
fn tenants_at_graph(gateway: &Gateway, since: usize) -> Vec<String> {
    let calls = gateway.stage.runtime.upstream().calls().split_off(since);
    let tokens = calls.iter().flat_map(|call| &call.headers).filter(|(name, _)| name == "Authorization");
    tokens.map(|(_, value)| value.replace("Bearer token.of.", "")).collect()
}

#[test]
fn token_link_quota_and_log_entry_belong_to_the_callers_tenant() {
    let mut gateway = gateway(variables());
    for round in 1..=3 {
        let payload = payload("softDelete", &[&format!("hannah{round}@contoso.com")]);
        for (name, _, tenant) in CALLERS {
            let since = gateway.stage.runtime.upstream().calls().len();
            let response = gateway.remediate(api_key(name), &payload);
            assert_eq!(response.status, 202, "{}", response.body);
            assert_eq!(tenants_at_graph(&gateway, since), [tenant], "{name}");
            let body: Value = serde_json::from_str(&response.body).unwrap();
            assert_eq!(body["tenantId"], tenant, "{name}");
            let location = format!("https://security.microsoft.com/action-center/history?tid={tenant}");
            assert_eq!(header(&response, "Location"), location, "{name}");
            // Each caller has sent the same payloads, and is charged for its own.
            assert!(header(&response, "RateLimit").starts_with(&format!("\"emails\";r={}", 10 - round)), "{name}");
            let line = gateway.logged();
            assert_eq!(line["caller"], name);
            assert_eq!(line.get("tenantId"), (tenant != TENANT).then(|| json!(tenant)).as_ref(), "{name}");
        }
    }
    for tenant in [TENANT, OTHER_TENANT] {
        assert_eq!(gateway.stage.runtime.upstream().count(&token_url(tenant)), 1, "{tenant}");
    }
}

/// A rejected token is replaced, and the other tenant's token is used further.
#[test]
fn rejected_token_is_evicted_only_for_its_tenant() {
    let mut gateway = gateway(variables());
    let mut number = 0;
    let mut ask = |gateway: &mut Gateway, name: &str| {
        number += 1;
        code(&gateway.remediate(api_key(name), &payload("softDelete", &[&format!("hannah{number}@contoso.com")])))
    };
    for name in ["home", "other"] {
        assert_eq!(ask(&mut gateway, name), "accepted");
    }
    let upstream = gateway.stage.runtime.upstream();
    upstream.respond(GRAPH_URL, Reply::status(401));
    assert_eq!(ask(&mut gateway, "other"), "graphCredentialRejected");
    gateway.stage.runtime.upstream().respond(GRAPH_URL, Reply::status(202));
    for name in ["home", "other"] {
        assert_eq!(ask(&mut gateway, name), "accepted");
    }
    let fetched = |tenant| gateway.stage.runtime.upstream().count(&token_url(tenant));
    assert_eq!((fetched(TENANT), fetched(OTHER_TENANT)), (1, 3));
}

#[test]
fn list_is_read_in_the_callers_tenant() {
    let mut messages = super::messages::payload("softDelete", &[ID]);
    messages["maxRecipients"] = json!(2);
    let pairs = payload("softDelete", &["hannah@contoso.com"]);
    for (path, body, status, calls) in [("/remediate/status", pairs, 200, 1), ("/remediate/messages", messages, 202, 2)]
    {
        let mut gateway = gateway(variables());
        let list = json!({ "value": [row("hannah@contoso.com", "inbox_folder")] });
        gateway.stage.runtime.upstream().respond(&first_page(ID), Reply::json(&list));
        for (name, _, tenant) in CALLERS {
            let since = gateway.stage.runtime.upstream().calls().len();
            let response = gateway.ask(post(path, "", api_key(name)), body.to_string().into_bytes());
            assert_eq!(response.status, status, "{}", response.body);
            assert_eq!(tenants_at_graph(&gateway, since), vec![tenant; calls], "{path} {name}");
            let line = gateway.logged();
            assert_eq!(line.get("tenantId"), (tenant != TENANT).then(|| json!(tenant)).as_ref(), "{path} {name}");
        }
        for tenant in [TENANT, OTHER_TENANT] {
            assert_eq!(gateway.stage.runtime.upstream().count(&token_url(tenant)), 1, "{path} {tenant}");
        }
    }
}

/// The operator needs the tenant and the URL. A caller must not learn of either.
#[test]
fn tenant_without_consent_is_in_the_log_but_not_in_the_response() {
    let description = format!(
        "AADSTS7000229: The client application {AUDIENCE_GUID} is missing service principal in the tenant {OTHER_TENANT}."
    );
    let error = json!({ "error": "invalid_client", "error_description": description });
    for path in ["/remediate", "/remediate/status"] {
        let mut gateway = gateway(variables());
        let reply = Reply::Response(401, Vec::new(), error.to_string().into_bytes());
        gateway.stage.runtime.upstream().respond(&token_url(OTHER_TENANT), reply);
        let body = payload("softDelete", &["hannah@contoso.com"]).to_string().into_bytes();
        let response = gateway.ask(post(path, "", api_key("other")), body.clone());
        assert_eq!((response.status, code(&response).as_str()), (502, "graphCredentialRejected"), "{path}");
        let shown = format!("{response:?}");
        for secret in [OTHER_TENANT, AUDIENCE_GUID, "7000229", "consent"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let line = gateway.logged();
        assert_eq!(line["tenantId"], OTHER_TENANT);
        let reason = line["reason"].as_str().unwrap();
        assert!(reason.contains("AADSTS7000229"), "{reason}");
        assert!(
            reason.ends_with(&format!(
                "https://login.microsoftonline.com/{OTHER_TENANT}/adminconsent?client_id={AUDIENCE_GUID}"
            )),
            "{reason}"
        );
        if path == "/remediate" {
            assert_eq!(code(&gateway.ask(post(path, "", api_key("home")), body)), "accepted");
        }
    }
}

#[test]
fn request_cannot_choose_its_tenant() {
    let mut gateway = gateway(variables());
    for name in ["tenantId", "tenant_id", "tid"] {
        let mut payload = payload("softDelete", &["hannah@contoso.com"]);
        payload[name] = json!(OTHER_TENANT);
        assert_eq!(code(&gateway.remediate(api_key("home"), &payload)), "invalidPayload", "{name}");
        let body = super::support::gateway::payload("softDelete", &[&format!("{name}@contoso.com")]);
        let query = format!("{name}={OTHER_TENANT}");
        let since = gateway.stage.runtime.upstream().calls().len();
        let response = gateway.ask(post("/remediate", &query, api_key("home")), body.to_string().into_bytes());
        assert_eq!(response.status, 202, "{}", response.body);
        assert_eq!(tenants_at_graph(&gateway, since), [TENANT]);
    }
    for path in [format!("/{OTHER_TENANT}/remediate"), format!("/remediate/{OTHER_TENANT}")] {
        assert_eq!(gateway.ask(post(&path, "", api_key("home")), Vec::new()).status, 404);
    }
}

#[test]
fn assertion_audience_is_the_token_endpoint_of_the_callers_tenant() {
    let certificate = format!("{}{}", pkcs8(&CURRENT.private), of(&CURRENT));
    let mut variables = variables_with("CLIENT_CERTIFICATE", json!(certificate));
    variables.remove("CLIENT_SECRET");
    let mut gateway = gateway(variables);
    for (name, _, tenant) in CALLERS {
        assert_eq!(gateway.remediate(api_key(name), &payload("softDelete", &["hannah@contoso.com"])).status, 202);
        let calls = gateway.stage.runtime.upstream().calls();
        let call = calls.iter().find(|call| call.url == token_url(tenant)).unwrap();
        let assertion = call.body.as_ref().unwrap().split_once("&client_assertion=").unwrap().1;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["aud"], token_url(tenant));
    }
}

proptest! {
    /// A ledger belongs to one tenant and one name. In the default tenant the name alone is the ledger's name, as in
    /// earlier versions.
    #[test]
    fn ledger_name_is_unique_per_tenant_and_caller(
        names in prop::array::uniform2("[A-Za-z0-9._-]([A-Za-z0-9 ._-]{0,62}[A-Za-z0-9._-])?"),
        tenants in prop::array::uniform2(prop::sample::select(vec![None, Some(TENANT), Some(OTHER_TENANT)])),
    ) {
        let job = |place: usize| {
            let mut job = job(0);
            job.caller.clone_from(&names[place]);
            job.tenant_id = tenants[place].map(str::to_owned);
            job
        };
        let is_one = names[0].eq_ignore_ascii_case(&names[1]) && tenants[0] == tenants[1];
        prop_assert_eq!(job(0).ledger_name() == job(1).ledger_name(), is_one);
        if tenants[0].is_none() {
            prop_assert_eq!(job(0).ledger_name(), names[0].to_ascii_lowercase());
        }
    }
}
