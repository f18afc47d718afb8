//! Calls to Microsoft by the platform's `fetch`.

use std::cell::Cell;
use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::AbortController;

use super::{Workers, convert, tasks};
use crate::ports::{Call, Http, Received, SendFailure, Timers, Unread};

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = callMicrosoft)]
    fn call_microsoft(head: &str, body: Option<&[u8]>, cap: f64, skip: bool, controller: &AbortController) -> Promise;
}

impl Http for Workers {
    async fn send(&self, call: Call<'_>) -> Result<Received, SendFailure> {
        let controller = AbortController::new().map_err(|_| SendFailure::Connection)?;
        let aborted = Cell::new(false);
        let exchange = pin!(exchange(&call, &controller, &aborted));
        match select(exchange, pin!(self.sleep(call.deadline))).await {
            Either::Left((received, _)) => received,
            Either::Right(((), exchange)) => {
                // A fetch that is merely dropped goes on. Aborted, it ends at once, its body included.
                aborted.set(true);
                controller.abort();
                exchange.await
            }
        }
    }
}

async fn exchange(
    call: &Call<'_>,
    controller: &AbortController,
    aborted: &Cell<bool>,
) -> Result<Received, SendFailure> {
    let failure = || if aborted.get() { SendFailure::Deadline } else { SendFailure::Connection };

    let method = if call.body.is_some() { "POST" } else { "GET" };
    let headers = convert::packed(call.headers.iter().copied()).ok_or(SendFailure::Connection)?;
    let head = format!("{}\n{method}\n{}\n{headers}", call.url, call.wanted.join(" "));
    let (cap, skip) = (convert::number(call.body_cap), call.skip_success_body);
    let started = call_microsoft(&head, call.body, cap, skip, controller);
    let received = tasks::settled(&started).await.map_err(|_| failure())?;

    if let Some(head) = received.as_string() {
        return read(call, &head, Err(Unread::Skipped)).ok_or_else(failure);
    }
    let parts: Array = received.unchecked_into();
    let body = parts.get(1);
    let body = if body.is_undefined() {
        Err(Unread::Failed(failure()))
    } else if body.is_null() {
        Err(Unread::TooLarge)
    } else {
        Ok(body.unchecked_into::<Uint8Array>().to_vec())
    };
    parts.get(0).as_string().and_then(|head| read(call, &head, body)).ok_or_else(failure)
}

/// The answer, of which `head` has the status and a line for each wanted header.
fn read(call: &Call<'_>, head: &str, body: Result<Vec<u8>, Unread>) -> Option<Received> {
    let mut lines = head.split('\n');
    let status = lines.next()?.parse().ok()?;
    let present = |(name, line): (&&'static str, &str)| Some((*name, line.strip_prefix('=')?.to_owned()));
    Some(Received { status, headers: call.wanted.iter().zip(lines).filter_map(present).collect(), body })
}
