//! OpenAPI description, for checks of responses.

use std::sync::OnceLock;

use serde_json::Value;

use crate::http::Response;
use crate::openapi::DESCRIPTION;

#[expect(unreachable_pub, reason = "the acceptance tests use them")]
#[path = "../../../tests/support/description.rs"]
mod openapi_description;
pub(crate) use openapi_description::{Description, Exchange};

/// Returns the description.
pub(crate) fn description() -> &'static Description {
    static PARSED: OnceLock<Description> = OnceLock::new();
    PARSED.get_or_init(|| Description::parse(DESCRIPTION).unwrap())
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
pub(crate) fn check_response(method: &str, path: &str, response: &Response) -> Result<(), String> {
    let headers: Vec<_> = response.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    description().check_response(Exchange {
        method,
        path,
        status: response.status,
        headers: &headers,
        body: &response.body,
    })
}
