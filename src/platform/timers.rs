//! Waiting.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

use super::{Workers, global};
use crate::ports::Clock;
use crate::time::{Timestamp, millis_of};

/// The moments that an object waits for, by one timer of the platform's. An object may have 10,000 of those, and what each of its requests
/// waits for would use them up when thousands of requests are on their way. An object's requests share its I/O context, so that one may be
/// woken by the timer of another; a Worker's do not (facts, section 7).
#[derive(Debug, Default)]
pub(super) struct SharedTimer {
    waiting: RefCell<BTreeMap<(Timestamp, u64), oneshot::Sender<()>>>,
    /// Tells moments apart that are the same.
    count: Cell<u64>,
    /// The timer that is set: when it goes off, and its handle.
    set: Cell<Option<(Timestamp, i32)>>,
    callback: OnceCell<Closure<dyn FnMut()>>,
}

impl SharedTimer {
    /// Resolves after `duration`.
    pub(super) async fn sleep(self: &Rc<Self>, duration: Duration) {
        let (sender, receiver) = oneshot::channel();
        let moment = (now().plus(duration), self.count.replace(self.count.get().wrapping_add(1)));
        self.waiting.borrow_mut().insert(moment, sender);
        let _place = Place { timer: self, moment };
        self.set();
        // The sender goes with its place alone, which is held here.
        let _ = receiver.await;
    }

    /// Sees to it that the timer goes off at the first moment, and that none is set where nobody waits: it would keep the object in memory.
    fn set(self: &Rc<Self>) {
        let first = self.waiting.borrow().keys().next().map(|(moment, _)| *moment);
        if let (Some(first), Some((at, _))) = (first, self.set.get())
            && at <= first
        {
            return;
        }
        if let Some((_, handle)) = self.set.take() {
            global().clear_timeout_with_handle(handle);
        }
        let Some(first) = first else { return };
        let callback = self.callback.get_or_init(|| {
            let timer = Rc::downgrade(self);
            Closure::new(move || timer.upgrade().iter().for_each(Self::goes_off))
        });
        let wait = i32::try_from(millis_of(first.since(now()))).unwrap_or(i32::MAX);
        let callback = callback.as_ref().unchecked_ref();
        // A platform that sets no timer leaves those who wait to what else ends their wait.
        if let Ok(handle) = global().set_timeout_with_callback_and_timeout_and_arguments_0(callback, wait) {
            self.set.set(Some((first, handle)));
        }
    }

    /// Wakes those whose moment has come.
    fn goes_off(self: &Rc<Self>) {
        self.set.take();
        let now = now();
        let mut waiting = self.waiting.borrow_mut();
        while let Some(first) = waiting.first_entry().filter(|first| first.key().0 <= now) {
            let _ = first.remove().send(());
        }
        drop(waiting);
        self.set();
    }
}

/// A place among those who wait, given up when dropped.
struct Place<'a> {
    timer: &'a Rc<SharedTimer>,
    moment: (Timestamp, u64),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.timer.waiting.borrow_mut();
        waiting.remove(&self.moment);
        let nobody_waits = waiting.is_empty();
        drop(waiting);
        if nobody_waits {
            self.timer.set();
        }
    }
}

fn now() -> Timestamp {
    Workers { event: () }.now()
}
