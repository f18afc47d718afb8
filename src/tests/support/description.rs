//! OpenAPI description, for checks of responses.

use std::sync::OnceLock;

use serde_json::Value;

use crate::http::Response;
use crate::openapi::DESCRIPTION;

#[expect(unreachable_pub, reason = "the acceptance tests use them")]
#[path = "../../../tests/support/description.rs"]
mod against;
pub(crate) use against::{Answered, Description};

/// Returns the description.
pub(crate) fn description() -> &'static Description {
    static READ: OnceLock<Description> = OnceLock::new();
    READ.get_or_init(|| Description::read(DESCRIPTION).unwrap())
}

/// Returns the payload in the description's form. Only the description's text mentions the string form of
/// `remediateSendersCopy`.
pub(crate) fn with_boolean(mut payload: Value) -> Value {
    if let Some(copy) = payload.get_mut("remediateSendersCopy")
        && let Some(text) = copy.as_str()
        && let Ok(boolean) = text.to_ascii_lowercase().parse::<bool>()
    {
        *copy = boolean.into();
    }
    payload
}

/// Returns whether the description covers `response` for such a request.
pub(crate) fn covers(method: &str, path: &str, response: &Response) -> Result<(), String> {
    let headers: Vec<_> = response.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    description().covers(Answered { method, path, status: response.status, headers: &headers, body: &response.body })
}
