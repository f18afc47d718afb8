//! Complete pipeline.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use remediation_gateway::auth::credentials;
use remediation_gateway::auth::credentials::Credentials;
use remediation_gateway::caches::IsolateCaches;
use remediation_gateway::code::Code;
use remediation_gateway::gateway::job::RemediationJob;
use remediation_gateway::gateway::{Handled, execute, handle_request};
use remediation_gateway::http::{DeclaredBody, Request, RequestBody, RequestBodyError, RequestHeaders, Response};
use remediation_gateway::preconditions::MAX_ID_LENGTH;
use remediation_gateway::remediation;
use remediation_gateway::route::Route;
use remediation_gateway::secret::Secret;
use serde_json::Value;

use crate::headers::request;
use crate::json::is_json_line;
use crate::message::Message;
use crate::world::{
    API_KEY, DOMAIN, FakeRuntime, FixedEnvironment, MAX_EMAILS, OTHER_TENANT, PERMITTED_ACTIONS, PROTECTED,
    PROTECTED_LOCAL_PART, SIGNATURE, ledger, run,
};

/// Checks a request as text. A bearer token in `Authorization` can be `Bearer {header}.{claims}` in plain JSON.
///
/// - Only callers with a valid key or a signed token can submit remediations, within their permissions.
/// - Requests without a valid credential learn nothing about their body, and `validateOnly` submits nothing.
/// - Microsoft receives no credential of the caller. Without a job, Microsoft receives at most requests for its keys,
///   and for the list if a known caller reads it.
/// - Each response is JSON or empty, with its headers and a known code. The gateway itself never fails.
/// - Each POST logs one JSON line without an address, a key or a token.
///
/// Returns whether the gateway accepts the request.
///
/// # Panics
///
/// Panics if a property does not hold.
#[must_use]
pub fn gateway(bytes: &[u8]) -> bool {
    let message = Message::parse(bytes);
    let mut request = request(&message);
    sign(&mut request.headers);
    let runtime = FakeRuntime::default();
    let (response, job) = match run(handle_request(
        &runtime,
        &IsolateCaches::default(),
        &FixedEnvironment,
        &request,
        CompleteBody(message.body),
    )) {
        Handled::Response(response) => (response, None),
        Handled::Job(job, head, graph_request) => {
            let message = [head.expose(), graph_request.as_bytes()].concat();
            let object = IsolateCaches::<FixedEnvironment, ()>::default();
            (run(execute(&runtime, &object, false, &ledger(), message)), Some(job))
        }
    };
    check_response(&response, &request);
    check_submission(&runtime, job.as_deref(), &response, &request);
    let token = bearer_token(&request);
    for call in runtime.calls() {
        let is_for_keys = call.contains("/discovery/") && !call.contains("Bearer") && call.len() < 300;
        let is_read = matches!(Route::of(&request.path), Some(Route::Status | Route::Messages))
            && has_accepted_credential(&request);
        assert!(is_for_keys || is_read || job.is_some(), "{call}");
        assert!(!call.contains(API_KEY) && token.is_none_or(|token| !call.contains(token)), "{call}");
    }
    check_log(&runtime, &response, &request);
    (200..300).contains(&response.status)
}

/// Body that arrives completely. The platform's decompression is not fuzzed here: gzip counts as damaged.
struct CompleteBody<'a>(&'a [u8]);

impl RequestBody for CompleteBody<'_> {
    async fn read(self, declared: DeclaredBody, cap: usize) -> Result<Vec<u8>, RequestBodyError> {
        match self.0 {
            body if body.len() > cap => Err(RequestBodyError::TooLarge),
            _ if declared.is_gzip => Err(RequestBodyError::Damaged),
            body => Ok(body.to_vec()),
        }
    }
}

/// Encodes and signs a token in plain JSON, a form that a fuzzer can mutate.
fn sign(headers: &mut RequestHeaders) {
    let Some(plain) = headers.authorization.as_ref().and_then(|given| given.expose().strip_prefix("Bearer {")) else {
        return;
    };
    let Some((header, claims)) = plain.split_once("}.{") else { return };
    let part = |part: String| BASE64_URL_SAFE_NO_PAD.encode(part);
    let (header, claims) = (part(format!("{{{header}}}")), part(format!("{{{claims}")));
    let token = format!("Bearer {header}.{claims}.{}", base64url(SIGNATURE));
    headers.authorization = Some(Secret::new(token));
}

fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Checks that a response has its headers, a documented body and a known code.
fn check_response(response: &Response, request: &Request) {
    for name in ["request-id", "Cache-Control", "X-Content-Type-Options"] {
        assert_eq!(response.headers.iter().filter(|(known, _)| *known == name).count(), 1, "{name}");
    }
    for (name, value) in &response.headers {
        assert!(value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{name}: {value}");
    }
    if response.body.is_empty() {
        assert!(response.status == 202 && response.headers.iter().any(|(name, _)| *name == "Preference-Applied"));
        return;
    }
    let body: Value = serde_json::from_str(&response.body).expect("it is JSON");
    if (200..300).contains(&response.status) {
        return;
    }
    let code = Code::ALL.iter().find(|code| body["error"]["code"] == code.as_str()).expect("the code is unknown");
    assert_eq!((code.status(), body["status"].as_u64()), (response.status, Some(response.status.into())));
    let is_body_error = [Code::InvalidJson, Code::InvalidPayload].contains(code);
    assert!(!is_body_error || has_accepted_credential(request), "the body of an unauthenticated request was parsed");
    assert!(![Code::Internal, Code::Misconfigured].contains(code), "{}", response.body);
    assert_eq!(Route::of(&request.path).is_none(), *code == Code::NotFound);
    for text in [&body["title"], &body["detail"], &body["requestId"], &body["error"]["message"]] {
        assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{}", response.body);
    }
}

/// Returns whether the request has a credential that this platform accepts. For a token it checks only the signature.
fn has_accepted_credential(request: &Request) -> bool {
    match credentials::find(&request.headers) {
        Ok(Credentials::ApiKey(key)) => key.expose() == API_KEY,
        Ok(Credentials::Basic { name, key }) => {
            let given = request.headers.authorization.as_ref().map_or("", Secret::expose);
            name == "script"
                && key.expose() == API_KEY
                && given.contains(&BASE64_STANDARD.encode(format!("{name}:{API_KEY}")))
        }
        Ok(Credentials::Bearer(token)) => token.expose().ends_with(&format!(".{}", base64url(SIGNATURE))),
        Err(_) => false,
    }
}

/// Returns the text after the scheme in `Authorization`. Short texts are ignored, since they can occur by chance.
fn bearer_token(request: &Request) -> Option<&str> {
    let (_, token) = request.headers.authorization.as_ref()?.expose().split_once(' ')?;
    (token.len() > MAX_ID_LENGTH).then_some(token)
}

/// Checks that only permitted remediations of authenticated callers reach Graph, each with its job's values.
fn check_submission(runtime: &FakeRuntime, job: Option<&RemediationJob>, response: &Response, request: &Request) {
    let submitted = runtime.submitted();
    let is_submission =
        matches!(Route::of(&request.path), Some(Route::Remediate | Route::Messages | Route::GraphPath(_)));
    let succeeded = (200..300).contains(&response.status) && is_submission;
    assert!(!succeeded || has_accepted_credential(request), "a request without a valid credential succeeded");
    let (Some(job), Some(sent)) = (job, submitted.first()) else {
        assert!(
            !succeeded || response.body.contains("\"status\":\"valid\""),
            "a remediation was accepted and not sent"
        );
        return;
    };
    let ledger_request = &job.ledger_request;
    assert_eq!(job.tenant_id.as_deref(), (job.caller == "script").then_some(OTHER_TENANT));
    assert!(submitted.len() == 1 && succeeded && request.method == "POST");
    assert!(!request.query.to_ascii_lowercase().contains("validateonly=true"), "a validation sent a remediation");
    let remediation = remediation::parse(sent).expect("the sent body is valid");
    assert!(PERMITTED_ACTIONS.contains(&remediation.action.as_str()));
    assert_eq!(ledger_request.newer_member, remediation.action.is_newer_member());
    assert_eq!(
        (ledger_request.action, ledger_request.key.is_some()),
        (remediation.action, request.headers.idempotency_key.is_some())
    );
    let emails = u64::try_from(remediation.emails.len()).expect("a number of emails");
    if job.expands {
        assert!(emails <= ledger_request.emails, "more emails than maxRecipients");
        assert_ne!(ledger_request.payload_hash.0, remediation.payload_hash());
    } else {
        assert_eq!(
            (ledger_request.payload_hash.0, ledger_request.pairs, ledger_request.emails),
            (remediation.payload_hash(), remediation.pairs_digest(), emails)
        );
    }
    for email in &remediation.emails {
        let domain = email.domain().to_ascii_lowercase();
        let mailbox = email.local_part().split('+').next().unwrap_or_default();
        assert_ne!(domain, PROTECTED, "{email:?}");
        assert!(domain != DOMAIN || !mailbox.eq_ignore_ascii_case(PROTECTED_LOCAL_PART), "{email:?}");
    }
    if job.caller == "script" {
        assert!(remediation.emails.len() <= MAX_EMAILS && !remediation.remediate_senders_copy);
        for email in &remediation.emails {
            let domain = email.domain().to_ascii_lowercase();
            let below = domain.strip_suffix(DOMAIN);
            // For domains beyond ASCII, the platform determines the domain.
            assert!(
                !domain.is_ascii() || below.is_some_and(|below| below.is_empty() || below.ends_with('.')),
                "{domain}"
            );
        }
    }
}

/// Checks that each POST logs one line of JSON without an address, a key or a token.
fn check_log(runtime: &FakeRuntime, response: &Response, request: &Request) {
    let lines = runtime.lines();
    assert_eq!(lines.len(), usize::from(request.method == "POST"), "{lines:?}");
    for line in lines {
        assert!(is_json_line(&line), "{line}");
        assert!(!line.contains('@'), "{line}");
        assert!(!line.contains(API_KEY), "{line}");
        assert!(bearer_token(request).is_none_or(|token| !line.contains(token)), "{line}");
        let line: Value = serde_json::from_str(&line).expect("it is JSON");
        assert_eq!(line["status"], response.status);
    }
}
