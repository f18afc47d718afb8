//! Faults of Microsoft's services, in phases.

use std::collections::BTreeMap;
use std::time::Duration;

use acceptance::Failure;
use sandbox::{Endpoint, Fault, Sandbox, ScriptedResponse};

/// Kind of fault: its name, its share in percent of the requests, and the sandbox's script for it.
type Kind = (&'static str, u8, fn() -> ScriptedResponse);

fn graph() -> ScriptedResponse {
    ScriptedResponse::new(Endpoint::Remediate)
}

/// Phases of faults. A phase without faults follows each one, so that lasting effects become visible.
const PHASES: [&[Kind]; 10] = [
    &[],
    &[
        ("slow", 60, || graph().delay(Duration::from_millis(300))),
        ("slower", 10, || graph().delay(Duration::from_secs(1))),
    ],
    &[],
    &[
        ("429 for a second", 15, || graph().status(429).header("Retry-After", "1")),
        ("429 for long", 15, || graph().status(429).header("Retry-After", "120")),
        ("429", 15, || graph().status(429)),
    ],
    &[],
    &[
        ("503", 15, || graph().status(503)),
        ("503 for a second", 10, || graph().status(503).header("Retry-After", "1")),
        ("500", 10, || graph().status(500)),
        ("403", 5, || graph().status(403)),
        ("401", 5, || graph().status(401)),
        ("400", 5, || graph().status(400)),
    ],
    &[],
    &[
        ("closed", 15, || graph().fault(Fault::Close)),
        ("accepted, then closed", 15, || graph().accept_first().fault(Fault::Close)),
        ("accepted, then 500", 10, || graph().accept_first().status(500)),
        ("cut", 10, || graph().status(400).body("{\"error\":").fault(Fault::CutAfter(3))),
        ("no answer", 1, || graph().accept_first().fault(Fault::Hang)),
    ],
    &[],
    &[
        ("token 500", 20, || ScriptedResponse::new(Endpoint::Token).status(500)),
        ("401, then token 429", 10, || ScriptedResponse::new(Endpoint::Token).status(429)),
        ("401", 20, || graph().status(401)),
        ("slow", 20, || graph().delay(Duration::from_millis(300))),
    ],
];

/// Time that a request without a response holds its caller. A run with such requests must last at least as long.
const HANG: Duration = Duration::from_mins(3);

/// Faults of one run.
#[derive(Debug)]
pub(crate) struct Faults {
    duration: Duration,
    /// Number of scripted faults of each kind.
    pub(crate) injected: BTreeMap<&'static str, u64>,
}

impl Faults {
    pub(crate) fn new(duration: Duration) -> Self {
        Self { duration, injected: BTreeMap::new() }
    }

    /// May script a fault, which affects this request or another one in flight.
    pub(crate) fn maybe_script(
        &mut self,
        sandbox: &Sandbox,
        elapsed: Duration,
        random: &mut fastrand::Rng,
    ) -> Result<(), Failure> {
        // Every run passes three times through all phases.
        let place = elapsed.as_secs_f64() / self.duration.as_secs_f64() * 3.0;
        let times = f64::from(u32::try_from(PHASES.len())?);
        let now = PHASES.iter().zip(0_u32..).find(|(_, index)| place.fract() * times < f64::from(*index) + 1.0);
        let mut roll = random.u8(..100);
        for (name, often, next) in now.into_iter().flat_map(|(kinds, _)| *kinds) {
            if roll < *often {
                if *name == "no answer" && self.duration < HANG {
                    return Ok(());
                }
                sandbox.script(next())?;
                *self.injected.entry(name).or_default() += 1;
                return Ok(());
            }
            roll -= often;
        }
        Ok(())
    }
}
