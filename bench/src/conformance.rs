//! Checks that the candidates behave alike before the measurement.
//!
//! Each validating candidate gets the same requests: the measured cases, and requests that cover the behaviour that
//! makes candidates comparable.
//!
//! The responses must have the same status, code and link, and Graph must receive the same requests.

#![expect(clippy::indexing_slicing, reason = "a member that a JSON value lacks reads as null")]

use acceptance::{Failure, Gateway, Response, payload_of};
use reqwest::{Method, RequestBuilder};
use sandbox::{Endpoint, Recorded, Sandbox, Settings, TokenRequest};
use serde_json::{Value, json};

use crate::{
    candidates::{self, CLIENT_SECRET, Candidate},
    requests::{self, Caller},
};

/// Request with the first caller's token, unless it names another credential.
struct Probe {
    name: &'static str,
    credential: Credential,
    target: &'static str,
    key: Option<&'static str>,
    body: Vec<u8>,
}

enum Credential {
    Token,
    TokenWith(Box<TokenRequest>),
    Tampered,
    Key,
    WrongKey,
    Nothing,
}

impl Probe {
    fn new(name: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { name, credential: Credential::Token, target: "/remediate", key: None, body: body.into() }
    }

    fn validate_only(name: &'static str, body: &Value) -> Self {
        Self { target: "/remediate?validateOnly=true", ..Self::new(name, body.to_string()) }
    }

    fn with_credential(self, credential: Credential) -> Self {
        Self { credential, ..self }
    }

    fn with_key(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }
}

/// Returns all requests in sending order. A replay follows the request that it repeats.
fn probes() -> Vec<Probe> {
    let (one, other) = (payload_of(2), payload_of(2));
    let send = |name, payload: &Value| Probe::new(name, payload.to_string());
    let with = |pointer: &str, value: Value| {
        let mut payload = payload_of(2);
        if let Some(member) = payload.pointer_mut(pointer) {
            *member = value;
        }
        payload
    };
    let mut repeated = payload_of(2);
    repeated["analyzedEmails"][1] = repeated["analyzedEmails"][0].clone();
    let twice = payload_of(1).to_string().replacen('{', "{\"severity\":\"low\",", 1);
    let token = TokenRequest { object_id: Some(Caller::new(0).object_id), ..TokenRequest::default() };
    let credential = |name, credential| Probe::validate_only(name, &payload_of(1)).with_credential(credential);
    let expired = TokenRequest { expires_in: Some(-400), ..token.clone() };
    let other_audience = TokenRequest { audience: Some("api://other".to_owned()), ..token };
    vec![
        send("a remediation", &one),
        send("the same again", &one),
        send("a remediation under a key", &other).with_key("a-1"),
        send("the same key and payload", &other).with_key("a-1"),
        send("the same key and another payload", &one).with_key("a-1"),
        send("a newer action", &with("/action", "moveToQuarantine".into())),
        send("a quota that is used up", &requests::remediation(9_000)).with_credential(Credential::Key),
        send("a quota that is used up", &requests::remediation(9_001)).with_credential(Credential::Key),
        Probe::validate_only("100 emails", &requests::remediation(100)),
        Probe::validate_only("10,000 emails", &requests::remediation(10_000)),
        Probe::validate_only("too many emails", &requests::remediation(10_001)),
        Probe::validate_only("an email twice", &repeated),
        Probe::validate_only("the bad payload", &requests::faulty_remediation(100)),
        Probe::validate_only("an empty object", &json!({})),
        Probe::validate_only("no address", &with("/analyzedEmails/1/recipientEmailAddress", "a@".into())),
        Probe::validate_only(
            "an encoded address",
            &with("/analyzedEmails/1/recipientEmailAddress", "=?q?=@a.com".into()),
        ),
        Probe::validate_only("no GUID", &with("/analyzedEmails/1/networkMessageId", "73ca4154".into())),
        Probe::validate_only("an unknown action", &with("/action", "delete".into())),
        Probe::validate_only("a blank name", &with("/displayName", " ".into())),
        Probe::validate_only("a long name", &with("/displayName", "x".repeat(257).into())),
        Probe::validate_only("a denied action", &with("/action", "hardDelete".into())),
        Probe::validate_only("a denied recipient", &with("/analyzedEmails/1/recipientEmailAddress", "a@b.com".into())),
        Probe::new("a member twice", twice),
        Probe::new("no JSON", "{"),
        credential("an API key", Credential::Key),
        credential("a wrong key", Credential::WrongKey),
        credential("a wrong signature", Credential::Tampered),
        credential("no credential", Credential::Nothing),
        credential("an expired token", Credential::TokenWith(Box::new(expired))),
        credential("another audience", Credential::TokenWith(Box::new(other_audience))),
    ]
}

