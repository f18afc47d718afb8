//! Whether the candidates do the same work: before anything is measured, each that checks is asked the same questions as the gateway, and must answer
//! alike, log alike, and send alike to Graph.

#![expect(
    clippy::indexing_slicing,
    reason = "of a JSON value: it is null where there is nothing, and what is set is there"
)]

mod probes;

use std::collections::BTreeMap;

use acceptance::{API_KEY, API_KEY_SHA256, Answer, Failure, Gateway, Raw, is_guid};
use reqwest::{Method, RequestBuilder};
use sandbox::{Endpoint, Recorded, Sandbox, Settings};
use serde_json::{Value, json};

use self::probes::{Probe, Who};
use crate::{
    candidates::{self, CLIENT_SECRET, Candidate},
    requests,
};

/// A candidate with a Graph of its own, since Graph knows duplicates.
struct Stage<'a> {
    candidate: &'a Candidate,
    gateway: Gateway,
    sandbox: Sandbox,
}

/// What is compared of an answer.
#[derive(Debug)]
struct Told {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Value,
    log: Value,
    /// What came to Graph, call by call, to the letter.
    sent: Vec<String>,
}

/// Holds each of the candidates that check against the first of them.
///
/// # Errors
/// Where one answers otherwise.
pub(crate) async fn check(all: &[Candidate]) -> Result<usize, Failure> {
    let mut asked = 0;
    for (stopped, probes) in [(false, probes::all()), (true, probes::stopped())] {
        let mut stages = Vec::new();
        for candidate in all.iter().filter(|candidate| candidate.checks) {
            stages.push(Stage::open(candidate, stopped).await?);
        }
        for probe in &probes {
            alike(&stages, probe).await?;
        }
        if stages.len() > 1 {
            asked += probes.len();
        }
    }
    Ok(asked)
}

