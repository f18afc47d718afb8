//! Random plans of lost requests and responses. The caller makes five attempts, so each plan has at most four failures
//! that the caller sees.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use fastrand::Rng;
use serde_json::Value;

use crate::lossy::{Fate, Fates};

/// Fates of the exchanges on one side of the gateway, by the first message of the remediation.
#[derive(Default)]
pub(crate) struct Side {
    fates: Mutex<HashMap<String, VecDeque<Fate>>>,
    played: Mutex<BTreeMap<&'static str, usize>>,
}

/// Fates on both sides of the gateway.
pub(crate) struct Plans {
    /// Fates between the caller and the gateway.
    pub(crate) front: Arc<Side>,
    /// Fates between the gateway and Graph.
    pub(crate) graph: Arc<Side>,
}

impl Plans {
    pub(crate) fn draw(payloads: &[Value], random: &mut Rng) -> Self {
        let (front, graph) = (Side::default(), Side::default());
        for payload in payloads {
            let id = payload["analyzedEmails"][0]["networkMessageId"].as_str().unwrap_or_default();
            let (mut before, mut behind) = (VecDeque::new(), VecDeque::new());
            for _ in 0..random.usize(0..=4) {
                if random.bool() {
                    before.push_back(at_the_front(random));
                } else {
                    behind.push_back(at_graph(random));
                }
            }
            // The gateway recovers from one 401 and one short wait without the caller.
            if random.u8(0..8) == 0 {
                behind.insert(random.usize(0..=behind.len()), status("401 Unauthorized", ""));
            }
            if random.u8(0..8) == 0 {
                let fate = status("503 Service Unavailable", "Retry-After: 0\r\n");
                behind.insert(random.usize(0..=behind.len()), fate);
            }
            locked(&front.fates).insert(id.to_owned(), before);
            locked(&graph.fates).insert(id.to_owned(), behind);
        }
        Self { front: Arc::new(front), graph: Arc::new(graph) }
    }

    /// Returns the number of faults that were played.
    pub(crate) fn played(&self) -> usize {
        [&self.front, &self.graph].iter().map(|side| locked(&side.played).values().sum::<usize>()).sum()
    }

    /// Returns the number of faults that were not played.
    pub(crate) fn left(&self) -> usize {
        [&self.front, &self.graph]
            .iter()
            .map(|side| locked(&side.fates).values().map(VecDeque::len).sum::<usize>())
            .sum()
    }

    /// Returns the number of played faults by kind.
    pub(crate) fn figures(&self) -> String {
        let of = |name, side: &Side| {
            let kinds: Vec<_> = locked(&side.played).iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            format!("{name}: {}", kinds.join(", "))
        };
        format!("{}; {}", of("caller", &self.front), of("Graph", &self.graph))
    }
}

impl Fates for Side {
    fn of(&self, request: &[u8]) -> Fate {
        let text = String::from_utf8_lossy(request);
        let id = text.split_once("\"networkMessageId\":\"").and_then(|(_, rest)| rest.get(..36)).unwrap_or_default();
        let fate = locked(&self.fates).get_mut(id).and_then(VecDeque::pop_front);
        let Some(fate) = fate else { return Fate::Pass };
        *locked(&self.played).entry(name(&fate)).or_default() += 1;
        fate
    }
}

fn at_the_front(random: &mut Rng) -> Fate {
    match random.u8(0..3) {
        0 => Fate::CutRequest(random.usize(0..1000)),
        1 => Fate::Abandon,
        _ => Fate::CutAnswer(random.usize(0..1000)),
    }
}

fn at_graph(random: &mut Rng) -> Fate {
    let failed = ["500 Internal Server Error", "502 Bad Gateway", "504 Gateway Timeout", "599 What"];
    let failed = random.choice(failed).unwrap_or_default();
    match random.u8(0..6) {
        0 => Fate::CutRequest(random.usize(0..1000)),
        1 => Fate::CutAnswer(random.usize(0..1000)),
        2 => status(failed, ""),
        3 => match status(failed, "") {
            Fate::Answer(text) => Fate::Replace(text),
            other => other,
        },
        4 => status("503 Service Unavailable", ""),
        _ => status("429 Too Many Requests", "Retry-After: 30\r\n"),
    }
}

fn status(line: &str, headers: &str) -> Fate {
    Fate::Answer(format!("HTTP/1.1 {line}\r\n{headers}Content-Length: 0\r\n\r\n"))
}

fn name(fate: &Fate) -> &'static str {
    match fate {
        Fate::Pass => "passed",
        Fate::CutRequest(_) => "requests cut",
        Fate::Abandon => "abandoned",
        Fate::CutAnswer(_) => "answers cut",
        Fate::Answer(_) => "refused",
        Fate::Replace(_) => "accepted and then failed",
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
