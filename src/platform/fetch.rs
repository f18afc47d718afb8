//! Calls to Microsoft by the platform's `fetch`.

use js_sys::futures::JsFuture;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortSignal, Headers, RequestInit, RequestRedirect, Response};

use super::{Workers, convert, global};
use crate::ports::{Call, Http, Received, SendFailure};
use crate::time::millis_of;

impl<E> Http for Workers<E> {
    async fn send(&self, call: Call<'_>) -> Result<Received, SendFailure> {
        // The signal covers the body too: a fetch that is merely dropped goes on.
        let deadline = u32::try_from(millis_of(call.deadline)).unwrap_or(u32::MAX);
        let signal = AbortSignal::timeout_with_u32(deadline);
        let failure = |_: JsValue| if signal.aborted() { SendFailure::Deadline } else { SendFailure::Connection };

        let response = async {
            let promise = global().fetch_with_str_and_init(call.url, &init(&call, &signal)?);
            JsFuture::from(promise).await?.dyn_into::<Response>()
        };
        let response = response.await.map_err(failure)?;

        let headers = response.headers();
        let wanted = call.wanted.iter().filter_map(|name| Some((*name, headers.get(name).ok()??))).collect();
        let mut received = Received { status: response.status(), headers: wanted, body: None };
        match response.body() {
            None => received.body = Some(Vec::new()),
            // Nobody waits for the end of what is not read.
            Some(stream) if call.skip_success_body && received.is_success() => drop(stream.cancel()),
            Some(stream) => received.body = convert::read(&stream, call.body_cap).await.ok(),
        }
        Ok(received)
    }
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
