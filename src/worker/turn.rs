//! A turn is one poll of a future of the gateway.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;

use wasm_bindgen::prelude::wasm_bindgen;

use super::convert::timestamp;
use crate::time::Timestamp;

thread_local! {
    static IS_POLLING: Cell<bool> = const { Cell::new(false) };
    /// Time of this turn, once it has been read.
    static NOW: Cell<Option<Timestamp>> = const { Cell::new(None) };
}

/// Polls `future`. The time does not change during a poll.
pub(super) async fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|context| {
        IS_POLLING.set(true);
        let poll = future.as_mut().poll(context);
        IS_POLLING.set(false);
        NOW.set(None);
        poll
    })
    .await
}

/// Returns the time, which stands still between I/O operations, and so within a turn.
pub(super) fn now() -> Timestamp {
    let now = NOW.get().unwrap_or_else(|| timestamp(js_sys::Date::now()));
    if IS_POLLING.get() {
        NOW.set(Some(now));
    }
    now
}

/// Returns whether an error of JavaScript has ended a turn. The stack was not unwound then, as after a trap.
#[wasm_bindgen(js_name = isInterrupted)]
#[expect(unreachable_pub, reason = "wasm_bindgen exports only what is public")]
pub fn is_interrupted() -> bool {
    IS_POLLING.get()
}
