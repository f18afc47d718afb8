//! The questions.

use acceptance::payload_of;
use reqwest::Method;
use sandbox::{Endpoint, NextAnswer, TokenRequest, TokenVersion};
use serde_json::{Value, json};

use crate::requests;

/// Who asks.
pub(super) enum Who {
    Nobody,
    /// The bench's first caller, by a token.
    Bearer,
    /// Somebody, by this token.
    With(TokenRequest),
    Tampered,
    /// The caller that may have little, by its key.
    Key,
    WrongKey,
    Basic(&'static str, &'static str),
    Both,
}

/// A question.
pub(super) struct Probe {
    pub(super) name: &'static str,
    pub(super) who: Who,
    pub(super) method: Method,
    pub(super) target: &'static str,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Vec<u8>,
    /// The length that is declared of a body that is not sent: who is refused by it may find the connection closed while it still sends.
    pub(super) declared: Option<usize>,
    /// What Graph, or Entra ID, is told to answer next.
    pub(super) next: Vec<NextAnswer>,
}

const VALIDATE: &str = "/remediate?validateOnly=true";

impl Probe {
    fn new(name: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            name,
            who: Who::Bearer,
            method: Method::POST,
            target: "/remediate",
            headers: Vec::new(),
            body: body.into(),
            declared: None,
            next: Vec::new(),
        }
    }

    /// Of a payload that no other probe has.
    fn good(name: &'static str) -> Self {
        Self::new(name, payload_of(2).to_string())
    }

    /// Of this JSON, to be checked alone.
    fn checked(name: &'static str, body: &Value) -> Self {
        Self::new(name, body.to_string()).at(VALIDATE)
    }

    fn by(self, who: Who) -> Self {
        Self { who, ..self }
    }

    fn at(self, target: &'static str) -> Self {
        Self { target, ..self }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn get(self) -> Self {
        Self { method: Method::GET, ..self }
    }

    fn next(mut self, status: u16, retry_after: Option<&str>) -> Self {
        let next = NextAnswer::new(Endpoint::Remediate).status(status);
        self.next.push(match retry_after {
            Some(seconds) => next.header("Retry-After", seconds),
            None => next,
        });
        self
    }
}

/// A good payload with one member set, or taken away.
fn payload_with(pointer: &str, value: Value) -> Value {
    let mut payload = payload_of(2);
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(members) = payload.pointer_mut(parent).and_then(Value::as_object_mut) {
        match value {
            Value::String(text) if text == "absent" => members.remove(name),
            value => members.insert(name.to_owned(), value),
        };
    }
    payload
}

/// All of them, in the order in which they are asked: some lean on those before.
pub(super) fn all() -> Vec<Probe> {
    let mut probes = accepted();
    probes.extend(identities());
    probes.extend(payloads());
    probes.extend(members());
    probes.extend(rights());
    probes.extend(requests_as_such());
    probes.extend(failures());
    probes
}

/// What is asked while the operator has stopped all remediations.
pub(super) fn stopped() -> Vec<Probe> {
    vec![
        Probe::good("a remediation"),
        Probe::good("a remediation to be checked").at(VALIDATE),
        Probe::new("no JSON", "{"),
        Probe::good("a wrong key").by(Who::WrongKey),
    ]
}

/// What ends well, and what is a replay of it.
fn accepted() -> Vec<Probe> {
    let (one, other) = (payload_of(2), payload_of(2));
    let probe = |name, payload: &Value| Probe::new(name, payload.to_string());
    vec![
        probe("a remediation", &one),
        probe("the same again is replayed", &one),
        probe("the same with a key is Graph's duplicate", &one).with("idempotency-key", "\"a-1\""),
        probe("another one under a key", &other).with("idempotency-key", "a-2"),
        probe("the same key and payload are replayed", &other).with("idempotency-key", "\"a-2\""),
        probe("its payload without a key is replayed too", &other),
        probe("the same key and another payload", &payload_of(1)).with("idempotency-key", "a-2"),
        Probe::good("a workflow engine").with("x-ms-workflow-run-id", "08585"),
        Probe::good("a minimal answer").with("prefer", "return=minimal"),
        Probe::good("an id of the caller's").with("client-request-id", "11112222-bbbb-3333-cccc-4444dddd5555"),
        Probe::good("Graph's own path")
            .at("/v1.0/security/collaboration/analyzedEmails/microsoft.graph.security.remediate"),
        Probe::good("Graph's own path in another case").at("/beta/Security/Collaboration/AnalyzedEmails/Remediate/"),
        Probe::new("a newer member of the enum", payload_with("/action", "moveToQuarantine".into()).to_string()),
    ]
}

