//! Several tenants behind one gateway. The sandbox keeps their tokens, remediations and mailboxes apart.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use acceptance::{
    API_KEY, API_KEY_SHA256, Failure, Gateway, NEXT_API_KEY, NEXT_API_KEY_SHA256, Response, TestResult, World, guid,
    payload, tests,
};
use sandbox::{
    CLIENT_ID, ClientCertificate, Endpoint, Message, SECOND_TENANT_ID, Sandbox, SelfSigned, Settings, TENANT_ID,
    TENANT_WITHOUT_CONSENT,
};
use serde_json::{Value, json};

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        each_tenant_has_separate_token_link_mailboxes_and_log_entry,
        missing_consent_is_named_only_in_the_log,
    ])
}

/// The variable with two callers by key: one in the first tenant, and one in `tenant`.
fn callers(tenant: &str) -> Value {
    let caller = |name: &str, digest: &str| json!({ "name": name, "api_key_sha256": [digest], "actions": ["softDelete"], "recipient_domains": ["*"] });
    let mut other = caller("other", NEXT_API_KEY_SHA256);
    other["tenant_id"] = json!(tenant);
    json!([caller("first", API_KEY_SHA256), other])
}

async fn post(gateway: &Gateway, path: &str, key: &str, payload: &Value) -> Result<Response, Failure> {
    Response::to(gateway.post(path).header("X-API-Key", key).json(payload)).await
}

async fn line(gateway: &Gateway, response: &Response) -> Result<Value, Failure> {
    Ok(serde_json::from_str(&gateway.wait_for_line(|line| line.contains(response.request_id())).await?)?)
}

/// With a certificate, since its assertion must be for the tenant's own token endpoint.
async fn each_tenant_has_separate_token_link_mailboxes_and_log_entry(world: &World) -> TestResult {
    let own = SelfSigned::until(2100);
    let mut settings = Settings::new("a secret as well");
    settings.client_certificates.push(ClientCertificate::from_pem(&own.certificate)?);
    let microsoft = Sandbox::start(settings).await?;
    let url = microsoft.base_url();
    let certificate = format!("{}{}", own.key, own.certificate);
    let over = json!({
        "CLIENT_SECRET": null, "CLIENT_CERTIFICATE": certificate, "LOGIN_URL": url, "GRAPH_URL": url,
        "CALLERS": callers(SECOND_TENANT_ID),
    });
    let gateway = world.gateway_with(over).await?;
    let tenants = [(API_KEY, TENANT_ID, "quarantine"), (NEXT_API_KEY, SECOND_TENANT_ID, "inbox_folder")];
    for _ in 0..2 {
        // Both callers send this, with one key: the tenants' ledgers and Graph's registers are apart.
        let (payload, key) = (payload(), guid());
        let email = &payload["analyzedEmails"][0];
        for (api_key, tenant, location) in tenants {
            let known = microsoft.accepted().len();
            let request = gateway.post("/remediate").header("X-API-Key", api_key).header("Idempotency-Key", &key);
            let response = Response::to(request.json(&payload)).await?;
            assert_eq!((response.status, &response.json()["duplicate"]), (202, &json!(false)), "{response:?}");
            assert_eq!(response.json()["tenantId"], tenant);
            assert!(
                response.header("location").is_some_and(|link| link.ends_with(&format!("&tid={tenant}"))),
                "{response:?}"
            );
            assert_eq!(microsoft.accepted()[known].tenant_id, tenant);
            let is_second = tenant == SECOND_TENANT_ID;
            let expected = is_second.then(|| json!(tenant));
            assert_eq!(line(&gateway, &response).await?.get("tenantId"), expected.as_ref());

            let recipients = [email["recipientEmailAddress"].as_str().ok_or("no recipient")?];
            let message = Message::new(email["networkMessageId"].as_str().ok_or("no ID")?, recipients);
            microsoft.seed([Message {
                location: location.to_owned(),
                tenant_id: Some(tenant.to_owned()),
                ..message
            }])?;
        }
        for (api_key, tenant, location) in tenants {
            let response = post(&gateway, "/remediate/status", api_key, &payload).await?;
            assert_eq!(response.json()["items"][0]["location"], location, "{tenant}: {response:?}");
        }
    }
    let fetched = microsoft.recorded_at(Endpoint::Token);
    assert_eq!(fetched.len(), 2, "each tenant's token is fetched once");
    Ok(())
}

async fn missing_consent_is_named_only_in_the_log(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({ "CALLERS": callers(TENANT_WITHOUT_CONSENT) })).await?;
    for (path, headers) in [("/remediate", &["ratelimit", "ratelimit-policy"][..]), ("/remediate/status", &[])] {
        let response = post(&gateway, path, NEXT_API_KEY, &payload()).await?;
        response.assert_problem(502, "graphCredentialRejected", headers);
        let shown = format!("{response:?}{}", response.json());
        for secret in [TENANT_WITHOUT_CONSENT, CLIENT_ID, "7000229", "consent"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        let line = line(&gateway, &response).await?;
        assert_eq!(line["tenantId"], TENANT_WITHOUT_CONSENT);
        let url =
            format!("https://login.microsoftonline.com/{TENANT_WITHOUT_CONSENT}/adminconsent?client_id={CLIENT_ID}");
        let reason = line["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("AADSTS7000229") && reason.ends_with(&url), "{reason}");
    }
    assert_eq!(post(&gateway, "/remediate", API_KEY, &payload()).await?.status, 202, "the first tenant has consented");
    assert_eq!(world.sandbox.accepted().len(), 1);
    Ok(())
}
