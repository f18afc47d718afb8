//! Conversions between plain values and those of the platform.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Response as JsResponse;

use crate::http::Response;
use crate::time::Timestamp;

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = newResponse)]
    fn new_response(status: u16, lines: &str, body: &[u8]) -> Result<JsResponse, JsValue>;
}

/// Converts the result of `Date.now()`.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole milliseconds below 2^53 in practice; the cast saturates at both ends"
)]
pub(super) const fn timestamp(date_now: f64) -> Timestamp {
    Timestamp::from_millis(date_now as u64)
}

/// Converts a number of bytes to a number of JavaScript.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "no memory of Wasm has 2^53 bytes")]
pub(super) const fn number(bytes: usize) -> f64 {
    bytes as f64
}

/// Writes a line `name: value` for each header. Returns `None` if a value contains a line break, which no header can.
pub(super) fn header_lines<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let mut lines = String::new();
    for (name, value) in headers {
        if value.contains(['\r', '\n']) {
            return None;
        }
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.extend([name, ": ", value]);
    }
    Some(lines)
}

pub(super) fn response(response: &Response) -> Result<JsResponse, JsValue> {
    let headers = response.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let headers = header_lines(headers).ok_or("a header of the response contains a line break")?;
    new_response(response.status, &headers, response.body.as_bytes())
}
