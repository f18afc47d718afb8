//! An answer of the gateway's, and what all of them must have.

use std::{collections::BTreeSet, fmt};

use reqwest::RequestBuilder;
use serde_json::Value;
use uuid::Uuid;

use crate::Failure;

/// What every answer carries (contract, section 1), with what the runtime adds to frame it.
const ALWAYS: [&str; 4] = ["cache-control", "content-length", "request-id", "x-content-type-options"];

/// An answer, read to its end.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers in order, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Answer {
    /// Sends the request and reads its answer.
    ///
    /// # Errors
    /// Where none came.
    pub async fn to(request: RequestBuilder) -> Result<Self, Failure> {
        let response = request.send().await?;
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
        Ok(Self {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: response.bytes().await?.to_vec(),
        })
    }

    /// The value of the header of this name (in lower case), which must not be there twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(held, _)| held == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is given more than once");
        value
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Holds the headers against the contract: those of every answer, these, and none beyond them.
    pub fn assert_headers(&self, others: &[&str]) {
        // `Connection` is the runtime's own, about a body that it did not read. `job-format` is between Worker and object.
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        let names = names.filter(|name| !["connection", "job-format"].contains(name));
        let names: BTreeSet<&str> = names.collect();
        let expected: BTreeSet<&str> = ALWAYS.into_iter().chain(others.iter().copied()).collect();
        assert_eq!(names, expected, "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        assert!(is_guid(self.request_id()), "request-id: {}", self.request_id());
    }

    /// The `request-id`.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.header("request-id").unwrap_or_default()
    }

    /// Holds the answer against section 4 of the contract: this status, this code in both of its places, every member in its form, the
    /// headers of every answer with these beside them, and none beyond. Gives the body.
    pub fn assert_problem(&self, status: u16, code: &str, headers: &[&str]) -> Value {
        let body = self.json();
        assert_eq!(self.status, status, "{body:#}");
        let all: Vec<&str> = headers.iter().copied().chain(["content-type"]).collect();
        self.assert_headers(&all);
        let instance = body["instance"].as_str().unwrap_or_default();
        let is_graph_path = ["/v1.0/", "/beta/"].iter().any(|version| instance.starts_with(version));
        let known = if is_graph_path { "application/json" } else { "application/problem+json" };
        // A path that is not found is not told in the body.
        let types: &[&str] = if status == 404 { &["application/json", "application/problem+json"] } else { &[known] };
        assert!(self.header("content-type").is_some_and(|found| types.contains(&found)), "{body:#}");

        let required = ["type", "title", "status", "detail", "requestId", "error"];
        assert_members(&body, &required, &["instance", "errors"]);
        assert_eq!(body["type"], format!("urn:remediation-gateway:problem:{code}"));
        assert_eq!(body["status"], status);
        for member in ["title", "detail"] {
            assert!(body[member].as_str().is_some_and(|text| !text.trim().is_empty()), "{member}: {body:#}");
        }
        assert_eq!(body["requestId"], self.request_id());
        if let Some(errors) = body.get("errors") {
            let errors = errors.as_array().map(Vec::as_slice).unwrap_or_default();
            assert!(!errors.is_empty(), "errors: {body:#}");
            for error in errors {
                assert_members(error, &["pointer", "detail", "count", "pointers"], &[]);
                assert_eq!(error["pointers"][0], error["pointer"], "{body:#}");
                let pointers = error["pointers"].as_array().map_or(0, Vec::len);
                assert!(error["count"].as_u64() >= u64::try_from(pointers).ok() && pointers <= 100, "{body:#}");
            }
        }

        let error = &body["error"];
        assert_members(error, &["code", "message", "innerError"], &[]);
        assert_eq!(error["code"], code);
        // Whoever reads the one learns what whoever reads the other does: the SDKs show their users nothing but the message.
        let texts = (error["message"].as_str().unwrap_or_default(), body["detail"].as_str().unwrap_or_default());
        assert!(texts.0.starts_with(texts.1), "{body:#}");
        if let Some(first) = body["errors"][0]["pointer"].as_str() {
            assert!(texts.0.contains(first), "{body:#}");
        }
        let inner = &error["innerError"];
        assert_members(inner, &["date", "request-id"], &["client-request-id"]);
        assert_eq!(inner["request-id"], self.request_id());
        assert_eq!(inner.get("client-request-id").and_then(Value::as_str), self.header("client-request-id"));
        let date = inner["date"].as_str().unwrap_or_default();
        let shape: String = date.chars().map(|digit| if digit.is_ascii_digit() { '0' } else { digit }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00", "the date as Graph writes it: {date}");
        body
    }

    /// How many emails are left, as `RateLimit` says.
    #[must_use]
    pub fn left(&self) -> u64 {
        let left = self.header("ratelimit").and_then(|header| header.strip_prefix("\"emails\";r="));
        let left = left.and_then(|left| left.split(';').next()?.parse().ok());
        assert!(left.is_some(), "RateLimit: {self:?}");
        left.unwrap_or_default()
    }

    /// All pointers of `errors`, in order.
    #[must_use]
    pub fn pointers(&self) -> Vec<String> {
        let body = self.json();
        let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let pointers = errors.iter().filter_map(|error| error["pointers"].as_array()).flatten();
        pointers.filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(formatter, "{name}: {value}")?;
        }
        write!(formatter, "\n{}", String::from_utf8_lossy(&self.body))
    }
}

/// Holds the members of an object: all of `required`, any of `optional`, none beyond.
pub fn assert_members(object: &Value, required: &[&str], optional: &[&str]) {
    let members: BTreeSet<&str> = object.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let missing: Vec<_> = required.iter().filter(|name| !members.contains(*name)).collect();
    let unknown: Vec<_> = members.iter().filter(|name| !required.contains(name) && !optional.contains(name)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}: {object:#}");
}

/// Whether the text is a GUID in its canonical form.
#[must_use]
pub fn is_guid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}
