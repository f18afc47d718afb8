//! Promises of glue.js as futures.
//!
//! For each promise, `JsFuture` of wasm-bindgen-futures creates two closures that the garbage collector tracks, at 2 µs
//! and eight calls between Wasm and JavaScript. Here glue.js reports the outcome of each promise to one export, with
//! the ID of the promise.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_channel::oneshot::{self, Receiver, Sender};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

type Outcome = Result<JsValue, JsValue>;

thread_local! {
    static LAST_ID: Cell<u32> = const { Cell::new(0) };
    /// IDs of the promises that have not settled, and the futures that wait for them. The entry of a cancelled
    /// request stays. A list is smaller in the upload than a map, and has one entry per request in flight.
    static WAITING: RefCell<Vec<(u32, Sender<Outcome>)>> = const { RefCell::new(Vec::new()) };
}

/// The outcome of a promise.
pub(super) struct Settled(Receiver<Outcome>);

impl Future for Settled {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.0).poll(context).map(|sent| sent.unwrap_or(Err(JsValue::UNDEFINED)))
    }
}

/// Creates a promise. `start` calls a function of glue.js with the promise's ID.
pub(super) fn start(start: impl FnOnce(u32)) -> Settled {
    let promise_id = LAST_ID.get().wrapping_add(1);
    LAST_ID.set(promise_id);
    let (sender, receiver) = oneshot::channel();
    WAITING.with_borrow_mut(|waiting| waiting.push((promise_id, sender)));
    start(promise_id);
    Settled(receiver)
}

/// Wakes the future that waits for this promise. `value` is the promise's value, or the error if the promise was
/// rejected.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "wasm_bindgen exports only what is public")]
pub fn wake(promise_id: u32, is_fulfilled: bool, value: JsValue) {
    let entry = WAITING.with_borrow_mut(|waiting| {
        let index = waiting.iter().position(|(own, _)| *own == promise_id)?;
        Some(waiting.swap_remove(index))
    });
    if let Some((_, sender)) = entry {
        // The future may have been dropped.
        let _ = sender.send(if is_fulfilled { Ok(value) } else { Err(value) });
    }
}
