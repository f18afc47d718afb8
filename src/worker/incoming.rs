//! The platform's request as plain values, and its body.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Request as JsRequest;

use super::{convert, tasks};
use crate::gateway::job::RemediationJob;
use crate::http::{Request, RequestBody, RequestBodyError, RequestHeaders};
use crate::secret::Secret;

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = read)]
    fn read_request(request: &JsRequest) -> Vec<u8>;
    #[wasm_bindgen(js_name = jobOf)]
    fn job_of(request: &JsRequest) -> Vec<u8>;
    fn whole(request: &JsRequest) -> Promise;
    fn counted(request: &JsRequest, cap: f64) -> Promise;
}

/// The body of a request of the platform's.
pub(super) struct IncomingBody(JsRequest);

/// What a request to an object brings: the job, and the body for Graph. `None` where that is not what it brings.
pub(super) async fn job(request: &JsRequest) -> Option<(RemediationJob, Vec<u8>)> {
    let job = serde_json::from_slice(&job_of(request)).ok()?;
    let body = tasks::outcome_of(&whole(request)).await.ok()?;
    Some((job, body.unchecked_into::<Uint8Array>().to_vec()))
}

/// Takes `request` apart.
pub(super) fn split(request: JsRequest) -> (Request, IncomingBody) {
    let bytes = read_request(&request);
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
    };
    let [scheme, host, path, query] = [scheme, host, path, query].map(str::to_owned);
    (Request { method, scheme, host, path, query, headers }, IncomingBody(request))
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
    async fn read(self, declared: Option<u64>, cap: usize) -> Result<Vec<u8>, RequestBodyError> {
        // A declared length is what frames the body, so no more can come than was declared, and it comes in one piece. Without one it is
        // counted as it comes.
        let fits = declared.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length <= cap));
        let bytes = if fits { whole(&self.0) } else { counted(&self.0, convert::number(cap)) };
        match tasks::outcome_of(&bytes).await {
            Ok(bytes) if bytes.is_null() => Err(RequestBodyError::TooLarge),
            Ok(bytes) => Ok(bytes.unchecked_into::<Uint8Array>().to_vec()),
            Err(_) => Err(RequestBodyError::CutOff),
        }
    }
}