/// Asks all of them the same.
async fn alike(stages: &[Stage<'_>], probe: &Probe) -> Result<(), Failure> {
    let mut first: Option<(&str, Told)> = None;
    for stage in stages {
        let name = &stage.candidate.name;
        let told = stage.ask(probe).await.map_err(|error| format!("{name}: {}: {error}", probe.name))?;
        let Some((other, expected)) = &first else {
            first = Some((name, told));
            continue;
        };
        for (what, one, two) in told.beside(expected) {
            if one != two {
                let body = String::from_utf8_lossy(&probe.body).chars().take(500).collect::<String>();
                let asked = format!("{} ({} {body})", probe.name, probe.target);
                return Err(format!("{asked}: {what} of the {name}: {one}\n{what} of the {other}: {two}").into());
            }
        }
    }
    Ok(())
}

impl Told {
    /// Each part, with that of another.
    fn beside(&self, other: &Self) -> [(&'static str, String, String); 5] {
        let part = |name, of: fn(&Self) -> String| (name, of(self), of(other));
        [
            part("status", |told| told.status.to_string()),
            part("headers", |told| format!("{:?}", told.headers)),
            part("body", |told| told.body.to_string()),
            part("log", |told| told.log.to_string()),
            part("requests to Graph", |told| told.sent.join("\n")),
        ]
    }
}

impl<'a> Stage<'a> {
    async fn open(candidate: &'a Candidate, stopped: bool) -> Result<Self, Failure> {
        let sandbox = Sandbox::start(Settings::new(CLIENT_SECRET)).await?;
        let mut bindings = candidates::bindings(&sandbox, sandbox.base_url())?;
        if stopped {
            bindings.insert("STOPPED".to_owned(), Value::from("True"));
        }
        if let Some(Value::Array(callers)) = bindings.get_mut("CALLERS") {
            callers.push(json!({
                "name": "limited",
                "api_key_sha256": [API_KEY_SHA256],
                "actions": ["softDelete"],
                "max_emails_per_request": 3,
                "max_emails_per_hour": 5,
            }));
        }
        let gateway = candidate.start(&bindings).await?;
        Ok(Self { candidate, gateway, sandbox })
    }

    async fn ask(&self, probe: &Probe) -> Result<Told, Failure> {
        for next in &probe.next {
            self.sandbox.script(next.clone())?;
        }
        let before = self.sandbox.recorded_at(Endpoint::Remediate).len();
        let answer = match probe.declared {
            Some(length) => self.declare(probe, length).await?,
            None => Answer::to(self.request(probe)).await?,
        };
        let sent =
            self.sandbox.recorded_at(Endpoint::Remediate).into_iter().skip(before).map(|call| sent(&call)).collect();
        let log = if probe.method == Method::POST {
            let id = answer.request_id();
            serde_json::from_str(&self.gateway.wait_for_line(|line| line.contains(id)).await?)?
        } else {
            Value::Null
        };
        Ok(Told {
            status: answer.status,
            headers: headers(&answer),
            body: body(&answer),
            log: without_chance(log),
            sent,
        })
    }

    /// Asks with the head of a request alone, whose body would have so many bytes.
    async fn declare(&self, probe: &Probe, length: usize) -> Result<Answer, Failure> {
        let authorization = format!("Authorization: Bearer {}", requests::token(&self.sandbox, 0));
        let length = format!("Content-Length: {length}");
        let mut raw = Raw::connect(&self.gateway).await?;
        raw.post(probe.target, &[&authorization, "Content-Type: application/json", &length]).await?;
        raw.answer().await
    }

    fn request(&self, probe: &Probe) -> RequestBuilder {
        let mut request = self.gateway.request(probe.method.clone(), probe.target).body(probe.body.clone());
        if !probe.headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &probe.headers {
            request = request.header(*name, *value);
        }
        let bearer = || requests::token(&self.sandbox, 0);
        match &probe.who {
            Who::Nobody => request,
            Who::Bearer => request.bearer_auth(bearer()),
            Who::With(token) => request.bearer_auth(self.sandbox.issue_token(token)),
            Who::Tampered => request.bearer_auth(requests::tampered(&bearer())),
            Who::Key => request.header("x-api-key", API_KEY),
            Who::WrongKey => request.header("x-api-key", "rgk_of-nobody"),
            Who::Basic(name, key) => request.basic_auth(name, Some(key)),
            Who::Both => request.bearer_auth(bearer()).header("x-api-key", API_KEY),
        }
    }
}

/// A call to Graph to the letter, but for the token, the id of the call, and what the connection is about.
fn sent(call: &Recorded) -> String {
    let of_the_connection = ["host", "connection"];
    let mut headers: Vec<String> = call
        .headers
        .iter()
        .filter(|(name, _)| !of_the_connection.contains(&name.as_str()))
        .map(|(name, value)| match name.as_str() {
            "authorization" => format!("{name}: {}", value.split(' ').next().unwrap_or_default()),
            _ => format!("{name}: {}", without_guids(value)),
        })
        .collect();
    headers.sort_unstable();
    format!("{} {} {:?} {headers:?} {}", call.method, call.path, call.query, String::from_utf8_lossy(&call.body))
}

/// The headers, with what is another one in each exchange left out.
fn headers(answer: &Answer) -> BTreeMap<String, String> {
    let by_time = ["content-length", "connection"];
    let kept = answer.headers.iter().filter(|(name, _)| !by_time.contains(&name.as_str()));
    kept.map(|(name, value)| {
        // The seconds until the quota has room depend on when the second began.
        let value = if answer.status == 429 && name == "retry-after" {
            ""
        } else {
            value.split(";t=").next().unwrap_or_default()
        };
        (name.clone(), without_guids(value))
    })
    .collect()
}

/// The body as JSON. Of a refusal, what the contract fixes: the code, the places, and not the words.
fn body(answer: &Answer) -> Value {
    let mut body = answer.json();
    if answer.status < 300 {
        // The clock decides it.
        if let Some(at) = body.get_mut("acceptedAt") {
            *at = Value::from(at.as_str().map(str::len));
        }
        // What would be sent is told to the letter; ids of this exchange are not the same twice.
        return if body["status"] == "valid" { body } else { mask(&body) };
    }
    let mut pointers = answer.pointers();
    // In which order faults are found is the candidate's own.
    pointers.sort_unstable();
    let faults = body["detail"].as_str().unwrap_or_default();
    let faults: String = faults.chars().filter(char::is_ascii_digit).collect();
    let count = if body["error"]["code"] == "invalidPayload" { faults } else { String::new() };
    let members: Vec<&String> = body.as_object().into_iter().flat_map(|members| members.keys()).collect();
    json!({
        "code": body["error"]["code"], "type": body["type"], "title": body["title"], "status": body["status"], "members": members,
        "pointers": if pointers.len() < 50 { pointers } else { Vec::new() }, "count": count,
    })
}

/// A line of the log without what chance or the clock decides, and without the words of its reason.
fn without_chance(mut line: Value) -> Value {
    for name in ["requestId", "durationMs", "bulkId", "graphRequestId", "reason"] {
        if let Some(value) = line.get_mut(name) {
            *value = Value::from(if value.is_null() { "none" } else { "some" });
        }
    }
    line
}

fn mask(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(without_guids(text)),
        Value::Array(items) => items.iter().map(mask).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), mask(value))).collect(),
        other => other.clone(),
    }
}

fn without_guids(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match rest.split_at_checked(36) {
            Some((guid, after)) if is_guid(guid) => {
                masked.push_str("{guid}");
                rest = after;
            }
            _ => {
                masked.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
        }
    }
    masked
}
