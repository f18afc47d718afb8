//! Variables and secrets, and the parsers that several of them share. An error is the violated rule.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::guid::Guid;
use crate::json;

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

/// Optional rate limiting binding. Its value is whether the platform's value has the binding's function `limit`.
pub const RATE_LIMITER: &str = "RATE_LIMITER";

/// Emergency stop: the only variable that an object reads from its own environment.
pub const STOPPED: &str = "STOPPED";

/// Variables and secrets in the platform's form: texts as strings, tables and arrays as JSON.
pub type Variables = BTreeMap<&'static str, Value>;

/// Parses a text. An empty text counts as not set, because dashboards and templates create such texts.
pub(super) fn text(value: Option<&Value>) -> Result<Option<&str>, &'static str> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err("must be a text"),
    }
}

/// Parses a GUID, which is required.
pub(super) fn guid(value: Option<&Value>) -> Result<Guid, &'static str> {
    text(value)?.ok_or("is required")?.parse().map_err(|_| "must be a GUID, written 8-4-4-4-12")
}

/// Returns a value that is no text. A dashboard's text variable can contain such a value as JSON. Returns `None` if the
/// text is no JSON, or repeats a member.
pub(super) fn from_text(value: &Value) -> Option<Cow<'_, Value>> {
    match value {
        Value::String(text) => json::read(text.as_bytes()).map(Cow::Owned),
        other => Some(Cow::Borrowed(other)),
    }
}
