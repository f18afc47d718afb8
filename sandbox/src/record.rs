//! Record of all requests to Entra ID and Graph, in order of arrival, with their outcomes.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Emulated endpoint.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Endpoint {
    /// Entra ID's `/oauth2/v2.0/token`.
    Token,
    /// Entra ID's `/discovery/keys` and `/discovery/v2.0/keys`.
    Keys,
    /// Graph's `analyzedEmails/remediate`, under any of its four paths.
    Remediate,
    /// Graph's list of analyzed emails, in both versions.
    AnalyzedEmails,
    /// Unknown path.
    Other,
}

/// Outcome of an exchange.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// No response so far.
    Pending,
    /// Complete response.
    Answered(Response),
    /// Connection closed without a response.
    Closed,
    /// Connection closed in the body of this response.
    Cut(Response),
    /// No response, with the connection left open.
    Hung,
}

/// Response of the sandbox.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers in order. The server adds `Date` and `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// Body bytes.
    pub body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Returns a 405 with the allowed methods.
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

/// Recorded request.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Sequence number since the start. Clearing the record does not reset it.
    pub number: u64,
    /// Time when the request had arrived completely.
    pub at: SystemTime,
    /// Endpoint of the path.
    pub endpoint: Endpoint,
    /// HTTP method.
    pub method: String,
    /// Percent-encoded path without the query.
    pub path: String,
    /// Query without its question mark.
    pub query: Option<String>,
    /// Headers with names in lower case. Repeated headers are separate entries.
    pub headers: Vec<(String, String)>,
    /// Body bytes.
    pub body: Vec<u8>,
    /// Outcome of the exchange.
    pub outcome: Outcome,
}

impl Recorded {
    /// Returns the first value of a header, with the name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a header, in order.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(held, _): &&(String, String)| held.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// Returns the body as JSON, or null if the body is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the status of the response, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match &self.outcome {
            Outcome::Answered(response) | Outcome::Cut(response) => Some(response.status),
            Outcome::Pending | Outcome::Closed | Outcome::Hung => None,
        }
    }

    /// Returns the JSON for `GET /sandbox/requests`.
    pub(crate) fn to_json(&self) -> Value {
        let (outcome, response) = match &self.outcome {
            Outcome::Pending => ("pending", None),
            Outcome::Answered(response) => ("answered", Some(response)),
            Outcome::Closed => ("closed", None),
            Outcome::Cut(response) => ("cut", Some(response)),
            Outcome::Hung => ("hung", None),
        };
        json!({
            "number": self.number,
            "at": crate::clock::format_rfc3339(self.at),
            "endpoint": self.endpoint,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": String::from_utf8_lossy(&self.body),
            "outcome": outcome,
            "answer": response.map(|response| json!({
                "status": response.status,
                "headers": response.headers,
                "body": String::from_utf8_lossy(&response.body),
            })),
        })
    }
}
