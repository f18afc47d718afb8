//! Interplay of the pipeline's steps: the emergency stop, the time budget, and responses for steps that never end. The
//! modules of the steps have the other tests.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::gateway::{GRAPH_URL, Gateway, TOKEN_URL, api_key, authorization, code, payload, post};
use super::support::runtime::TestRuntime;
use super::support::storage::MemoryStorage;
use super::support::upstream::Reply;
use super::support::{CRON_KEY, FixedEnvironment, OTHER_TENANT, TENANT, variables, variables_with};
use crate::caches::IsolateCaches;
use crate::gateway::job::{RemediationJob, RequestContext, ResponseFormat};
use crate::gateway::{Handled, handover};
use crate::graph::response::Accepted;
use crate::graph::settings::GraphSettings;
use crate::http::{DeclaredBody, Request, RequestBody, RequestBodyError, RequestHeaders, Response};
use crate::ledger::storage::{LedgerRecord, Records};
use crate::ledger::types::Hash;
use crate::ledger::{LedgerError, LedgerRequest, LedgerService};
use crate::remediation::{Action, GraphVersion};
use crate::runtime::{Clock, SendError, Timers};
use crate::time::Timestamp;

fn stopped() -> Gateway {
    Gateway::new(variables_with("STOPPED", json!("true")))
}

#[test]
fn stopped_gateway_sends_nothing_and_still_validates() {
    let good = payload("softDelete", &["hannah@contoso.com"]);
    let mut gateway = stopped();
    for path in ["/remediate", "/v1.0/security/collaboration/analyzedEmails/remediate"] {
        let response = gateway.ask(post(path, "", api_key(CRON_KEY)), good.to_string().into_bytes());
        assert_eq!((response.status, code(&response).as_str()), (503, "stopped"), "{path}");
        assert!(response.headers.contains(&("Retry-After", "300".to_owned())), "{:?}", response.headers);
        let line = gateway.logged();
        assert_eq!((&line["code"], &line["caller"]), (&json!("stopped"), &json!("cron")));
        assert_eq!(line["reason"], "remediations are stopped");
    }
    let response = gateway.validate(api_key(CRON_KEY));
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(gateway.stage.runtime.upstream().calls().len(), 0, "Microsoft was called");

    let mut gateway = Gateway::new(variables_with("STOPPED", json!(false)));
    assert_eq!(gateway.remediate(api_key(CRON_KEY), &good).status, 202);
}

/// Unauthenticated requests get their usual response. Authenticated callers learn of the stop without a valid body.
#[test]
fn stop_is_checked_after_authentication_and_before_the_body() {
    let mut gateway = stopped();
    for (headers, query, expected) in [
        (RequestHeaders { api_key: None, ..api_key("") }, "", "unauthenticated"),
        (api_key("rgk_of-nobody"), "", "invalidCredentials"),
        (RequestHeaders { content_type: None, ..api_key(CRON_KEY) }, "", "unsupportedMediaType"),
        (api_key(CRON_KEY), "validateOnly=perhaps", "invalidRequest"),
        (api_key(CRON_KEY), "validateOnly=false", "stopped"),
        (api_key(CRON_KEY), "validateOnly=true", "invalidJson"),
        (api_key(CRON_KEY), "", "stopped"),
    ] {
        let response = gateway.ask(post("/remediate", query, headers), b"{".to_vec());
        assert_eq!(code(&response), expected, "{query}");
    }
    assert_eq!(
        gateway.ask(Request { method: "GET".to_owned(), ..post("/healthz", "", api_key("")) }, Vec::new()).status,
        200
    );
}

/// An invalid stop value also stops the gateway, with its own code, so that a typing error cannot prevent a stop.
#[test]
fn invalid_stop_value_is_misconfigured_and_sends_nothing() {
    for value in [json!("yes"), json!(""), json!(1)] {
        let mut gateway = Gateway::new(variables_with("STOPPED", value.clone()));
        let response = gateway.remediate(api_key(CRON_KEY), &payload("softDelete", &["hannah@contoso.com"]));
        assert_eq!((response.status, code(&response).as_str()), (500, "misconfigured"), "{value}");
        let lines = gateway.stage.runtime.take_log();
        assert!(lines[0].contains("\"variable\":\"STOPPED\""), "{lines:?}");
        assert_eq!(gateway.stage.runtime.upstream().calls().len(), 0, "{value}");
    }
}

