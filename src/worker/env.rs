//! The only reader of the environments of the Worker and of objects.

use serde_json::{Map, Value};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;

use super::promise;
use crate::caches::Environment;
use crate::config::{self, STOPPED, VARIABLES, Variables};
use crate::json;

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = countRequest)]
    fn count_request(promise_id: u32, env: &Env, key: &str);
    #[wasm_bindgen(catch)]
    fn variable(env: &Env, name: &str) -> Result<Option<String>, JsValue>;
}

/// Environment that the platform passes with a request.
#[derive(Clone)]
pub(super) struct Bindings(pub(super) Env);

impl Environment for Bindings {
    fn is_same(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }

    fn variables(&self) -> Variables {
        VARIABLES.into_iter().filter_map(|name| Some((name, self.variable(name)?))).collect()
    }

    async fn count_request(&self, key: &str) -> Option<bool> {
        promise::start(|promise_id| count_request(promise_id, &self.0, key)).await.ok()?.as_bool()
    }
}

impl Bindings {
    /// Returns whether the emergency stop is set, or cannot be read.
    pub(super) fn is_stopped(&self) -> bool {
        config::is_stopped(self.variable(STOPPED).as_ref())
    }

    /// Returns texts as strings, and tables and arrays of `wrangler.toml` as JSON values. A present value that cannot
    /// be read becomes an object without members, which every variable rejects. The binding `LEDGER` accepts it. For
    /// `RATE_LIMITER`, returns whether the value is a binding.
    fn variable(&self, name: &str) -> Option<Value> {
        let text = variable(&self.0, name).transpose()?;
        let read = text.ok().and_then(|text| json::read(text.as_bytes()));
        Some(read.unwrap_or_else(|| Value::Object(Map::new())))
    }
}
