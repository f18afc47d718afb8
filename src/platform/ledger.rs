//! The Durable Object `Ledger`, a thin shell around [`crate::ledger::rules`], and the Worker's way to it.

use std::cell::{Cell, OnceCell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Request;
use worker::worker_sys::{DurableObjectState, DurableObjectStorage};

use super::storage::Tables;
use super::timers::SharedTimer;
use super::{Fetched, ISOLATE, Workers, convert, env, incoming, log_error, tasks};
use crate::config::{Config, LEDGER};
use crate::graph;
use crate::graph::answer::Accepted;
use crate::ledger::flights::Flights;
use crate::ledger::order::Slot;
use crate::ledger::rules::{self, Begun, Step};
use crate::ledger::window::Window;
use crate::ledger::{Order, Settled, Settlement, SubmitFault};
use crate::ports::{Clock, LedgerFailure, Ledgers, Timers};
use crate::time::{Timestamp, millis_of};

#[wasm_bindgen(module = "/src/platform/glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = settle)]
    fn send(env: &JsValue, binding: &str, name: &str, order: &[u8], patience: u32) -> Promise;
    #[wasm_bindgen(js_name = keepAlarm)]
    fn keep_alarm(storage: &DurableObjectStorage, wait: u32) -> Promise;
}

/// What stands between the body for Graph and the order, which is JSON on one line. It comes last, so that the body need not move for it.
const END_OF_BODY: u8 = b'\n';
/// How often records that have expired are removed. They count for nothing before that, so only storage waits for it.
const SWEEP_EVERY: Duration = Duration::from_hours(1);

/// What is left of the caller's time when an attempt must have ended, so that its outcome and not the caller's own deadline is the answer.
const RECORDING: Duration = Duration::from_secs(1);

/// How long after the caller's time an object that has not answered is given up. It answers by then where it can; one whose isolate was lost in the middle
/// never does, and the platform does not notice. With it the whole is still below the 100 s of the SDKs (facts, section 5).
const LOST: Duration = Duration::from_secs(4);

/// How an attempt ended.
type Outcome = Result<Accepted, SubmitFault>;

impl Ledgers for Workers<Fetched> {
    async fn settle(&self, caller: &str, order: &Order, graph_request: &[u8]) -> Result<Settled, LedgerFailure> {
        settle(&self.event.env, caller, order, graph_request).await.map_err(|_| LedgerFailure)
    }
}

async fn settle(env: &JsValue, caller: &str, order: &Order, graph_request: &[u8]) -> worker::Result<Settled> {
    let lost = Duration::from_millis(order.patience).saturating_add(LOST);
    let lost = u32::try_from(millis_of(lost)).unwrap_or(u32::MAX);
    let order = serde_json::to_vec(order)?;
    let message = [graph_request, &[END_OF_BODY], &order].concat();
    let settled = tasks::settled(&send(env, LEDGER, caller, &message, lost)).await?;
    Ok(serde_json::from_slice(&settled.unchecked_into::<Uint8Array>().to_vec())?)
}

/// One caller's ledger: the Durable Object's class, as the platform sees it.
#[wasm_bindgen]
pub struct Ledger(Rc<Actor>);

/// What an object is while it is in memory.
struct Actor {
    state: DurableObjectState,
    env: JsValue,
    book: OnceCell<Rc<Book>>,
}

/// What a request to the object brings.
#[derive(Clone)]
struct Object {
    timer: Rc<SharedTimer>,
}

/// What an object holds in memory: what its tables say, and what is on its way.
struct Book {
    tables: Tables,
    window: RefCell<Window>,
    /// The attempts that are running, with those who wait for their outcome.
    flights: RefCell<Flights<oneshot::Sender<Outcome>>>,
    /// Whether it is known that an alarm will come. While there are records there is to be one.
    alarm: Cell<bool>,
    timer: Rc<SharedTimer>,
}

#[wasm_bindgen]
impl Ledger {
    /// The platform has begun to need this object.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: JsValue) -> Self {
        Self(Rc::new(Actor { state, env, book: OnceCell::new() }))
    }

    /// An order of the Worker's, answered with what became of it.
    pub fn fetch(&self, request: Request) -> Promise {
        let actor = Rc::clone(&self.0);
        tasks::run(async move {
            let message = tasks::settled(&incoming::whole(&request)).await?;
            let settled = actor.answer(message.unchecked_into::<Uint8Array>().to_vec()).await?;
            Ok(convert::bytes(&settled).into())
        })
    }

    /// Removes what has expired, and comes again as long as there are records. The platform repeats an alarm that fails.
    pub fn alarm(&self) -> Promise {
        let actor = Rc::clone(&self.0);
        tasks::run(async move {
            actor.sweep().await?;
            Ok(JsValue::UNDEFINED)
        })
    }
}

impl Actor {
    /// The book, opened on the first use.
    fn book(&self) -> worker::Result<Rc<Book>> {
        if let Some(book) = self.book.get() {
            return Ok(Rc::clone(book));
        }
        let tables = Tables::open(self.state.storage()?.sql())?;
        let window = RefCell::new(tables.window(Workers { event: () }.now())?);
        let book = Rc::new(Book {
            tables,
            window,
            flights: RefCell::default(),
            alarm: Cell::new(false),
            timer: Rc::default(),
        });
        Ok(Rc::clone(self.book.get_or_init(|| book)))
    }

    async fn answer(&self, mut message: Vec<u8>) -> worker::Result<Vec<u8>> {
        let end = message.iter().rposition(|byte| *byte == END_OF_BODY).ok_or("no order")?;
        let order: Order = serde_json::from_slice(message.get(end + 1..).unwrap_or_default())?;
        message.truncate(end);
        Ok(serde_json::to_vec(&self.settle(order, message).await?)?)
    }

