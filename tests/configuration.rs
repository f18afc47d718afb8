//! An incomplete configuration: nothing is sent, the log names the missing variable, and the response does not.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use acceptance::{Failure, Gateway, Response, Setup, TestResult, World, Wrangler, payload, tests};
use remediation_gateway::config::{Config, VARIABLES, Variables};
use remediation_gateway::runtime::Domains;
use remediation_gateway::time::Timestamp;
use sandbox::CALLER_OBJECT_ID;
use serde_json::{Value, json};

/// A part of every invalid value here. A log or a response with it contains a value.
const MARK: &str = "wrong-9c1e";

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        development_configuration_lacks_only_the_client_secret,
        every_invalid_variable_is_logged_once_without_its_value,
        misconfigured_response_reveals_no_configuration,
        caller_with_duplicate_or_unusable_identity_returns_500,
        optional_variables_and_alternative_forms_are_accepted,
        object_uses_configuration_of_the_worker,
        unavailable_jurisdiction_sends_nothing,
    ])
}

/// Only the runtime parses domains beyond their ASCII form.
struct AsciiDomains;

impl Domains for AsciiDomains {
    fn to_ascii(&self, domain: &str) -> Option<String> {
        domain.is_ascii().then(|| domain.to_ascii_lowercase())
    }
}

/// Checks `wrangler.toml` with the gateway's own validation: its deployment lacks only a secret.
async fn development_configuration_lacks_only_the_client_secret(_: &World) -> TestResult {
    let wrangler = Wrangler::read()?;
    let mut known = Variables::new();
    for name in VARIABLES {
        known.extend(wrangler.vars.get(name).map(|value| (name, value.clone())));
    }
    // Before that date the platform could end an attempt whose caller disconnected: see src/ledger/mod.rs.
    assert!(wrangler.compatibility_date.as_str() >= "2026-10-01", "{}", wrangler.compatibility_date);
    assert_eq!(known.len(), wrangler.vars.len(), "a variable that the gateway does not know: {:?}", wrangler.vars);
    known.insert("LEDGER", json!({}));
    let now = Timestamp::from_seconds(0); // Only certificates need the time, and this configuration has none.

    let errors = Config::check(&known, &AsciiDomains, now).err().ok_or("a configuration without a secret is valid")?;
    let errors: Vec<&str> = errors.iter().map(|error| error.variable.as_str()).collect();
    assert_eq!(errors, ["CLIENT_SECRET"]);
    known.insert("CLIENT_SECRET", json!("a secret"));
    Config::check(&known, &AsciiDomains, now).map_err(|errors| format!("{errors:?}"))?;
    Ok(())
}

/// Returns the variables that the gateway's log names as invalid.
fn invalid_variables(gateway: &Gateway) -> Vec<String> {
    let lines = gateway.output().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    lines.filter_map(|line| Some(line.get("variable")?.as_str()?.to_owned())).collect()
}

async fn post(gateway: &Gateway, token: &str) -> Result<Response, Failure> {
    Response::to(gateway.post("/remediate").bearer_auth(token).json(&payload())).await
}

/// Returns the development caller with these members replaced; a null removes one.
fn caller(over: &Value) -> Value {
    let mut caller =
        json!({ "name": "soc", "object_id": CALLER_OBJECT_ID, "actions": ["softDelete"], "recipient_domains": ["*"] });
    if let (Some(caller), Some(over)) = (caller.as_object_mut(), over.as_object()) {
        caller.extend(over.clone());
        caller.retain(|_, value| !value.is_null());
    }
    caller
}