/// Body that arrives after this number of milliseconds.
struct LateBody(u64, Vec<u8>, TestRuntime);

impl RequestBody for LateBody {
    async fn read(self, _: DeclaredBody, _: usize) -> Result<Vec<u8>, RequestBodyError> {
        self.2.sleep(Duration::from_millis(self.0)).await;
        Ok(self.1)
    }
}

/// If the time were over before Graph's response, the outcome would be unknown. Validation takes no time.
#[test]
fn late_body_is_rejected_with_504_except_for_validation() {
    for (late, query, status) in [
        (84_000, "", None),
        (84_001, "", Some(504)),
        (200_000, "", Some(504)),
        (200_000, "validateOnly=true", Some(200)),
    ] {
        let mut gateway = Gateway::default();
        let runtime = gateway.stage.runtime.clone();
        let body = payload("softDelete", &["hannah@contoso.com"]).to_string().into_bytes();
        let request = post("/remediate", query, api_key(CRON_KEY));
        let started = gateway.stage.start(async move {
            let body = LateBody(late, body, runtime.clone());
            crate::gateway::handle_request(
                &runtime,
                &IsolateCaches::default(),
                &FixedEnvironment::new(variables()),
                &request,
                body,
            )
            .await
        });
        let (response, spent) = match gateway.stage.finish(started) {
            Handled::Response(response) => (Some(response), 0),
            Handled::Job(job, ..) => (None, job.spent),
        };
        assert_eq!(response.as_ref().map(|response| response.status), status, "{late}");
        assert_eq!(spent, if status.is_none() { late } else { 0 });
        if status == Some(504) {
            let line = gateway.logged();
            assert_eq!((&line["code"], &line["reason"]), (&json!("graphTimeout"), &json!("the body came too late")));
        }
    }
}

/// Returns a job of the caller "cron", whose Worker has already used this number of milliseconds.
pub(super) fn job(spent: u64) -> RemediationJob {
    let context = RequestContext {
        request_id: "99999999-0000-4000-8000-000000000001".to_owned(),
        client_request_id: Some("the-callers".to_owned()),
        workflow_run_id: None,
        path: "/remediate".to_owned(),
        began: Timestamp::default(),
    };
    let ledger_request = LedgerRequest {
        key: None,
        payload_hash: Hash([0; 32]),
        pairs: 0,
        action: Action::SoftDelete,
        emails: 3,
        emails_per_hour: 10,
        version: GraphVersion::Beta,
        newer_member: false,
    };
    RemediationJob {
        context,
        caller: "cron".to_owned(),
        tenant_id: None,
        ledger_request,
        expands: false,
        format: ResponseFormat::Accepted,
        jurisdiction: None,
        spent,
    }
}

