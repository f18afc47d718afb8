//! Section 7 of the contract, case by case.

use super::memory::End::{Accepted, Duplicate, Refused, Unknown};
use super::memory::RequestResult::{InProgress, KeyReused, QuotaExceeded, Replayed, Sent, Waits};
use super::memory::{COPY, End, Object, RESTORE, RequestResult};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Event with its expected result.
enum ScriptedEvent {
    /// Request at this time, with this key and payload, and its result.
    Ask(u64, Option<u8>, u8, RequestResult),
    /// End of the attempt with this number at this time.
    Ends(u64, usize, End),
    /// Crash and restart of the object at this time.
    Crash(u64),
    /// Remaining quota of 100 at this time.
    Left(u64, u64),
}
use ScriptedEvent::{Ask, Crash, Ends, Left};

const K: Option<u8> = Some(1);
const L: Option<u8> = Some(2);

#[test]
fn equal_request_is_sent_once_and_replayed() {
    run(vec![
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
            "a key identifies one payload in flight, with an unknown outcome, or accepted",
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
            "a key can be reused after a rejection",
            vec![Ask(0, K, 9, Sent(0)), Ends(1, 0, Refused), Ask(2, K, 8, Sent(1))],
        ),
        (
            "a new key makes a new remediation, even of a payload in flight or accepted",
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
            "a request without a key waits for any attempt of the payload, and the last one counts",
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
            "a request with a key waits only for its own attempt",
            vec![Ask(0, K, 9, Sent(0)), Ask(1, K, 9, Waits), Ask(1, None, 9, Waits), Ask(2, L, 9, Sent(1))],
        ),
    ]);
}

/// Payload 9, `softDelete`; its pairs with another action; its pairs and action with another sender's-copy flag.
const REMOVE: u8 = 9;
const UNDO: u8 = REMOVE | RESTORE;
const WITH_COPY: u8 = REMOVE | COPY;

/// Returns these events after a success that is replayed.
fn then(events: Vec<ScriptedEvent>) -> Vec<ScriptedEvent> {
    let removed = [Ask(0, None, REMOVE, Sent(0)), Ends(5, 0, Accepted), Ask(6, None, REMOVE, Replayed(0))];
    removed.into_iter().chain(events).collect()
}

/// In a sequence of removal, restoration and removal, the third request has the payload of the first. But the mail is
/// in the inbox, so the ledger must submit the request.
#[test]
fn replay_is_invalidated_by_another_action_on_the_same_pairs() {
    run(vec![
        (
            "a success ends it, and the next success is replayed",
            then(vec![
                Ask(10, None, UNDO, Sent(1)),
                Ends(20, 1, Accepted),
                Ask(30, None, REMOVE, Sent(2)),
                Ends(40, 2, Accepted),
                Ask(50, None, REMOVE, Replayed(2)),
                Crash(51),
                Ask(60, None, REMOVE, Replayed(2)),
                Ask(70, None, UNDO, Sent(3)),
                Left(70, 100 - 4 * 9),
            ]),
        ),
        (
            "with keys too",
            vec![
                Ask(0, K, REMOVE, Sent(0)),
                Ends(5, 0, Accepted),
                Ask(10, L, UNDO, Sent(1)),
                Ends(20, 1, Accepted),
                Ask(30, None, REMOVE, Sent(2)),
                Ends(40, 2, Accepted),
                Ask(50, None, REMOVE, Replayed(2)),
                Ask(50, K, REMOVE, Replayed(0)),
            ],
        ),
        (
            "the first success with a key that came after it is replayed",
            vec![
                Ask(0, K, REMOVE, Sent(0)),
                Ends(5, 0, Accepted),
                Ask(10, None, UNDO, Sent(1)),
                Ends(20, 1, Accepted),
                Ask(30, L, REMOVE, Sent(2)),
                Ends(40, 2, Accepted),
                Ask(50, Some(3), REMOVE, Sent(3)),
                Ends(60, 3, Accepted),
                Ask(70, None, REMOVE, Replayed(2)),
            ],
        ),
    ]);
}

#[test]
fn replay_is_invalidated_by_unknown_outcome_but_not_by_rejection() {
    run(vec![
        (
            "an unknown outcome ends it",
            then(vec![
                Ask(10, None, UNDO, Sent(1)),
                Ends(20, 1, Unknown),
                Ask(30, None, REMOVE, Sent(2)),
                Ends(40, 2, Accepted),
                Ask(50, None, REMOVE, Replayed(2)),
            ]),
        ),
        (
            "a crash leaves an unknown outcome, which may come until the attempt would have ended",
            then(vec![
                Ask(10, None, UNDO, Sent(1)),
                Crash(20),
                Ask(30, None, REMOVE, Sent(2)),
                Ends(40, 2, Accepted),
                Ask(50, None, REMOVE, Sent(3)),
                Ends(60, 3, Accepted),
                Ask(90_010, None, REMOVE, Sent(4)),
                Ends(90_020, 4, Accepted),
                Ask(90_030, None, REMOVE, Replayed(4)),
            ]),
        ),
        (
            "a certain rejection does not end it",
            then(vec![
                Ask(10, None, UNDO, Sent(1)),
                Ends(20, 1, Refused),
                Ask(30, None, REMOVE, Replayed(0)),
                Ask(40, K, UNDO, Sent(2)),
                Ends(50, 2, Refused),
                Ask(60, None, REMOVE, Replayed(0)),
            ]),
        ),
        (
            "a certain rejection of a retry leaves the unknown outcome where it was",
            vec![
                Ask(0, None, UNDO, Sent(0)),
                Ends(5, 0, Unknown),
                Ask(10, None, REMOVE, Sent(1)),
                Ends(20, 1, Accepted),
                Ask(30, None, UNDO, Sent(2)),
                Ends(40, 2, Refused),
                Ask(50, None, REMOVE, Replayed(1)),
                Ask(60, None, UNDO, Sent(3)),
                Ends(70, 3, Unknown),
                Ask(80, None, REMOVE, Sent(4)),
            ],
        ),
    ]);
}

