//! The Durable Object `Ledger`: a thin shell around [`crate::ledger::rules`].

use std::cell::{Cell, OnceCell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, join, select};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Request;
use worker::worker_sys::{DurableObjectState, DurableObjectStorage};

use super::storage::{StorageFailure, Tables};
use super::{ISOLATE, Workers, convert, env, incoming, now, tasks};
use crate::config::Config;
use crate::gateway;
use crate::graph;
use crate::graph::answer::Accepted;
use crate::ledger::flights::Flights;
use crate::ledger::order::Slot;
use crate::ledger::rules::{self, Begun, Step};
use crate::ledger::window::Window;
use crate::ledger::{Order, RECORDING, Settled, Settlement, SubmitFault};
use crate::log;
use crate::ports::{self, LedgerFailure, Log, Timers};
use crate::time::{Timestamp, millis_of};

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = keepAlarm)]
    fn keep_alarm(storage: &DurableObjectStorage, wait: u32) -> Promise;
}

/// How often records that have expired are removed. They count for nothing before that, so only storage waits for it.
const SWEEP_EVERY: Duration = Duration::from_hours(1);

/// How an attempt ended.
type Outcome = Result<Accepted, SubmitFault>;

/// One caller's ledger: the Durable Object's class, as entry.js has it.
#[wasm_bindgen]
pub struct Ledger(Rc<Actor>);

/// What an object is while it is in memory.
struct Actor {
    platform: Workers,
    storage: DurableObjectStorage,
    env: JsValue,
    book: OnceCell<Rc<Book>>,
}

/// What an object holds in memory: what its tables say, and what is on its way.
struct Book {
    tables: Tables,
    window: RefCell<Window>,
    /// The attempts that are running, with those who wait for their outcome.
    flights: RefCell<Flights<oneshot::Sender<Outcome>>>,
    /// Whether it is known that an alarm will come. While there are records there is to be one.
    alarm: Cell<bool>,
}

#[wasm_bindgen]
impl Ledger {
    /// The platform has begun to need this object.
    #[wasm_bindgen(constructor)]
    pub fn new(state: &DurableObjectState, env: JsValue) -> Result<Self, JsValue> {
        let storage = state.storage()?;
        Ok(Self(Rc::new(Actor { platform: Workers::new(None), storage, env, book: OnceCell::new() })))
    }

    /// An errand of the Worker's, answered as its caller is.
    pub fn fetch(&self, request: Request) -> JsValue {
        let actor = Rc::clone(&self.0);
        tasks::run(async move {
            let (errand, body) = incoming::errand(&request).await.ok_or("no errand")?;
            let isolate = ISOLATE.with(Rc::clone);
            let variables = || env::variables(&actor.env);
            let answer = gateway::carry_out(&actor.platform, &isolate, variables, &*actor, errand, body).await;
            Ok(convert::response(&answer)?.into())
        })
        .into()
    }

    /// Removes what has expired, and comes again as long as there are records. The platform repeats an alarm that fails.
    pub fn alarm(&self) -> JsValue {
        let actor = Rc::clone(&self.0);
        let sweep = async move {
            let book = actor.book()?;
            // It has come: where what follows fails for good, the next record sets another.
            book.alarm.set(false);
            book.tables.sweep(now())?;
            if !book.tables.is_empty()? {
                actor.keep_alarm(&book).await?;
            }
            Ok(JsValue::UNDEFINED)
        };
        tasks::run(async move { sweep.await.map_err(|StorageFailure| "the ledger was not swept".into()) }).into()
    }
}

impl Actor {
    /// The book, opened on the first use.
    fn book(&self) -> Result<Rc<Book>, StorageFailure> {
        if let Some(book) = self.book.get() {
            return Ok(Rc::clone(book));
        }
        let tables = Tables::open(self.storage.sql())?;
        let window = RefCell::new(tables.window(now())?);
        let book = Rc::new(Book { tables, window, flights: RefCell::default(), alarm: Cell::new(false) });
        Ok(Rc::clone(self.book.get_or_init(|| book)))
    }

