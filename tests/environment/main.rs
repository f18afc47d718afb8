//! One isolate whose environment changes between requests, as after a deployment of bindings only. A changed variable
//! or secret counts from the next request on, in both directions, and no value of one environment reaches another.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use acceptance::{
    API_KEY, API_KEY_SHA256, Bindings, Failure, Gateway, NEXT_API_KEY_SHA256, Response, Setup, TestResult, World,
    payload, tests,
};
use remediation_gateway::config::VARIABLES;
use sandbox::{
    ClientCertificate, Endpoint, SECOND_TENANT_ID, Sandbox, ScriptedResponse, SelfSigned, Settings, TENANT_ID,
    TENANT_WITHOUT_CONSENT, TokenRequest,
};
use serde_json::{Value, json};

const CHANGING: &[(&str, &str)] = &[("main.js", include_str!("main.js"))];

/// Maximum time until a request reaches the sandbox.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(5);

const OTHER_GUID: &str = "99999999-0000-4000-8000-000000000009";

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        variable_change_and_its_reversal_apply_from_next_request,
        each_jurisdiction_has_separate_ledgers,
        each_tenant_has_separate_ledger_and_token,
        remediation_is_rejected_if_worker_or_object_is_stopped,
        unchanged_environment_keeps_its_caches,
        alternating_environments_keep_separate_caches,
        request_in_flight_keeps_its_environment_and_shares_no_token,
        credential_is_absent_from_job_url_and_headers,
    ])
}

/// An isolate, and the parts of its environment.
struct Isolate {
    gateway: Gateway,
    base: Bindings,
}

impl Isolate {
    async fn start(world: &World) -> Result<Self, Failure> {
        let mut base = world.bindings();
        base["CALLERS"].as_array_mut().ok_or("no callers")?.push(caller_with_key(API_KEY_SHA256));
        let gateway = world.gateway_as(&Setup { before: CHANGING, ..base.clone().into() }).await?;
        Ok(Self { gateway, base })
    }

    /// Returns the variables with these replaced. A null removes one.
    fn with(&self, over: &Value) -> Bindings {
        let mut bindings = self.base.clone();
        for (name, value) in over.as_object().into_iter().flatten() {
            bindings.insert(name.clone(), value.clone());
        }
        bindings.retain(|name, value| name == "LEDGER" || !value.is_null());
        bindings
    }

    /// Sets the environment of the next requests. `object` is the environment of objects, which restart; without it
    /// they keep theirs.
    async fn set(&self, worker: &Value, object: Option<&Value>) -> TestResult {
        let object = object.map(|object| self.with(object));
        let body = json!({ "worker": self.with(worker), "object": object, "isNewEachTime": false });
        assert_eq!(Response::to(self.gateway.post("/environment").json(&body)).await?.status, 200);
        Ok(())
    }

    async fn by_key(&self) -> Result<Response, Failure> {
        Response::to(self.gateway.post("/remediate").header("X-API-Key", API_KEY).json(&payload())).await
    }

    async fn by_token(&self, entra: &Sandbox) -> Result<Response, Failure> {
        let token = entra.issue_token(&TokenRequest::default());
        Response::to(self.gateway.post("/remediate").bearer_auth(token).json(&payload())).await
    }

    /// Returns the codes of two remediations, by key and by token.
    async fn codes(&self, entra: &Sandbox) -> Result<[String; 2], Failure> {
        Ok([code(&self.by_key().await?), code(&self.by_token(entra).await?)])
    }
}

fn caller_with_key(digest: &str) -> Value {
    json!({ "name": "script", "api_key_sha256": [digest], "actions": ["softDelete"], "recipient_domains": ["*"] })
}

/// Returns the public code of an error, or "accepted".
fn code(response: &Response) -> String {
    response.json()["error"]["code"].as_str().unwrap_or("accepted").to_owned()
}