#[test]
fn replay_is_kept_unless_a_later_action_has_the_same_pairs() {
    run(vec![
        (
            "another sender's-copy flag, or other pairs, do not end it",
            then(vec![
                Ask(10, None, WITH_COPY, Sent(1)),
                Ends(20, 1, Accepted),
                Ask(30, None, 8 | RESTORE, Sent(2)),
                Ends(40, 2, Accepted),
                Ask(50, None, REMOVE, Replayed(0)),
            ]),
        ),
        (
            "an action that ended before it does not end it",
            vec![
                Ask(0, None, UNDO, Sent(0)),
                Ends(5, 0, Accepted),
                Ask(10, None, REMOVE, Sent(1)),
                Ends(20, 1, Accepted),
                Ask(30, None, REMOVE, Replayed(1)),
                Ask(40, None, UNDO, Sent(2)),
            ],
        ),
        (
            "of two that ran at once it is unknown which came last",
            vec![
                Ask(0, None, REMOVE, Sent(0)),
                Ask(10, None, UNDO, Sent(1)),
                Ends(20, 1, Accepted),
                Ends(30, 0, Accepted),
                Ask(40, None, REMOVE, Sent(2)),
                Ask(40, None, UNDO, Sent(3)),
            ],
        ),
        (
            "a success whose replay was ended still counts",
            then(vec![
                Ask(10, None, UNDO, Sent(1)),
                Ends(20, 1, Accepted),
                Ask(30, None, REMOVE, Sent(2)),
                Ends(40, 2, Refused),
                Crash(50),
                Left(50, 100 - 2 * 9),
            ]),
        ),
    ]);
}

/// While an attempt is in flight, its outcome is shared only if no other action may have moved the mail since.
#[test]
fn attempt_is_not_awaited_after_another_action_on_the_same_pairs() {
    let during_attempt =
        |events: Vec<ScriptedEvent>| [Ask(0, None, REMOVE, Sent(0))].into_iter().chain(events).collect();
    run(vec![
        (
            "another action in flight",
            during_attempt(vec![
                Ask(5, None, REMOVE, Waits),
                Ask(10, None, UNDO, Sent(1)),
                Ask(20, None, REMOVE, InProgress),
                Ends(30, 0, Accepted),
                Ask(40, None, REMOVE, Sent(2)),
                Ends(50, 1, Accepted),
                Ask(60, None, UNDO, Sent(3)),
            ]),
        ),
        (
            "another action that succeeded, or has an unknown outcome",
            during_attempt(vec![
                Ask(10, None, UNDO, Sent(1)),
                Ends(20, 1, Accepted),
                Ask(30, None, REMOVE, InProgress),
                Ends(40, 0, Refused),
                Ask(50, None, REMOVE, Sent(2)),
                Ask(60, K, UNDO, Sent(3)),
                Ends(70, 3, Unknown),
                Ask(80, None, REMOVE, InProgress),
            ]),
        ),
        (
            "another action that Graph rejected does not",
            during_attempt(vec![Ask(10, None, UNDO, Sent(1)), Ends(20, 1, Refused), Ask(30, None, REMOVE, Waits)]),
        ),
        (
            "another action that ended before does not, also with an unknown outcome",
            vec![
                Ask(0, None, UNDO, Sent(0)),
                Ends(5, 0, Unknown),
                Ask(10, None, REMOVE, Sent(1)),
                Ask(20, None, REMOVE, Waits),
            ],
        ),
        (
            "another action that was in flight before may come after",
            vec![
                Ask(0, None, UNDO, Sent(0)),
                Ask(10, None, REMOVE, Sent(1)),
                Ask(20, None, REMOVE, InProgress),
                Ends(30, 0, Refused),
                Ask(40, None, REMOVE, Waits),
            ],
        ),
        (
            "an attempt with a key that began after it is waited for",
            during_attempt(vec![
                Ask(10, None, UNDO, Sent(1)),
                Ends(20, 1, Accepted),
                Ask(30, K, REMOVE, Sent(2)),
                Ask(40, None, REMOVE, Waits),
                Ends(50, 2, Accepted),
                Ask(60, None, REMOVE, Replayed(2)),
            ]),
        ),
        (
            "an attempt with a key neither delays nor prevents a request",
            vec![
                Ask(0, K, REMOVE, Sent(0)),
                Ask(10, None, UNDO, Sent(1)),
                Ends(20, 1, Accepted),
                Ask(30, None, REMOVE, Sent(2)),
                Ask(40, None, REMOVE, Waits),
                Ask(40, K, REMOVE, Waits),
            ],
        ),
    ]);
}

