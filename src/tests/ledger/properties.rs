//! Comparison of the rules with a model of section 7 that remembers every attempt and has no records.

use proptest::prelude::*;

use super::memory::{COPY, End, Object, RESTORE, RequestResult};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// Quota of two large payloads.
const LIMIT: u64 = 12;
/// Maximum duration of an attempt, the budget of its request.
const MAX_ATTEMPT: u64 = 90 * SECOND;

#[derive(Clone, Debug)]
enum RandomEvent {
    Ask(Option<u8>, u8),
    /// End of one of the running attempts.
    End(usize, End),
    Pass(u64),
    Crash,
    Sweep,
}

fn events() -> impl Strategy<Value = Vec<RandomEvent>> {
    let end = prop_oneof![3 => Just(End::Accepted), 2 => Just(End::Refused), 2 => Just(End::Unknown)];
    let pass = prop::sample::select(vec![
        1,
        SECOND,
        20 * SECOND,
        10 * MINUTE,
        30 * MINUTE - 1,
        30 * MINUTE,
        HOUR - 1,
        HOUR,
        HOUR + SECOND,
        12 * HOUR,
        24 * HOUR - 1,
        24 * HOUR,
    ]);
    let payload = (4_u8..7, prop::sample::select(vec![0, 0, RESTORE, COPY])).prop_map(|(pairs, other)| pairs | other);
    let event = prop_oneof![
        8 => (prop::option::of(0_u8..3), payload).prop_map(|(key, payload)| RandomEvent::Ask(key, payload)),
        5 => (any::<usize>(), end).prop_map(|(which, end)| RandomEvent::End(which, end)),
        4 => pass.prop_map(RandomEvent::Pass),
        1 => Just(RandomEvent::Crash),
        1 => Just(RandomEvent::Sweep),
    ];
    prop::collection::vec(event, 1..120)
}

/// State of a remediation.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// The attempt with this number is running.
    Running(usize),
    /// The last attempt ended without an outcome, or in a crash.
    Open,
    /// The attempt with this number was accepted at this time.
    Accepted(usize, u64),
    /// No attempt was accepted, and nothing changed.
    Gone,
}

/// Remediation with all its attempts.
#[derive(Debug)]
struct AnyRemediation {
    key: Option<u8>,
    payload: u8,
    /// Time and attempt of the last count against the quota, if it was not refunded.
    counted: Option<(u64, usize)>,
    last_sent: u64,
    attempts: usize,
    state: State,
    /// Latest time at which Graph may have acted on it.
    until: u64,
    /// Value of `until` before the last attempt.
    until_before: u64,
    /// Whether a newer remediation without a key has replaced it.
    replaced: bool,
}

/// Returns the pairs of a payload, which equal its number of emails.
const fn pairs(payload: u8) -> u8 {
    payload & !(RESTORE | COPY)
}

impl AnyRemediation {
    fn replay(&self) -> u64 {
        if self.key.is_some() { 24 * HOUR } else { 30 * MINUTE }
    }

    /// Returns whether its key or payload still identifies it.
    fn is_current(&self, now: u64) -> bool {
        match self.state {
            _ if self.replaced => false,
            State::Running(_) => true,
            State::Open => now < self.last_sent + if self.key.is_some() { 24 * HOUR } else { HOUR },
            State::Accepted(_, at) => now < at + self.replay(),
            State::Gone => false,
        }
    }

    /// Returns whether it may, after the time `tried`, have moved the emails of a remediation of `payload`.
    fn may_undo(&self, payload: u8, tried: u64) -> bool {
        let others = pairs(self.payload) == pairs(payload) && (self.payload ^ payload) & RESTORE != 0;
        others && self.state != State::Gone && self.until > tried
    }
}

#[derive(Default)]
struct Model {
    all: Vec<AnyRemediation>,
    /// Counted and not refunded emails: time, number, and attempt.
    counted: Vec<(u64, u64, usize)>,
    sent: usize,
}

