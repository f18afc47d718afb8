//! Candidates of the benchmark.

use std::path::{Path, PathBuf};

use acceptance::{Bindings, Failure, Gateway, Worker, Wrangler, root};
use sandbox::Sandbox;
use serde_json::Value;

use crate::{
    options::{Options, Storage},
    requests,
};

/// Client secret of the candidates in the sandbox.
pub(crate) const CLIENT_SECRET: &str = "ben8Q~the-client-secret-of-the-benchmark";
/// Name of the gateway's build in this checkout.
pub(crate) const GATEWAY: &str = "gateway";
/// Name of the candidate that `--also` adds.
pub(crate) const OTHER_BUILD: &str = "also";
/// Number of last log lines to keep for error messages.
const LINES: usize = 100;

/// Worker that is measured.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) worker: Worker,
    /// Whether the candidate validates requests. A floor supports only the full job.
    pub(crate) validates: bool,
}

/// Returns the requested candidates.
pub(crate) fn select(options: &Options) -> Result<Vec<Candidate>, Failure> {
    let build = root().join("build");
    let mut folders = Vec::new();
    for name in &options.candidates {
        let folder = match name.as_str() {
            "floor" | "object" | "peer" => build.join("bench").join(name),
            GATEWAY => build.clone(),
            _ => return Err(format!("--candidates: there is no {name}").into()),
        };
        folders.push((name.as_str(), folder));
    }
    folders.extend(options.also.clone().map(|folder| (OTHER_BUILD, folder)));
    folders.into_iter().map(|(name, folder)| candidate(name, &folder, options.storage)).collect()
}

/// Returns the Worker in `folder`. A Worker with a second module is written in Rust.
fn candidate(name: &str, folder: &Path, storage: Storage) -> Result<Candidate, Failure> {
    let mut wrangler = Wrangler::read()?;
    if name == "floor" {
        wrangler = wrangler.without_objects();
    }
    let modules = ["index.js", "index_bg.wasm"].map(|file| folder.join(file));
    let modules = modules.into_iter().filter(|module| module.ends_with("index.js") || module.exists()).collect();
    let worker = Worker { modules, wrangler, memory: LINES, home: home(storage) };
    Ok(Candidate { name: name.to_owned(), worker, validates: !["floor", "object"].contains(&name) })
}

/// Returns the folder of the objects' storage: a file system in memory, or a disk, whose speed depends on other writes.
fn home(storage: Storage) -> PathBuf {
    match storage {
        Storage::Memory => PathBuf::from("/dev/shm"),
        Storage::Disk => root().join("build"),
    }
}

/// Returns the variables of every candidate.
pub(crate) fn bindings(sandbox: &Sandbox, graph_url: &str, callers: usize) -> Result<Bindings, Failure> {
    let mut bindings = Wrangler::read()?.vars;
    for (name, value) in [("LOGIN_URL", sandbox.base_url()), ("GRAPH_URL", graph_url), ("CLIENT_SECRET", CLIENT_SECRET)]
    {
        bindings.insert(name.to_owned(), Value::from(value));
    }
    bindings.insert("CALLERS".to_owned(), requests::callers(callers));
    Ok(bindings)
}

impl Candidate {
    /// Returns whether this is another build of the gateway, which may implement an older contract.
    pub(crate) fn is_other_build(&self) -> bool {
        self.name == OTHER_BUILD
    }

    /// Starts the candidate in a new process with empty storage.
    pub(crate) async fn start(&self, bindings: &Bindings) -> Result<Gateway, Failure> {
        Gateway::start_worker(self.worker.clone(), &bindings.clone().into())
            .await
            .map_err(|error| format!("the {} does not start: {error}", self.name).into())
    }
}
