//! Calls to Microsoft by the platform's `fetch`.

use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::futures::JsFuture;
use js_sys::{JsString, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortController, AbortSignal, Response};

use super::convert::StreamFailure;
use super::{Workers, convert};
use crate::ports::{Call, Http, Received, SendFailure, Timers, Unread};

#[wasm_bindgen(module = "/src/platform/glue.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = send)]
    fn start(
        url: &str,
        method: &str,
        headers: &str,
        body: Option<&[u8]>,
        signal: &AbortSignal,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch)]
    fn received(response: &Response, names: &str) -> Result<JsString, JsValue>;
}

impl<E> Http for Workers<E>
where
    Self: Timers,
{
    async fn send(&self, call: Call<'_>) -> Result<Received, SendFailure> {
        let controller = AbortController::new().map_err(|_| SendFailure::Connection)?;
        let signal = controller.signal();
        let exchange = pin!(exchange(&call, &signal));
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
        let headers = convert::packed(call.headers.iter().copied()).ok_or("a header holds a line break")?;
        let method = if call.body.is_some() { "POST" } else { "GET" };
        JsFuture::from(start(call.url, method, &headers, call.body, signal)?).await?.dyn_into::<Response>()
    };
    let response = response.await.map_err(|_| failure())?;

    let mut received =
        Received { status: response.status(), headers: wanted(call, &response), body: Err(Unread::Skipped) };
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

/// Those of the wanted headers that are there.
fn wanted(call: &Call<'_>, response: &Response) -> Vec<(&'static str, String)> {
    let values = received(response, &call.wanted.join("\n")).map(String::from).unwrap_or_default();
    let present = |(name, line): (&&'static str, &str)| Some((*name, line.strip_prefix('=')?.to_owned()));
    call.wanted.iter().zip(values.split('\n')).filter_map(present).collect()
}
