//! The gateway under test.

use std::{
    fs,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, redirect::Policy};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::{Bindings, Failure, NotLogged, Usage, Worker, capnp, workerd::Workerd};

/// Maximum delay of a log line after its response.
const LINE_TIMEOUT: Duration = Duration::from_secs(5);

/// Setup of a gateway.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Variables and secrets.
    pub bindings: Bindings,
    /// Modules that load before the built Worker, by name and source.
    ///
    /// workerd starts with the first module, which re-exports the exports of the built Worker from `./index.js`. Tests
    /// interfere from these modules, so the built Worker stays as deployed.
    pub before: &'static [(&'static str, &'static str)],
    /// Wasm from another build, which replaces the built one.
    pub wasm: Option<Vec<u8>>,
    /// V8 options, as in `--help`.
    pub v8_flags: &'static [&'static str],
    /// Worker in front, in a separate isolate.
    ///
    /// It receives the requests and uses the ledgers of the gateway. Requests and ledgers are split in this way while a
    /// deployment spreads, or when an object runs elsewhere.
    pub front: Option<Box<Setup>>,
}

impl Setup {
    /// Returns a setup with these variables whose gateway reports its [`memory`](Gateway::memory).
    #[must_use]
    pub fn measured(bindings: Bindings) -> Self {
        Self {
            before: &[("main.js", include_str!("memory/main.js")), ("first.js", include_str!("memory/first.js"))],
            v8_flags: &["--expose-gc"],
            ..bindings.into()
        }
    }
}

/// Memory use of a gateway after garbage collection.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Memory of the Wasm instance, in KiB. It never shrinks.
    pub wasm: u64,
    /// Resident memory of the process, in KiB, or `None` on systems other than Linux.
    pub resident: Option<u64>,
}

impl From<Bindings> for Setup {
    fn from(bindings: Bindings) -> Self {
        Self { bindings, ..Self::default() }
    }
}

/// Built Worker in its own workerd process, which ends on drop.
pub struct Gateway {
    // Fields drop in this order: the process must end before its folder is removed.
    workerd: Workerd,
    folder: TempDir,
    worker: Worker,
    client: Client,
    base_url: String,
    mark: usize,
}

impl Gateway {
    /// Starts a gateway with these variables and secrets. Date, flags and Durable Objects come from `wrangler.toml`.
    ///
    /// # Errors
    /// Returns an error if the Worker is not built, or workerd rejects it.
    pub async fn start(bindings: &Bindings) -> Result<Self, Failure> {
        Self::set_up(&bindings.clone().into()).await
    }

    /// Starts a gateway with this setup.
    ///
    /// # Errors
    /// Returns the same errors as [`start`](Self::start).
    pub async fn set_up(setup: &Setup) -> Result<Self, Failure> {
        Self::start_worker(Worker::built()?, setup).await
    }

    /// Starts any Worker with this setup.
    ///
    /// # Errors
    /// Returns an error if a module is missing, or workerd rejects the Worker.
    pub async fn start_worker(worker: Worker, setup: &Setup) -> Result<Self, Failure> {
        let folder = TempDir::with_prefix_in("remediation-gateway-", &worker.home)?;
        worker.copy(folder.path())?;
        fs::create_dir(folder.path().join(capnp::STORAGE))?;
        worker.set_up(folder.path(), setup)?;
        let workerd = Workerd::start(folder.path(), &worker).await?;
        Ok(Self {
            base_url: format!("http://127.0.0.1:{}", workerd.port),
            mark: workerd.mark(),
            client: client()?,
            worker,
            workerd,
            folder,
        })
    }

    /// Kills the process (SIGKILL) without any cleanup, as a power cut would.
    pub fn kill(&mut self) {
        self.workerd.end();
    }

    /// Restarts the process on the same storage and another port. A running process is killed first.
    ///
    /// # Errors
    /// Returns an error if workerd does not start.
    pub async fn start_again(&mut self) -> Result<(), Failure> {
        self.kill();
        self.workerd = Workerd::start(self.folder.path(), &self.worker).await?;
        self.base_url = format!("http://127.0.0.1:{}", self.workerd.port);
        self.mark = self.workerd.mark();
        Ok(())
    }

    /// Restarts the process with another setup on the same storage, as a deployment does.
    ///
    /// # Errors
    /// Returns an error if workerd does not start.
    pub async fn start_again_as(&mut self, setup: &Setup) -> Result<(), Failure> {
        self.kill();
        self.worker.set_up(self.folder.path(), setup)?;
        self.start_again().await
    }

    /// Returns the process ID.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.workerd.process
    }

    /// Returns the start time of the process.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.workerd.began
    }

    /// Returns `http://127.0.0.1:{port}`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Creates a request to one of the gateway's paths.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base_url))
    }

    /// Creates a GET request.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// Creates a POST request.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// Returns the memory use of a gateway with a [measured](Setup::measured) setup.
    ///
    /// # Errors
    /// Returns an error if the gateway does not report its memory.
    pub async fn memory(&self) -> Result<Memory, Failure> {
        let wasm: u64 = self.get("/memory").send().await?.json().await?;
        Ok(Memory { wasm: wasm / 1024, resident: self.usage().map(|usage| usage.resident) })
    }

    /// Returns the resources that the process has used so far, or `None` on systems other than Linux.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.workerd.usage()
    }

    /// Returns the log lines since the start or the last [`forget_output`](Self::forget_output).
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.workerd.output(self.mark)
    }

    /// Returns all log lines, including forgotten lines and lines that are still to come.
    pub(crate) fn log(&self) -> watch::Receiver<Vec<String>> {
        self.workerd.log()
    }

    /// Removes all lines so far from [`output`](Self::output).
    pub fn forget_output(&mut self) {
        self.mark = self.workerd.mark();
    }

    /// Waits for a log line that satisfies the predicate, which may already be logged.
    ///
    /// # Errors
    /// Returns an error if no such line is logged within five seconds.
    pub async fn wait_for_line(&self, predicate: impl Fn(&str) -> bool) -> Result<String, NotLogged> {
        self.workerd.wait_for_line(self.mark, LINE_TIMEOUT, predicate).await
    }
}

/// Returns a client that follows no redirect and ignores proxies in the environment.
fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        // The timeout exceeds the gateway's total budget, so the gateway responds first.
        .timeout(Duration::from_mins(2))
        .build()
}