/// Errors of one caller, and the locations that the log names.
fn caller_errors() -> Vec<(Value, &'static [&'static str])> {
    let callers = |over: Value| json!({ "CALLERS": [caller(&over)] });
    vec![
        (callers(json!({ MARK: MARK })), &["CALLERS[0]"][..]),
        (callers(json!({ "object_id": null })), &["CALLERS[0]"]),
        (callers(json!({ "name": null })), &["CALLERS[0].name"]),
        (callers(json!({ "name": format!("{MARK}\n") })), &["CALLERS[0].name"]),
        (callers(json!({ "tenant_id": MARK })), &["CALLERS[0].tenant_id"]),
        (callers(json!({ "object_id": MARK })), &["CALLERS[0].object_id"]),
        (callers(json!({ "api_key_sha256": MARK })), &["CALLERS[0].api_key_sha256"]),
        (callers(json!({ "api_key_sha256": [MARK] })), &["CALLERS[0].api_key_sha256"]),
        (callers(json!({ "actions": null })), &["CALLERS[0].actions"]),
        (callers(json!({ "actions": [] })), &["CALLERS[0].actions"]),
        (callers(json!({ "actions": ["softDelete", MARK] })), &["CALLERS[0].actions"]),
        (callers(json!({ "actions": ["unknownFutureValue"] })), &["CALLERS[0].actions"]),
        (callers(json!({ "actions": "softDelete" })), &["CALLERS[0].actions"]),
        (callers(json!({ "role": [MARK] })), &["CALLERS[0].role"]),
        (callers(json!({ "recipient_domains": [] })), &["CALLERS[0].recipient_domains"]),
        (callers(json!({ "recipient_domains": [format!("@{MARK}.com")] })), &["CALLERS[0].recipient_domains"]),
        (callers(json!({ "recipient_domains": [MARK, "*"] })), &["CALLERS[0].recipient_domains"]),
        (callers(json!({ "recipient_domains": null })), &["CALLERS[0].recipient_domains"]),
        (callers(json!({ "senders_copy": MARK })), &["CALLERS[0].senders_copy"]),
        (callers(json!({ "max_emails_per_request": 0 })), &["CALLERS[0].max_emails_per_request"]),
        (callers(json!({ "max_emails_per_request": 10_001 })), &["CALLERS[0].max_emails_per_request"]),
        (callers(json!({ "max_emails_per_hour": MARK })), &["CALLERS[0].max_emails_per_hour"]),
    ]
}

