//! The Durable Object `Ledger`: a thin shell around [`crate::ledger::engine`].

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

use super::convert::now;
use super::storage::{StorageError, Tables};
use super::{ISOLATE, Workers, convert, env, incoming, tasks};
use crate::config::Config;
use crate::deadline::RECORD_MARGIN;
use crate::gateway;
use crate::graph;
use crate::graph::error::SubmitError;
use crate::graph::response::Accepted;
use crate::ledger::engine::{Decision, PendingAttempt};
use crate::ledger::in_flight::InFlight;
use crate::ledger::quota::RollingQuota;
use crate::ledger::types::RecordKey;
use crate::ledger::{LedgerError, LedgerOutcome, LedgerRequest, LedgerResponse, engine};
use crate::log;
use crate::runtime::{Log, Timers};
use crate::time::{Timestamp, millis_of};

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = keepAlarm)]
    fn keep_alarm(storage: &DurableObjectStorage, wait: u32) -> Promise;
}

/// How often records that have expired are removed. They count for nothing before that, so only storage waits for it.
const SWEEP_EVERY: Duration = Duration::from_hours(1);

/// How an attempt ended.
type Outcome = Result<Accepted, SubmitError>;

/// One caller's ledger: the Durable Object's class, as entry.js has it.
#[wasm_bindgen(js_name = Ledger)]
pub struct LedgerClass(Rc<LedgerObject>);

/// What an object is while it is in memory.
struct LedgerObject {
    runtime: Workers,
    storage: DurableObjectStorage,
    env: JsValue,
    state: OnceCell<Rc<LedgerState>>,
}

/// What an object holds in memory: what its tables say, and what is on its way.
struct LedgerState {
    tables: Tables,
    quota: RefCell<RollingQuota>,
    /// The attempts that are running, with those who wait for their outcome.
    in_flight: RefCell<InFlight<oneshot::Sender<Outcome>>>,
    /// Whether it is known that an alarm will come. While there are records there is to be one.
    alarm: Cell<bool>,
}

#[wasm_bindgen(js_class = Ledger)]
impl LedgerClass {
    /// The platform has begun to need this object.
    #[wasm_bindgen(constructor)]
    pub fn new(state: &DurableObjectState, env: JsValue) -> Result<Self, JsValue> {
        let storage = state.storage()?;
        Ok(Self(Rc::new(LedgerObject { runtime: Workers::new(None), storage, env, state: OnceCell::new() })))
    }

    /// A job of the Worker's, answered as its caller is.
    pub fn fetch(&self, request: Request) -> JsValue {
        let object = Rc::clone(&self.0);
        tasks::run(async move {
            let (job, body) = incoming::job(&request).await.ok_or("no job")?;
            let caches = ISOLATE.with(Rc::clone);
            let variables = || env::variables(&object.env);
            let response = gateway::execute(&object.runtime, &caches, variables, &*object, job, body).await;
            Ok(convert::response(&response)?.into())
        })
        .into()
    }

    /// Removes what has expired, and comes again as long as there are records. The platform repeats an alarm that fails.
    pub fn alarm(&self) -> JsValue {
        let object = Rc::clone(&self.0);
        let sweep = async move {
            let state = object.state()?;
            // It has come: where what follows fails for good, the next record sets another.
            state.alarm.set(false);
            state.tables.sweep(now())?;
            if !state.tables.is_empty()? {
                object.keep_alarm(&state).await?;
            }
            Ok(JsValue::UNDEFINED)
        };
        tasks::run(async move { sweep.await.map_err(|StorageError| "the ledger was not swept".into()) }).into()
    }
}

impl LedgerObject {
    /// The state, opened on the first use.
    fn state(&self) -> Result<Rc<LedgerState>, StorageError> {
        if let Some(state) = self.state.get() {
            return Ok(Rc::clone(state));
        }
        let tables = Tables::open(self.storage.sql())?;
        let quota = RefCell::new(tables.quota(now())?);
        let state = Rc::new(LedgerState { tables, quota, in_flight: RefCell::default(), alarm: Cell::new(false) });
        Ok(Rc::clone(self.state.get_or_init(|| state)))
    }