/// A request that waited for an object, or for a module that a panic ended, gets a response and a log line.
#[test]
fn ledger_failure_or_lost_module_returns_an_error_and_is_logged() {
    let gateway = Gateway::default();
    let runtime = &gateway.stage.runtime;
    let check = |response: &Response, status: u16, reason: &str| {
        let expected = if status == 503 { ("ledgerUnavailable", Some("5")) } else { ("internal", None) };
        let line = gateway.logged();
        assert_eq!(
            (&line["reason"], &line["status"], &line["route"]),
            (&json!(reason), &json!(status), &json!("/remediate"))
        );
        let header =
            |name: &str| response.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        assert_eq!((response.status, code(response).as_str()), (status, expected.0), "{reason}");
        assert_eq!(header("Retry-After").as_deref(), expected.1, "{reason}");
        assert_eq!(
            (&line["requestId"], &line["clientRequestId"]),
            (&json!(header("request-id")), &json!("the-callers"))
        );
        assert_eq!(header("client-request-id").as_deref(), Some("the-callers"));
        line
    };
    let unknown = "The outcome is unknown; it is safe to retry.";
    for (error, status, reason, outcome) in [
        (LedgerError::Unreachable, 503, "the caller's ledger cannot be reached", unknown),
        (LedgerError::Overloaded, 503, "the caller's ledger is overloaded", unknown),
        (LedgerError::Reset, 503, "the caller's ledger was reset", unknown),
        (LedgerError::Storage, 503, "the storage of the caller's ledger failed", "Nothing was sent."),
        (LedgerError::OtherFormat, 503, "the caller's ledger has another format of a job", "Nothing was sent."),
        (LedgerError::Failed, 500, "the caller's ledger failed", unknown),
    ] {
        let response = crate::gateway::respond_without_ledger(runtime, job(7), error);
        let line = check(&response, status, reason);
        assert!(response.body.contains(outcome), "{}", response.body);
        assert_eq!((&line["caller"], &line["emails"], &line["durationMs"]), (&json!("cron"), &json!(3), &json!(7)));
    }
    let headers = RequestHeaders { client_request_id: Some("the-callers".to_owned()), ..api_key(CRON_KEY) };
    let line = check(
        &crate::gateway::respond_after_loss(runtime, &post("/remediate", "", headers)),
        500,
        "the module was lost, or failed, during the request",
    );
    assert_eq!(line["caller"], Value::Null);
    let health = Request { method: "GET".to_owned(), ..post("/healthz", "", RequestHeaders::default()) };
    assert_eq!(crate::gateway::respond_after_loss(runtime, &health).status, 500);
    assert_eq!(gateway.stage.runtime.take_log(), [""; 0]);
}

/// A job in an unknown format sends nothing, is logged, and its response names the known format.
#[test]
fn job_in_unknown_format_is_rejected_and_logged() {
    let settings = GraphSettings::line(&Gateway::default().config());
    let head = handover::serialize_head(&settings, &job(0));
    let head = str::from_utf8(head.expose()).unwrap();
    assert!(!format!("{:?}", handover::serialize_head(&settings, &job(0))).contains("secret"));
    let good = format!("{head}the body\nfor Graph");
    for (message, is_known) in [
        (good.clone(), true),
        (String::new(), false),
        ("{}".to_owned(), false),
        (good.replacen("/2\n", "/1\n", 1), false),
        (good.replacen("/2\n", "/2 \n", 1), false),
        (good.replacen("/2\n", "/2\n\n", 1), false),
        // The format is known, but the rest is not that of its jobs.
        (good.replacen("\"expands\":false", "\"expands\":true", 1), false),
        (good.replacen("\"caller\"", "\"who\"", 1), false),
        (good.replacen("tenantId", "tenant", 1), false),
        (good.replacen("\"tenantId\":null", "\"tenant\":null", 1), false),
        (good.replacen("\"tenantId\":null", &format!("\"tenantId\":\"{OTHER_TENANT}\""), 1), false),
    ] {
        let mut gateway = Gateway::default();
        let runtime = gateway.stage.runtime.clone();
        let started = gateway.stage.start(async move {
            let caches = IsolateCaches::<FixedEnvironment, ()>::default();
            let ledger = LedgerService::new(MemoryStorage::default());
            crate::gateway::execute(&runtime, &caches, false, &ledger, message.into_bytes()).await
        });
        let mut response = gateway.stage.finish(started);
        assert_eq!(response.headers.pop(), Some((handover::FORMAT_HEADER, handover::FORMAT.to_owned())));
        let calls = gateway.stage.runtime.upstream().calls();
        if is_known {
            assert_eq!(response.status, 202, "{}", response.body);
            assert_eq!(calls[1].body.as_deref(), Some("the body\nfor Graph"));
            continue;
        }
        assert_eq!((response.status, code(&response).as_str()), (503, "ledgerUnavailable"));
        assert!(response.headers.contains(&("Retry-After", "5".to_owned())), "{:?}", response.headers);
        assert!(response.body.contains("Nothing was sent."), "{}", response.body);
        assert!(calls.is_empty());
        let line = gateway.logged();
        assert_eq!(line, json!({ "code": "ledgerUnavailable", "reason": "a job of another format was rejected" }));
    }
}

