//! The description, for holding answers against it.

use std::sync::OnceLock;

use serde_json::Value;

use crate::http::Response;
use crate::openapi::DESCRIPTION;

#[expect(unreachable_pub, reason = "in the acceptance tests, whose file it is, they are reachable")]
#[path = "../../../tests/support/description.rs"]
mod against;
pub(crate) use against::{Answered, Description};

/// The description.
pub(crate) fn description() -> &'static Description {
    static READ: OnceLock<Description> = OnceLock::new();
    READ.get_or_init(|| Description::read(DESCRIPTION).unwrap())
}

/// The payload as the description names it: the string form of `remediateSendersCopy` is in the description's words only.
pub(crate) fn with_boolean(mut payload: Value) -> Value {
    if let Some(copy) = payload.get_mut("remediateSendersCopy")
        && let Some(text) = copy.as_str()
        && let Ok(boolean) = text.to_ascii_lowercase().parse::<bool>()
    {
        *copy = boolean.into();
    }
    payload
}

/// Whether `response` is described as an answer to such a request.
pub(crate) fn covers(method: &str, path: &str, response: &Response) -> Result<(), String> {
    let headers: Vec<_> = response.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    description().covers(Answered { method, path, status: response.status, headers: &headers, body: &response.body })
}
