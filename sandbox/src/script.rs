//! Answers told in advance: how a test makes Entra or Graph fail.

use std::{collections::VecDeque, time::Duration};

use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    object::object,
    record::{Answer, Endpoint},
};

/// What happens to the connection in place of a whole answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Closed without an answer.
    Close,
    /// Closed after this many bytes of the body; more were declared.
    CutAfter(usize),
    /// Left open, and never answered.
    Hang,
}

/// The next answer of an endpoint.
///
/// Where a status or a body is given, that is the answer, and the request has no effect (unless `accept_first`).
/// Otherwise the endpoint does its own work, and headers, delay and fault apply to its own answer; `Close` and `Hang`
/// alone have no effect, `CutAfter` does, since there is an answer to cut.
///
/// A test that wants something to happen before the answer holds it and waits for that; a delay is for what takes time.
#[derive(Clone, Debug)]
pub struct NextAnswer {
    /// Whose answer; not `Other`.
    pub endpoint: Endpoint,
    /// The status; 200 when only a body is given.
    pub status: Option<u16>,
    /// Set over the headers of the answer. A name given twice is sent twice.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// Waited before the answer, or before the fault.
    pub delay: Duration,
    /// Waited before the answer too: for [`Sandbox::release`](crate::Sandbox::release).
    pub held: bool,
    /// For how many requests this holds.
    pub times: u32,
    /// What happens to the connection.
    pub fault: Option<Fault>,
    /// Do the endpoint's own work first (a valid remediation is registered), and misbehave only then.
    pub accept_first: bool,
}

/// A script that could not be played.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidScript(pub(crate) String);

impl NextAnswer {
    /// The endpoint's own answer, once; change from there.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            status: None,
            headers: Vec::new(),
            body: None,
            delay: Duration::ZERO,
            held: false,
            times: 1,
            fault: None,
            accept_first: false,
        }
    }

    /// Answer with this status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Add this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answer with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Answer with this JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// Wait before the answer.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Hold the answer back until it is released.
    #[must_use]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// Do so for this many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Do this to the connection.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Do the endpoint's own work first.
    #[must_use]
    pub fn accept_first(mut self) -> Self {
        self.accept_first = true;
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidScript> {
        let refuse = |reason: String| Err(InvalidScript(reason));
        if self.endpoint == Endpoint::Other {
            return refuse("endpoint is token, keys, remediate or analyzedEmails".to_owned());
        }
        if self.times == 0 {
            return refuse("times is at least 1".to_owned());
        }
        if let Some(status) = self.status.filter(|status| !(200..=599).contains(status)) {
            return refuse(format!("status {status} is not a final one: 200 to 599"));
        }
        for (name, value) in &self.headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(value).is_err() {
                return refuse(format!("header {name:?} could not be sent"));
            }
            // The server frames the body; a second opinion on its length would be another fault than the one asked for.
            if name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding") {
                return refuse(format!("{name} is the server's: cutAfter makes a wrong length"));
            }
        }
        Ok(())
    }

    /// Whether the endpoint does its own work.
    pub(crate) fn works(&self) -> bool {
        let silent = matches!(self.fault, Some(Fault::Close | Fault::Hang));
        self.accept_first || (self.status.is_none() && self.body.is_none() && !silent)
    }

    /// The answer to give, from the endpoint's own where it has done its work.
    pub(crate) fn over(&self, own: Option<Answer>) -> Answer {
        let mut answer = match own {
            Some(own) if self.status.is_none() && self.body.is_none() => own,
            _ => Answer::new(self.status.unwrap_or(200)).with_body(self.body.clone().unwrap_or_default()),
        };
        let replaced = |held: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(held));
        answer.headers.retain(|(name, _)| !replaced(name));
        answer.headers.extend(self.headers.iter().cloned());
        answer
    }

    /// What `POST /sandbox/next` was sent.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, InvalidScript> {
        let told: Told = object(body).map_err(InvalidScript)?;
        let faults =
            [told.close.then_some(Fault::Close), told.cut_after.map(Fault::CutAfter), told.hang.then_some(Fault::Hang)];
        let mut faults = faults.into_iter().flatten();
        let fault = faults.next();
        if faults.next().is_some() {
            return Err(InvalidScript("only one of close, cutAfter and hang".to_owned()));
        }
        let mut next = Self {
            endpoint: told.endpoint,
            status: told.status,
            headers: Vec::new(),
            body: None,
            delay: Duration::from_millis(told.delay_ms),
            held: false,
            times: told.times.unwrap_or(1),
            fault,
            accept_first: told.accept_first,
        };
        for (name, value) in told.headers {
            match value {
                OneOrMore::One(value) => next.headers.push((name, value)),
                OneOrMore::More(values) => next.headers.extend(values.into_iter().map(|value| (name.clone(), value))),
            }
        }
        let typed = next.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        Ok(match told.body {
            None => next,
            Some(Value::String(text)) => next.body(text),
            Some(body) if typed => next.body(body.to_string()),
            Some(body) => next.json(&body),
        })
    }
}

/// The JSON of a scripted answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Told {
    endpoint: Endpoint,
    status: Option<u16>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, OneOrMore>,
    /// A string is sent as it is, anything else as JSON.
    body: Option<Value>,
    #[serde(default)]
    delay_ms: u64,
    times: Option<u32>,
    #[serde(default)]
    close: bool,
    cut_after: Option<usize>,
    #[serde(default)]
    hang: bool,
    #[serde(default)]
    accept_first: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// The scripts that wait for their request, in the order they were told.
#[derive(Default)]
pub(crate) struct Scripts(VecDeque<NextAnswer>);

impl Scripts {
    pub(crate) fn push(&mut self, next: NextAnswer) {
        self.0.push_back(next);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn take(&mut self, endpoint: Endpoint) -> Option<NextAnswer> {
        let at = self.0.iter().position(|next| next.endpoint == endpoint)?;
        let next = self.0.get_mut(at)?;
        if next.times > 1 {
            next.times -= 1;
            return Some(next.clone());
        }
        self.0.remove(at)
    }
}
