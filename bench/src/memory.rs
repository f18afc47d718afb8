//! Whether the process grows with the requests that it has served.

use std::sync::Arc;

use acceptance::Failure;
use serde::Serialize;

use crate::{
    candidates::Candidate,
    goals::Goal,
    load,
    measure::Run,
    process, report,
    requests::{Credential, Kind, remediation},
    statistics::{Spread, figure},
};

/// How often the size is looked at.
const LOOKS: u64 = 40;
/// How much larger the last quarter's median may be than the second quarter's. What a heap of JavaScript takes varies by more than that from one
/// look to the next, and its median by less; 200,000 requests that each left 100 bytes behind would be 20 MB, a fifth of the process.
const GROWTH: f64 = 1.05;

/// The sizes of one candidate on the way, in KiB.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Memory {
    candidate: String,
    requests: u64,
    rss_kib: Vec<u64>,
    second_quarter: f64,
    last_quarter: f64,
}

/// Sends each candidate that checks `requests` requests, of which every second one is a full job and leaves a row in the ledger.
///
/// Growth is the median of the looks in the last quarter by that of the second: the first quarter is for caches, compiled code and the heap to
/// reach their size. The rows lie in the object's storage, and not in the process, but for a cache of pages whose size is bounded.
pub(crate) async fn measure(run: &Run<'_>, requests: u64) -> Result<(Vec<Memory>, Vec<Goal>), Failure> {
    let mut all = Vec::new();
    let mut goals = Vec::new();
    for candidate in run.candidates.iter().filter(|candidate| candidate.checks) {
        let memory = grow(run, candidate, requests).await?;
        let what = format!("memory over {requests} requests, {}: last quarter : second", candidate.name);
        goals.push(Goal::new(what, memory.last_quarter / memory.second_quarter.max(1.0), GROWTH));
        all.push(memory);
    }
    Ok((all, goals))
}

async fn grow(run: &Run<'_>, candidate: &Candidate, requests: u64) -> Result<Memory, Failure> {
    let body = remediation(2);
    let kinds = [
        Arc::new(Kind::new("/remediate?validateOnly=true", Credential::Bearer, &body, 200)),
        Arc::new(Kind::new("/remediate", Credential::Bearer, &body, 202)),
    ];
    let gateway = candidate.start(&run.bindings).await?;
    let each = (requests / LOOKS / 2).max(1);
    let mut sizes = Vec::new();
    report::say(&format!("\n{}, RSS in MiB after each {} requests:\n ", candidate.name, each * 2))?;
    for _ in 0..LOOKS {
        for kind in &kinds {
            load::round(&gateway, kind, &run.credentials, run.options.connections, each).await?;
        }
        let size = process::size(gateway.process())?.now;
        report::say(&format!(" {:.0}", figure(size) / 1024.0))?;
        sizes.push(size);
    }
    report::say("\n")?;
    let quarter = |number: usize| {
        let length = sizes.len() / 4;
        Spread::of(sizes.iter().skip(number * length).take(length).map(|size| figure(*size))).median
    };
    let (second_quarter, last_quarter) = (quarter(1), quarter(3));
    let requests = each * 2 * LOOKS;
    Ok(Memory { candidate: candidate.name.clone(), requests, rss_kib: sizes, second_quarter, last_quarter })
}
