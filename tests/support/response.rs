//! The gateway's responses and the checks that all responses must pass.

use std::{collections::BTreeSet, fmt};

use reqwest::RequestBuilder;
use serde_json::Value;
use uuid::Uuid;

use crate::Failure;

/// Headers of every response (contract, section 1), including those that the runtime adds for framing.
const ALWAYS: [&str; 4] = ["cache-control", "content-length", "request-id", "x-content-type-options"];

/// Response that was read completely.
#[derive(Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers in order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body bytes.
    pub body: Vec<u8>,
}

impl Response {
    /// Sends the request and reads its response.
    ///
    /// # Errors
    /// Returns an error if there is no response.
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

    /// Returns the value of the header with this lower-case name. Fails the test if the header occurs twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(held, _)| held == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is given more than once");
        value
    }

    /// Returns the body as JSON, or null if the body is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Checks that the response has the headers of every response and `others`, and no other header.
    pub fn assert_headers(&self, others: &[&str]) {
        // The runtime adds `Connection` when it did not read the body. `job-format` is internal to Worker and object.
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        let names = names.filter(|name| !["connection", "job-format"].contains(name));
        let names: BTreeSet<&str> = names.collect();
        let expected: BTreeSet<&str> = ALWAYS.into_iter().chain(others.iter().copied()).collect();
        assert_eq!(names, expected, "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        assert!(is_guid(self.request_id()), "request-id: {}", self.request_id());
    }

    /// Returns the `request-id`.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.header("request-id").unwrap_or_default()
    }

    /// Checks the response against section 4 of the contract and returns the body.
    ///
    /// The status and both codes must match. Every member must be well formed. Only the headers of every response and
    /// `headers` are allowed.
    pub fn assert_problem(&self, status: u16, code: &str, headers: &[&str]) -> Value {
        let body = self.json();
        assert_eq!(self.status, status, "{body:#}");
        let all: Vec<&str> = headers.iter().copied().chain(["content-type"]).collect();
        self.assert_headers(&all);
        let instance = body["instance"].as_str().unwrap_or_default();
        let is_graph_path = ["/v1.0/", "/beta/"].iter().any(|version| instance.starts_with(version));
        let known = if is_graph_path { "application/json" } else { "application/problem+json" };
        // The body of a 404 does not repeat the unknown path.
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
        // Both texts must agree, because the SDKs show their users only the message.
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

    /// Returns the number of emails left, from `RateLimit`.
    #[must_use]
    pub fn left(&self) -> u64 {
        let left = self.header("ratelimit").and_then(|header| header.strip_prefix("\"emails\";r="));
        let left = left.and_then(|left| left.split(';').next()?.parse().ok());
        assert!(left.is_some(), "RateLimit: {self:?}");
        left.unwrap_or_default()
    }

    /// Returns all pointers of `errors`, in order.
    #[must_use]
    pub fn pointers(&self) -> Vec<String> {
        let body = self.json();
        let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let pointers = errors.iter().filter_map(|error| error["pointers"].as_array()).flatten();
        pointers.filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(formatter, "{name}: {value}")?;
        }
        write!(formatter, "\n{}", String::from_utf8_lossy(&self.body))
    }
}

/// Checks that an object has all of `required`, any of `optional`, and no other member.
pub fn assert_members(object: &Value, required: &[&str], optional: &[&str]) {
    let members: BTreeSet<&str> = object.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let missing: Vec<_> = required.iter().filter(|name| !members.contains(*name)).collect();
    let unknown: Vec<_> = members.iter().filter(|name| !required.contains(name) && !optional.contains(name)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}: {object:#}");
}

/// Returns whether the text is a GUID in canonical form.
#[must_use]
pub fn is_guid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}
