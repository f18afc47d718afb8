//! Checks responses and payloads against the gateway's description, `src/openapi.json`.
//!
//! The tests of the Worker's crate include this file too, to check the pipeline's responses.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value};

/// Transport headers that the description does not list, and the header that the media type describes.
const TRANSPORT: [&str; 5] = ["connection", "content-length", "content-type", "date", "transfer-encoding"];

/// Parsed description.
pub struct Description {
    document: Value,
    /// Compiled validators by the JSON Pointer of their schema.
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// Request and its response.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// Method of the request.
    pub method: &'a str,
    /// Path of the request.
    pub path: &'a str,
    /// Status of the response.
    pub status: u16,
    /// Headers of the response, with names in any case.
    pub headers: &'a [(String, String)],
    /// Body of the response.
    pub body: &'a str,
}

impl Exchange<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Description {
    /// Parses a description.
    ///
    /// # Errors
    /// Returns an error if the text is not JSON.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self { document, validators: Mutex::default() })
    }

    /// Returns the JSON document.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Checks that `payload` is valid as the body of a remediation.
    ///
    /// # Errors
    /// Returns the violations.
    pub fn check_payload(&self, payload: &Value) -> Result<(), String> {
        self.validate("/components/schemas/Remediation", payload)
    }

    /// Checks that the description covers the response: its status, headers, media type and body.
    ///
    /// # Errors
    /// Returns the parts that the description does not cover.
    pub fn check_response(&self, exchange: Exchange<'_>) -> Result<(), String> {
        let place = self.response(exchange)?;
        let at = |name: &str| self.document.pointer(&format!("{place}/{name}")).and_then(Value::as_object);
        let none = Map::new();

        let described = at("headers").unwrap_or(&none);
        for (name, value) in exchange.headers {
            if TRANSPORT.iter().any(|transport| name.eq_ignore_ascii_case(transport)) {
                continue;
            }
            let known = described.keys().find(|known| known.eq_ignore_ascii_case(name));
            let known = known.ok_or_else(|| format!("{place} has no header {name}"))?;
            let schema = format!("{}/schema", self.follow(&format!("{place}/headers/{known}")));
            let text = Value::from(value.as_str());
            self.validate(&schema, &text).or_else(|fault| match value.parse::<u64>() {
                Ok(number) => self.validate(&schema, &number.into()),
                Err(_) => Err(format!("{name}: {fault}")),
            })?;
        }
        for name in described.keys() {
            let required =
                self.document.pointer(&format!("{}/required", self.follow(&format!("{place}/headers/{name}"))));
            if required == Some(&Value::Bool(true)) && exchange.header(name).is_none() {
                return Err(format!("{place}: the response lacks {name}"));
            }
        }

        // A response to HEAD has the headers of GET and no body.
        if exchange.method == "HEAD" {
            return Ok(());
        }
        let content = at("content").unwrap_or(&none);
        let Some(media_type) = exchange.header("content-type") else {
            let emptied = exchange.body.is_empty() && exchange.header("preference-applied").is_some();
            return if emptied { Ok(()) } else { Err(format!("{place}: the response has no Content-Type")) };
        };
        if !content.contains_key(media_type) {
            return Err(format!("{place} has no content of type {media_type}"));
        }
        let body: Value = serde_json::from_str(exchange.body).map_err(|error| format!("{place}: {error}"))?;
        if media_type == "application/problem+json" {
            let codes = self.document.pointer(&format!("{place}/x-error-codes")).and_then(Value::as_array);
            let code = body.pointer("/error/code").unwrap_or(&Value::Null);
            if !codes.is_some_and(|codes| codes.contains(code)) || body.get("status") != Some(&exchange.status.into()) {
                return Err(format!("{place} has no code {code}, or the body has another status"));
            }
        }
        self.validate(&format!("{place}/content/{}/schema", media_type.replace('/', "~1")), &body)
    }

    /// Returns the pointer of the response description.
    fn response(&self, exchange: Exchange<'_>) -> Result<String, String> {
        let Exchange { method, path, status, .. } = exchange;
        let path = path.strip_suffix('/').unwrap_or(path);
        let paths = self.document.pointer("/paths").and_then(Value::as_object).ok_or("there are no paths")?;
        // Unknown paths and methods share one described response.
        let (path, methods) = paths
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(path))
            .or_else(|| paths.iter().next().filter(|_| status == 404))
            .ok_or_else(|| format!("{path} is not described"))?;
        let methods = methods.as_object().ok_or("a path without methods")?;
        let method = methods
            .keys()
            .find(|known| known.eq_ignore_ascii_case(method))
            .or_else(|| methods.keys().next().filter(|_| status == 404 || status == 405))
            .ok_or_else(|| format!("{method} {path} is not described"))?;
        let place = format!("/paths/{}/{method}/responses/{status}", path.replace('/', "~1"));
        match self.document.pointer(&place) {
            Some(_) => Ok(self.follow(&place)),
            None => Err(format!("{method} {path} has no status {status}")),
        }
    }

    /// Returns `place`, or the pointer that it references.
    fn follow(&self, place: &str) -> String {
        let reference = self.document.pointer(place).and_then(|found| found.get("$ref")).and_then(Value::as_str);
        reference.and_then(|reference| reference.strip_prefix('#')).unwrap_or(place).to_owned()
    }

    /// Validates `value` against the schema at this JSON Pointer.
    ///
    /// # Errors
    /// Returns the violations.
    pub fn validate(&self, schema: &str, value: &Value) -> Result<(), String> {
        let validator = {
            let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
            if !validators.contains_key(schema) {
                validators.insert(schema.to_owned(), Arc::new(self.compile(schema)?));
            }
            validators.get(schema).map(Arc::clone)
        };
        let faults: Vec<String> = validator
            .iter()
            .flat_map(|validator| validator.iter_errors(value))
            .map(|fault| format!("{} at {:?}", fault, fault.instance_path().to_string()))
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(format!("{schema}: {}", faults.join("; "))) }
    }

    /// Compiles the schema and closes it. Clients need open response schemas, but this test requires every member to be
    /// described.
    fn compile(&self, schema: &str) -> Result<Validator, String> {
        let mut root = self.document.clone();
        close(&mut root);
        root.as_object_mut().ok_or("no object")?.insert("$ref".to_owned(), format!("#{schema}").into());
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&root)
            .map_err(|error| format!("{schema}: {error}"))
    }
}

/// Forbids unlisted members in an object schema that lists members, unless the schema itself decides.
fn close(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("type").is_some_and(|kind| kind == "object") && members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
