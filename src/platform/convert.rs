//! Between plain values and those of the platform.

use js_sys::futures::JsFuture;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{ReadableStream, ReadableStreamDefaultReader, ReadableStreamReadResult, Response};

use crate::http::Answer;
use crate::time::Timestamp;

#[wasm_bindgen(module = "/src/platform/glue.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn respond(status: u16, headers: &str, body: &[u8]) -> Result<Response, JsValue>;
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
pub(super) fn response(answer: &Answer) -> Result<Response, JsValue> {
    let headers = answer.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let headers = packed(headers).ok_or("a header of the answer holds a line break")?;
    respond(answer.status, &headers, answer.body.as_bytes())
}

/// A response of the object's: bytes for the Worker.
pub(super) fn bytes(body: &[u8]) -> Result<Response, JsValue> {
    respond(200, "", body)
}

/// Why a stream was not read to its end.
pub(super) enum StreamFailure {
    /// It holds more bytes than are wanted.
    TooLarge,
    /// It failed.
    Broken,
}

/// Reads `stream` to its end, at most `cap` bytes. On failure the rest of it is cancelled, so that nothing is received in vain.
pub(super) async fn read(stream: &ReadableStream, cap: usize) -> Result<Vec<u8>, StreamFailure> {
    let reader = ReadableStreamDefaultReader::new(stream).map_err(|_| StreamFailure::Broken)?;
    let mut bytes = Vec::new();
    loop {
        let result = JsFuture::from(reader.read()).await.map_err(|_| StreamFailure::Broken)?;
        let result: ReadableStreamReadResult = result.into();
        if result.get_done() == Some(true) {
            return Ok(bytes);
        }
        let chunk = js_sys::Uint8Array::new(&result.get_value());
        let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX);
        if bytes.len().saturating_add(length) > cap {
            let _ = reader.cancel();
            return Err(StreamFailure::TooLarge);
        }
        bytes.extend_from_slice(&chunk.to_vec());
    }
}
