//! Sustained load with phases in which Microsoft is slow, throttles or fails.
//!
//! Every response is correct, no caller receives another caller's data, no remediation is lost or repeated, and memory
//! stays flat. The callers are in two tenants: no token, ledger, quota, link or log entry of one serves the other.
//!
//! `make test` includes a short run. `make soak SECONDS=600` makes a long run and prints figures. `SEED` repeats the
//! random choices, but IDs and timing differ between runs.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod callers;
mod faults;
mod ledger;
mod load;

use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, process::ExitCode};

use acceptance::{Failure, Memory, Setup, TestResult, World, tests};
use futures_util::future::try_join_all;

use crate::callers::CALLERS;
use crate::faults::Faults;
use crate::load::Load;

/// Concurrent requests of each caller.
const CONCURRENT_REQUESTS: usize = 4;

/// Length of the run in `make test`, in seconds.
const SHORT_RUN: u64 = 15;

/// Maximum growth of Wasm memory between the first third and the end, in KiB.
const WASM_GROWTH: u64 = 1024;
/// Maximum growth of the process's resident memory, in KiB. The ledgers are on disk, but their pages are cached.
const RESIDENT_GROWTH: u64 = 32 * 1024;

/// Part of the memory: its name, its size if the system reports it, and its maximum growth.
type Part = (&'static str, fn(&Memory) -> Option<u64>, u64);

fn main() -> ExitCode {
    acceptance::run(tests![every_response_is_correct_under_load_and_faults])
}

fn variable(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

async fn every_response_is_correct_under_load_and_faults(world: &World) -> TestResult {
    let duration = Duration::from_secs(variable("SOAK_SECONDS").unwrap_or(SHORT_RUN));
    let seed = variable("SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let callers = callers::all(world);
    let gateway = world.gateway_as(&Setup::measured(callers::bindings(world, &callers))).await?;
    let load = Load {
        gateway: &gateway,
        sandbox: &world.sandbox,
        callers: &callers,
        model: Mutex::default(),
        faults: Mutex::new(Faults::new(duration)),
        began: Instant::now(),
        duration,
    };
    let report = run(&load, seed).await.map_err(|failure| format!("with SEED={seed}: {failure}"))?;
    print_report(&format!("\nseed {seed}\n{report}"));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the report of a run")]
fn print_report(report: &str) {
    println!("{report}");
}

async fn run(load: &Load<'_>, seed: u64) -> Result<String, Failure> {
    let loops = (0..CALLERS * CONCURRENT_REQUESTS)
        .map(|index| load.send_requests(index % CALLERS, seed.wrapping_add(u64::try_from(index).unwrap_or(0))));
    let memory = watch(load);
    let (_, memory) = tokio::try_join!(try_join_all(loops), memory)?;

    // Use up the scripted faults, and retry all failed remediations until they are accepted.
    let mut open: Vec<String> = Vec::new();
    for (name, sent) in &load.model().sent {
        if sent.location.is_none() {
            open.push(name.clone());
        }
    }
    let failed = open.len();
    for name in open {
        let mut tries = 0;
        while !load.attempt(&name).await? {
            tries += 1;
            if tries > 50 {
                return Err(format!("{name} is never accepted").into());
            }
        }
    }
    let last = load.model().last_request_id.clone();
    load.gateway.wait_for_line(|line| line.contains(&last)).await?;
    let mut model = load.model();
    model.check_graph_record(load.callers, load.sandbox.take_ended())?;
    model.check_log(load.callers, &load.gateway.output())?;
    let mut accepted = std::collections::HashMap::new();
    for one in load.sandbox.accepted() {
        let name = one.remediation.analyzed_emails[0].network_message_id.clone();
        let tenant = model.sent.get(&name).map(|sent| load.callers[sent.caller].tenant);
        ledger::ensure!(
            tenant == Some(one.tenant_id.as_str()),
            "{} accepted what belongs to {tenant:?}",
            one.tenant_id
        );
        *accepted.entry(name).or_insert(0_u32) += 1;
    }
    for name in model.sent.keys() {
        ledger::ensure!(accepted.get(name) == Some(&1), "Graph accepted {name} {:?} times", accepted.get(name));
    }

    ledger::ensure!(model.bodies > 0 && model.links > 0 && model.lines > 0, "nothing was checked");

    let mut report = String::new();
    let _ = writeln!(report, "requests {} in {:?}; answers:", model.requests, load.began.elapsed());
    for (response, count) in &model.responses {
        let _ = writeln!(report, "  {count:>7}  {response}");
    }
    let faults = load.faults.lock().map_err(|_| "poisoned")?;
    let _ = writeln!(report, "faults injected {}:", faults.injected.values().sum::<u64>());
    for (fault, count) in &faults.injected {
        let _ = writeln!(report, "  {count:>7}  {fault}");
    }
    let _ = writeln!(
        report,
        "remediations {}, each accepted by Graph once; {failed} of them only when all was well again",
        model.sent.len()
    );
    let _ = writeln!(
        report,
        "bodies at Graph that were checked: {}; links in answers that were: {}; lines of the log that were: {}",
        model.bodies, model.links, model.lines
    );
    let (first, last) =
        memory.get(memory.len() / 3).zip(memory.last()).ok_or("the run is too short to measure memory")?;
    let parts: [Part; 2] =
        [("Wasm", |kept| Some(kept.wasm), WASM_GROWTH), ("resident", |kept| kept.resident, RESIDENT_GROWTH)];
    for (name, of, most) in parts {
        let Some((first, last)) = of(first).zip(of(last)) else {
            let _ = writeln!(report, "KiB {name}: this system does not tell, and nothing is held of it");
            continue;
        };
        let over = memory.iter().step_by(memory.len().div_ceil(12)).filter_map(of);
        let over = over.map(|kept| kept.to_string()).collect::<Vec<_>>().join(" ");
        let _ = writeln!(report, "KiB {name}: {last} at the end, {first} after a third; over the time {over}");
        ledger::ensure!(last <= first + most, "memory grows:\n{report}");
    }
    Ok(report)
}

/// Checks Graph's record and the memory twice a second until the run ends.
async fn watch(load: &Load<'_>) -> Result<Vec<Memory>, Failure> {
    let mut memory = Vec::new();
    while load.began.elapsed() < load.duration {
        tokio::time::sleep(Duration::from_millis(500)).await;
        load.model().check_graph_record(load.callers, load.sandbox.take_ended())?;
        memory.push(load.gateway.memory().await?);
    }
    Ok(memory)
}
