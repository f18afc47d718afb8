//! Calls to Microsoft by the platform's `fetch`.

use std::cell::Cell;
use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::AbortController;

use super::{Workers, convert, tasks};
use crate::runtime::{BodyError, HttpClient, HttpRequest, HttpResponse, SendError, Timers};

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = callMicrosoft)]
    fn call_microsoft(head: &str, body: Option<&[u8]>, cap: f64, skip: bool, controller: &AbortController) -> Promise;
}

impl HttpClient for Workers {
    async fn send(&self, request: HttpRequest<'_>) -> Result<HttpResponse, SendError> {
        let controller = AbortController::new().map_err(|_| SendError::Connection)?;
        let aborted = Cell::new(false);
        let context = pin!(context(&request, &controller, &aborted));
        match select(context, pin!(self.sleep(request.deadline))).await {
            Either::Left((received, _)) => received,
            Either::Right(((), context)) => {
                // A fetch that is merely dropped goes on. Aborted, it ends at once, its body included.
                aborted.set(true);
                controller.abort();
                context.await
            }
        }
    }
}

async fn context(
    request: &HttpRequest<'_>,
    controller: &AbortController,
    aborted: &Cell<bool>,
) -> Result<HttpResponse, SendError> {
    let error = || if aborted.get() { SendError::Deadline } else { SendError::Connection };

    let method = if request.body.is_some() { "POST" } else { "GET" };
    let headers = convert::packed(request.headers.iter().copied()).ok_or(SendError::Connection)?;
    let head = format!("{}\n{method}\n{}\n{headers}", request.url, request.wanted.join(" "));
    let (cap, skip) = (convert::number(request.body_cap), request.skip_success_body);
    let started = call_microsoft(&head, request.body, cap, skip, controller);
    let received = tasks::outcome_of(&started).await.map_err(|_| error())?;

    if let Some(head) = received.as_string() {
        return read(request, &head, Err(BodyError::Skipped)).ok_or_else(error);
    }
    let parts: Array = received.unchecked_into();
    let body = parts.get(1);
    let body = if body.is_undefined() {
        Err(BodyError::Failed(error()))
    } else if body.is_null() {
        Err(BodyError::TooLarge)
    } else {
        Ok(body.unchecked_into::<Uint8Array>().to_vec())
    };
    parts.get(0).as_string().and_then(|head| read(request, &head, body)).ok_or_else(error)
}

/// The answer, of which `head` has the status and a line for each wanted header.
fn read(request: &HttpRequest<'_>, head: &str, body: Result<Vec<u8>, BodyError>) -> Option<HttpResponse> {
    let mut lines = head.split('\n');
    let status = lines.next()?.parse().ok()?;
    let present = |(name, line): (&&'static str, &str)| Some((*name, line.strip_prefix('=')?.to_owned()));
    Some(HttpResponse { status, headers: request.wanted.iter().zip(lines).filter_map(present).collect(), body })
}
