//! The OpenAPI 3.1 document for callers' tools. Its tests compare it with the code's routes, types, limits and errors.
//! The OpenAPI 3.0 document is derived from it.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::json;

/// The document. White space adds little to the compressed Worker, so the document is not minified.
pub const DESCRIPTION: &str = include_str!("openapi.json");

/// The same document in OpenAPI 3.0, for tools that cannot read 3.1. Derived once per instance, at the first request.
///
/// [`DESCRIPTION`] is valid JSON, as its tests show, so the default is never used.
pub static DESCRIPTION_3_0: LazyLock<String> = LazyLock::new(|| {
    let mut document = json::read(DESCRIPTION.as_bytes()).unwrap_or_default();
    downgrade(&mut document);
    if let Some(document) = document.as_object_mut() {
        document.insert("openapi".to_owned(), VERSION_3_0.into());
    }
    for (path, name) in [("/info", "summary"), ("/info/license", "identifier")] {
        if let Some(object) = document.pointer_mut(path).and_then(Value::as_object_mut) {
            object.remove(name);
        }
    }
    document.to_string()
});

/// The version of OpenAPI that the derived document declares.
const VERSION_3_0: &str = "3.0.4";

/// Rewrites each schema in the terms of OpenAPI 3.0, which has neither a type `null` nor `patternProperties`.
fn downgrade(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(downgrade),
        Value::Object(members) => {
            replace_null_type(members);
            // Without the patterns, `additionalProperties: false` would reject the members that they allow.
            if members.remove("patternProperties").is_some() {
                members.remove("additionalProperties");
            }
            members.values_mut().for_each(downgrade);
        }
        _ => {}
    }
}

/// Replaces `"type": [T, "null"]` with `"type": T` and `"nullable": true`.
fn replace_null_type(members: &mut Map<String, Value>) {
    if let Some([kind, null]) = members.get("type").and_then(Value::as_array).map(Vec::as_slice)
        && null == "null"
    {
        let kind = kind.clone();
        members.insert("type".to_owned(), kind);
        members.insert("nullable".to_owned(), true.into());
    }
}
