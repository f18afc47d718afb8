//! Trees of JSON, for oracles.

use serde_json::Value;

/// A text that stands in no text of the gateway's: where it shows, something of the input was repeated.
pub(crate) const MARK: &str = "xq7jvk3z";

/// Appends [`MARK`] to every text in `value`, names of members aside. Whoever repeats one of them then shows the mark.
pub(crate) fn mark(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(MARK),
        Value::Array(items) => items.iter_mut().for_each(mark),
        Value::Object(members) => members.values_mut().for_each(mark),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether `text` is one line that holds one JSON object.
pub(crate) fn is_line(text: &str) -> bool {
    !text.contains(['\n', '\r']) && serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object())
}
