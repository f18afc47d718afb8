//! Section 7 of the contract, case by case.

use super::memory::End::{Accepted, Refused, Unknown};
use super::memory::Said::{Full, KeyReused, QuotaExceeded, Replayed, Sent, Waits};
use super::memory::{End, Object, Said};
use crate::ledger::flights::MOST_WAITING;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// What happens, and what is expected of it.
enum Event {
    /// At this time, with this key, for this payload; and what the caller is told.
    Ask(u64, Option<u8>, u8, Said),
    /// At this time the attempt of this number ends.
    Ends(u64, usize, End),
    /// The object is lost at this time, and starts again.
    Crash(u64),
    /// At this time so much of the quota of 100 is left.
    Left(u64, u64),
}
use Event::{Ask, Crash, Ends, Left};

const K: Option<u8> = Some(1);
const L: Option<u8> = Some(2);

#[test]
fn an_order_is_sent_once() {
    play(vec![
        (
            "a key replays its success for 24 hours",
            vec![
                Ask(0, K, 9, Sent(0)),
                Ends(5, 0, Accepted),
                Ask(6, K, 9, Replayed(0)),
                Crash(7),
                Ask(24 * HOUR + 4, K, 9, Replayed(0)),
                Ask(24 * HOUR + 5, K, 9, Sent(1)),
            ],
        ),
        (
            "a payload replays its success for 30 minutes",
            vec![
                Ask(0, None, 9, Sent(0)),
                Ends(5, 0, Accepted),
                Ask(30 * MINUTE + 4, None, 9, Replayed(0)),
                Ask(30 * MINUTE + 5, None, 9, Sent(1)),
            ],
        ),
        (
            "a key stands for one payload, whether on its way, open or accepted",
            vec![
                Ask(0, K, 9, Sent(0)),
                Ask(1, K, 8, KeyReused),
                Ends(2, 0, Unknown),
                Ask(3, K, 8, KeyReused),
                Crash(4),
                Ask(5, K, 8, KeyReused),
                Ask(6, K, 9, Sent(1)),
                Ends(7, 1, Accepted),
                Ask(24 * HOUR + 6, K, 8, KeyReused),
                Ask(24 * HOUR + 7, K, 8, Sent(2)),
            ],
        ),
        (
            "a key whose remediation was refused is free again",
            vec![Ask(0, K, 9, Sent(0)), Ends(1, 0, Refused), Ask(2, K, 8, Sent(1))],
        ),
        (
            "a new key is a new remediation, even of a payload that is on its way or accepted",
            vec![
                Ask(0, None, 9, Sent(0)),
                Ask(1, K, 9, Sent(1)),
                Ends(2, 0, Accepted),
                Ends(2, 1, Accepted),
                Ask(3, L, 9, Sent(2)),
                Left(3, 73),
            ],
        ),
        (
            "without a key any success of the payload is replayed",
            vec![
                Ask(0, K, 9, Sent(0)),
                Ask(1, None, 9, Waits),
                Ends(2, 0, Accepted),
                Ask(3, None, 9, Replayed(0)),
                Ask(30 * MINUTE + 1, None, 9, Replayed(0)),
                Ask(30 * MINUTE + 2, None, 9, Sent(1)),
            ],
        ),
        (
            "the first success of a payload is replayed, not a later one with another key",
            vec![
                Ask(0, None, 9, Sent(0)),
                Ends(1, 0, Accepted),
                Ask(10 * MINUTE, K, 9, Sent(1)),
                Ends(10 * MINUTE, 1, Accepted),
                Ask(11 * MINUTE, None, 9, Replayed(0)),
                Ask(20 * MINUTE, L, 9, Sent(2)),
                Ends(20 * MINUTE, 2, Accepted),
                Ask(30 * MINUTE + 1, None, 9, Replayed(1)),
                Ask(45 * MINUTE, None, 9, Replayed(2)),
                Ask(50 * MINUTE, None, 9, Sent(3)),
            ],
        ),
        (
            "without a key one waits for any attempt of the payload, and the last of them counts",
            vec![
                Ask(0, K, 9, Sent(0)),
                Ask(0, L, 9, Sent(1)),
                Ends(1, 0, Refused),
                Ask(2, None, 9, Waits),
                Ends(3, 1, Refused),
                Ask(4, None, 9, Sent(2)),
            ],
        ),
        (
            "with a key one waits for its own attempt only",
            vec![Ask(0, K, 9, Sent(0)), Ask(1, K, 9, Waits), Ask(1, None, 9, Waits), Ask(2, L, 9, Sent(1))],
        ),
    ]);
}

