//! Check whether the process grows with the number of requests.

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
    statistics::{Spread, count_to_f64},
    table::print,
};

/// Number of samples.
const SAMPLES: u64 = 40;
/// Maximum ratio of the last quarter's median to the second quarter's. The size of a JavaScript heap varies more
/// between samples, but its median varies less.
const MAX_GROWTH: f64 = 1.05;

/// Sizes of one candidate over time, in KiB.
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

/// Sends each candidate `requests` requests of both kinds, `valid` and `full`, in a new process for each kind.
///
/// Growth is the median of the last quarter's samples divided by that of the second quarter. The first quarter lets
/// caches, compiled code and the heap reach their size.
///
/// Each `full` request adds a row to the ledger. Rows are in the object's storage, and the process caches pages of it.
/// The floor with an object also adds rows and does nothing else, so it shows the cost of the rows.
pub(crate) async fn measure(run: &Run<'_>, requests: u64) -> Result<(Vec<Memory>, Vec<Goal>), Failure> {
    let mut all: Vec<Memory> = Vec::new();
    let body = remediation(2);
    let kinds = [(Part::Valid, "valid", "/remediate?validateOnly=true", 200), (Part::Full, "full", "/remediate", 202)];
    for (_, case, target, status) in kinds.into_iter().filter(|(part, ..)| run.options.has(*part)) {
        let kind = Arc::new(Kind::new(target, Credential::Bearer, &body, status));
        for candidate in run.candidates.iter().filter(|candidate| candidate.validates || case == "full") {
            let memory = measure_growth(run, candidate, case, &kind, requests).await?;
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
        goals.push(Goal::new(what, memory.last_quarter / second, MAX_GROWTH.max(1.0 + rows / second)));
    }
    Ok((all, goals))
}

async fn measure_growth(
    run: &Run<'_>,
    candidate: &Candidate,
    case: &'static str,
    kind: &Arc<Kind>,
    requests: u64,
) -> Result<Memory, Failure> {
    let gateway = candidate.start(&run.bindings).await?;
    let each = (requests / SAMPLES).max(1);
    let mut sizes = Vec::new();
    print(&format!("\n{}, {case}: RSS in MiB after each {each} requests\n ", candidate.name))?;
    for _ in 0..SAMPLES {
        load::run_round(&gateway, kind, &run.credentials, run.options.connections, each).await?;
        let size = process::size(gateway.process())?.now;
        print(&format!(" {:.0}", count_to_f64(size) / 1024.0))?;
        sizes.push(size);
    }
    let quarter = |number: usize| {
        let length = sizes.len() / 4;
        Spread::of(sizes.iter().skip(number * length).take(length).map(|size| count_to_f64(*size))).median
    };
    let (second_quarter, last_quarter) = (quarter(1), quarter(3));
    // The middles of the two quarters are half of the run apart.
    let bytes_per_request = (last_quarter - second_quarter) * 1024.0 / count_to_f64((each * SAMPLES / 2).max(1));
    print(&format!("\n  {bytes_per_request:.0} bytes per request from the second quarter to the last\n"))?;
    Ok(Memory {
        candidate: candidate.name.clone(),
        case,
        requests: each * SAMPLES,
        rss_kib: sizes,
        second_quarter,
        last_quarter,
        bytes_per_request,
    })
}
