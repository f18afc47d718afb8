//! Who runs.

use std::path::Path;

use acceptance::{Bindings, Failure, Gateway, Worker, Wrangler, root};
use sandbox::Sandbox;
use serde_json::Value;

use crate::{options::Options, requests};

/// The secret that the sandbox and the candidates agree on.
pub(crate) const CLIENT_SECRET: &str = "ben8Q~the-client-secret-of-the-benchmark";
/// How many of a candidate's last lines are kept for a failure's sake.
const LINES: usize = 100;

/// A Worker that is measured.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) worker: Worker,
    /// Whether it checks what it is sent. A floor does nothing but the full job.
    pub(crate) checks: bool,
}

/// The candidates that are asked for.
pub(crate) fn all(options: &Options) -> Result<Vec<Candidate>, Failure> {
    let wrangler = Wrangler::read()?;
    let script = |folder: &str, wrangler: Wrangler| Worker {
        modules: vec![root().join("build/bench").join(folder).join("index.js")],
        wrangler,
        memory: LINES,
    };
    let mut candidates = Vec::new();
    for name in &options.candidates {
        let (worker, checks) = match name.as_str() {
            "floor" => (script("floor", wrangler.clone().without_objects()), false),
            "object" => (script("object", wrangler.clone()), false),
            "peer" => (script("peer", wrangler.clone()), true),
            "gateway" => (Worker { memory: LINES, ..Worker::built()? }, true),
            _ => return Err(format!("--candidates: there is no {name}").into()),
        };
        candidates.push(Candidate { name: name.clone(), worker, checks });
    }
    if let Some(folder) = &options.also {
        candidates.push(Candidate { name: "also".to_owned(), worker: build(folder, &wrangler), checks: true });
    }
    Ok(candidates)
}

/// Another build of the gateway.
fn build(folder: &Path, wrangler: &Wrangler) -> Worker {
    let modules = ["index.js", "index_bg.wasm"].map(|file| folder.join(file)).to_vec();
    Worker { modules, wrangler: wrangler.clone(), memory: LINES }
}

/// The variables of every candidate.
pub(crate) fn bindings(sandbox: &Sandbox, graph_url: &str) -> Result<Bindings, Failure> {
    let mut bindings = Wrangler::read()?.vars;
    for (name, value) in [("LOGIN_URL", sandbox.base_url()), ("GRAPH_URL", graph_url), ("CLIENT_SECRET", CLIENT_SECRET)]
    {
        bindings.insert(name.to_owned(), Value::from(value));
    }
    bindings.insert("CALLERS".to_owned(), requests::callers());
    Ok(bindings)
}

impl Candidate {
    /// Starts it in a process of its own, with a storage of its own.
    pub(crate) async fn start(&self, bindings: &Bindings) -> Result<Gateway, Failure> {
        Gateway::start_worker(&self.worker, bindings)
            .await
            .map_err(|error| format!("the {} does not start: {error}", self.name).into())
    }
}
