//! JSON helpers for oracles.

use serde_json::Value;

/// Text that the gateway never produces. An output that contains it repeats a part of the input.
pub(crate) const MARK: &str = "xq7jvk3z";

/// Returns a copy of `value` with [`MARK`] appended to every string except member names. An output that repeats a
/// string then contains the mark.
///
/// Returns `None` if the value already contains the mark, which a fuzzer discovers after some time.
pub(crate) fn mark_strings(value: &Value) -> Option<Value> {
    if value.to_string().contains(MARK) {
        return None;
    }
    let mut marked = value.clone();
    append_mark(&mut marked);
    Some(marked)
}

fn append_mark(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(MARK),
        Value::Array(items) => items.iter_mut().for_each(append_mark),
        Value::Object(members) => members.values_mut().for_each(append_mark),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns whether `text` is one line with one JSON object.
pub(crate) fn is_json_line(text: &str) -> bool {
    !text.contains(['\n', '\r']) && serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object())
}
