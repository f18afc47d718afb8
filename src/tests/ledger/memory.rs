//! Object for the ledger's tests: the service, its storage, and a Graph that responds on demand.

use std::rc::Rc;
use std::time::Duration;

use serde_json::json;

use crate::caches::IsolateCaches;
use crate::deadline::REQUEST_DEADLINE;
use crate::graph::access::GraphAccess;
use crate::graph::settings::GraphSettings;
use crate::ledger::types::Hash;
use crate::ledger::{LedgerError, LedgerOutcome, LedgerRequest, LedgerResponse, LedgerService, Work};
use crate::remediation::{Action, GraphVersion};
use crate::runtime::{Clock, SendError};
use crate::tests::support::FixedEnvironment;
use crate::tests::support::gateway::{GRAPH_URL, Gateway};
use crate::tests::support::runtime::{START, TestRuntime};
use crate::tests::support::stage::{Stage, Started};
use crate::tests::support::storage::MemoryStorage;
use crate::tests::support::upstream::Reply;
use crate::time::Timestamp;

/// Result of a request, or an event. Attempts are numbered in the order of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestResult {
    Sent(usize),
    /// Replay of the attempt with this number.
    Replayed(usize),
    Waits,
    InProgress,
    KeyReused,
    QuotaExceeded,
}

/// End of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Accepted,
    /// Graph calls it a duplicate, and the response has the link of the attempt of this number.
    Duplicate(usize),
    Refused,
    Unknown,
}

/// Response of the service that is still to come.
pub(super) type Pending = Started<Result<LedgerResponse, LedgerError>>;

/// Object with its storage and the state that a crash would lose.
pub(super) struct Object {
    stage: Stage,
    graph: Rc<GraphAccess>,
    pub(super) storage: MemoryStorage,
    service: Rc<LedgerService<MemoryStorage>>,
    /// Running attempts by number.
    sent: Vec<(usize, Pending)>,
    /// Requests that wait for the outcome of an attempt.
    waiting: Vec<Pending>,
    limit: u64,
}

impl Object {
    pub(super) fn new(limit: u64) -> Self {
        let gateway = Gateway::default();
        let line = GraphSettings::line(&gateway.config());
        let graph =
            IsolateCaches::<FixedEnvironment, ()>::default().graph_access(line.expose().as_bytes(), None).unwrap();
        gateway.stage.runtime.upstream().hold(GRAPH_URL);
        let storage = MemoryStorage::default();
        let service = Rc::new(LedgerService::new(storage.clone()));
        Self { stage: gateway.stage, graph, storage, service, sent: Vec::new(), waiting: Vec::new(), limit }
    }

    /// Sets the wall clock. No timer fires, so that an attempt ends only when a test ends it.
    fn at(&self, millis: u64) {
        self.stage.runtime.set_clock(Timestamp::from_millis(START * 1000 + millis));
    }

    pub(super) const fn runtime(&self) -> &TestRuntime {
        &self.stage.runtime
    }

    /// Lets time pass and fires the due timers.
    pub(super) fn pass(&mut self, duration: Duration) {
        self.stage.pass(duration);
    }

    pub(super) fn submit(&mut self, request: LedgerRequest) -> Pending {
        self.submit_within(request, REQUEST_DEADLINE)
    }

    pub(super) fn submit_within(&mut self, request: LedgerRequest, time: Duration) -> Pending {
        let (service, graph, runtime) = (Rc::clone(&self.service), Rc::clone(&self.graph), self.stage.runtime.clone());
        self.stage.start(async move {
            let until = runtime.now().plus(time);
            service.submit_once(&runtime, &graph, &request, 0, Work::Submit(b"{}".to_vec()), until).await
        })
    }

    /// Requests a payload. The payload's number without [`RESTORE`] and [`COPY`] is its number of emails.
    pub(super) fn ask(&mut self, millis: u64, key: Option<u8>, payload: u8) -> RequestResult {
        self.at(millis);
        let number = self.stage.runtime.upstream().count(GRAPH_URL);
        let pending = self.submit(request(key, payload, self.limit));
        if self.stage.runtime.upstream().count(GRAPH_URL) > number {
            assert!(self.storage.alarm.get(), "an attempt without an alarm");
            self.sent.push((number, pending));
            return RequestResult::Sent(number);
        }
        match pending.try_result() {
            Err(pending) => {
                self.waiting.push(pending);
                RequestResult::Waits
            }
            Ok(response) => match response.unwrap().outcome {
                LedgerOutcome::Accepted { accepted, replayed: true } => {
                    RequestResult::Replayed(number_of(&accepted.location))
                }
                LedgerOutcome::InProgress => RequestResult::InProgress,
                LedgerOutcome::KeyReused => RequestResult::KeyReused,
                LedgerOutcome::QuotaExceeded { .. } => RequestResult::QuotaExceeded,
                other => panic!("{other:?} without a call to Graph"),
            },
        }
    }

