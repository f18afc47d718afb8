//! The whole pipeline.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use remediation_gateway::caller::credentials::{self, Credentials};
use remediation_gateway::gateway::{Received, carry_out, receive};
use remediation_gateway::http::{Answer, Body, BodyFailure, Request, RequestHeaders, Route};
use remediation_gateway::intake::MAX_ID_LENGTH;
use remediation_gateway::isolate::Isolate;
use remediation_gateway::problem::Code;
use remediation_gateway::remediation;
use remediation_gateway::secret::Secret;
use serde_json::Value;

use crate::headers::request;
use crate::json::is_line;
use crate::message::Message;
use crate::world::{API_KEY, DOMAIN, Fixed, GRANTED, MOST_EMAILS, SIGNATURE, StillPlatform, run};

/// A request as text, in whose `Authorization` a bearer token may be written as `Bearer {header}.{claims}` in plain JSON.
///
/// - Nothing is ordered but by a caller with a good key or a signed token, and only what that caller is granted.
/// - Who has no good credential learns nothing about bodies, and `validateOnly` orders nothing.
/// - Microsoft is asked for its keys at most, and gets nothing of the caller's.
/// - Each answer is JSON or empty, has its headers, and its code is one of the known ones; the gateway itself never fails.
/// - Each POST leaves one line of JSON, without an address, a key or a token.
///
/// # Panics
///
/// Where that is not so.
pub fn gateway(bytes: &[u8]) {
    let message = Message::of(bytes);
    let mut request = request(&message);
    sign(&mut request.headers);
    let platform = StillPlatform::default();
    let (answer, caller) = match run(receive(&platform, &Isolate::default(), &Fixed, &request, Whole(message.body))) {
        Received::Answer(answer) => (answer, None),
        Received::Errand(errand, head, graph_request) => {
            let caller = errand.caller.clone();
            let (object, job) = (Isolate::<Fixed, ()>::default(), [head.expose(), graph_request.as_bytes()].concat());
            (run(carry_out(&platform, &object, false, &platform, job)), Some(caller))
        }
    };
    is_answer(&answer, &request);
    ordered(&platform, caller.as_deref(), &answer, &request);
    for call in platform.calls() {
        assert!(call.contains("/discovery/") && !call.contains("Bearer") && call.len() < 300, "{call}");
    }
    logged(&platform, &answer, &request);
}

/// A body that comes whole.
struct Whole<'a>(&'a [u8]);

impl Body for Whole<'_> {
    async fn read(self, _: Option<u64>, cap: usize) -> Result<Vec<u8>, BodyFailure> {
        if self.0.len() > cap { Err(BodyFailure::TooLarge) } else { Ok(self.0.to_vec()) }
    }
}

/// Encodes and signs a token that is written in plain JSON, which a fuzzer can change.
fn sign(headers: &mut RequestHeaders) {
    let Some(plain) = headers.authorization.as_ref().and_then(|given| given.expose().strip_prefix("Bearer {")) else {
        return;
    };
    let Some((header, claims)) = plain.split_once("}.{") else { return };
    let part = |part: String| BASE64_URL_SAFE_NO_PAD.encode(part);
    let (header, claims) = (part(format!("{{{header}}}")), part(format!("{{{claims}")));
    let token = format!("Bearer {header}.{claims}.{}", part_of(SIGNATURE));
    headers.authorization = Some(Secret::new(token));
}

