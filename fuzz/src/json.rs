//! Trees of JSON, for oracles.

use serde_json::Value;

/// A text that stands in no text of the gateway's: where it shows, something of the input was repeated.
pub(crate) const MARK: &str = "xq7jvk3z";

/// `value` with [`MARK`] behind every text in it, names of members aside: whoever repeats one of them then shows the mark. `None` where it has the
/// mark already, as a fuzzer finds out in time.
pub(crate) fn marked(value: &Value) -> Option<Value> {
    if value.to_string().contains(MARK) {
        return None;
    }
    let mut marked = value.clone();
    mark(&mut marked);
    Some(marked)
}

fn mark(value: &mut Value) {
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
