//! Between plain values and those of the platform.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Response as JsResponse;

use super::tasks;
use crate::http::Response;
use crate::time::Timestamp;

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn respond(status: u16, headers: &str, body: &[u8]) -> Result<JsResponse, JsValue>;
}

/// `Date.now()` as a timestamp.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole milliseconds below 2^53 in practice; the cast saturates at both ends"
)]
pub(super) const fn timestamp(date_now: f64) -> Timestamp {
    Timestamp::from_millis(date_now as u64)
}

/// A count of bytes as a number of JavaScript's.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "no memory of Wasm has 2^53 bytes")]
pub(super) const fn number(bytes: usize) -> f64 {
    bytes as f64
}

/// Headers as one text: names and values in turn, a line each. `None` where one holds a line break, which no header can.
pub(super) fn packed<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let mut packed = String::new();
    for (name, value) in headers {
        if value.contains(['\r', '\n']) {
            return None;
        }
        for part in [name, value] {
            packed.push_str(part);
            packed.push('\n');
        }
    }
    Some(packed)
}

/// The answer as the platform's response.
pub(super) fn response(response: &Response) -> Result<JsResponse, JsValue> {
    let headers = response.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let headers = packed(headers).ok_or("a header of the answer holds a line break")?;
    respond(response.status, &headers, response.body.as_bytes())
}

/// The time. It stands still between I/O operations, and so within a turn.
pub(super) fn now() -> Timestamp {
    tasks::once_per_turn(|| timestamp(js_sys::Date::now()))
}
