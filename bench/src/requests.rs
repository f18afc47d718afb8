//! Requests to the candidates.

use std::sync::atomic::{AtomicU64, Ordering};

use acceptance::Failure;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use sandbox::{CALLER_OBJECT_ID, Sandbox, TokenRequest};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::upstream::{guid, recipient};

/// Maximum number of emails per caller and hour in the contract (`max_emails_per_hour`).
pub(crate) const EMAILS_PER_HOUR: u64 = 2_500_000;
/// API key without a caller.
pub(crate) const WRONG_KEY: &str = "rgw_of-nobody";
/// Text in a payload before the GUID that differs between requests.
const FIRST_ID: &str = "\"networkMessageId\":\"";

/// Caller. The callers take turns.
pub(crate) struct Caller {
    pub(crate) object_id: String,
    /// API key, which only a gateway on loopback accepts.
    pub(crate) key: String,
    number: usize,
}

impl Caller {
    /// Returns the caller with this number, below 1,000.
    pub(crate) fn new(number: usize) -> Self {
        let prefix = CALLER_OBJECT_ID.get(..CALLER_OBJECT_ID.len() - 3).unwrap_or_default();
        Self { object_id: format!("{prefix}{number:03}"), key: format!("rgw_bench-{number}"), number }
    }

    fn entry(&self) -> Value {
        let digest = Sha256::digest(&self.key).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        json!({
            "name": format!("bench-{}", self.number),
            "object_id": self.object_id,
            "api_key_sha256": [digest],
            "actions": ["softDelete", "moveToJunk", "moveToQuarantine"],
            "recipient_domains": ["contoso.com", "*.fabrikam.com"],
            "max_emails_per_request": 10_000,
            "max_emails_per_hour": EMAILS_PER_HOUR,
        })
    }
}

/// Returns the value of the candidates' `CALLERS`.
pub(crate) fn callers(count: usize) -> Value {
    (0..count).map(|number| Caller::new(number).entry()).collect()
}

/// Credentials of the callers.
pub(crate) struct Credentials {
    tokens: Vec<String>,
    tampered: Vec<String>,
    keys: Vec<String>,
}

impl Credentials {
    /// Issues a token and a key for each of `count` callers.
    pub(crate) fn issue(sandbox: &Sandbox, count: usize) -> Self {
        let tokens: Vec<String> = (0..count).map(|number| issue_token(sandbox, number)).collect();
        let tampered = tokens.iter().map(|token| tamper(token)).collect();
        Self { tokens, tampered, keys: (0..count).map(|number| Caller::new(number).key).collect() }
    }

    /// Returns the credential header for the request with this number.
    fn header<'a>(&'a self, kind: &'a Credential, number: usize) -> (&'static str, String) {
        let bearer = |tokens: &[String]| ("authorization", format!("Bearer {}", pick(tokens, number)));
        match kind {
            Credential::Bearer => bearer(&self.tokens),
            Credential::Tampered => bearer(&self.tampered),
            Credential::New(tokens) => bearer(tokens),
            Credential::Key => ("x-api-key", pick(&self.keys, number).to_owned()),
            Credential::WrongKey => ("x-api-key", WRONG_KEY.to_owned()),
        }
    }
}

fn pick(values: &[String], number: usize) -> &str {
    number.checked_rem(values.len()).and_then(|index| values.get(index)).map_or("", String::as_str)
}

/// Issues a token for the caller with this number.
pub(crate) fn issue_token(sandbox: &Sandbox, number: usize) -> String {
    sandbox.issue_token(&TokenRequest {
        object_id: Some(Caller::new(number).object_id),
        roles: vec!["Remediation.Submit.All".to_owned()],
        ..TokenRequest::default()
    })
}

/// Returns the token with another signature of the same form.
pub(crate) fn tamper(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    signed.chars().chain(['.', first]).chain(signature.chars().skip(1)).collect()
}