async fn every_invalid_variable_is_logged_once_without_its_value(world: &World) -> TestResult {
    let caller_errors = caller_errors();
    let others = [
        (json!({ "TENANT_ID": null }), &["TENANT_ID"][..]),
        (json!({ "TENANT_ID": "" }), &["TENANT_ID"]),
        (json!({ "TENANT_ID": format!("{MARK}.onmicrosoft.com") }), &["TENANT_ID"]),
        (json!({ "CLIENT_ID": { MARK: MARK } }), &["CLIENT_ID"]),
        (json!({ "CLIENT_SECRET": null }), &["CLIENT_SECRET"]),
        (json!({ "CLIENT_SECRET": "" }), &["CLIENT_SECRET"]),
        (json!({ "CLIENT_SECRET": [MARK] }), &["CLIENT_SECRET"]),
        (json!({ "AUDIENCE": null }), &["AUDIENCE"]),
        (json!({ "AUDIENCE": [] }), &["AUDIENCE"]),
        (json!({ "AUDIENCE": [MARK, 7] }), &["AUDIENCE"]),
        (json!({ "AUDIENCE": "https://graph.microsoft.com/" }), &["AUDIENCE"]),
        (json!({ "AUDIENCE": ["00000003-0000-0000-C000-000000000000"] }), &["AUDIENCE"]),
        (json!({ "GRAPH_VERSION": MARK }), &["GRAPH_VERSION"]),
        (json!({ "GRAPH_VERSION": "V1.0" }), &["GRAPH_VERSION"]),
        (json!({ "GRAPH_URL": format!("http://{MARK}.example.com") }), &["GRAPH_URL"]),
        (json!({ "GRAPH_URL": format!("https://graph.microsoft.com/{MARK}") }), &["GRAPH_URL"]),
        (json!({ "GRAPH_URL": format!("https://{MARK}:x@graph.microsoft.com") }), &["GRAPH_URL"]),
        (json!({ "LOGIN_URL": MARK }), &["LOGIN_URL"]),
        (json!({ "LOGIN_URL": format!("http://localhost.{MARK}.com") }), &["LOGIN_URL"]),
        (json!({ "LEDGER_JURISDICTION": MARK }), &["LEDGER_JURISDICTION"]),
        (json!({ "LEDGER_JURISDICTION": "" }), &["LEDGER_JURISDICTION"]),
        (json!({ "STOPPED": MARK }), &["STOPPED"]),
        (json!({ "STOPPED": "" }), &["STOPPED"]),
        (json!({ "STOPPED": 0 }), &["STOPPED"]),
        (json!({ "CALLERS": null }), &["CALLERS"]),
        (json!({ "CALLERS": [] }), &["CALLERS"]),
        (json!({ "CALLERS": MARK }), &["CALLERS"]),
        (json!({ "CALLERS": { MARK: 1 } }), &["CALLERS"]),
        (json!({ "CALLERS": [MARK] }), &["CALLERS[0]"]),
        (json!({ "PROTECTED_RECIPIENTS": "" }), &["PROTECTED_RECIPIENTS"]),
        (json!({ "PROTECTED_RECIPIENTS": [] }), &["PROTECTED_RECIPIENTS"]),
        (json!({ "PROTECTED_RECIPIENTS": MARK }), &["PROTECTED_RECIPIENTS"]),
        (
            json!({ "PROTECTED_RECIPIENTS": ["contoso.com", MARK, "*"] }),
            &["PROTECTED_RECIPIENTS[1]", "PROTECTED_RECIPIENTS[2]"],
        ),
        (json!({ "PROTECTED_RECIPIENTS": ["xn--024.contoso.com"] }), &["PROTECTED_RECIPIENTS[0]"]),
        // All errors at once, including the second caller's.
        (
            json!({
                "TENANT_ID": MARK,
                "CLIENT_ID": null,
                "CLIENT_SECRET": 1,
                "AUDIENCE": "",
                "GRAPH_VERSION": MARK,
                "GRAPH_URL": MARK,
                "LOGIN_URL": MARK,
                "STOPPED": [MARK],
                "CALLERS": [caller(&json!({})), caller(&json!({ "name": MARK, "object_id": 1, "actions": [1], MARK: 1 }))],
            }),
            &[
                "TENANT_ID",
                "CLIENT_ID",
                "CLIENT_SECRET",
                "AUDIENCE",
                "GRAPH_VERSION",
                "GRAPH_URL",
                "LOGIN_URL",
                "STOPPED",
                "CALLERS[1]",
                "CALLERS[1].object_id",
                "CALLERS[1].actions",
            ],
        ),
    ];
    for (over, expected) in others.into_iter().chain(caller_errors) {
        let gateway = world.gateway_with(over.clone()).await?;
        let token = world.token();
        let health = || async { Response::to(gateway.get("/healthz")).await.map(|response| response.status) };
        assert_eq!(health().await?, 200, "{over}");
        for _ in 0..2 {
            let response = post(&gateway, &token).await?;
            assert_eq!(response.status, 500, "{over}: {response:?}");
            response.assert_problem(500, "misconfigured", &[]);
            let id = response.request_id().to_owned();
            let line: Value = serde_json::from_str(&gateway.wait_for_line(|line| line.contains(&id)).await?)?;
            assert_eq!((&line["status"], &line["code"]), (&json!(500), &json!("misconfigured")), "{over}");
        }
        assert_eq!(health().await?, 200, "{over}");
        let found = invalid_variables(&gateway);
        let (reported, known): (BTreeSet<&str>, BTreeSet<&str>) =
            (found.iter().map(String::as_str).collect(), expected.iter().copied().collect());
        assert_eq!(reported, known, "{over}");
        assert_eq!(found.len(), expected.len(), "each is logged once, on the first request: {found:?}");
        let output = gateway.output().join("\n");
        assert!(!output.contains(MARK), "a value was logged: {output}");
    }
    assert!(world.sandbox.recorded().is_empty(), "Microsoft was called");
    Ok(())
}

/// The response is the same with and without credentials. Routes that need no configuration still work.
async fn misconfigured_response_reveals_no_configuration(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({ "CLIENT_ID": MARK, "CALLERS": [caller(&json!({ MARK: 1 }))] })).await?;
    for token in [world.token(), "x.y.z".to_owned()] {
        for path in [
            "/remediate",
            "/remediate?validateOnly=true",
            "/v1.0/security/collaboration/analyzedEmails/remediate",
            "/beta/security/collaboration/analyzedEmails/microsoft.graph.security.remediate",
        ] {
            let response = Response::to(gateway.post(path).bearer_auth(&token).json(&payload())).await?;
            let text = response.assert_problem(500, "misconfigured", &[]).to_string();
            for hidden in VARIABLES.into_iter().chain([MARK, "CALLERS", "soc"]) {
                assert!(!text.contains(hidden), "{hidden}: {text}");
            }
        }
    }
    Response::to(gateway.post("/remediate").json(&payload())).await?.assert_problem(500, "misconfigured", &[]);
    Response::to(gateway.get("/remediate")).await?.assert_problem(405, "methodNotAllowed", &["allow"]);
    Response::to(gateway.post("/nowhere")).await?.assert_problem(404, "notFound", &[]);
    let health = Response::to(gateway.get("/healthz")).await?;
    assert_eq!(health.body, br#"{"status":"ok"}"#);
    health.assert_headers(&["content-type"]);
    Ok(())
}