/// Who asks.
fn identities() -> Vec<Probe> {
    let with = |token: TokenRequest| Who::With(token);
    let token =
        TokenRequest { object_id: Some("aaaaaaaa-bbbb-cccc-1111-222222222220".to_owned()), ..TokenRequest::default() };
    let who = |name, who| Probe::good(name).by(who).at(VALIDATE);
    vec![
        Probe::good("a key").by(Who::Key),
        Probe::good("a name and its key").by(Who::Basic("bench-0", "rgk_bench-0")),
        who("a name and another's key", Who::Basic("bench-1", "rgk_bench-0")),
        who("a wrong key", Who::WrongKey),
        who("nobody", Who::Nobody),
        who("two kinds of credential", Who::Both),
        who("no token", Who::Nobody).with("authorization", "Bearer x.y.z"),
        who("an unknown scheme", Who::Nobody).with("authorization", "Digest x"),
        who("a wrong signature", Who::Tampered),
        who("version 1", with(TokenRequest { version: TokenVersion::V1, ..token.clone() })),
        who("expired", with(TokenRequest { expires_in: Some(-400), ..token.clone() })),
        who("expired within the skew", with(TokenRequest { expires_in: Some(-200), ..token.clone() })),
        who("not valid yet", with(TokenRequest { not_before: Some(400), ..token.clone() })),
        who("another audience", with(TokenRequest { audience: Some("api://other".to_owned()), ..token.clone() })),
        who(
            "a slash after the audience",
            with(TokenRequest { audience: Some("api://remediation-gateway/".to_owned()), ..token.clone() }),
        ),
        who(
            "another tenant",
            with(TokenRequest { tenant_id: Some("aaaabbbb-0000-cccc-1111-dddd2222eeef".to_owned()), ..token.clone() }),
        ),
        who(
            "an unknown object id",
            with(TokenRequest { object_id: Some("aaaaaaaa-bbbb-cccc-1111-222222222229".to_owned()), ..token.clone() }),
        ),
        who("a user without the scope", with(TokenRequest { scopes: vec!["User.Read".to_owned()], ..token.clone() })),
        who("a user with the scope", with(TokenRequest { scopes: vec!["Remediation.Submit".to_owned()], ..token })),
    ]
}

/// What is wrong with a payload.
fn payloads() -> Vec<Probe> {
    let mut repeated = payload_of(2);
    repeated["analyzedEmails"][1] = repeated["analyzedEmails"][0].clone();
    repeated["analyzedEmails"][1]["recipientEmailAddress"] = "Hannah.Jarvis@CONTOSO.com".into();
    let mut annotated = payload_with("/@odata.type", "#microsoft.graph.x".into());
    annotated["analyzedEmails"][0]["@odata.type"] = "#microsoft.graph.y".into();
    let mut wild = requests::faulty(5);
    wild["analyzedEmails"][4] = json!({ "id": "x", "recipientEmailAddresses": ["a@contoso.com"] });
    let many = |count| Value::from((0..count).map(|_| json!({ "networkMessageId": "x" })).collect::<Vec<_>>());
    let good = payload_of(1).to_string();
    let twice = good.replacen('{', "{\"severity\":\"low\",", 1);
    let deep = good.replacen("\"medium\"", &format!("{}{}", "[".repeat(40), "]".repeat(40)), 1);
    vec![
        Probe::checked("repeated pairs", &repeated),
        Probe::checked("annotations", &annotated),
        Probe::checked("a text for a boolean", &payload_with("/remediateSendersCopy", "TRUE".into())),
        Probe::checked("an escaped text", &payload_with("/description", "\"\\\n\u{1}é🦀".into())),
        Probe::checked("mistakes of the wild", &wild),
        Probe::checked("nothing", &json!({})),
        Probe::checked("a list", &json!([])),
        Probe::checked("no emails", &payload_with("/analyzedEmails", json!([]))),
        Probe::checked("emails of another kind", &payload_with("/analyzedEmails", json!([1, "x", null, {}]))),
        Probe::checked("many faults", &payload_with("/analyzedEmails", many(40))),
        Probe::checked("a placeholder", &payload_with("/action", "unknownFutureValue".into())),
        Probe::checked("ten thousand", &requests::remediation(10_000)),
        Probe::checked("one too many", &requests::remediation(10_001)),
        Probe::new("no JSON", "{").at(VALIDATE),
        Probe::new("empty", "").at(VALIDATE),
        Probe::new("a byte order mark", format!("\u{feff}{good}")).at(VALIDATE),
        Probe::new(
            "not UTF-8",
            good.replacen("medium", "@", 1)
                .into_bytes()
                .iter()
                .map(|byte| if *byte == b'@' { 0xff } else { *byte })
                .collect::<Vec<_>>(),
        )
        .at(VALIDATE),
        Probe::new("a member twice", twice).at(VALIDATE),
        Probe::new("too deep", deep).at(VALIDATE),
    ]
}

