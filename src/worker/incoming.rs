//! The platform's request as plain values, and its body.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Request as JsRequest;

use super::{convert, tasks};
use crate::gzip;
use crate::http::{DeclaredBody, Request, RequestBody, RequestBodyError, RequestHeaders};
use crate::secret::Secret;

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = read)]
    fn read_request(request: &JsRequest) -> Result<Vec<u8>, JsValue>;
    fn whole(request: &JsRequest) -> Promise;
    fn counted(request: &JsRequest, cap: f64) -> Promise;
    fn decompressed(body: &Uint8Array, cap: f64) -> Promise;
}

/// The body of a request of the platform's.
pub(super) struct IncomingBody(JsRequest);

/// Returns the message that a request to an object brings.
pub(super) async fn message(request: &JsRequest) -> Result<Vec<u8>, JsValue> {
    Ok(tasks::outcome_of(&whole(request)).await?.unchecked_into::<Uint8Array>().to_vec())
}

/// Takes `request` apart.
pub(super) fn split(request: JsRequest) -> Result<(Request, IncomingBody), JsValue> {
    let bytes = read_request(&request)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let method = line().to_owned();
    let (scheme, host, target) = scheme_and_host(line());
    let (path, query) = path_and_query(target);
    let mut header = || line().strip_prefix('=').map(str::to_owned);
    // In the order of `READ` in glue.js.
    let headers = RequestHeaders {
        authorization: header().map(Secret::new),
        api_key: header().map(Secret::new),
        content_type: header(),
        content_length: header(),
        content_encoding: header(),
        transfer_mode: header(),
        client_request_id: header(),
        prefer: header(),
        idempotency_key: header(),
        workflow_run_id: header(),
        client_address: header().map(Secret::new),
    };
    let [scheme, host, path, query] = [scheme, host, path, query].map(str::to_owned);
    Ok((Request { method, scheme, host, path, query, headers }, IncomingBody(request)))
}

/// Splits an absolute URL as the platform serialises it: scheme, host with port, and the rest, which the first `/` after the host begins.
fn scheme_and_host(url: &str) -> (&str, &str, &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (scheme, host, if target.is_empty() { "/" } else { target })
}

/// Path and query of a target as the platform serialises it: `?` and `#` in a path are always escaped.
fn path_and_query(target: &str) -> (&str, &str) {
    let path = target.split_once('#').map_or(target, |(path, _)| path);
    path.split_once('?').unwrap_or((path, ""))
}

impl RequestBody for IncomingBody {
    async fn read(self, declared: DeclaredBody, cap: usize) -> Result<Vec<u8>, RequestBodyError> {
        // A declared length is what frames the body, so no more can come than was declared, and it comes in one piece. Without one it is
        // counted as it comes.
        let fits = declared.length.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length <= cap));
        let bytes = if fits { whole(&self.0) } else { counted(&self.0, convert::number(cap)) };
        let bytes: Uint8Array = match tasks::outcome_of(&bytes).await {
            Ok(bytes) if bytes.is_null() => return Err(RequestBodyError::TooLarge),
            Ok(bytes) => bytes.unchecked_into(),
            Err(_) => return Err(RequestBodyError::CutOff),
        };
        if declared.is_gzip { decompress(&bytes, cap).await } else { Ok(bytes.to_vec()) }
    }
}

/// Decompresses `body`, one gzip member, to at most `cap` bytes.
async fn decompress(body: &Uint8Array, cap: usize) -> Result<Vec<u8>, RequestBodyError> {
    if !gzip::is_gzip(&body.subarray(0, 3).to_vec()) {
        return Err(RequestBodyError::NotGzip);
    }
    match tasks::outcome_of(&decompressed(body, convert::number(cap))).await {
        Ok(bytes) if bytes.is_null() => Err(RequestBodyError::TooLarge),
        Ok(bytes) if bytes.is_undefined() => Err(RequestBodyError::Trailing),
        Ok(bytes) => Ok(bytes.unchecked_into::<Uint8Array>().to_vec()),
        Err(_) => Err(RequestBodyError::Damaged),
    }
}
