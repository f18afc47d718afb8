//! Calls to Microsoft with the platform's `fetch`.

use std::cell::Cell;
use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::AbortController;

use super::{Workers, convert, promise};
use crate::runtime::{BodyError, HttpClient, HttpRequest, HttpResponse, SendError, Timers};

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = callMicrosoft)]
    fn call_microsoft(
        promise_id: u32,
        head: &str,
        wanted: &str,
        body: Option<&[u8]>,
        cap: f64,
        skip: bool,
        controller: &AbortController,
    );

    type CallResult;
    #[wasm_bindgen(method, getter)]
    fn head(this: &CallResult) -> String;
    #[wasm_bindgen(method, getter)]
    fn body(this: &CallResult) -> Option<Uint8Array>;
    #[wasm_bindgen(method, getter, js_name = isTooLarge)]
    fn is_too_large(this: &CallResult) -> bool;
}

impl HttpClient for Workers {
    async fn send(&self, request: HttpRequest<'_>) -> Result<HttpResponse, SendError> {
        let controller = AbortController::new().map_err(|_| SendError::Connection)?;
        let aborted = Cell::new(false);
        let exchange = pin!(exchange(&request, &controller, &aborted));
        match select(exchange, pin!(self.sleep(request.deadline))).await {
            Either::Left((received, _)) => received,
            Either::Right(((), exchange)) => {
                // If the future is dropped, the fetch continues. An abort ends the fetch and its body immediately.
                aborted.set(true);
                controller.abort();
                exchange.await
            }
        }
    }
}

/// Sends the request, and reads its response.
async fn exchange(
    request: &HttpRequest<'_>,
    controller: &AbortController,
    aborted: &Cell<bool>,
) -> Result<HttpResponse, SendError> {
    let error = || if aborted.get() { SendError::Deadline } else { SendError::Connection };

    let method = if request.body.is_some() { "POST" } else { "GET" };
    let headers = convert::header_lines(request.headers.iter().copied()).ok_or(SendError::Connection)?;
    let head = format!("{method} {}\n{headers}", request.url);
    let (wanted, cap) = (request.wanted.join(" "), convert::number(request.body_cap));
    let call = |promise_id| {
        call_microsoft(promise_id, &head, &wanted, request.body, cap, request.skip_success_body, controller);
    };
    let result: CallResult = promise::start(call).await.map_err(|_| error())?.unchecked_into();
    let mut response = parse_head(request, &result.head()).ok_or_else(error)?;
    if !(request.skip_success_body && response.is_success()) {
        response.body = match result.body() {
            Some(body) => Ok(body.to_vec()),
            None if result.is_too_large() => Err(BodyError::TooLarge),
            None => Err(BodyError::Failed(error())),
        };
    }
    Ok(response)
}

/// Parses the status and the wanted headers of a response.
fn parse_head(request: &HttpRequest<'_>, head: &str) -> Option<HttpResponse> {
    let mut lines = head.split('\n');
    let status = lines.next()?.parse().ok()?;
    let wanted = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        let name = request.wanted.iter().find(|wanted| **wanted == name)?;
        Some((*name, value.to_owned()))
    };
    Some(HttpResponse { status, headers: lines.filter_map(wanted).collect(), body: Err(BodyError::Skipped) })
}