fn part_of(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn is_answer(answer: &Answer, request: &Request) {
    for name in ["request-id", "Cache-Control", "X-Content-Type-Options"] {
        assert_eq!(answer.headers.iter().filter(|(known, _)| *known == name).count(), 1, "{name}");
    }
    for (name, value) in &answer.headers {
        assert!(value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{name}: {value}");
    }
    if answer.body.is_empty() {
        assert!(answer.status == 202 && answer.headers.iter().any(|(name, _)| *name == "Preference-Applied"));
        return;
    }
    let body: Value = serde_json::from_str(&answer.body).expect("it is JSON");
    if (200..300).contains(&answer.status) {
        return;
    }
    let code = Code::ALL.iter().find(|code| body["error"]["code"] == code.as_str()).expect("a known code");
    assert_eq!((code.status(), body["status"].as_u64()), (answer.status, Some(answer.status.into())));
    let judged = [Code::InvalidJson, Code::InvalidPayload].contains(code);
    assert!(!judged || is_known(request), "a stranger's body was judged");
    assert!(![Code::Internal, Code::Misconfigured].contains(code), "{}", answer.body);
    assert_eq!(Route::of(&request.path).is_none(), *code == Code::NotFound);
    for text in [&body["title"], &body["detail"], &body["requestId"], &body["error"]["message"]] {
        assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{}", answer.body);
    }
}

/// Whether the request has a credential that is good on this platform. For a token it says no more than that it is signed.
fn is_known(request: &Request) -> bool {
    match credentials::find(&request.headers) {
        Ok(Credentials::ApiKey(key)) => key.expose() == API_KEY,
        Ok(Credentials::Basic { name, key }) => {
            let given = request.headers.authorization.as_ref().map_or("", Secret::expose);
            name == "script"
                && key.expose() == API_KEY
                && given.contains(&BASE64_STANDARD.encode(format!("{name}:{API_KEY}")))
        }
        Ok(Credentials::Bearer(token)) => token.expose().ends_with(&format!(".{}", part_of(SIGNATURE))),
        Err(_) => false,
    }
}

fn ordered(platform: &StillPlatform, caller: Option<&str>, answer: &Answer, request: &Request) {
    let orders = platform.orders();
    let sends = matches!(Route::of(&request.path), Some(Route::Remediate | Route::GraphPath(_)));
    let succeeded = (200..300).contains(&answer.status) && sends;
    assert!(!succeeded || is_known(request), "nobody was let in");
    let Some((order, sent)) = orders.first() else {
        assert!(!succeeded || answer.body.contains("\"status\":\"valid\""), "accepted, and never sent");
        return;
    };
    assert!(orders.len() == 1 && succeeded && request.method == "POST");
    assert!(!request.query.to_ascii_lowercase().contains("validateonly=true"), "it was only to be checked");
    let remediation = remediation::read(sent).expect("what is sent would be taken");
    assert!(GRANTED.contains(&remediation.action.as_str()));
    assert_eq!(order.newer_member, remediation.action.is_newer_member());
    assert_eq!(
        (order.fingerprint, order.pairs, order.action, order.key.is_some()),
        (remediation.fingerprint(), remediation.pairs(), remediation.action, request.headers.idempotency_key.is_some())
    );
    assert_eq!(usize::try_from(order.emails).ok(), Some(remediation.emails.len()));
    if caller == Some("script") {
        assert!(remediation.emails.len() <= MOST_EMAILS);
        for email in &remediation.emails {
            let domain = email.domain().to_ascii_lowercase();
            let below = domain.strip_suffix(DOMAIN);
            // Beyond ASCII it is the platform that says which domain it is.
            assert!(
                !domain.is_ascii() || below.is_some_and(|below| below.is_empty() || below.ends_with('.')),
                "{domain}"
            );
        }
    }
}

fn logged(platform: &StillPlatform, answer: &Answer, request: &Request) {
    let lines = platform.lines();
    assert_eq!(lines.len(), usize::from(request.method == "POST"), "{lines:?}");
    for line in lines {
        assert!(is_line(&line), "{line}");
        assert!(!line.contains('@'), "{line}");
        assert!(!line.contains(API_KEY), "{line}");
        let token = request.headers.authorization.as_ref().and_then(|given| given.expose().split_once(' '));
        // A shorter one may be a part of any line.
        assert!(token.is_none_or(|(_, token)| token.len() <= MAX_ID_LENGTH || !line.contains(token)), "{line}");
        let line: Value = serde_json::from_str(&line).expect("it is JSON");
        assert_eq!(line["status"], answer.status);
    }
}