    /// Sees to it that an alarm will come. One that is set stays: were it moved on with each start of the object, it might never come.
    async fn keep_alarm(&self, book: &Book) -> Result<(), StorageFailure> {
        if book.alarm.replace(true) {
            return Ok(());
        }
        let wait = u32::try_from(millis_of(SWEEP_EVERY)).unwrap_or(u32::MAX);
        let kept = tasks::settled(&keep_alarm(&self.storage, wait)).await;
        book.alarm.set(kept.is_ok());
        kept?;
        Ok(())
    }

    /// Has Graph accept what was begun, records the outcome, and tells those who wait for it.
    async fn attempt(
        &self,
        book: &Book,
        config: &Config,
        order: &Order,
        begun: Begun,
        graph_request: Vec<u8>,
        until: Timestamp,
    ) -> Outcome {
        let isolate = ISOLATE.with(Rc::clone);
        let (token, until) = (&isolate.app_token, until.minus(RECORDING));
        let outcome = graph::request::submit(&self.platform, token, config, order, &graph_request, until).await;
        let recorded = rules::finish(&book.tables, &mut book.window.borrow_mut(), &begun, &outcome, now());
        if recorded.is_err() {
            // The record stays open; a retry is told a duplicate by Graph.
            self.platform.log(&log::internal_line("the outcome of a remediation was not recorded"));
        }
        for waiter in book.flights.borrow_mut().land(begun.slot) {
            // One that is gone does not mind.
            let _ = waiter.send(outcome.clone());
        }
        outcome
    }
}

impl ports::Ledger for Actor {
    async fn settle(
        &self,
        config: &Config,
        order: &Order,
        graph_request: Vec<u8>,
        until: Timestamp,
    ) -> Result<Settled, LedgerFailure> {
        let book = self.book()?;
        let asked = now();

        // From here to the first await nothing else runs in this object.
        let step = rules::begin(&book.tables, &mut book.window.borrow_mut(), order, &book.flights.borrow(), asked)?;
        let settlement = match step {
            Step::Replay(accepted) => Settlement::Accepted { accepted, replayed: true },
            Step::KeyReused => Settlement::KeyReused,
            Step::QuotaExceeded => Settlement::QuotaExceeded,
            Step::InProgress => Settlement::InProgress,
            Step::Await(slot) => {
                // Many may wait: their bodies together would exhaust the memory of the isolate.
                drop(graph_request);
                match book.outcome(slot) {
                    None => Settlement::InProgress,
                    Some(outcome) => match select(pin!(outcome), pin!(self.platform.sleep(until.since(asked)))).await {
                        Either::Left((outcome, _)) => outcome,
                        Either::Right(((), _)) => Settlement::InProgress,
                    },
                }
            }
            Step::Send(begun) => {
                book.flights.borrow_mut().take_off(order, asked);
                // Both: the platform knows of nothing that it would have to finish once this request is answered.
                let (alarm, outcome) =
                    join(self.keep_alarm(&book), self.attempt(&book, config, order, begun, graph_request, until)).await;
                if alarm.is_err() {
                    // The next record sets it. What the caller wants to know is something else.
                    self.platform.log(&log::internal_line("the alarm that removes records was not set"));
                }
                settlement(outcome, false)
            }
        };
        let wanted = if settlement == Settlement::QuotaExceeded { order.emails } else { 0 };
        let quota = book.window.borrow_mut().quota(order.emails_per_hour, wanted, now());
        Ok(Settled { settlement, quota })
    }
}

impl Book {
    /// Returns what another request's attempt in `slot` comes to, or `None` if as many requests wait as may. The place in the
    /// queue is taken when this is called, not when it is first awaited.
    fn outcome(&self, slot: Slot) -> Option<impl Future<Output = Settlement> + use<>> {
        let (sender, receiver) = oneshot::channel();
        let waits = self.flights.borrow_mut().wait(slot, sender, oneshot::Sender::is_canceled);
        waits.then_some(
            async move { receiver.await.map_or(Settlement::InProgress, |outcome| settlement(outcome, true)) },
        )
    }
}

fn settlement(outcome: Outcome, replayed: bool) -> Settlement {
    match outcome {
        Ok(accepted) => Settlement::Accepted { accepted, replayed },
        Err(fault) => Settlement::Failed(fault),
    }
}
