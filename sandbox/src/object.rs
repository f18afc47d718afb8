//! JSON objects that the sandbox is sent.

use serde::de::DeserializeOwned;

/// Reads an object; nothing at all is the empty one. Without this, serde would take an array for it.
pub(crate) fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let body = body.trim_ascii();
    let body = if body.is_empty() { b"{}" } else { body };
    if !body.starts_with(b"{") {
        return Err("the body is not a JSON object".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