/// What each member may be, and may not be.
fn members() -> Vec<Probe> {
    let mut probes = Vec::new();
    for name in ["displayName", "description", "severity", "action", "remediateSendersCopy", "analyzedEmails"] {
        let pointer = format!("/{name}");
        for value in [json!("absent"), json!(null), json!(7), json!(" "), json!("x".repeat(2000)), json!({})] {
            probes.push(Probe::checked("one member", &payload_with(&pointer, value)));
        }
    }
    for value in [
        json!("absent"),
        json!(null),
        json!(7),
        json!(""),
        json!("73ca4154-58d8-43d0-a890-08dc18c52e6"),
        json!("73CA4154-58D8-43D0-A890-08DC18C52E6D"),
    ] {
        probes.push(Probe::checked("an id", &payload_with("/analyzedEmails/1/networkMessageId", value)));
    }
    let addresses = [
        "",
        "a",
        "@contoso.com",
        "a@",
        "a@b@contoso.com",
        "a@contoso",
        "a@contoso.com.",
        "a@.contoso.com",
        ".a@contoso.com",
        "a..b@contoso.com",
        "a.@contoso.com",
        "a b@contoso.com",
        "\"a\"@contoso.com",
        "A <a@contoso.com>",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a%b@contoso.com",
        "a!b@contoso.com",
        "IMCEASMTP-a+40b@contoso.com",
        "=?utf-8?q?a?=@contoso.com",
        "a?=b@contoso.com",
        "a&#64b@contoso.com",
        "a_x0040_b@contoso.com",
        "SRS0=h=t=b.example=a@contoso.com",
        "/S=a/@contoso.com",
        "prvs=1=a@contoso.com",
        "imcea@contoso.com",
        "a@-contoso.com",
        "a@contoso-.com",
        "a@con_toso.com",
        "o'neil+x@contoso.com",
        "é@contoso.com",
        "ａ@contoso.com",
        "a@ⓒontoso.com",
        "a@straße.contoso.com",
        "a@contoso.com ",
        "a,b@contoso.com",
        "a@CONTOSO.com",
    ];
    let long = [
        format!("{}@contoso.com", "x".repeat(64)),
        format!("{}@contoso.com", "x".repeat(65)),
        format!("a@{}.com", "x".repeat(63)),
        format!("a@{}.com", "x".repeat(64)),
    ];
    for address in addresses.into_iter().map(str::to_owned).chain(long) {
        probes.push(Probe::checked(
            "an address",
            &payload_with("/analyzedEmails/1/recipientEmailAddress", address.into()),
        ));
    }
    probes
}

/// What a caller may do.
fn rights() -> Vec<Probe> {
    let to = |address: &str| payload_with("/analyzedEmails/1/recipientEmailAddress", address.into());
    vec![
        Probe::checked("an action that is not granted", &payload_with("/action", "hardDelete".into())),
        Probe::checked("a recipient that is not granted", &to("a@tailspintoys.com")),
        Probe::checked("a subdomain that is not granted", &to("a@mail.contoso.com")),
        Probe::checked("a subdomain that is granted", &to("a@mail.Fabrikam.com")),
        Probe::checked("a domain that ends alike", &to("a@notfabrikam.com")),
        Probe::checked("more than is granted", &payload_of(4)).by(Who::Key),
        Probe::new("a quota that is nearly used up", payload_of(3).to_string()).by(Who::Key),
        Probe::new("a quota that is used up", payload_of(3).to_string()).by(Who::Key),
    ]
}

/// What is wrong with a request, whatever it carries.
fn requests_as_such() -> Vec<Probe> {
    vec![
        Probe::good("no such path").at("/nowhere"),
        Probe::good("no such version").at("/BETA/security/collaboration/analyzedEmails/remediate"),
        Probe::good("no such method").get(),
        Probe::new("health", "").get().at("/healthz").by(Who::Nobody),
        Probe::good("health by POST").at("/healthz").by(Who::Nobody),
        Probe::good("another type").with("content-type", "text/plain"),
        Probe::good("another charset").with("content-type", "application/json; charset=latin1"),
        Probe::good("a parameter of the type")
            .with("content-type", "Application/JSON;odata.metadata=minimal; charset=\"UTF-8\"")
            .at(VALIDATE),
        Probe::good("compressed").with("content-encoding", "br"),
        Probe::good("chunked upload").with("x-ms-transfer-mode", "chunked"),
        Probe::good("a bad query").at("/remediate?validateOnly=yes"),
        Probe::good("a misspelt query").at("/remediate?validate-only=true"),
        Probe::good("a bad key").with("idempotency-key", "\"a b\""),
        Probe { declared: Some(4 * 1024 * 1024 + 1), ..Probe::new("too large", "") },
    ]
}

/// What Graph refuses.
fn failures() -> Vec<Probe> {
    vec![
        Probe::good("400").next(400, None),
        Probe::good("401 once").next(401, None),
        Probe::good("401 twice").next(401, None).next(401, None),
        Probe::good("403").next(403, None),
        Probe::good("404").next(404, None),
        Probe::good("409").next(409, None),
        Probe::good("429").next(429, Some("60")),
        Probe::good("429 for a second").next(429, Some("1")),
        Probe::good("429 without a time").next(429, None),
        Probe::good("500").next(500, None),
        Probe::good("503").next(503, None),
        Probe::good("302").next(302, None),
    ]
}
