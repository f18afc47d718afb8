//! Whether the process grows with the requests that it has served.

use std::sync::Arc;

use acceptance::Failure;
use serde::Serialize;

use crate::{
    candidates::Candidate,
    goals::Goal,
    load,
    measure::Run,
    options::Part,
    process,
    requests::{Credential, Kind, remediation},
    statistics::{Spread, figure},
    table::say,
};

/// How often the size is looked at.
const LOOKS: u64 = 40;
/// How much larger the last quarter's median may be than the second quarter's. What a heap of JavaScript takes varies by more than that from one
/// look to the next, and its median by less.
const GROWTH: f64 = 1.05;

/// The sizes of one candidate on the way, in KiB.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Memory {
    candidate: String,
    case: &'static str,
    requests: u64,
    rss_kib: Vec<u64>,
    second_quarter: f64,
    last_quarter: f64,
    bytes_per_request: f64,
}

/// Sends each candidate `requests` requests of either kind, `valid` and `full`, to a process of its own for each.
///
/// Growth is the median of the looks in the last quarter by that of the second: the first quarter is for caches, compiled code and the heap to
/// reach their size. A `full` leaves a row in the ledger. Rows lie in the object's storage and not in the process, which holds pages of it: what that
/// comes to is told by the floor with an object, which leaves rows too and nothing else.
pub(crate) async fn measure(run: &Run<'_>, requests: u64) -> Result<(Vec<Memory>, Vec<Goal>), Failure> {
    let mut all: Vec<Memory> = Vec::new();
    let body = remediation(2);
    let kinds = [(Part::Valid, "valid", "/remediate?validateOnly=true", 200), (Part::Full, "full", "/remediate", 202)];
    for (_, case, target, status) in kinds.into_iter().filter(|(part, ..)| run.options.has(*part)) {
        let kind = Arc::new(Kind::new(target, Credential::Bearer, &body, status));
        for candidate in run.candidates.iter().filter(|candidate| candidate.checks || case == "full") {
            let memory = grow(run, candidate, case, &kind, requests).await?;
            all.push(memory);
        }
    }
    let mut goals = Vec::new();
    for memory in all.iter().filter(|memory| memory.candidate != "object" && memory.candidate != "floor") {
        let floor = all.iter().find(|floor| floor.candidate == "object" && floor.case == memory.case);
        let rows = floor.map_or(0.0, |floor| (floor.last_quarter - floor.second_quarter).max(0.0));
        let second = memory.second_quarter.max(1.0);
        let what =
            format!("memory over {} {}, {}: last quarter : second", memory.requests, memory.case, memory.candidate);
        goals.push(Goal::new(what, memory.last_quarter / second, GROWTH.max(1.0 + rows / second)));
    }
    Ok((all, goals))
}

async fn grow(
    run: &Run<'_>,
    candidate: &Candidate,
    case: &'static str,
    kind: &Arc<Kind>,
    requests: u64,
) -> Result<Memory, Failure> {
    let gateway = candidate.start(&run.bindings).await?;
    let each = (requests / LOOKS).max(1);
    let mut sizes = Vec::new();
    say(&format!("\n{}, {case}: RSS in MiB after each {each} requests\n ", candidate.name))?;
    for _ in 0..LOOKS {
        load::round(&gateway, kind, &run.credentials, run.options.connections, each).await?;
        let size = process::size(gateway.process())?.now;
        say(&format!(" {:.0}", figure(size) / 1024.0))?;
        sizes.push(size);
    }
    let quarter = |number: usize| {
        let length = sizes.len() / 4;
        Spread::of(sizes.iter().skip(number * length).take(length).map(|size| figure(*size))).median
    };
    let (second_quarter, last_quarter) = (quarter(1), quarter(3));
    // From the middle of the one to the middle of the other is half of the way.
    let bytes_per_request = (last_quarter - second_quarter) * 1024.0 / figure((each * LOOKS / 2).max(1));
    say(&format!("\n  {bytes_per_request:.0} bytes per request from the second quarter to the last\n"))?;
    Ok(Memory {
        candidate: candidate.name.clone(),
        case,
        requests: each * LOOKS,
        rss_kib: sizes,
        second_quarter,
        last_quarter,
        bytes_per_request,
    })
}
