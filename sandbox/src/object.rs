//! JSON objects in the bodies of admin requests.

use serde::de::DeserializeOwned;

/// Parses an object. An empty body is an empty object. Without this check, serde would accept an array.
pub(crate) fn parse_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let body = body.trim_ascii();
    let body = if body.is_empty() { b"{}" } else { body };
    if !body.starts_with(b"{") {
        return Err("the body is not a JSON object".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