impl Model {
    /// Returns the number of emails counted since `since`.
    fn counted(&self, since: u64) -> u64 {
        self.counted.iter().filter(|(at, ..)| *at >= since).map(|(_, emails, _)| emails).sum()
    }

    /// Returns payload and time of this attempt's success. Of several successes at the same time, any counts as the
    /// first.
    fn success(&self, number: usize) -> Option<(u8, u64)> {
        self.all.iter().find_map(|one| match one.state {
            State::Accepted(other, at) if other == number => Some((one.payload, at)),
            _ => None,
        })
    }

    fn running(&self) -> Vec<usize> {
        let number = |one: &AnyRemediation| if let State::Running(number) = one.state { Some(number) } else { None };
        self.all.iter().filter_map(number).collect()
    }

    /// Returns the contract's result for a request, apart from the quota: `Ok(None)` for a new remediation, `Ok(Some)`
    /// for one that continues, or an error.
    fn ask(&self, now: u64, key: Option<u8>, payload: u8) -> Result<Option<usize>, RequestResult> {
        let same = |one: &&AnyRemediation| one.key == key && (key.is_some() || one.payload == payload);
        let own = self.all.iter().rposition(|one| same(&one) && one.is_current(now));
        let is_open = |index: &usize| self.all[*index].state == State::Open;
        if let Some(key_owner) = own.map(|index| &self.all[index]).filter(|_| key.is_some()) {
            return match key_owner.state {
                _ if key_owner.payload != payload => Err(RequestResult::KeyReused),
                State::Accepted(number, _) => Err(RequestResult::Replayed(number)),
                State::Running(_) => Err(RequestResult::Waits),
                State::Open | State::Gone => Ok(own),
            };
        }
        if key.is_some() {
            return Ok(None);
        }
        // Requests share results of a payload only if no other action may have undone them.
        let stands = |one: &&AnyRemediation| {
            one.payload == payload
                && !one.replaced
                && !self.all.iter().any(|other| other.may_undo(payload, one.last_sent))
        };
        let success = |one: &AnyRemediation| match one.state {
            State::Accepted(number, at) if now < at + 30 * MINUTE => Some((at, number)),
            _ => None,
        };
        if let Some((_, own)) = own.map(|index| &self.all[index]).filter(stands).and_then(success) {
            return Err(RequestResult::Replayed(own));
        }
        if let Some((_, first)) = self.all.iter().filter(stands).filter_map(success).min() {
            return Err(RequestResult::Replayed(first));
        }
        let running = |one: &AnyRemediation| matches!(one.state, State::Running(_));
        if self.all.iter().filter(stands).any(running) {
            return Err(RequestResult::Waits);
        }
        if own.is_some_and(|index| running(&self.all[index])) {
            return Err(RequestResult::InProgress);
        }
        Ok(own.filter(is_open))
    }

    /// Returns whether sending it counts against the quota.
    fn counts(&self, now: u64, going_on: Option<usize>) -> bool {
        going_on.is_none_or(|index| self.all[index].counted.is_none_or(|(at, _)| now >= at + HOUR))
    }

    fn send(&mut self, now: u64, key: Option<u8>, payload: u8, going_on: Option<usize>) {
        let number = self.sent;
        self.sent += 1;
        let counts = self.counts(now, going_on);
        let index = going_on.unwrap_or_else(|| {
            for one in self.all.iter_mut().filter(|one| key.is_none() && one.key.is_none() && one.payload == payload) {
                one.replaced = true;
            }
            self.all.push(AnyRemediation {
                key,
                payload,
                counted: None,
                last_sent: now,
                attempts: 0,
                state: State::Open,
                until: 0,
                until_before: 0,
                replaced: false,
            });
            self.all.len() - 1
        });
        let one = &mut self.all[index];
        (one.state, one.last_sent) = (State::Running(number), now);
        (one.until_before, one.until) = (one.until, now + MAX_ATTEMPT);
        one.attempts += 1;
        if counts {
            one.counted = Some((now, number));
            self.counted.push((now, pairs(payload).into(), number));
        }
    }