    /// Ends the attempt, unless a crash has ended it. Its request and the waiting requests receive the outcome.
    pub(super) fn end(&mut self, millis: u64, attempt: usize, end: End) {
        self.at(millis);
        let Some(place) = self.sent.iter().position(|(number, _)| *number == attempt) else { return };
        let (_, pending) = self.sent.remove(place);
        self.stage.runtime.upstream().release_one(GRAPH_URL, attempt, reply(attempt, end));
        self.stage.run_until_stalled();
        let is_outcome = |outcome: LedgerOutcome, shared: bool| match (end, outcome) {
            (End::Accepted, LedgerOutcome::Accepted { accepted, replayed }) => {
                number_of(&accepted.location) == attempt && !accepted.duplicate && replayed == shared
            }
            (End::Duplicate(of), LedgerOutcome::Accepted { accepted, replayed }) => {
                number_of(&accepted.location) == of && accepted.duplicate && replayed == shared
            }
            (End::Refused, LedgerOutcome::Failed { error, .. }) => error.is_certain(),
            (End::Unknown, LedgerOutcome::Failed { error, .. }) => !error.is_certain(),
            _ => false,
        };
        assert!(is_outcome(pending.result().unwrap().outcome, false), "the outcome of attempt {attempt}");
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting.try_result() {
                Ok(response) => assert!(
                    is_outcome(response.unwrap().outcome, true),
                    "the outcome of a request that waited for {attempt}"
                ),
                Err(waiting) => self.waiting.push(waiting),
            }
        }
        assert!(!self.sent.is_empty() || self.waiting.is_empty(), "no attempt runs, and some still wait");
    }

    /// Drops everything except the storage and restarts the object.
    pub(super) fn crash(&mut self, millis: u64) {
        self.at(millis);
        self.sent.clear();
        self.waiting.clear();
        self.stage.run_until_stalled();
        self.service = Rc::new(LedgerService::new(self.storage.clone()));
    }

    /// Fires the alarm, which must be set again if there are records.
    pub(super) fn sweep(&mut self, millis: u64) {
        self.at(millis);
        self.storage.alarm.set(false);
        let (service, now) = (Rc::clone(&self.service), self.stage.runtime.now());
        self.stage.start(async move { service.sweep(now).await }).result().unwrap();
        assert_eq!(self.storage.alarm.get(), self.records() > 0);
    }

    /// Returns the number of records.
    pub(super) fn records(&self) -> usize {
        self.storage.records.borrow().len()
    }

    /// Returns the remaining quota, by means of a request above the maximum quota.
    pub(super) fn remaining(&mut self, millis: u64) -> u64 {
        self.at(millis);
        let excessive =
            LedgerRequest { payload_hash: Hash([0xff; 32]), emails: u64::MAX, ..request(None, 0, self.limit) };
        let response = self.submit(excessive).result().unwrap();
        assert_eq!(response.outcome, LedgerOutcome::QuotaExceeded { is_retry: false });
        response.quota.remaining
    }
}

/// Bit of a payload number: same pairs, another action.
pub(crate) const RESTORE: u8 = 0x80;
/// Bit of a payload number: same pairs and action, another sender's-copy flag.
pub(crate) const COPY: u8 = 0x40;

/// Returns the ledger request of a payload, by its number.
pub(crate) fn request(key: Option<u8>, payload: u8, limit: u64) -> LedgerRequest {
    let pairs = payload & !(RESTORE | COPY);
    LedgerRequest {
        key: key.map(|key| Hash([key; 32])),
        payload_hash: Hash([payload; 32]),
        pairs: pairs.into(),
        action: if payload & RESTORE == 0 { Action::SoftDelete } else { Action::MoveToInbox },
        emails: pairs.into(),
        emails_per_hour: limit,
        version: GraphVersion::Beta,
        newer_member: false,
    }
}

/// Returns the reply of Graph with which an attempt ends. An accepted location contains the attempt's number.
fn reply(attempt: usize, end: End) -> Reply {
    let location = format!("https://security.microsoft.com/action-center/history?attempt={attempt}");
    match end {
        End::Accepted => Reply::Response(202, vec![("location", location)], Vec::new()),
        End::Duplicate(_) => {
            let body = json!({ "error": { "code": "Conflict", "message": "Duplicate remediation" } });
            Reply::Response(409, vec![("location", location)], body.to_string().into_bytes())
        }
        End::Refused => Reply::status(429),
        End::Unknown => Reply::Failure(SendError::Deadline),
    }
}

fn number_of(location: &str) -> usize {
    location.rsplit_once('=').unwrap().1.parse().unwrap()
}