/// Credential of a request.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    /// Token that the caller uses for all requests.
    Bearer,
    /// New token for each request, as in a caller's first request.
    New(Vec<String>),
    /// Token with an invalid signature.
    Tampered,
    /// API key.
    Key,
    /// API key without a caller.
    WrongKey,
}

/// Kind of request.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// Path and query.
    pub(crate) target: &'static str,
    pub(crate) credential: Credential,
    /// Body, and the position of the GUID that differs between requests.
    body: Bytes,
    id_at: Option<usize>,
    /// Expected status of the response.
    pub(crate) status: u16,
    /// Whether each request is a remediation that must reach Graph.
    pub(crate) remediates: bool,
}

impl Kind {
    /// Creates a kind of request with this body.
    pub(crate) fn new(target: &'static str, credential: Credential, body: &Value, status: u16) -> Self {
        let body = body.to_string();
        let id_at = body.find(FIRST_ID).map(|at| at.saturating_add(FIRST_ID.len()));
        Self { target, credential, body: body.into(), id_at, status, remediates: status == 202 }
    }

    /// Creates the next request to `host`.
    pub(crate) fn next_request(&self, host: &str, credentials: &Credentials) -> Result<Request<Full<Bytes>>, Failure> {
        /// The number makes each request of a run a different remediation.
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (name, value) = credentials.header(&self.credential, usize::try_from(number)?);
        let mut request = Request::post(self.target)
            .header("host", host)
            .header("content-type", "application/json")
            .header("user-agent", "bench")
            .header(name, value);
        let mut body = self.body.clone();
        if self.remediates {
            let id = guid(number);
            if let Some(at) = self.id_at {
                let mut own = body.to_vec();
                if let Some(place) = own.get_mut(at..at.saturating_add(id.len())) {
                    place.copy_from_slice(id.as_bytes());
                }
                body = own.into();
            }
            request = request.header("idempotency-key", format!("bench-{id}"));
        }
        Ok(request.body(Full::new(body))?)
    }
}

/// Returns a remediation of one message in `emails` mailboxes. The upstream reads their number from the message's ID.
pub(crate) fn campaign(emails: usize) -> Value {
    let id = guid(u64::try_from(emails).unwrap_or_default());
    let mut payload = remediation(emails);
    for email in payload.get_mut("analyzedEmails").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(own) = email.get_mut("networkMessageId") {
            *own = id.clone().into();
        }
    }
    payload
}

/// Returns a remediation of `emails` emails, each to a different mailbox.
pub(crate) fn remediation(emails: usize) -> Value {
    let random = fastrand::Rng::with_seed(7);
    let email = |index: usize| {
        let mut random = random.clone();
        random.seed(u64::try_from(index).unwrap_or_default());
        json!({
            "networkMessageId": uuid(&mut random),
            "recipientEmailAddress": recipient(index),
        })
    };
    json!({
        "displayName": "Clean up Phish email",
        "description": "Delete email",
        "severity": "medium",
        "action": "softDelete",
        "remediateSendersCopy": false,
        "analyzedEmails": (0..emails).map(email).collect::<Vec<_>>(),
    })
}

fn uuid(random: &mut fastrand::Rng) -> String {
    let [first, second] = [random.u64(..), random.u64(..)];
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        first >> 32,
        first >> 16 & 0xffff,
        first & 0xffff,
        second >> 48,
        second & 0xffff_ffff_ffff
    )
}

/// Returns a remediation with mistakes from public client code: an unknown member name and IDs of another kind.
pub(crate) fn faulty_remediation(emails: usize) -> Value {
    let mut payload = remediation(emails);
    if let Some(members) = payload.as_object_mut() {
        let action = members.remove("action").unwrap_or_default();
        members.insert("remediationAction".to_owned(), action);
    }
    for index in [0, 1, 2] {
        if let Some(id) = payload.pointer_mut(&format!("/analyzedEmails/{index}/networkMessageId")) {
            *id = "AAMkAGI2THVSAAA=".into();
        }
    }
    payload
}
