//! Futures as promises, and promises as futures.
//!
//! In place of `js_sys`'s own, since they are on the way of every request: theirs makes two closures for each promise that is awaited, each known to
//! a finalizer, and polls a task a microtask later than it could. Here all promises share one closure, what a promise wakes is polled in the same
//! turn, and what never waits is no promise at all.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::{Closure, wasm_bindgen};

use crate::time::Timestamp;

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    /// Has `submit_once` called with `id`, whether `promise` was kept, and what came of it.
    fn follow(promise: &Promise, id: u32, submit_once: &Closure<SettleFn>);
    /// A promise that `keep` or `fail` will settle.
    fn promised(id: u32) -> Promise;
    fn keep(id: u32, value: &JsValue);
    fn fail(id: u32, error: &JsValue);
}

/// What a promise, by its id, came to.
type SettleFn = dyn Fn(u32, bool, JsValue);

type JsResult = Result<JsValue, JsValue>;

type Task = Pin<Box<dyn Future<Output = JsResult>>>;

/// No promise has this id.
const NONE: u32 = 0;

thread_local! {
    static TASKS: Rc<Tasks> = Rc::new_cyclic(|tasks| {
        let tasks = tasks.clone();
        let submit_once = move |id, kept, value| {
            if let Some(tasks) = tasks.upgrade() {
                Tasks::submit_once(&tasks, id, if kept { Ok(value) } else { Err(value) });
            }
        };
        Tasks {
            last: Cell::new(NONE),
            running: RefCell::default(),
            ready: RefCell::default(),
            polling: Cell::new(false),
            awaited: RefCell::default(),
            now: Cell::new(None),
            submit_once: Closure::new(submit_once),
        }
    });
}

/// All that run in this instance of the module.
struct Tasks {
    /// The id that was given last, to a task or to a promise.
    last: Cell<u32>,
    /// Those that have not ended. One that is being polled is not here.
    running: RefCell<BTreeMap<u32, (Task, Waker)>>,
    /// The ids of those that were woken.
    ready: RefCell<VecDeque<u32>>,
    /// Whether the ready ones are being polled.
    polling: Cell<bool>,
    /// The promises that somebody awaits, by id.
    awaited: RefCell<BTreeMap<u32, Awaited>>,
    /// The time of this turn, once somebody has asked for it.
    now: Cell<Option<Timestamp>>,
    submit_once: Closure<SettleFn>,
}

#[derive(Default)]
struct Awaited {
    outcome: Option<JsResult>,
    waker: Option<Waker>,
}

impl Tasks {
    fn next_id(&self) -> u32 {
        let id = self.last.get().checked_add(1).unwrap_or(NONE + 1);
        self.last.set(id);
        id
    }

    /// A promise has come to `outcome`. Nobody may want to know any more.
    fn submit_once(self: &Rc<Self>, id: u32, outcome: JsResult) {
        let waker = self.awaited.borrow_mut().get_mut(&id).and_then(|awaited| {
            awaited.outcome = Some(outcome);
            awaited.waker.take()
        });
        // Woken in here, the task is polled at the end of this turn and not by a promise of its own.
        self.turn(|| {
            if let Some(waker) = waker {
                waker.wake();
            }
        });
    }

    /// Does `work`, and polls whatever is ready then, unless that is being done already.
    fn turn<T>(&self, work: impl FnOnce() -> T) -> T {
        let outermost = !self.polling.replace(true);
        let done = work();
        if outermost {
            while let Some(id) = self.next_ready() {
                let Some((mut task, waker)) = self.running.borrow_mut().remove(&id) else { continue };
                match task.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Pending => drop(self.running.borrow_mut().insert(id, (task, waker))),
                    Poll::Ready(Ok(value)) => keep(id, &value),
                    Poll::Ready(Err(error)) => fail(id, &error),
                }
            }
            self.polling.set(false);
            self.now.set(None);
        }
        done
    }

    fn next_ready(&self) -> Option<u32> {
        self.ready.borrow_mut().pop_front()
    }

    /// Notes that the task `id` is to be polled, and sees to it that it will be.
    fn wake(&self, id: u32) {
        // Twice is no harm: a task that has nothing to do says so, and one that has ended is not there.
        self.ready.borrow_mut().push_back(id);
        if !self.polling.get() {
            // From outside of any turn, as by a timer.
            follow(&Promise::resolve(&JsValue::UNDEFINED), NONE, &self.submit_once);
        }
    }
}

/// Wakes the task with this id.
struct Id(u32);

impl Wake for Id {
    fn wake(self: Arc<Self>) {
        TASKS.with(|tasks| tasks.wake(self.0));
    }
}

/// The time by `clock`, which is asked for it once in a turn.
pub(super) fn once_per_turn(clock: impl FnOnce() -> Timestamp) -> Timestamp {
    TASKS.with(|tasks| {
        let now = tasks.now.get().unwrap_or_else(clock);
        if tasks.polling.get() {
            tasks.now.set(Some(now));
        }
        now
    })
}

/// What a future that was run has come to.
pub(super) enum Run {
    /// It did not have to wait.
    Done(JsValue),
    /// It waits. This promise is kept or fails when it has ended.
    Waits(Promise),
}

impl From<Run> for JsValue {
    fn from(run: Run) -> Self {
        match run {
            Run::Done(value) => value,
            Run::Waits(promise) => promise.into(),
        }
    }
}

/// Runs `future`, which is polled for the first time before this returns.
pub(super) fn run(future: impl Future<Output = JsResult> + 'static) -> Run {
    let tasks = TASKS.with(Rc::clone);
    let id = tasks.next_id();
    let waker = Waker::from(Arc::new(Id(id)));
    let mut task: Task = Box::pin(future);
    tasks.turn(|| match task.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(Ok(value)) => Run::Done(value),
        Poll::Ready(Err(error)) => Run::Waits(Promise::reject(&error)),
        Poll::Pending => {
            let promise = promised(id);
            tasks.running.borrow_mut().insert(id, (task, waker));
            Run::Waits(promise)
        }
    })
}

/// What `promise` comes to.
pub(super) fn outcome_of(promise: &Promise) -> Awaiting {
    let tasks = TASKS.with(Rc::clone);
    let id = tasks.next_id();
    tasks.awaited.borrow_mut().insert(id, Awaited::default());
    follow(promise, id, &tasks.submit_once);
    Awaiting { tasks, id }
}

/// See [`outcome_of`].
pub(super) struct Awaiting {
    tasks: Rc<Tasks>,
    id: u32,
}

impl Future for Awaiting {
    type Output = JsResult;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut awaited = self.tasks.awaited.borrow_mut();
        let Some(awaited) = awaited.get_mut(&self.id) else { return Poll::Pending };
        if let Some(outcome) = awaited.outcome.take() {
            return Poll::Ready(outcome);
        }
        awaited.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        self.tasks.awaited.borrow_mut().remove(&self.id);
    }
}
