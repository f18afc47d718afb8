//! Random plans of lost requests and responses. The caller makes five attempts, so each plan has at most four failures
//! that the caller sees.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use fastrand::Rng;
use serde_json::Value;

use crate::lossy::{ExchangeFault, FaultSource};

/// Faults of the exchanges on one side of the gateway, by the first message of the remediation.
#[derive(Default)]
pub(crate) struct Side {
    faults: Mutex<HashMap<String, VecDeque<ExchangeFault>>>,
    injected: Mutex<BTreeMap<&'static str, usize>>,
}

/// Faults on both sides of the gateway.
pub(crate) struct Plans {
    /// Faults between the caller and the gateway.
    pub(crate) front: Arc<Side>,
    /// Faults between the gateway and Graph.
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
                    before.push_back(front_fault(random));
                } else {
                    behind.push_back(graph_fault(random));
                }
            }
            // The gateway recovers from one 401 and one short wait without the caller.
            if random.u8(0..8) == 0 {
                behind.insert(random.usize(0..=behind.len()), status("401 Unauthorized", ""));
            }
            if random.u8(0..8) == 0 {
                let fault = status("503 Service Unavailable", "Retry-After: 0\r\n");
                behind.insert(random.usize(0..=behind.len()), fault);
            }
            locked(&front.faults).insert(id.to_owned(), before);
            locked(&graph.faults).insert(id.to_owned(), behind);
        }
        Self { front: Arc::new(front), graph: Arc::new(graph) }
    }

    /// Returns the number of faults that were injected.
    pub(crate) fn injected(&self) -> usize {
        [&self.front, &self.graph].iter().map(|side| locked(&side.injected).values().sum::<usize>()).sum()
    }

    /// Returns the number of faults that were not injected.
    pub(crate) fn left(&self) -> usize {
        [&self.front, &self.graph]
            .iter()
            .map(|side| locked(&side.faults).values().map(VecDeque::len).sum::<usize>())
            .sum()
    }

    /// Returns the number of injected faults by kind.
    pub(crate) fn figures(&self) -> String {
        let of = |name, side: &Side| {
            let kinds: Vec<_> = locked(&side.injected).iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            format!("{name}: {}", kinds.join(", "))
        };
        format!("{}; {}", of("caller", &self.front), of("Graph", &self.graph))
    }
}

impl FaultSource for Side {
    fn next_fault(&self, request: &[u8]) -> ExchangeFault {
        let text = String::from_utf8_lossy(request);
        let id = text.split_once("\"networkMessageId\":\"").and_then(|(_, rest)| rest.get(..36)).unwrap_or_default();
        let fault = locked(&self.faults).get_mut(id).and_then(VecDeque::pop_front);
        let Some(fault) = fault else { return ExchangeFault::Pass };
        *locked(&self.injected).entry(name(&fault)).or_default() += 1;
        fault
    }
}

fn front_fault(random: &mut Rng) -> ExchangeFault {
    match random.u8(0..3) {
        0 => ExchangeFault::CutRequest(random.usize(0..1000)),
        1 => ExchangeFault::Abandon,
        _ => ExchangeFault::CutResponse(random.usize(0..1000)),
    }
}

fn graph_fault(random: &mut Rng) -> ExchangeFault {
    let failed = ["500 Internal Server Error", "502 Bad Gateway", "504 Gateway Timeout", "599 What"];
    let failed = random.choice(failed).unwrap_or_default();
    match random.u8(0..6) {
        0 => ExchangeFault::CutRequest(random.usize(0..1000)),
        1 => ExchangeFault::CutResponse(random.usize(0..1000)),
        2 => status(failed, ""),
        3 => match status(failed, "") {
            ExchangeFault::Respond(text) => ExchangeFault::Replace(text),
            other => other,
        },
        4 => status("503 Service Unavailable", ""),
        _ => status("429 Too Many Requests", "Retry-After: 30\r\n"),
    }
}

fn status(line: &str, headers: &str) -> ExchangeFault {
    ExchangeFault::Respond(format!("HTTP/1.1 {line}\r\n{headers}Content-Length: 0\r\n\r\n"))
}

fn name(fault: &ExchangeFault) -> &'static str {
    match fault {
        ExchangeFault::Pass => "passed",
        ExchangeFault::CutRequest(_) => "requests cut",
        ExchangeFault::Abandon => "abandoned",
        ExchangeFault::CutResponse(_) => "responses cut",
        ExchangeFault::Respond(_) => "refused",
        ExchangeFault::Replace(_) => "accepted and then failed",
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
