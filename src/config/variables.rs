//! Variables and secrets, and the parsers for a text and a GUID.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::ConfigErrors;
use crate::guid::Guid;

/// Names of all variables and secrets that the environment's reader reads.
pub const VARIABLES: [&str; 14] = [
    "TENANT_ID",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "CLIENT_CERTIFICATE",
    "AUDIENCE",
    "CALLERS",
    "PROTECTED_RECIPIENTS",
    "GRAPH_VERSION",
    "GRAPH_URL",
    "LOGIN_URL",
    "LEDGER_JURISDICTION",
    STOPPED,
    LEDGER,
    RATE_LIMITER,
];

/// Binding of the ledger's Durable Objects. It is no variable, but nothing can be sent without it.
pub const LEDGER: &str = "LEDGER";

/// Optional rate limiting binding.
pub const RATE_LIMITER: &str = "RATE_LIMITER";

/// Emergency stop: the only variable that an object reads from its own environment.
pub const STOPPED: &str = "STOPPED";

/// Variables and secrets in the platform's form: texts as strings, tables and arrays as JSON.
pub type Variables = BTreeMap<&'static str, Value>;

/// Returns the text of `name`, or `None` if it is not set. An empty text counts as not set, because dashboards and
/// templates create such texts.
pub(super) fn text<'a>(variables: &'a Variables, name: &'static str, errors: &mut ConfigErrors) -> Option<&'a str> {
    match variables.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::String(text)) => Some(text),
        Some(_) => {
            errors.add(name, "must be a text");
            None
        }
    }
}

fn required_text<'a>(variables: &'a Variables, name: &'static str, errors: &mut ConfigErrors) -> Option<&'a str> {
    let before = errors.0.len();
    let text = text(variables, name, errors);
    if text.is_none() && errors.0.len() == before {
        errors.add(name, "is required");
    }
    text
}

pub(super) fn guid(variables: &Variables, name: &'static str, errors: &mut ConfigErrors) -> Option<Guid> {
    let guid = required_text(variables, name, errors)?.parse().ok();
    if guid.is_none() {
        errors.add(name, "must be a GUID, written 8-4-4-4-12");
    }
    guid
}