#[test]
fn an_email_counts_once() {
    play(vec![
        (
            "a failure is not replayed, and gives the quota back where it is certain",
            vec![
                Ask(0, None, 60, Sent(0)),
                Ask(1, None, 50, QuotaExceeded),
                Ends(2, 0, Refused),
                Left(2, 100),
                Ask(3, None, 60, Sent(1)),
                Crash(4),
                Left(4, 40),
            ],
        ),
        (
            "what was given back is not counted again after a crash",
            vec![
                Ask(0, None, 60, Sent(0)),
                Ask(1, K, 60, QuotaExceeded),
                Ask(1, K, 40, Sent(1)),
                Ends(2, 0, Refused),
                Ends(2, 1, Refused),
                Crash(3),
                Left(3, 100),
            ],
        ),
        (
            "quota that an attempt without a key gave back stays given back where one with a key was accepted meanwhile",
            vec![
                Ask(0, None, 30, Sent(0)),
                Ask(1, K, 30, Sent(1)),
                Ends(2, 1, Accepted),
                Ends(3, 0, Refused),
                Left(3, 70),
                Crash(4),
                Left(4, 70),
                Ask(5, None, 30, Replayed(1)),
            ],
        ),
        (
            "an open outcome is counted once over its retries, and stays counted when a retry is refused",
            vec![
                Ask(0, K, 60, Sent(0)),
                Ends(1, 0, Unknown),
                Ask(2, K, 60, Sent(1)),
                Left(2, 40),
                Crash(3),
                Ask(4, K, 60, Sent(2)),
                Ends(5, 2, Refused),
                Left(5, 40),
                Ask(6, K, 60, Sent(3)),
                Ends(7, 3, Accepted),
                Left(7, 40),
                Left(HOUR + 1000, 100),
            ],
        ),
        (
            "a key whose outcome is open stands for its payload, even when a retry hours later is refused",
            vec![
                Ask(0, K, 60, Sent(0)),
                Ends(1, 0, Unknown),
                Ask(2 * HOUR, K, 60, Sent(1)),
                Left(2 * HOUR, 40),
                Ends(2 * HOUR, 1, Refused),
                Left(2 * HOUR, 100),
                Ask(2 * HOUR, K, 50, KeyReused),
                Ask(2 * HOUR, K, 60, Sent(2)),
                Crash(2 * HOUR),
                Left(2 * HOUR, 40),
            ],
        ),
    ]);
}

#[test]
fn a_crash_loses_nothing_that_counts() {
    play(vec![
        (
            "a crash in the middle leaves a record that the retry goes on from",
            vec![
                Ask(0, None, 60, Sent(0)),
                Crash(1),
                Ask(2, None, 60, Sent(1)),
                Ends(3, 0, Accepted),
                Ask(4, None, 60, Waits),
                Ends(5, 1, Accepted),
                Ask(6, None, 60, Replayed(1)),
            ],
        ),
        (
            "the same payload again within the hour counts twice, also after a crash",
            vec![
                Ask(0, None, 60, Sent(0)),
                Ends(1, 0, Accepted),
                Ask(31 * MINUTE, None, 60, QuotaExceeded),
                Ask(HOUR - 1, None, 40, Sent(1)),
                Ends(HOUR - 1, 1, Accepted),
                Ask(HOUR + 20 * MINUTE, None, 60, Sent(2)),
                Ends(HOUR + 20 * MINUTE, 2, Accepted),
                Crash(HOUR + 20 * MINUTE),
                Left(HOUR + 20 * MINUTE, 0),
                Ask(HOUR + 20 * MINUTE, None, 1, QuotaExceeded),
            ],
        ),
        (
            "what a payload counted before still counts when it is sent again, also after a crash",
            vec![
                Ask(0, None, 40, Sent(0)),
                Ends(1, 0, Accepted),
                Ask(31 * MINUTE, None, 40, Sent(1)),
                Left(31 * MINUTE, 20),
                Crash(32 * MINUTE),
                Left(32 * MINUTE, 20),
                Ends(33 * MINUTE, 1, Accepted),
                Left(HOUR + 1000, 60),
            ],
        ),
        (
            "a replay tells the quota of its own time",
            vec![
                Ask(0, K, 60, Sent(0)),
                Ends(1, 0, Accepted),
                Ask(23 * HOUR, K, 60, Replayed(0)),
                Left(23 * HOUR, 100),
            ],
        ),
    ]);
}

fn play(scenarios: Vec<(&str, Vec<Event>)>) {
    for (name, events) in scenarios {
        let mut object = Object::new(100);
        for (index, event) in events.iter().enumerate() {
            match *event {
                Ask(at, key, payload, said) => assert_eq!(object.ask(at, key, payload), said, "{name}: event {index}"),
                Ends(at, attempt, end) => object.end(at, attempt, end),
                Crash(at) => object.crash(at),
                Left(at, left) => assert_eq!(object.remaining(at), left, "{name}: event {index}"),
            }
        }
    }
}

/// As many as the object has timers for. What is known is told all the same, and the quota is not touched.
#[test]
fn no_more_wait_than_may() {
    let mut object = Object::new(100);
    assert_eq!((object.ask(0, K, 9), object.ask(1, None, 8)), (Sent(0), Sent(1)));
    object.end(2, 1, Accepted);
    for _ in 1..MOST_WAITING {
        assert_eq!(object.ask(3, K, 9), Waits);
    }
    for (key, payload, said) in
        [(K, 9, Full), (L, 9, Full), (None, 9, Full), (None, 7, Full), (None, 8, Replayed(1)), (K, 8, KeyReused)]
    {
        assert_eq!(object.ask(4, key, payload), said, "{key:?} {payload}");
    }
    assert_eq!(object.remaining(5), 83);
    object.end(6, 0, Unknown);
    assert_eq!((object.ask(7, K, 9), object.ask(8, None, 7)), (Sent(2), Sent(3)), "all of them have been told");
}
