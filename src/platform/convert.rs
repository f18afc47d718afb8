//! Between plain values and those of the platform.

use wasm_bindgen::JsValue;
use web_sys::{Headers, ReadableStream, ReadableStreamDefaultReader, ReadableStreamReadResult, Response, ResponseInit};

use crate::http::Answer;
use crate::time::Timestamp;

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

/// The answer as the platform's response.
pub(super) fn response(answer: &Answer) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &answer.headers {
        headers.set(name, value)?;
    }
    let init = ResponseInit::new();
    init.set_status(answer.status);
    init.set_headers_headers(&headers);
    let body = (!answer.body.is_empty()).then_some(answer.body.as_str());
    Response::new_with_opt_str_and_init(body, &init)
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
        let result = js_sys::futures::JsFuture::from(reader.read()).await.map_err(|_| StreamFailure::Broken)?;
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
