//! Timers.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::{Closure, wasm_bindgen};

use super::turn::now;
use crate::deadline::MAX_TIMER;
use crate::time::{Timestamp, millis_of};

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = setTimer)]
    fn set_timer(call: &Closure<dyn Fn()>, wait: u32) -> JsValue;
    #[wasm_bindgen(js_name = clearTimer)]
    fn clear_timer(timer: &JsValue);
}

/// Futures of an object, or of a request to the Worker, that wait for a time. They share one timer of the platform.
///
/// An object may have 10,000 timers. Thousands of requests in flight, each with its own timers, would exceed that. An
/// object's requests share its I/O context, so the timer of one request may wake another one. Requests of a Worker must
/// not do that (facts, section 7).
#[derive(Debug, Default)]
pub(super) struct SharedTimer {
    waiting: RefCell<BTreeMap<(Timestamp, u64), oneshot::Sender<()>>>,
    /// Distinguishes equal times.
    count: Cell<u64>,
    /// Pending timer: its time, and its handle.
    set: RefCell<Option<(Timestamp, JsValue)>>,
    callback: OnceCell<Closure<dyn Fn()>>,
}

impl SharedTimer {
    /// Resolves after `duration`.
    pub(super) async fn sleep(self: &Rc<Self>, duration: Duration) {
        let (sender, receiver) = oneshot::channel();
        let now = now();
        let moment = (now.plus(duration), self.count.replace(self.count.get().wrapping_add(1)));
        self.waiting.borrow_mut().insert(moment, sender);
        let _guard = SleepGuard { timer: self, moment };
        self.set(now);
        // Only the map holds the sender, so removing the entry drops the sender.
        let _ = receiver.await;
    }

    /// Sets the platform's timer to the earliest waiting time, but at most [`MAX_TIMER`] from now. Keeps a timer that
    /// fires earlier.
    fn set(self: &Rc<Self>, now: Timestamp) {
        let Some(first) = self.waiting.borrow().keys().next().map(|(moment, _)| *moment) else { return };
        let at = first.min(now.plus(MAX_TIMER));
        if self.set.borrow().as_ref().is_some_and(|(sooner, _)| *sooner <= at) {
            return;
        }
        self.clear();
        let callback = self.callback.get_or_init(|| {
            let timer = Rc::downgrade(self);
            Closure::new(move || timer.upgrade().iter().for_each(Self::fire))
        });
        let wait = u32::try_from(millis_of(at.since(now))).unwrap_or(u32::MAX);
        let timer = set_timer(callback, wait);
        self.set.replace((!timer.is_null()).then_some((at, timer)));
    }

    fn clear(&self) {
        if let Some((_, timer)) = self.set.take() {
            clear_timer(&timer);
        }
    }

    /// Wakes the futures whose time has come.
    fn fire(self: &Rc<Self>) {
        self.set.take();
        let now = now();
        let mut waiting = self.waiting.borrow_mut();
        while let Some(first) = waiting.first_entry().filter(|first| first.key().0 <= now) {
            let _ = first.remove().send(());
        }
        drop(waiting);
        self.set(now);
    }
}

impl Drop for SharedTimer {
    /// Clears the timer, because its callback is dropped with this value.
    fn drop(&mut self) {
        self.clear();
    }
}

/// Entry of a waiting future. Dropping this guard removes the entry.
struct SleepGuard<'a> {
    timer: &'a SharedTimer,
    moment: (Timestamp, u64),
}

impl Drop for SleepGuard<'_> {
    fn drop(&mut self) {
        self.timer.waiting.borrow_mut().remove(&self.moment);
    }
}
