//! Benchmark that compares the gateway with a JavaScript peer and the floor in one run. See bench/README.md.

mod candidates;
mod conformance;
mod goals;
mod load;
mod measure;
mod memory;
mod options;
mod process;
mod report;
mod requests;
mod series;
mod start;
mod statistics;
mod table;
mod upstream;

use std::{collections::BTreeMap, fs, process::ExitCode, sync::Arc};

use acceptance::{Failure, Upload, root};
use sandbox::{Sandbox, Settings};
use serde::Serialize;

use crate::{
    goals::Goal,
    measure::{Run, SizeAfter},
    memory::Memory,
    options::{HELP, Options, Part},
    requests::Credentials,
    series::Series,
    start::Start,
    table::print,
    upstream::Upstream,
};

#[tokio::main]
async fn main() -> ExitCode {
    match bench().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If this fails too, the error cannot be reported.
            let _ = print(&format!("error: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Results of a run, as written to `build/bench.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Results<'a> {
    alike: usize,
    series: &'a [Series],
    sizes: &'a [SizeAfter],
    starts: &'a [Start],
    uploads: BTreeMap<&'a str, [usize; 2]>,
    memory: &'a [Memory],
    goals: &'a [Goal],
}

async fn bench() -> Result<(), Failure> {
    let options = Options::read()?;
    if options.help {
        return print(HELP);
    }
    let sandbox = Sandbox::start(Settings::new(candidates::CLIENT_SECRET)).await?;
    let upstream = Upstream::start().await?;
    let candidates = candidates::select(&options)?;
    let alike = conformance::check(&candidates).await?;
    print(&format!("the candidates that check responded alike to {alike} requests\n"))?;
    let mut run = Run {
        options: &options,
        candidates: &candidates,
        sandbox: &sandbox,
        upstream: &upstream,
        credentials: Arc::new(Credentials::issue(&sandbox, options.callers)),
        bindings: candidates::bindings(&sandbox, &upstream.base_url, options.callers)?,
        series: Vec::new(),
        sizes: Vec::new(),
    };
    let (mut starts, mut memories, mut goals) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(requests) = options.memory {
        (memories, goals) = memory::measure(&run, requests).await?;
    } else {
        for emails in options.emails.clone() {
            run.run_size(emails).await?;
        }
        if options.has(Part::Start) {
            starts = start::measure(&run).await?;
        }
    }
    let uploads =
        candidates.iter().map(|candidate| Ok((candidate.name.clone(), Upload::of(&candidate.worker.modules)?)));
    let uploads = uploads.collect::<Result<Vec<_>, Failure>>()?;
    for gateway in ["gateway", candidates::OTHER_BUILD] {
        goals.extend(goals::evaluate(gateway, &run.series, &uploads));
    }
    print(&report::format_sizes(&run, &uploads, &starts))?;
    print(&report::format_goals(&goals))?;
    let results = Results {
        alike,
        series: &run.series,
        sizes: &run.sizes,
        starts: &starts,
        uploads: uploads.iter().map(|(name, upload)| (name.as_str(), [upload.raw, upload.gzip])).collect(),
        memory: &memories,
        goals: &goals,
    };
    fs::write(root().join("build/bench.json"), serde_json::to_string_pretty(&results)?)?;
    print("\nall of it: build/bench.json\n")
}
