//! Everything that Entra and Graph were sent, in the order of arrival, and how each exchange ended.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Which of the services' endpoints a request came to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Endpoint {
    /// Entra's `/oauth2/v2.0/token`.
    Token,
    /// Entra's `/discovery/keys` and `/discovery/v2.0/keys`.
    Keys,
    /// Graph's `analyzedEmails/remediate`, under any of its four paths.
    Remediate,
    /// Graph's list of analyzed emails, under either version.
    AnalyzedEmails,
    /// Anything else: a path that does not exist.
    Other,
}

/// How an exchange ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// No answer yet.
    Pending,
    /// A whole answer was given.
    Answered(Answer),
    /// The connection was closed without an answer.
    Closed,
    /// An answer was begun, and the connection closed in its body.
    Cut(Answer),
    /// The client was left waiting.
    Hung,
}

/// An answer as it was given.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers in order; the server adds `Date` and `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// 405, with the methods that are allowed.
    pub(crate) fn method_not_allowed(allowed: &str) -> Self {
        Self::new(405).header("Allow", allowed)
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status).header("Content-Type", "application/json; charset=utf-8").with_body(body.to_string())
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// One request, as it was received.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its place in the order of arrival since the start; clearing does not start over.
    pub number: u64,
    /// When it had arrived in full.
    pub at: SystemTime,
    /// The endpoint that its path names.
    pub endpoint: Endpoint,
    /// The method.
    pub method: String,
    /// The path, still percent-encoded, without the query.
    pub path: String,
    /// The query without its question mark.
    pub query: Option<String>,
    /// All headers, repeated ones each on their own. Names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// How the exchange ended.
    pub outcome: Outcome,
}

impl Recorded {
    /// The first value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every value of a header, in order.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(held, _): &&(String, String)| held.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The status that was answered, when one was.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match &self.outcome {
            Outcome::Answered(answer) | Outcome::Cut(answer) => Some(answer.status),
            Outcome::Pending | Outcome::Closed | Outcome::Hung => None,
        }
    }

    /// For `GET /sandbox/requests`.
    pub(crate) fn to_json(&self) -> Value {
        let (outcome, answer) = match &self.outcome {
            Outcome::Pending => ("pending", None),
            Outcome::Answered(answer) => ("answered", Some(answer)),
            Outcome::Closed => ("closed", None),
            Outcome::Cut(answer) => ("cut", Some(answer)),
            Outcome::Hung => ("hung", None),
        };
        json!({
            "number": self.number,
            "at": crate::clock::iso(self.at),
            "endpoint": self.endpoint,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": String::from_utf8_lossy(&self.body),
            "outcome": outcome,
            "answer": answer.map(|answer| json!({
                "status": answer.status,
                "headers": answer.headers,
                "body": String::from_utf8_lossy(&answer.body),
            })),
        })
    }
}
