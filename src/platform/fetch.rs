//! Calls to Microsoft by the platform's `fetch`.

use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::futures::JsFuture;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortController, AbortSignal, Headers, RequestInit, RequestRedirect, Response};

use super::convert::StreamFailure;
use super::{Workers, convert, global};
use crate::ports::{Call, Http, Received, SendFailure, Timers, Unread};

impl<E> Http for Workers<E> {
    async fn send(&self, call: Call<'_>) -> Result<Received, SendFailure> {
        let controller = AbortController::new().map_err(|_| SendFailure::Connection)?;
        let signal = controller.signal();
        let exchange = pin!(exchange(&call, &signal));
        // Not `AbortSignal.timeout`, which cannot be taken back: an object may have 10,000 timers, and those of calls long answered would use
        // them up.
        match select(exchange, pin!(self.sleep(call.deadline))).await {
            Either::Left((received, _)) => received,
            Either::Right(((), exchange)) => {
                // A fetch that is merely dropped goes on. Aborted, it ends at once, its body included.
                controller.abort();
                exchange.await
            }
        }
    }
}

async fn exchange(call: &Call<'_>, signal: &AbortSignal) -> Result<Received, SendFailure> {
    let failure = || if signal.aborted() { SendFailure::Deadline } else { SendFailure::Connection };

    let response = async {
        let promise = global().fetch_with_str_and_init(call.url, &init(call, signal)?);
        JsFuture::from(promise).await?.dyn_into::<Response>()
    };
    let response = response.await.map_err(|_| failure())?;

    let headers = response.headers();
    let wanted = call.wanted.iter().filter_map(|name| Some((*name, headers.get(name).ok()??))).collect();
    let mut received = Received { status: response.status(), headers: wanted, body: Err(Unread::Skipped) };
    match response.body() {
        None => received.body = Ok(Vec::new()),
        // Nobody waits for the end of what is not read.
        Some(stream) if call.skip_success_body && received.is_success() => drop(stream.cancel()),
        Some(stream) => {
            received.body = convert::read(&stream, call.body_cap).await.map_err(|unread| match unread {
                StreamFailure::TooLarge => Unread::TooLarge,
                StreamFailure::Broken => Unread::Failed(failure()),
            });
        }
    }
    Ok(received)
}

fn init(call: &Call<'_>, signal: &AbortSignal) -> Result<RequestInit, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in call.headers {
        headers.set(name, value)?;
    }
    let init = RequestInit::new();
    init.set_headers_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(signal));
    if let Some(body) = call.body {
        init.set_method("POST");
        init.set_body_opt_str(Some(body));
    }
    Ok(init)
}
