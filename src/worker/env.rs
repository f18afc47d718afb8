//! The one reader of the environment.

use js_sys::{JSON, Reflect};
use serde_json::Value;
use wasm_bindgen::JsValue;

use crate::config::{VARIABLES, Variables};

/// The gateway's variables and secrets, as far as they are set.
pub(super) fn variables(env: &JsValue) -> Variables {
    VARIABLES.into_iter().filter_map(|name| Some((name, variable(env, name)?))).collect()
}

/// Texts come as strings, tables and arrays of `wrangler.toml` as JSON values.
fn variable(env: &JsValue, name: &str) -> Option<Value> {
    let value = Reflect::get(env, &JsValue::from_str(name)).ok().filter(|value| !value.is_undefined())?;
    match value.as_string() {
        Some(text) => Some(Value::String(text)),
        None => serde_json::from_str(&String::from(JSON::stringify(&value).ok()?)).ok(),
    }
}