/// Sends all requests to each validating candidate and compares the results with the first candidate's. Returns the
/// number of requests.
///
/// # Errors
/// Returns an error if a candidate's results differ from the first one's, or a request fails.
pub(crate) async fn check(all: &[Candidate]) -> Result<usize, Failure> {
    let mut setups = Vec::new();
    for candidate in all.iter().filter(|candidate| candidate.validates && !candidate.is_other_build()) {
        setups.push(Setup::open(candidate).await?);
    }
    let probes = probes();
    for probe in &probes {
        let mut first: Option<(&str, String)> = None;
        for setup in &setups {
            let name = &setup.candidate.name;
            let done = setup.send(probe).await.map_err(|error| format!("{name}: {}: {error}", probe.name))?;
            match &first {
                None => first = Some((name, done)),
                Some((other, expected)) if *expected != done => {
                    return Err(format!("{}\nthe {other}: {expected}\nthe {name}: {done}", probe.name).into());
                }
                Some(_) => {}
            }
        }
    }
    Ok(probes.len())
}

/// Candidate with a separate Graph, since Graph remembers remediations.
struct Setup<'a> {
    candidate: &'a Candidate,
    gateway: Gateway,
    sandbox: Sandbox,
}

impl<'a> Setup<'a> {
    async fn open(candidate: &'a Candidate) -> Result<Self, Failure> {
        let sandbox = Sandbox::start(Settings::new(CLIENT_SECRET)).await?;
        let mut bindings = candidates::bindings(&sandbox, sandbox.base_url(), 2)?;
        bindings["CALLERS"][1]["max_emails_per_hour"] = json!(18_000);
        let gateway = candidate.start(&bindings).await?;
        Ok(Self { candidate, gateway, sandbox })
    }

    /// Sends `probe` and returns the values to compare: status, code, link, and Graph's requests, without random parts.
    async fn send(&self, probe: &Probe) -> Result<String, Failure> {
        let before = self.sandbox.recorded_at(Endpoint::Remediate).len();
        let response = Response::to(self.request(probe)).await?;
        let sent = self.sandbox.recorded_at(Endpoint::Remediate);
        let sent: Vec<String> = sent.iter().skip(before).map(without_random_parts).collect();
        let replayed = response.header("idempotency-replayed");
        let has_link = response.header("location").is_some_and(|link| link.contains("bulkId"));
        let code = &response.json()["error"]["code"];
        Ok(format!("{} {code} replayed: {replayed:?} link: {has_link} {sent:?}", response.status))
    }

    fn request(&self, probe: &Probe) -> RequestBuilder {
        let mut request = self.gateway.request(Method::POST, probe.target);
        request = request.header("content-type", "application/json").body(probe.body.clone());
        if let Some(key) = probe.key {
            request = request.header("idempotency-key", key);
        }
        let token = || requests::issue_token(&self.sandbox, 0);
        match &probe.credential {
            Credential::Token => request.bearer_auth(token()),
            Credential::TokenWith(token) => request.bearer_auth(self.sandbox.issue_token(token)),
            Credential::Tampered => request.bearer_auth(requests::tamper(&token())),
            Credential::Key => request.header("x-api-key", Caller::new(1).key),
            Credential::WrongKey => request.header("x-api-key", requests::WRONG_KEY),
            Credential::Nothing => request,
        }
    }
}

/// Returns a request to Graph without the token, the request ID and the connection's headers.
fn without_random_parts(call: &Recorded) -> String {
    let differs = ["host", "connection", "authorization", "client-request-id"];
    let mut headers: Vec<_> = call.headers.iter().filter(|(name, _)| !differs.contains(&name.as_str())).collect();
    headers.sort_unstable();
    format!("{} {} {:?} {headers:?} {}", call.method, call.path, call.query, String::from_utf8_lossy(&call.body))
}