#[test]
fn quota_counts_an_email_once_and_refunds_a_certain_failure() {
    run(vec![
        (
            "a failure is not replayed, and refunds the quota if it is certain",
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
            "refunded quota is not counted again after a crash",
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
            "refunded quota of an attempt without a key stays refunded if one with a key is accepted meanwhile",
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
            "an unknown outcome counts once over its retries, and still counts after a rejected retry",
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
            "a key with an unknown outcome identifies its payload, even if a retry hours later is rejected",
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
fn duplicate_of_a_recorded_success_has_its_link_and_counts_once() {
    run(vec![
        (
            "of a success with a key, under another key",
            vec![
                Ask(0, K, 9, Sent(0)),
                Ends(1, 0, Accepted),
                Left(1, 91),
                Ask(2, L, 9, Sent(1)),
                Left(2, 82),
                Ends(3, 1, Duplicate(0)),
                Left(3, 91),
                Crash(4),
                Left(4, 91),
                Ask(5, L, 9, Replayed(0)),
                Ask(6, None, 9, Replayed(0)),
            ],
        ),
        (
            "of a success without a key, under a key",
            vec![
                Ask(0, None, 9, Sent(0)),
                Ends(1, 0, Accepted),
                Ask(2, K, 9, Sent(1)),
                Ends(3, 1, Duplicate(0)),
                Left(3, 91),
                Ask(4, L, 9, Sent(2)),
                Ends(5, 2, Duplicate(0)),
                Left(5, 91),
            ],
        ),
        (
            "of a success that another action replaced, without a key",
            vec![
                Ask(0, None, 9, Sent(0)),
                Ends(1, 0, Accepted),
                Ask(2, None, RESTORE | 9, Sent(1)),
                Ends(3, 1, Accepted),
                Ask(4, None, 9, Sent(2)),
                Ends(5, 2, Duplicate(0)),
                Left(5, 82),
                Crash(6),
                Left(6, 82),
            ],
        ),
        (
            "of a success that was recorded after the attempt began",
            vec![
                Ask(0, K, 9, Sent(0)),
                Ask(1, L, 9, Sent(1)),
                Ends(2, 0, Accepted),
                Ends(3, 1, Duplicate(0)),
                Left(3, 91),
            ],
        ),
        (
            "of a success, by a retry of an attempt that nobody knows the outcome of",
            vec![
                Ask(0, K, 9, Sent(0)),
                Ends(1, 0, Unknown),
                Ask(2, L, 9, Sent(1)),
                Ends(3, 1, Accepted),
                Ask(4, K, 9, Sent(2)),
                Left(4, 82),
                Ends(5, 2, Duplicate(1)),
                Left(5, 91),
                Crash(6),
                Left(6, 91),
            ],
        ),
        (
            "of nothing that is recorded: its own link, and it counts",
            vec![
                Ask(0, K, 9, Sent(0)),
                Ends(1, 0, Unknown),
                Ask(2, K, 9, Sent(1)),
                Ends(3, 1, Duplicate(1)),
                Left(3, 91),
                Ask(4, L, COPY | 9, Sent(2)),
                Ends(5, 2, Duplicate(2)),
                Left(5, 82),
            ],
        ),
        (
            "of a success beyond Graph's window",
            vec![
                Ask(0, K, 9, Sent(0)),
                Ends(1, 0, Accepted),
                Ask(30 * MINUTE + 1, L, 9, Sent(1)),
                Ends(30 * MINUTE + 2, 1, Duplicate(1)),
                Left(30 * MINUTE + 2, 82),
            ],
        ),
    ]);
}

#[test]
fn records_and_quota_survive_a_crash() {
    run(vec![
        (
            "a crash during an attempt leaves a record that the retry continues",
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
            "the earlier count of a payload remains when it is sent again, also after a crash",
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
            "a replay returns the current quota",
            vec![
                Ask(0, K, 60, Sent(0)),
                Ends(1, 0, Accepted),
                Ask(23 * HOUR, K, 60, Replayed(0)),
                Left(23 * HOUR, 100),
            ],
        ),
    ]);
}

fn run(scenarios: Vec<(&str, Vec<ScriptedEvent>)>) {
    for (name, events) in scenarios {
        let mut object = Object::new(100);
        for (index, event) in events.iter().enumerate() {
            match *event {
                Ask(at, key, payload, result) => {
                    assert_eq!(object.ask(at, key, payload), result, "{name}: event {index}");
                }
                Ends(at, attempt, end) => object.end(at, attempt, end),
                Crash(at) => object.crash(at),
                Left(at, left) => assert_eq!(object.remaining(at), left, "{name}: event {index}"),
            }
        }
    }
}
