//! The platform's request as plain values, and its body.

use js_sys::Uint8Array;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Request as JsRequest;

use super::{convert, promise};
use crate::gzip;
use crate::http::{DeclaredBody, Request, RequestBody, RequestBodyError, RequestHeaders};
use crate::secret::Secret;

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn head(request: &JsRequest) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(js_name = readBody)]
    fn read_body(promise_id: u32, request: &JsRequest);
    #[wasm_bindgen(js_name = readBodyUpToCap)]
    fn read_body_up_to_cap(promise_id: u32, request: &JsRequest, cap: f64);
    #[wasm_bindgen(js_name = decompressBody)]
    fn decompress_body(promise_id: u32, body: &[u8], cap: f64);
}

/// Body of a request.
pub(super) struct IncomingBody<'a>(&'a JsRequest);

/// Splits a request into its head and its body.
pub(super) fn split(request: &JsRequest) -> Result<(Request, IncomingBody<'_>), JsValue> {
    let head = head(request)?;
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.split('\n');
    let (method, url) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or_default();
    let mut headers = RequestHeaders::default();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let value = value.to_owned();
        match name {
            "authorization" => headers.authorization = Some(Secret::new(value)),
            "x-api-key" => headers.api_key = Some(Secret::new(value)),
            "content-type" => headers.content_type = Some(value),
            "content-length" => headers.content_length = Some(value),
            "content-encoding" => headers.content_encoding = Some(value),
            "x-ms-transfer-mode" => headers.transfer_mode = Some(value),
            "client-request-id" => headers.client_request_id = Some(value),
            "prefer" => headers.prefer = Some(value),
            "idempotency-key" => headers.idempotency_key = Some(value),
            "x-ms-workflow-run-id" => headers.workflow_run_id = Some(value),
            "cf-connecting-ip" => headers.client_address = Some(Secret::new(value)),
            _ => {}
        }
    }
    let (scheme, host, target) = scheme_and_host(url);
    let (path, query) = path_and_query(target);
    let [method, scheme, host, path, query] = [method, scheme, host, path, query].map(str::to_owned);
    Ok((Request { method, scheme, host, path, query, headers }, IncomingBody(request)))
}

/// Splits an absolute URL in the platform's form: scheme, host with port, and the rest, which begins with the first `/`
/// after the host.
fn scheme_and_host(url: &str) -> (&str, &str, &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (scheme, host, if target.is_empty() { "/" } else { target })
}

/// Returns path and query of a target in the platform's form, which escapes `?` and `#` in a path.
fn path_and_query(target: &str) -> (&str, &str) {
    let path = target.split_once('#').map_or(target, |(path, _)| path);
    path.split_once('?').unwrap_or((path, ""))
}

impl RequestBody for IncomingBody<'_> {
    async fn read(self, declared: DeclaredBody, cap: usize) -> Result<Vec<u8>, RequestBodyError> {
        // A body with a declared length cannot have more bytes, so it is read in one call. The bytes of other bodies
        // are counted while they are read.
        let fits = declared.length.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length <= cap));
        let read = |promise_id| {
            if fits {
                read_body(promise_id, self.0);
            } else {
                read_body_up_to_cap(promise_id, self.0, convert::number(cap));
            }
        };
        let body = promise::start(read).await.map_err(|_| RequestBodyError::CutOff)?;
        let body = bytes(body).ok_or(RequestBodyError::TooLarge)?;
        if declared.is_gzip { decompress(&body, cap).await } else { Ok(body) }
    }
}

/// Decompresses `body`, one gzip member, to at most `cap` bytes.
async fn decompress(body: &[u8], cap: usize) -> Result<Vec<u8>, RequestBodyError> {
    if !gzip::is_gzip(body) {
        return Err(RequestBodyError::NotGzip);
    }
    let outcome = promise::start(|promise_id| decompress_body(promise_id, body, convert::number(cap))).await;
    let decompressed = outcome.map_err(|error| match error.as_string() {
        Some(_) => RequestBodyError::Trailing,
        None => RequestBodyError::Damaged,
    })?;
    bytes(decompressed).ok_or(RequestBodyError::TooLarge)
}

/// Converts bytes, or null.
fn bytes(value: JsValue) -> Option<Vec<u8>> {
    (!value.is_null()).then(|| value.unchecked_into::<Uint8Array>().to_vec())
}