    async fn sweep(&self) -> worker::Result<()> {
        let book = self.book()?;
        book.tables.sweep(Workers { event: () }.now())?;
        book.alarm.set(false);
        if !book.tables.is_empty()? {
            self.keep_alarm(&book).await?;
        }
        Ok(())
    }

    async fn settle(&self, order: Order, graph_request: Vec<u8>) -> worker::Result<Settled> {
        let platform = Workers { event: () };
        // The Worker has found the configuration whole, or it would not have sent an order.
        let config = self.config().ok_or("misconfigured")?;
        let book = self.book()?;
        let now = platform.now();
        // The Worker refuses before it sends an order. One of the version before the stop does not, for as long as there still is one.
        if config.stopped {
            let quota = book.window.borrow_mut().quota(order.emails_per_hour, 0, now);
            return Ok(Settled { settlement: Settlement::Stopped, quota });
        }
        let patience = Duration::from_millis(order.patience);

        // From here to the first await nothing else runs in this object.
        let step = rules::begin(&book.tables, &mut book.window.borrow_mut(), &order, &book.flights.borrow(), now)?;
        let (emails, limit) = (order.emails, order.emails_per_hour);
        let settlement = match step {
            Step::Replay(accepted) => Settlement::Accepted { accepted, replayed: true },
            Step::KeyReused => Settlement::KeyReused,
            Step::QuotaExceeded => Settlement::QuotaExceeded,
            Step::Await(slot) => {
                let outcome = book.outcome(slot, true);
                match select(pin!(outcome), pin!(book.timer.sleep(patience))).await {
                    Either::Left((outcome, _)) => outcome,
                    Either::Right(((), _)) => Settlement::InProgress,
                }
            }
            Step::Send(begun) => {
                let slot = begun.slot;
                let until = now.plus(patience.saturating_sub(RECORDING));
                self.take_off(&book, config, order, begun, graph_request, until)?;
                // It ends before `until`, so nothing else needs to end this wait.
                let outcome = book.outcome(slot, false);
                if let Err(failure) = self.keep_alarm(&book).await {
                    // The next record sets it. What the caller wants to know is something else.
                    log_error(&format!("the alarm that removes records was not set: {failure}"));
                }
                outcome.await
            }
        };
        let wanted = if settlement == Settlement::QuotaExceeded { emails } else { 0 };
        let quota = book.window.borrow_mut().quota(limit, wanted, platform.now());
        Ok(Settled { settlement, quota })
    }

    /// Sees to it that an alarm will come. One that is set stays: were it moved on with each start of the object, it might never come.
    async fn keep_alarm(&self, book: &Book) -> worker::Result<()> {
        if book.alarm.replace(true) {
            return Ok(());
        }
        let wait = u32::try_from(millis_of(SWEEP_EVERY)).unwrap_or(u32::MAX);
        let kept = match self.state.storage() {
            Ok(storage) => tasks::settled(&keep_alarm(&storage, wait)).await,
            Err(failure) => Err(failure),
        };
        book.alarm.set(kept.is_ok());
        kept?;
        Ok(())
    }

    /// The configuration, checked once per isolate.
    fn config(&self) -> Option<Rc<Config>> {
        let platform = Workers { event: () };
        let check = || Config::check(&env::variables(&self.env), &platform, platform.now());
        ISOLATE.with(Rc::clone).config(check, |_| ())
    }

    /// Starts the attempt. It is the object's work, not the request's: it goes on when all who wait for it are gone.
    fn take_off(
        &self,
        book: &Rc<Book>,
        config: Rc<Config>,
        order: Order,
        begun: Begun,
        graph_request: Vec<u8>,
        until: Timestamp,
    ) -> worker::Result<()> {
        book.flights.borrow_mut().take_off(&order);
        let book = Rc::clone(book);
        let attempt = tasks::run(async move {
            let platform = Workers { event: Object { timer: Rc::clone(&book.timer) } };
            let isolate = ISOLATE.with(Rc::clone);
            let outcome =
                graph::request::submit(&platform, &isolate.app_token, &config, &order, &graph_request, until).await;
            let now = platform.now();
            let recorded = rules::finish(&book.tables, &mut book.window.borrow_mut(), &begun, &outcome, now);
            if let Err(failure) = recorded {
                // The record stays open; a retry is told a duplicate by Graph.
                log_error(&format!("the outcome of a remediation was not recorded: {failure}"));
            }
            for waiter in book.flights.borrow_mut().land(begun.slot) {
                // One that is gone does not mind.
                let _ = waiter.send(outcome.clone());
            }
            Ok(JsValue::UNDEFINED)
        });
        Ok(self.state.wait_until(&attempt)?)
    }
}

impl Book {
    /// The outcome of the attempt that is running in `slot`. The place in the queue is taken when this is called, not when it is first awaited.
    fn outcome(&self, slot: Slot, replayed: bool) -> impl Future<Output = Settlement> + use<> {
        let (sender, receiver) = oneshot::channel();
        self.flights.borrow_mut().wait(slot, sender);
        async move {
            match receiver.await {
                Ok(Ok(accepted)) => Settlement::Accepted { accepted, replayed },
                Ok(Err(fault)) => Settlement::Failed(fault),
                Err(oneshot::Canceled) => Settlement::InProgress,
            }
        }
    }
}

impl Timers for Workers<Object> {
    async fn sleep(&self, duration: Duration) {
        self.event.timer.sleep(duration).await;
    }
}