    /// Loses the object and its running attempts. Their outcome may arrive until their time would have ended.
    fn crash(&mut self) {
        for one in self.all.iter_mut().filter(|one| matches!(one.state, State::Running(_))) {
            one.state = State::Open;
        }
    }

    fn end(&mut self, now: u64, number: usize, end: End) {
        for one in self.all.iter_mut().filter(|one| one.state == State::Running(number)) {
            one.state = match end {
                End::Accepted | End::Duplicate(_) => State::Accepted(number, now),
                End::Refused if one.attempts == 1 => State::Gone,
                End::Refused | End::Unknown => State::Open,
            };
            one.until = if end == End::Refused { one.until_before } else { now };
            if end == End::Refused {
                one.counted = one.counted.filter(|(_, by)| *by != number);
                self.counted.retain(|(.., by)| *by != number);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn ledger_matches_the_model_for_random_events(events in events()) {
        let mut object = Object::new(LIMIT);
        let mut model = Model::default();
        // A day and a half after the start, so that the model's subtractions cannot overflow.
        let mut now = 36 * HOUR + 123;
        for event in events {
            match event {
                RandomEvent::Ask(key, payload) => {
                    let result = object.ask(now, key, payload);
                    let emails = u64::from(pairs(payload));
                    match model.ask(now, key, payload) {
                        Err(RequestResult::Replayed(expected)) => {
                            prop_assert!(matches!(result, RequestResult::Replayed(_)), "{result:?}");
                            if let RequestResult::Replayed(number) = result {
                                prop_assert_eq!(model.success(number), model.success(expected));
                            }
                        }
                        Err(expected) => prop_assert_eq!(result, expected),
                        Ok(going_on) => {
                            if result == RequestResult::QuotaExceeded {
                                prop_assert!(model.counts(now, going_on), "a counted remediation was rejected for the quota");
                                // An email may leave the window up to a second late.
                                prop_assert!(model.counted(now - HOUR - SECOND) + emails > LIMIT, "the quota was sufficient");
                            } else {
                                prop_assert_eq!(result, RequestResult::Sent(model.sent));
                                model.send(now, key, payload, going_on);
                                prop_assert!(model.counted(now - HOUR + 1) <= LIMIT, "the quota of an hour was exceeded");
                            }
                        }
                    }
                }
                RandomEvent::End(which, end) => {
                    let running = model.running();
                    if !running.is_empty() {
                        let number = running[which % running.len()];
                        object.end(now, number, end);
                        model.end(now, number, end);
                    }
                }
                RandomEvent::Pass(time) => {
                    if time > MAX_ATTEMPT {
                        for number in model.running() {
                            object.end(now, number, End::Unknown);
                            model.end(now, number, End::Unknown);
                        }
                    }
                    now += time;
                }
                RandomEvent::Crash => {
                    object.crash(now);
                    model.crash();
                }
                RandomEvent::Sweep => object.sweep(now),
            }
            let left = object.remaining(now);
            prop_assert!(left <= LIMIT - model.counted(now - HOUR + 1).min(LIMIT), "the remaining quota is too high");
            prop_assert!(left >= LIMIT - model.counted(now - HOUR - SECOND).min(LIMIT), "the remaining quota is too low");
            // One record for each remediation of the last day.
            let recent = model.all.iter().filter(|one| one.state != State::Gone && one.last_sent + 25 * HOUR > now);
            let most = recent.count();
            object.sweep(now);
            prop_assert!(object.records() <= most, "{} records for {most} remediations", object.records());
        }
        object.sweep(now + 25 * HOUR);
        prop_assert_eq!(object.records(), 0, "everything expires");
    }
}