async fn caller_with_duplicate_or_unusable_identity_returns_500(world: &World) -> TestResult {
    let digest = acceptance::API_KEY_SHA256;
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let one = caller(&json!({ "api_key_sha256": [digest] }));
    let other = |over: Value| {
        let mut other = json!({ "name": "other", "object_id": acceptance::guid() });
        other.as_object_mut().into_iter().for_each(|other| other.extend(over.as_object().cloned().unwrap_or_default()));
        caller(&other)
    };
    for (second, expected) in [
        (other(json!({ "name": "SOC" })), "CALLERS[1].name"),
        (other(json!({ "object_id": CALLER_OBJECT_ID.to_uppercase() })), "CALLERS[1].object_id"),
        (other(json!({ "api_key_sha256": [digest.to_uppercase()] })), "CALLERS[1].api_key_sha256"),
        (other(json!({ "api_key_sha256": [nothing] })), "CALLERS[1].api_key_sha256"),
        (
            other(json!({ "object_id": null, "api_key_sha256": [nothing.replace('e', "d")], "role": "R" })),
            "CALLERS[1].role",
        ),
    ] {
        let gateway = world.gateway_with(json!({ "CALLERS": [one.clone(), second] })).await?;
        let response = post(&gateway, &world.token()).await?;
        response.assert_problem(500, "misconfigured", &[]);
        // The errors are logged before the request's entry.
        gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
        assert_eq!(invalid_variables(&gateway), [expected]);
    }
    Ok(())
}

/// workerd has no jurisdictions, so the call fails. Nothing is sent through a ledger elsewhere.
async fn unavailable_jurisdiction_sends_nothing(world: &World) -> TestResult {
    let gateway = world.gateway_with(json!({ "LEDGER_JURISDICTION": "eu" })).await?;
    post(&gateway, &world.token()).await?.assert_problem(503, "ledgerUnavailable", &["retry-after"]);
    assert!(world.sandbox.recorded_at(sandbox::Endpoint::Remediate).is_empty());
    Ok(())
}

/// A variable that a dashboard leaves empty counts as not set, and `CALLERS` may be a text of JSON there.
async fn optional_variables_and_alternative_forms_are_accepted(world: &World) -> TestResult {
    let text = json!([caller(&json!({}))]).to_string();
    for over in [
        json!({ "GRAPH_VERSION": null }),
        json!({ "GRAPH_VERSION": "" }),
        json!({ "CALLERS": text }),
        json!({ "AUDIENCE": sandbox::APPLICATION_ID }),
        json!({ "AUDIENCE": ["api://other", sandbox::APPLICATION_ID] }),
        json!({ "SOMETHING_ELSE": "x" }),
        json!({ "GRAPH_URL": format!("{}/", world.sandbox.base_url()) }),
    ] {
        let gateway = world.gateway_with(over.clone()).await?;
        let response = post(&gateway, &world.token()).await?;
        assert_eq!(response.status, 202, "{over}: {response:?}");
        let sent = world.sandbox.recorded_at(sandbox::Endpoint::Remediate).pop().ok_or("nothing was sent")?;
        assert!(sent.path.starts_with("/beta/"), "the default version: {}", sent.path);
        assert_eq!(invalid_variables(&gateway), [""; 0]);
    }
    Ok(())
}

/// An object may keep an older environment than the Worker's. It takes its settings from the job.
async fn object_uses_configuration_of_the_worker(world: &World) -> TestResult {
    let front = Some(Box::new(Setup::from(world.bindings())));
    let bindings = world.bindings_with(json!({ "TENANT_ID": "x", "CLIENT_SECRET": null, "CALLERS": null }));
    let gateway = world.gateway_as(&Setup { front, ..bindings.into() }).await?;
    assert_eq!(post(&gateway, &world.token()).await?.status, 202);
    assert_eq!(invalid_variables(&gateway), [""; 0]);
    Ok(())
}
