//! The exactly-once path of one caller: decide, record, submit, record the outcome, wake the waiting requests.
//!
//! [`engine`] has the rules. The Durable Object has one [`LedgerService`] while the object is in memory.

use std::cell::{Cell, OnceCell, RefCell};
use std::pin::pin;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, join, select};

use super::engine::{self, Decision, PendingAttempt};
use super::error::{LedgerError, StorageError};
use super::in_flight::InFlight;
use super::quota::RollingQuota;
use super::storage::{Records, Storage};
use super::types::{LedgerOutcome, LedgerRequest, LedgerResponse, Work};
use crate::deadline::{MIN_GRAPH_TIME, RECORD_MARGIN};
use crate::expansion::{self, AttemptError};
use crate::graph::access::GraphAccess;
use crate::graph::response::Accepted;
use crate::graph::submit::{self, Submission};
use crate::log;
use crate::remediation::{Recipients, add_emails};
use crate::runtime::{Clock, Domains, Guids, HttpClient, Log, Signer, Timers};
use crate::time::Timestamp;

/// Interval at which expired records are removed. An expired record has no effect, so the delay only costs storage.
const SWEEP_INTERVAL: Duration = Duration::from_hours(1);

/// One caller's ledger.
///
/// All requests of one caller must reach the same instance, because only the instance knows the attempts in flight. A
/// new instance on the same storage replaces a lost one.
#[derive(Debug)]
pub struct LedgerService<S: Storage> {
    storage: S,
    state: OnceCell<LedgerState<S::Records>>,
}

/// State in memory: the quota, which is read from the records, the attempts in flight, and what is known of the alarm.
#[derive(Debug)]
struct LedgerState<R> {
    records: R,
    quota: RefCell<RollingQuota>,
    /// Attempts in flight, with the requests that wait for their outcome.
    in_flight: RefCell<InFlight<oneshot::Sender<LedgerOutcome>>>,
    /// Whether an alarm is known to be set. While there are records, one must be set.
    alarm: Cell<bool>,
}

impl<S: Storage> LedgerService<S> {
    /// Returns the ledger on `storage`, which the first use opens.
    #[must_use]
    pub const fn new(storage: S) -> Self {
        Self { storage, state: OnceCell::new() }
    }

    /// Returns the outcome of `request` before `until`: sends its `work` to Graph, unless it was sent before.
    ///
    /// `conditions` is a digest of everything on which a failure may depend besides the pairs: settings, limits and
    /// texts. A waiting request shares a failure only under the same conditions.
    ///
    /// A request that waits for another request's outcome first drops `work`, because many such bodies would exhaust
    /// the isolate's memory. Poll the future to its end: a dropped future leaves its attempt in flight.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`] if the storage failed; nothing was sent then.
    pub async fn submit_once(
        &self,
        runtime: &(impl HttpClient + Clock + Guids + Signer + Timers + Log + Domains),
        graph: &GraphAccess,
        request: &LedgerRequest,
        conditions: u64,
        work: Work,
        until: Timestamp,
    ) -> Result<LedgerResponse, LedgerError> {
        let began = runtime.now();
        let state = self.state(began)?;

        // No other code runs in this instance until the first await.
        let decision =
            engine::begin(&state.records, &mut state.quota.borrow_mut(), request, &state.in_flight.borrow(), began)?;
        let outcome = match decision {
            Decision::Respond(outcome) => outcome,
            Decision::Await(record_key) => {
                drop(work);
                let shares_failure = state.in_flight.borrow().shares_failure(record_key, conditions);
                let (sender, receiver) = oneshot::channel();
                // If no more requests may wait, this drops the sender, and the receiver ends at once.
                state.in_flight.borrow_mut().add_waiter(record_key, sender, oneshot::Sender::is_canceled);
                match select(receiver, pin!(runtime.sleep(until.since(began)))).await {
                    // The retry finds out whether it fails too.
                    Either::Left((Ok(LedgerOutcome::Failed { .. }), _)) if !shares_failure => LedgerOutcome::InProgress,
                    Either::Left((Ok(outcome), _)) => outcome,
                    Either::Left((Err(_), _)) | Either::Right(_) => LedgerOutcome::InProgress,
                }
            }
            Decision::Send(pending) => {
                state.in_flight.borrow_mut().start(request, conditions, began);
                // The platform does not end this request if the caller disconnects; the timer keeps the object in
                // memory.
                let attempt = state.run_attempt(runtime, graph, request, pending, work, until);
                let (alarm, outcome) = join(self.ensure_alarm(state), attempt).await;
                if alarm.is_err() {
                    // The next record sets it again. The outcome for the caller does not depend on it.
                    runtime.log(&log::internal_line("the alarm that removes records was not set"));
                }
                outcome
            }
        };
        let wanted = if matches!(outcome, LedgerOutcome::QuotaExceeded { .. }) { request.emails } else { 0 };
        let running = state.in_flight.borrow().emails();
        let quota = state.quota.borrow_mut().quota(request.emails_per_hour, wanted, running, runtime.now());
        Ok(LedgerResponse { outcome, quota })
    }