/// The object's environment may be older or newer than the Worker's. A stop in either of them applies.
#[test]
fn stopped_object_sends_nothing() {
    let mut gateway = Gateway::default();
    let runtime = gateway.stage.runtime.clone();
    let head = handover::serialize_head(&GraphSettings::line(&gateway.config()), &job(0));
    let started = gateway.stage.start(async move {
        let caches = IsolateCaches::<FixedEnvironment, ()>::default();
        let ledger = LedgerService::new(MemoryStorage::default());
        crate::gateway::execute(&runtime, &caches, true, &ledger, head.expose().to_vec()).await
    });
    let response = gateway.stage.finish(started);
    assert_eq!((response.status, code(&response).as_str()), (503, "stopped"));
    assert!(gateway.stage.runtime.upstream().calls().is_empty());
}

/// A location that HTTP clients cannot parse would make every replay fail for 24 hours.
#[test]
fn invalid_recorded_location_is_replaced_on_replay_and_logged() {
    let history = "https://security.microsoft.com/action-center/history";
    let good = format!(r#"{history}?filters={{"bulkId":["b-1"]}}&tid=t"#);
    let long = format!("{history}?x={}", "y".repeat(100 * 1024));
    for (location, reason) in [
        (good.as_str(), None),
        (long.as_str(), Some("Graph's Location has more than 8192 bytes")),
        ("javascript:alert(1)", Some("Graph's Location is not an absolute https URL")),
        (
            &format!("{history}?x=\u{e9}"),
            Some("Graph's Location holds a blank, a control character or one beyond ASCII"),
        ),
    ] {
        let mut gateway = Gateway::default();
        let record = json!({ "location": location, "duplicate": false, "graph_request_id": null, "status": 202 });
        let runtime = gateway.stage.runtime.clone();
        let (now, storage, request) = (runtime.now(), MemoryStorage::default(), job(0).ledger_request);
        let at = now.minus(Duration::from_mins(1));
        let record = LedgerRecord {
            payload_hash: request.payload_hash,
            keyed: false,
            emails: request.emails,
            began: now,
            expires: now.plus(Duration::from_hours(1)),
            accepted: Some(Accepted { at, ..serde_json::from_value(record).unwrap() }),
            recipients: None,
            effect: None,
        };
        storage.put(request.record_key(), &record).unwrap();
        let ledger = LedgerService::new(storage);
        let message =
            [handover::serialize_head(&GraphSettings::line(&gateway.config()), &job(0)).expose(), b"{}"].concat();
        let started = gateway.stage.start(async move {
            crate::gateway::execute(
                &runtime,
                &IsolateCaches::<FixedEnvironment, ()>::default(),
                false,
                &ledger,
                message,
            )
            .await
        });
        let response = gateway.stage.finish(started);
        let expected = if reason.is_none() { good.clone() } else { format!("{history}?tid={TENANT}") };
        assert!(response.headers.contains(&("Location", expected.clone())), "{:?}", response.headers);
        let body: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(body["trackingUrl"] == json!(expected), reason.is_some(), "{body}");
        assert_eq!(body["acceptedAt"], at.to_rfc3339(), "the time must be the first response's");
        let line = gateway.logged();
        assert_eq!((&line["reason"], &line["replayed"], &line["code"]), (&json!(reason), &json!(true), &Value::Null));
    }
}

/// The failure of a request may come from its settings or texts, which no hash of the pairs has.
#[test]
fn waiter_with_another_secret_or_text_shares_only_a_success() {
    let plain = payload("softDelete", &["hannah@contoso.com"]);
    let mut renamed = plain.clone();
    renamed["displayName"] = json!("Another name");
    let expired = br#"{"error":"invalid_client","error_description":"AADSTS7000222: expired"}"#;
    let expired = Reply::Response(401, Vec::new(), expired.to_vec());
    let secret = || variables_with("CLIENT_SECRET", json!("another~client.secret"));
    let path = "/v1.0/security/collaboration/analyzedEmails/remediate";
    for (held, reply, code_of_first, environment, path, waiting, code_of_waiter) in [
        (
            TOKEN_URL,
            expired.clone(),
            "graphCredentialRejected",
            variables(),
            "/remediate",
            &plain,
            "graphCredentialRejected",
        ),
        (TOKEN_URL, expired, "graphCredentialRejected", secret(), "/remediate", &plain, "inProgress"),
        (GRAPH_URL, Reply::status(400), "graphRefused", variables(), "/remediate", &plain, "graphRefused"),
        (GRAPH_URL, Reply::status(400), "graphRefused", variables(), "/remediate", &renamed, "inProgress"),
        (GRAPH_URL, Reply::status(400), "graphRefused", variables(), path, &plain, "inProgress"),
        (
            GRAPH_URL,
            Reply::Failure(SendError::Connection),
            "graphUnavailable",
            secret(),
            "/remediate",
            &plain,
            "inProgress",
        ),
        (GRAPH_URL, Reply::status(202), "accepted", secret(), path, &renamed, "accepted"),
    ] {
        let mut gateway = Gateway::default();
        gateway.stage.runtime.upstream().hold(held);
        let first = gateway.start(post("/remediate", "", api_key(CRON_KEY)), plain.to_string().into_bytes());
        gateway.environment = FixedEnvironment::new(environment);
        let waiter = gateway.start(post(path, "", api_key(CRON_KEY)), waiting.to_string().into_bytes());
        gateway.stage.runtime.upstream().release_one(held, 0, reply);
        let (first, waiter) = (gateway.stage.finish(first), gateway.stage.finish(waiter));
        assert_eq!((code(&first).as_str(), code(&waiter).as_str()), (code_of_first, code_of_waiter));
        if code_of_waiter == "inProgress" {
            assert!(waiter.headers.contains(&("Retry-After", "30".to_owned())), "{:?}", waiter.headers);
        }
        assert_eq!(gateway.stage.runtime.upstream().count(held), 1);
    }
}

/// "Graph did not accept the remediation." would be untrue of the earlier attempt.
#[test]
fn rejected_retry_of_an_unknown_outcome_reports_it_as_unknown() {
    let remediation = payload("softDelete", &["hannah@contoso.com"]);
    for (status, expected) in [(400, "graphRefused"), (403, "graphPermissionMissing"), (409, "graphConflict")] {
        let mut gateway = Gateway::default();
        let mut ask = |reply: Reply| {
            gateway.stage.runtime.upstream().respond(GRAPH_URL, reply);
            gateway.stage.runtime.take_log();
            let response = gateway.remediate(api_key(CRON_KEY), &remediation);
            (code(&response), response.body, gateway.logged()["reason"].to_string())
        };
        let (code, body, _) = ask(Reply::status(status));
        assert_eq!(code, expected);
        assert!(!body.contains("unknown"), "{body}");
        assert_eq!(ask(Reply::Failure(SendError::Connection)).0, "graphUnavailable");
        let (code, body, reason) = ask(Reply::status(status));
        assert_eq!(code, expected);
        assert!(!body.contains("did not accept"), "{body}");
        assert!(body.contains("An earlier attempt may have been accepted. The outcome is unknown"), "{body}");
        assert!(reason.contains("; the outcome of an earlier attempt is unknown"), "{reason}");
        assert_eq!(ask(Reply::status(202)).0, "accepted");
    }
}

/// A caller that is accepted over plain HTTP continues to expose its credential.
#[test]
fn plain_http_is_rejected_before_configuration_and_credentials() {
    for (scheme, host, status) in [
        ("http", "gateway.example", 403),
        ("", "gateway.example", 403),
        ("http", "127.0.0.1.evil.example", 403),
        ("http", "127.0.0.1:8787", 200),
        ("https", "gateway.example", 200),
    ] {
        let over = |headers| Request {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            ..post("/remediate", "validateOnly=true", headers)
        };
        let mut gateway = Gateway::default();
        let body = payload("softDelete", &["hannah@contoso.com"]).to_string().into_bytes();
        let response = gateway.ask(over(api_key(CRON_KEY)), body);
        assert_eq!(response.status, status, "{scheme} {host}");
        if status == 200 {
            continue;
        }
        assert_eq!(code(&response), "httpsRequired");
        assert!(response.headers.iter().all(|(name, _)| *name != "WWW-Authenticate"), "{:?}", response.headers);
        let line = gateway.logged();
        assert_eq!(line["reason"], "the request did not come over https");
        assert_eq!(line["caller"], Value::Null, "the credential was checked");
        // The rejection does not depend on other errors or on the configuration.
        let mut broken = Gateway::new(variables_with("CALLERS", json!([])));
        for headers in [RequestHeaders::default(), api_key("x"), authorization("Bearer x, Bearer y")] {
            let response = broken.ask(over(headers), Vec::new());
            assert_eq!((response.status, code(&response).as_str()), (403, "httpsRequired"), "{scheme} {host}");
            broken.logged();
        }
        let get = Request { method: "GET".to_owned(), path: "/healthz".to_owned(), ..over(api_key("x")) };
        assert_eq!(gateway.ask(get, Vec::new()).status, 200);
    }
}

/// More people can read a response and the log than may have a key.
#[test]
fn credential_in_place_of_an_id_is_neither_logged_nor_echoed() {
    let token = crate::tests::support::entra::Draft::v2().token();
    let basic = "c2NyaXB0OnJna19vZi10aGUtc2NyaXB0LW9sZA";
    for (headers, id) in [
        (api_key(CRON_KEY), "rgk_of"),
        (api_key("swordfish"), "swordfish"),
        (api_key("swordfish-of-cron"), "swordfish"),
        (api_key("swordfish"), "id.swordfish.1"),
        (api_key(CRON_KEY), "rgw_of-another"),
        (authorization(&format!("Bearer {token}")), token.get(..60).unwrap()),
        (authorization(&format!("Bearer {token}")), token.rsplit('.').next().unwrap().get(..60).unwrap()),
        (authorization(&format!("Basic {basic}==")), basic),
        (authorization("Basic c29hcjpzd29yZGZpc2g="), "swordfish"),
        (authorization("swordfish"), "swordfish"),
        (authorization("Digest swordfish"), "swordfish"),
    ] {
        for path in ["/remediate", "/nowhere", "/healthz"] {
            let ids = RequestHeaders {
                client_request_id: Some(id.to_owned()),
                workflow_run_id: Some(id.to_owned()),
                authorization: headers.authorization.clone(),
                api_key: headers.api_key.clone(),
                ..api_key("")
            };
            let ids = RequestHeaders { api_key: headers.api_key.clone(), ..ids };
            let mut gateway = Gateway::default();
            let response = gateway.ask(post(path, "", ids), b"{}".to_vec());
            let shown = format!("{response:?}{}", gateway.logged());
            assert!(!shown.contains(id), "{path} {id}: {shown}");
        }
    }
}

/// An unknown path is text that the caller chose.
#[test]
fn path_is_echoed_only_if_it_is_a_known_route() {
    let mut gateway = Gateway::default();
    for (path, echoed) in [
        ("/remediate", true),
        ("/Remediate/", true),
        ("/nowhere", false),
        ("/rgk_of-the-script-old", false),
        ("/remediate/rgk_of-the-script-old", false),
    ] {
        let response = gateway.ask(post(path, "", RequestHeaders::default()), Vec::new());
        let body: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(body.get("instance"), echoed.then(|| json!(path)).as_ref(), "{path}");
        assert!(!gateway.logged().to_string().contains("rgk_"), "{path}");
    }
}
