//! Scripted responses, with which tests simulate faults of Entra ID and Graph.

use std::{collections::VecDeque, time::Duration};

use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    object::parse_object,
    record::{Endpoint, Response},
};

/// Fault of the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Closes the connection without a response.
    Close,
    /// Closes the connection after this number of body bytes, although more were declared.
    CutAfter(usize),
    /// Keeps the connection open and sends no response.
    Hang,
}

/// Script for the next response of an endpoint.
///
/// With a status or a body, the script is the response and the request has no effect, except with `accept_first`.
/// Otherwise the endpoint handles the request, and headers, delay and fault change its response. `Close` and `Hang`
/// prevent the effect of the request, `CutAfter` does not.
///
/// Tests should hold a response to wait for an event, and use a delay only to simulate slowness.
#[derive(Clone, Debug)]
pub struct ScriptedResponse {
    /// Endpoint of the script, except `Other`.
    pub endpoint: Endpoint,
    /// HTTP status. The default is 200 if there is a body.
    pub status: Option<u16>,
    /// Headers that replace those of the response. A repeated name is sent repeatedly.
    pub headers: Vec<(String, String)>,
    /// Body bytes.
    pub body: Option<Vec<u8>>,
    /// Delay before the response or fault.
    pub delay: Duration,
    /// Whether the response waits for [`Sandbox::release`](crate::Sandbox::release).
    pub held: bool,
    /// Number of requests to which the script applies.
    pub times: u32,
    /// Fault of the connection.
    pub fault: Option<Fault>,
    /// Whether the endpoint first handles the request, so that a valid remediation is registered.
    pub accept_first: bool,
}

/// Error for a script that cannot be played.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidScript(pub(crate) String);

impl ScriptedResponse {
    /// Creates a script for one request with the endpoint's unchanged response.
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

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// Sets the delay before the response.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Holds the response until it is released.
    #[must_use]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// Sets the number of requests to which the script applies.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Sets the fault of the connection.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Makes the endpoint handle the request first.
    #[must_use]
    pub fn accept_first(mut self) -> Self {
        self.accept_first = true;
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidScript> {
        let reject = |reason: String| Err(InvalidScript(reason));
        if self.endpoint == Endpoint::Other {
            return reject("endpoint must be token, keys, remediate or analyzedEmails".to_owned());
        }
        if self.times == 0 {
            return reject("times must be at least 1".to_owned());
        }
        if let Some(status) = self.status.filter(|status| !(200..=599).contains(status)) {
            return reject(format!("status must be 200 to 599, not {status}"));
        }
        for (name, value) in &self.headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(value).is_err() {
                return reject(format!("header {name:?} has an invalid name or value"));
            }
            // The server sets the framing headers. A second value would cause a different fault than the scripted one.
            if name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding") {
                return reject(format!("{name} is set by the server; use cutAfter for a wrong length"));
            }
        }
        Ok(())
    }

    /// Returns whether the endpoint handles the request.
    pub(crate) fn is_handled(&self) -> bool {
        let silent = matches!(self.fault, Some(Fault::Close | Fault::Hang));
        self.accept_first || (self.status.is_none() && self.body.is_none() && !silent)
    }

    /// Returns the response to send, based on the endpoint's response if there is one.
    pub(crate) fn response(&self, own: Option<Response>) -> Response {
        let mut response = match own {
            Some(own) if self.status.is_none() && self.body.is_none() => own,
            _ => Response::new(self.status.unwrap_or(200)).with_body(self.body.clone().unwrap_or_default()),
        };
        let replaced = |held: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(held));
        response.headers.retain(|(name, _)| !replaced(name));
        response.headers.extend(self.headers.iter().cloned());
        response
    }

    /// Parses the body of `POST /sandbox/next`.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, InvalidScript> {
        let script: ScriptJson = parse_object(body).map_err(InvalidScript)?;
        let faults = [
            script.close.then_some(Fault::Close),
            script.cut_after.map(Fault::CutAfter),
            script.hang.then_some(Fault::Hang),
        ];
        let mut faults = faults.into_iter().flatten();
        let fault = faults.next();
        if faults.next().is_some() {
            return Err(InvalidScript("close, cutAfter and hang exclude each other".to_owned()));
        }
        let mut next = Self {
            endpoint: script.endpoint,
            status: script.status,
            headers: Vec::new(),
            body: None,
            delay: Duration::from_millis(script.delay_ms),
            held: false,
            times: script.times.unwrap_or(1),
            fault,
            accept_first: script.accept_first,
        };
        for (name, value) in script.headers {
            match value {
                OneOrMore::One(value) => next.headers.push((name, value)),
                OneOrMore::More(values) => next.headers.extend(values.into_iter().map(|value| (name.clone(), value))),
            }
        }
        let typed = next.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        Ok(match script.body {
            None => next,
            Some(Value::String(text)) => next.body(text),
            Some(body) if typed => next.body(body.to_string()),
            Some(body) => next.json(&body),
        })
    }
}

/// JSON body of `POST /sandbox/next`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ScriptJson {
    endpoint: Endpoint,
    status: Option<u16>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, OneOrMore>,
    /// Body. A string is sent unchanged, other values as JSON.
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

/// Scripts that wait for their requests, in the order of their creation.
#[derive(Default)]
pub(crate) struct Scripts(VecDeque<ScriptedResponse>);

impl Scripts {
    pub(crate) fn push(&mut self, next: ScriptedResponse) {
        self.0.push_back(next);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn take(&mut self, endpoint: Endpoint) -> Option<ScriptedResponse> {
        let at = self.0.iter().position(|next| next.endpoint == endpoint)?;
        let next = self.0.get_mut(at)?;
        if next.times > 1 {
            next.times -= 1;
            return Some(next.clone());
        }
        self.0.remove(at)
    }
}
