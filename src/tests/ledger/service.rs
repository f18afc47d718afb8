//! Storage errors, timeouts of waiting requests, and instances that end, which the service handles outside the rules.

use std::time::Duration;

use super::memory::{End, Object, RequestResult, request};
use crate::ledger::{LedgerError, LedgerOutcome};
use crate::tests::support::gateway::GRAPH_URL;

#[test]
fn broken_storage_sends_nothing_and_counts_nothing() {
    let mut object = Object::new(100);
    object.storage.broken.set(true);
    for _ in 0..2 {
        let response = object.submit(request(None, 9, 100)).result();
        assert_eq!(response, Err(LedgerError::Storage));
    }
    assert_eq!(object.runtime().upstream().calls().len(), 0);
    object.storage.broken.set(false);
    assert_eq!(object.remaining(0), 100);
    assert_eq!(object.ask(0, None, 9), RequestResult::Sent(0));
    object.storage.broken.set(true);
    assert_eq!(object.submit(request(None, 8, 100)).result(), Err(LedgerError::Storage));
    assert_eq!(object.runtime().upstream().count(GRAPH_URL), 1);
}

#[test]
fn unrecorded_outcome_is_returned_and_logged_and_retry_is_sent() {
    let mut object = Object::new(100);
    assert_eq!(object.ask(0, None, 9), RequestResult::Sent(0));
    assert_eq!(object.ask(1, None, 9), RequestResult::Waits);
    object.storage.broken.set(true);
    // The call checks the results of the request and of the waiting request.
    object.end(2, 0, End::Accepted);
    let lines = object.runtime().take_log();
    assert!(lines.iter().any(|line| line.contains("the outcome of a remediation was not recorded")), "{lines:?}");
    object.storage.broken.set(false);
    assert_eq!(object.ask(3, None, 9), RequestResult::Sent(1));
    assert_eq!(object.remaining(3), 100 - 9);
}

#[test]
fn request_that_waits_beyond_its_deadline_returns_in_progress() {
    let mut object = Object::new(100);
    assert_eq!(object.ask(0, None, 9), RequestResult::Sent(0));
    let waiting = object.submit_within(request(None, 9, 100), Duration::from_secs(10));
    object.pass(Duration::from_millis(9_999));
    let waiting = waiting.try_result().expect_err("too early");
    object.pass(Duration::from_millis(1));
    assert_eq!(waiting.result().unwrap().outcome, LedgerOutcome::InProgress);
    object.end(10_001, 0, End::Accepted);
}

#[test]
fn alarm_deletes_expired_records_and_stops_without_records() {
    const HOUR: u64 = 3_600_000;
    let mut object = Object::new(100);
    assert_eq!(object.ask(0, None, 9), RequestResult::Sent(0));
    object.end(5, 0, End::Accepted);
    assert_eq!(object.ask(10, Some(1), 8), RequestResult::Sent(1));
    object.end(15, 1, End::Accepted);
    for (at, records) in [(HOUR - 1, 2), (HOUR + 1000, 1), (24 * HOUR, 1), (24 * HOUR + 15, 0)] {
        object.sweep(at);
        assert_eq!(object.records(), records, "{at}");
    }
    assert_eq!(object.ask(25 * HOUR, None, 9), RequestResult::Sent(2), "no further alarm was set");
}