    /// Removes expired records, and sets the next alarm while there are records. The alarm's handler calls it.
    ///
    /// # Errors
    ///
    /// [`StorageError`]; the platform must repeat the alarm then.
    pub async fn sweep(&self, now: Timestamp) -> Result<(), StorageError> {
        let state = self.state(now)?;
        // The alarm has gone off. If the rest fails permanently, the next record sets another one.
        state.alarm.set(false);
        state.records.sweep(now)?;
        if !state.records.is_empty()? {
            self.ensure_alarm(state).await?;
        }
        Ok(())
    }

    /// Returns the state, which the first use opens.
    fn state(&self, now: Timestamp) -> Result<&LedgerState<S::Records>, StorageError> {
        if let Some(state) = self.state.get() {
            return Ok(state);
        }
        let records = self.storage.open()?;
        let quota = RefCell::new(RollingQuota::of(records.counted_emails(now)?));
        let state = LedgerState { records, quota, in_flight: RefCell::default(), alarm: Cell::new(false) };
        Ok(self.state.get_or_init(|| state))
    }

    /// Sets an alarm, unless one is known to be set.
    async fn ensure_alarm(&self, state: &LedgerState<S::Records>) -> Result<(), StorageError> {
        if state.alarm.replace(true) {
            return Ok(());
        }
        let result = self.storage.ensure_alarm(SWEEP_INTERVAL).await;
        state.alarm.set(result.is_ok());
        result
    }
}

impl<R: Records> LedgerState<R> {
    /// Submits the attempt, records the outcome, and wakes the waiting requests.
    async fn run_attempt(
        &self,
        runtime: &(impl HttpClient + Clock + Guids + Signer + Timers + Log + Domains),
        graph: &GraphAccess,
        request: &LedgerRequest,
        mut pending: PendingAttempt,
        work: Work,
        until: Timestamp,
    ) -> LedgerOutcome {
        let mut recipients = None;
        let record_recipients = |counts| {
            recipients = Some(counts);
            if engine::count_recipients(&self.records, &mut pending, counts).is_err() {
                runtime.log(&log::internal_line("the recipients of a remediation were not recorded"));
            }
        };
        let mut result = send(runtime, graph, request, work, until.minus(RECORD_MARGIN), record_recipients).await;
        let recorded =
            engine::finish(&self.records, &mut self.quota.borrow_mut(), &pending, &mut result, runtime.now());
        if recorded.is_err() {
            // The record stays open, so a retry submits again and Graph reports a duplicate.
            runtime.log(&log::internal_line("the outcome of a remediation was not recorded"));
        }
        let outcome = |replayed| match result.clone() {
            Ok(accepted) => LedgerOutcome::Accepted { accepted, replayed },
            Err(error) => {
                let is_retry = pending.open_record().is_some() && error.is_certain();
                LedgerOutcome::Failed { error, recipients, is_retry }
            }
        };
        for waiter in self.in_flight.borrow_mut().finish(pending.record_key) {
            // The waiter may have disconnected.
            let _ = waiter.send(outcome(true));
        }
        outcome(false)
    }
}

/// Submits the attempt's remediation to Graph before `until`. If `work` names no recipients, first reads them from
/// Graph, and passes their counts to `record_recipients`.
async fn send(
    runtime: &(impl HttpClient + Clock + Guids + Signer + Timers + Domains),
    graph: &GraphAccess,
    request: &LedgerRequest,
    work: Work,
    until: Timestamp,
    record_recipients: impl FnOnce(Recipients),
) -> Result<Accepted, AttemptError> {
    let (body, recipients) = match work {
        Work::Submit(body) => (body, None),
        Work::Expand { plan, mut graph_request } => {
            let expanded = expansion::expand(runtime, graph, &plan, until.minus(MIN_GRAPH_TIME)).await?;
            add_emails(&mut graph_request, &expanded.emails);
            record_recipients(expanded.recipients);
            (graph_request.into_bytes(), Some(expanded.recipients))
        }
    };
    let submission = Submission { version: request.version, newer_member: request.newer_member, body: &body };
    let accepted = submit::submit(runtime, graph, submission, until).await?;
    Ok(Accepted { recipients, ..accepted })
}