    /// Sees to it that an alarm will come. One that is set stays: were it moved on with each start of the object, it might never come.
    async fn keep_alarm(&self, state: &LedgerState) -> Result<(), StorageError> {
        if state.alarm.replace(true) {
            return Ok(());
        }
        let wait = u32::try_from(millis_of(SWEEP_EVERY)).unwrap_or(u32::MAX);
        let kept = tasks::outcome_of(&keep_alarm(&self.storage, wait)).await;
        state.alarm.set(kept.is_ok());
        kept?;
        Ok(())
    }

    /// Has Graph accept what was begun, records the outcome, and tells those who wait for it.
    async fn attempt(
        &self,
        state: &LedgerState,
        config: &Config,
        request: &LedgerRequest,
        pending: PendingAttempt,
        graph_request: Vec<u8>,
        until: Timestamp,
    ) -> Outcome {
        let caches = ISOLATE.with(Rc::clone);
        let (token, until) = (&caches.app_token, until.minus(RECORD_MARGIN));
        let outcome =
            graph::submit::submit(&self.runtime, token, config, request.submission(&graph_request), until).await;
        let recorded = engine::finish(&state.tables, &mut state.quota.borrow_mut(), &pending, &outcome, now());
        if recorded.is_err() {
            // The record stays open; a retry is told a duplicate by Graph.
            self.runtime.log(&log::internal_line("the outcome of a remediation was not recorded"));
        }
        for waiter in state.in_flight.borrow_mut().finish(pending.record_key) {
            // One that is gone does not mind.
            let _ = waiter.send(outcome.clone());
        }
        outcome
    }
}

impl crate::ledger::Ledger for LedgerObject {
    async fn submit_once(
        &self,
        config: &Config,
        request: &LedgerRequest,
        graph_request: Vec<u8>,
        until: Timestamp,
    ) -> Result<LedgerResponse, LedgerError> {
        let state = self.state()?;
        let asked = now();

        // From here to the first await nothing else runs in this object.
        let decision =
            engine::begin(&state.tables, &mut state.quota.borrow_mut(), request, &state.in_flight.borrow(), asked)?;
        let settlement = match decision {
            Decision::Replay(accepted) => LedgerOutcome::Accepted { accepted, replayed: true },
            Decision::KeyReused => LedgerOutcome::KeyReused,
            Decision::QuotaExceeded => LedgerOutcome::QuotaExceeded,
            Decision::InProgress => LedgerOutcome::InProgress,
            Decision::Await(record_key) => {
                // Many may wait: their bodies together would exhaust the memory of the isolate.
                drop(graph_request);
                match state.outcome(record_key) {
                    None => LedgerOutcome::InProgress,
                    Some(outcome) => match select(pin!(outcome), pin!(self.runtime.sleep(until.since(asked)))).await {
                        Either::Left((outcome, _)) => outcome,
                        Either::Right(((), _)) => LedgerOutcome::InProgress,
                    },
                }
            }
            Decision::Send(pending) => {
                state.in_flight.borrow_mut().start(request, asked);
                // Both: the platform knows of nothing that it would have to finish once this request is answered.
                let (alarm, outcome) =
                    join(self.keep_alarm(&state), self.attempt(&state, config, request, pending, graph_request, until))
                        .await;
                if alarm.is_err() {
                    // The next record sets it. What the caller wants to know is something else.
                    self.runtime.log(&log::internal_line("the alarm that removes records was not set"));
                }
                settlement(outcome, false)
            }
        };
        let wanted = if settlement == LedgerOutcome::QuotaExceeded { request.emails } else { 0 };
        let quota = state.quota.borrow_mut().quota(request.emails_per_hour, wanted, now());
        Ok(LedgerResponse { settlement, quota })
    }
}

impl LedgerState {
    /// Returns what another request's attempt in `record_key` comes to, or `None` if as many requests wait as may. The place in the
    /// queue is taken when this is called, not when it is first awaited.
    fn outcome(&self, record_key: RecordKey) -> Option<impl Future<Output = LedgerOutcome> + use<>> {
        let (sender, receiver) = oneshot::channel();
        let waits = self.in_flight.borrow_mut().wait(record_key, sender, oneshot::Sender::is_canceled);
        waits.then_some(
            async move { receiver.await.map_or(LedgerOutcome::InProgress, |outcome| settlement(outcome, true)) },
        )
    }
}

fn settlement(outcome: Outcome, replayed: bool) -> LedgerOutcome {
    match outcome {
        Ok(accepted) => LedgerOutcome::Accepted { accepted, replayed },
        Err(error) => LedgerOutcome::Failed(error),
    }
}