/// Each change, the outcome of two remediations after it, by key and by token, and the text that Microsoft then
/// receives.
type Change = (Value, [&'static str; 2], Option<(Endpoint, String)>);

fn changes(isolate: &Isolate, elsewhere: &Sandbox, certificate: &str) -> Vec<Change> {
    let callers = isolate.base["CALLERS"].as_array().cloned().unwrap_or_default();
    let url = elsewhere.base_url();
    let rejected = ["graphCredentialRejected"; 2];
    let misconfigured = ["misconfigured"; 2];
    let (token, graph) = (
        |seen: &str| Some((Endpoint::Token, seen.to_owned())),
        |seen: &str| Some((Endpoint::Remediate, seen.to_owned())),
    );
    vec![
        (json!({ "TENANT_ID": OTHER_GUID }), ["graphCredentialRejected", "invalidCredentials"], token(OTHER_GUID)),
        (json!({ "TENANT_ID": "no GUID" }), misconfigured, None),
        (json!({ "TENANT_ID": null }), misconfigured, None),
        (json!({ "CLIENT_ID": OTHER_GUID }), rejected, token(&format!("client_id={OTHER_GUID}"))),
        (json!({ "CLIENT_SECRET": "rotated" }), rejected, token("client_secret=rotated")),
        (json!({ "CLIENT_SECRET": null }), misconfigured, None),
        (json!({ "CLIENT_SECRET": null, "CLIENT_CERTIFICATE": certificate }), rejected, token("client_assertion=")),
        (json!({ "CLIENT_CERTIFICATE": certificate }), misconfigured, None),
        (json!({ "AUDIENCE": "api://another" }), ["accepted", "invalidCredentials"], None),
        (json!({ "CALLERS": [callers[0]] }), ["invalidCredentials", "accepted"], None),
        (
            json!({ "CALLERS": [callers[0], caller_with_key(NEXT_API_KEY_SHA256)] }),
            ["invalidCredentials", "accepted"],
            None,
        ),
        (json!({ "CALLERS": [callers[1]] }), ["accepted", "unknownCaller"], None),
        (json!({ "GRAPH_VERSION": "v1.0" }), ["accepted"; 2], graph("/v1.0/")),
        (json!({ "GRAPH_VERSION": null }), ["accepted"; 2], graph("/beta/")),
        (json!({ "GRAPH_URL": url }), rejected, graph("")),
        (json!({ "LOGIN_URL": url }), ["graphCredentialRejected", "invalidCredentials"], token("")),
        (json!({ "STOPPED": "true" }), ["stopped"; 2], None),
        (json!({ "PROTECTED_RECIPIENTS": ["contoso.com"] }), ["recipientProtected"; 2], None),
        (json!({ "PROTECTED_RECIPIENTS": "contoso.com" }), misconfigured, None),
        (json!({ "LEDGER_JURISDICTION": "eu" }), ["accepted"; 2], None),
        (json!({ "LEDGER_JURISDICTION": "mars" }), misconfigured, None),
        (json!({ "STOPPED": true }), ["stopped"; 2], None),
        (json!({ "STOPPED": "false" }), ["accepted"; 2], None),
        (json!({ "STOPPED": "maybe" }), misconfigured, None),
        (json!({ "LEDGER": null }), misconfigured, None),
        (json!({ "RATE_LIMITER": { "success": false } }), ["tooManyRequests"; 2], None),
        (json!({ "RATE_LIMITER": { "success": true } }), ["accepted"; 2], None),
        (json!({ "RATE_LIMITER": "100" }), misconfigured, None),
        (json!({ "RATE_LIMITER": { "limit": 5 } }), misconfigured, None),
    ]
}

/// The object keeps its environment, or restarts with the new one. Microsoft must receive the new values, also if the
/// isolate has a token of the old environment.
async fn variable_change_and_its_reversal_apply_from_next_request(world: &World) -> TestResult {
    let elsewhere = Sandbox::start(Settings::new("a secret of another Entra")).await?;
    let own = SelfSigned::until(2100);
    let certificate = format!("{}{}", own.key, own.certificate);
    let isolate = Isolate::start(world).await?;
    let changes = changes(&isolate, &elsewhere, &certificate);
    for name in VARIABLES {
        assert!(changes.iter().any(|(over, ..)| over.get(name).is_some()), "{name} is not tested");
    }
    let none = json!({});
    isolate.set(&none, Some(&none)).await?;
    assert_eq!(isolate.codes(&world.sandbox).await?, ["accepted"; 2]);
    for starts_again in [false, true] {
        for (over, codes, seen) in &changes {
            world.sandbox.clear();
            elsewhere.clear();
            isolate.set(over, starts_again.then_some(over)).await?;
            assert_eq!(isolate.codes(&world.sandbox).await?, *codes, "{over} (starts again: {starts_again})");
            if let Some((endpoint, text)) = seen {
                let is_elsewhere =
                    over.as_object().is_some_and(|over| over.values().any(|value| *value == elsewhere.base_url()));
                let sandbox = if is_elsewhere { &elsewhere } else { &world.sandbox };
                let all = sandbox.recorded_at(*endpoint);
                let holds = |one: &sandbox::Recorded| {
                    one.path.contains(text) || String::from_utf8_lossy(&one.body).contains(text)
                };
                assert!(!all.is_empty() && all.iter().all(holds), "{over} (starts again: {starts_again}): {all:?}");
            }
            if codes.contains(&"stopped") || codes.contains(&"misconfigured") {
                assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty(), "{over}: something was sent");
            }
            isolate.set(&none, starts_again.then_some(&none)).await?;
            let codes = isolate.codes(&world.sandbox).await?;
            assert_eq!(codes, ["accepted"; 2], "after {over} (starts again: {starts_again})");
        }
    }
    Ok(())
}

/// A change of the jurisdiction leads to a new, empty ledger, and back to the earlier one with its records.
async fn each_jurisdiction_has_separate_ledgers(world: &World) -> TestResult {
    let isolate = Isolate::start(world).await?;
    let payload = payload();
    let mut known = Vec::new();
    for jurisdiction in [None, Some("eu"), Some("fedramp"), Some("eu"), None] {
        isolate.set(&json!({ "LEDGER_JURISDICTION": jurisdiction }), None).await?;
        let request = isolate.gateway.post("/remediate").header("X-API-Key", API_KEY).json(&payload);
        let response = Response::to(request).await?;
        assert_eq!(response.status, 202, "{jurisdiction:?}: {response:?}");
        let asked = Response::to(isolate.gateway.get("/last-jurisdiction")).await?;
        assert_eq!(asked.json(), json!(jurisdiction));
        let replayed = response.header("idempotency-replayed") == Some("true");
        assert_eq!(replayed, known.contains(&jurisdiction), "{jurisdiction:?}");
        known.push(jurisdiction);
    }
    assert_eq!(world.sandbox.recorded_at(Endpoint::Remediate).len(), 3);
    Ok(())
}

/// A change of `tenant_id` leads to another ledger and another token, and the reverse change to the earlier ledger. An
/// explicit `TENANT_ID` equals an absent `tenant_id`. An object that keeps running has no values of removed tenants.
async fn each_tenant_has_separate_ledger_and_token(world: &World) -> TestResult {
    let isolate = Isolate::start(world).await?;
    isolate.set(&json!({}), Some(&json!({}))).await?;
    let payload = payload();
    let mut known = Vec::new();
    for (tenant_id, tenant, fetched) in [
        (None, TENANT_ID, 1),
        (Some(SECOND_TENANT_ID), SECOND_TENANT_ID, 2),
        (Some(TENANT_ID), TENANT_ID, 2),
        (Some(SECOND_TENANT_ID), SECOND_TENANT_ID, 2),
        (Some(TENANT_WITHOUT_CONSENT), TENANT_WITHOUT_CONSENT, 4),
        (None, TENANT_ID, 5),
        (Some(SECOND_TENANT_ID), SECOND_TENANT_ID, 6),
    ] {
        let mut caller = caller_with_key(API_KEY_SHA256);
        caller["max_emails_per_hour"] = json!(10);
        if let Some(tenant_id) = tenant_id {
            caller["tenant_id"] = json!(tenant_id);
        }
        isolate.set(&json!({ "CALLERS": [caller] }), None).await?;
        // The first request sends a new remediation, so it needs a token. The tenant's ledger may know the second one.
        let fresh = isolate.by_key().await?;
        let request = isolate.gateway.post("/remediate").header("X-API-Key", API_KEY).json(&payload);
        let response = Response::to(request).await?;
        assert_eq!(world.sandbox.recorded_at(Endpoint::Token).len(), fetched, "{tenant_id:?}");
        if tenant == TENANT_WITHOUT_CONSENT {
            assert_eq!(code(&fresh), "graphCredentialRejected");
            continue;
        }
        assert_eq!((code(&fresh), code(&response)), ("accepted".to_owned(), "accepted".to_owned()), "{tenant_id:?}");
        let rounds = known.iter().filter(|one| **one == tenant).count();
        assert_eq!(response.header("idempotency-replayed").is_some(), rounds > 0, "{tenant_id:?}");
        assert_eq!(response.json()["tenantId"], tenant);
        assert_eq!(response.left(), 8 - u64::try_from(rounds)?, "{tenant_id:?}");
        known.push(tenant);
    }
    let sent = |tenant: &str| world.sandbox.accepted().iter().filter(|one| one.tenant_id == tenant).count();
    assert_eq!((sent(TENANT_ID), sent(SECOND_TENANT_ID)), (4, 4));
    Ok(())
}

/// The object uses only the stop in its environment. An invalid stop stops it.
async fn remediation_is_rejected_if_worker_or_object_is_stopped(world: &World) -> TestResult {
    let isolate = Isolate::start(world).await?;
    let (none, stop) = (json!({}), json!({ "STOPPED": "true" }));
    for (worker, object, expected) in [
        (&none, &stop, "stopped"),
        (&none, &json!({ "STOPPED": "maybe" }), "stopped"),
        (&none, &json!({ "STOPPED": "" }), "stopped"),
        (&stop, &none, "stopped"),
        (&stop, &stop, "stopped"),
        (&none, &json!({ "STOPPED": false }), "accepted"),
        (&none, &json!({ "TENANT_ID": null, "CLIENT_SECRET": "old", "CALLERS": null }), "accepted"),
    ] {
        world.sandbox.clear();
        isolate.set(worker, Some(object)).await?;
        assert_eq!(isolate.codes(&world.sandbox).await?, [expected; 2], "{worker} {object}");
        let sent = world.sandbox.recorded_at(Endpoint::Remediate).len();
        assert_eq!(sent, if expected == "accepted" { 2 } else { 0 });
    }
    Ok(())
}

fn fetched(sandbox: &Sandbox) -> [usize; 2] {
    [Endpoint::Keys, Endpoint::Token].map(|endpoint| sandbox.recorded_at(endpoint).len())
}

/// The same values in another object of the platform, once and for each request.
async fn unchanged_environment_keeps_its_caches(world: &World) -> TestResult {
    let isolate = Isolate::start(world).await?;
    let none = json!({});
    isolate.set(&none, Some(&none)).await?;
    for starts_again in [None, Some(&none)] {
        assert_eq!(isolate.codes(&world.sandbox).await?, ["accepted"; 2]);
        isolate.set(&none, starts_again).await?;
    }
    let body = json!({ "worker": isolate.base, "object": isolate.base, "isNewEachTime": true });
    Response::to(isolate.gateway.post("/environment").json(&body)).await?;
    for _ in 0..3 {
        assert_eq!(isolate.codes(&world.sandbox).await?, ["accepted"; 2]);
    }
    assert_eq!(fetched(&world.sandbox), [1, 1]);
    Ok(())
}

/// As during a rollout: a secret and a certificate, each with its own token, which is fetched once.
async fn alternating_environments_keep_separate_caches(world: &World) -> TestResult {
    let own = SelfSigned::until(2100);
    let mut settings = Settings::new("the-secret");
    settings.client_certificates.push(ClientCertificate::from_pem(&own.certificate)?);
    let entra = Sandbox::start(settings).await?;
    let url = entra.base_url();
    let isolate = Isolate::start(world).await?;
    let by_secret = json!({ "LOGIN_URL": url, "GRAPH_URL": url, "CLIENT_SECRET": "the-secret" });
    let certificate = format!("{}{}", own.key, own.certificate);
    let by_certificate =
        json!({ "LOGIN_URL": url, "GRAPH_URL": url, "CLIENT_SECRET": null, "CLIENT_CERTIFICATE": certificate });
    for _ in 0..3 {
        for environment in [&by_secret, &by_certificate] {
            isolate.set(environment, None).await?;
            assert_eq!(isolate.codes(&entra).await?, ["accepted"; 2]);
        }
    }
    assert_eq!(fetched(&entra), [2, 2]);
    let tokens = entra.recorded_at(Endpoint::Token);
    let assertions = tokens.iter().filter(|one| String::from_utf8_lossy(&one.body).contains("client_assertion="));
    assert_eq!(assertions.count(), 1);
    Ok(())
}

/// The token of the first environment, which Entra no longer accepts, arrives when the second one is in force.
async fn request_in_flight_keeps_its_environment_and_shares_no_token(world: &World) -> TestResult {
    let isolate = Isolate::start(world).await?;
    isolate.set(&json!({}), Some(&json!({}))).await?;
    world.sandbox.script(ScriptedResponse::new(Endpoint::Token).held())?;
    let request = isolate.gateway.post("/remediate").header("X-API-Key", API_KEY).json(&payload());
    let in_flight = tokio::spawn(Response::to(request));
    world.sandbox.wait_for(ARRIVAL_TIMEOUT, |all| all.iter().any(|one| one.endpoint == Endpoint::Token)).await?;
    isolate.set(&json!({ "CLIENT_SECRET": "rotated" }), None).await?;
    let codes = ["graphCredentialRejected"; 2];
    assert_eq!(isolate.codes(&world.sandbox).await?, codes);
    world.sandbox.release();
    assert_eq!(code(&in_flight.await??), "accepted");
    assert_eq!(isolate.codes(&world.sandbox).await?, codes, "the token of the other environment was used");
    Ok(())
}

async fn credential_is_absent_from_job_url_and_headers(world: &World) -> TestResult {
    let isolate = Isolate::start(world).await?;
    isolate.set(&json!({}), Some(&json!({}))).await?;
    assert_eq!(code(&isolate.by_key().await?), "accepted");
    let job = String::from_utf8(Response::to(isolate.gateway.get("/last-job")).await?.body)?;
    let secret = isolate.base["CLIENT_SECRET"].as_str().ok_or("no secret")?;
    let headers: Value = serde_json::from_str(job.split_once(' ').ok_or("no job")?.1)?;
    assert!(!job.contains(secret) && !job.contains("remediation-job"), "{job}");
    assert!(headers.as_array().is_some_and(|all| all.iter().all(|header| header[0] != "job")), "{job}");
    Ok(())
}
