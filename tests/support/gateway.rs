//! The gateway under test.

use std::{
    fs,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, redirect::Policy};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::{Bindings, Failure, NotLogged, Usage, Worker, capnp, workerd::Workerd};

/// How long a line of the log may take to arrive after the answer that it belongs to.
const LINE: Duration = Duration::from_secs(5);

/// What a gateway is started with.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Its variables and secrets.
    pub bindings: Bindings,
    /// Modules that stand before the built Worker, by name and source. The first is the one that workerd starts with, and exports what the built Worker
    /// exports, by way of `./index.js`: that is what is deployed, and what a test does to it from outside stands in these.
    pub before: &'static [(&'static str, &'static str)],
    /// A Wasm in place of the built one: that of another build.
    pub wasm: Option<Vec<u8>>,
    /// Options of V8, as its `--help` has them.
    pub v8_flags: &'static [&'static str],
    /// A Worker in front, in an isolate of its own, which takes the requests, while the ledgers are those of the gateway itself: as while a deployment
    /// spreads, and as an object elsewhere is.
    pub front: Option<Box<Setup>>,
}

impl Setup {
    /// With these variables, so that it tells of its [`memory`](Gateway::memory).
    #[must_use]
    pub fn measured(bindings: Bindings) -> Self {
        Self {
            before: &[("main.js", include_str!("memory/main.js")), ("first.js", include_str!("memory/first.js"))],
            v8_flags: &["--expose-gc"],
            ..bindings.into()
        }
    }
}

/// What a gateway keeps, once what is garbage was collected.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The memory of its Wasm instance, in KiB. It never shrinks.
    pub wasm: u64,
    /// What is resident of its process, in KiB; nothing where the system does not tell as Linux does.
    pub resident: Option<u64>,
}

impl From<Bindings> for Setup {
    fn from(bindings: Bindings) -> Self {
        Self { bindings, ..Self::default() }
    }
}

/// The built Worker, served by a workerd of its own. It ends when this is dropped.
pub struct Gateway {
    // Dropped in this order: nobody writes into the folder when it goes.
    workerd: Workerd,
    folder: TempDir,
    worker: Worker,
    client: Client,
    base_url: String,
    mark: usize,
}

impl Gateway {
    /// Starts it with these variables and secrets, and the compatibility date, flags and Durable Objects of `wrangler.toml`.
    ///
    /// # Errors
    /// Where the Worker is not built, or workerd does not take it.
    pub async fn start(bindings: &Bindings) -> Result<Self, Failure> {
        Self::set_up(&bindings.clone().into()).await
    }

    /// The same, set up in another way.
    ///
    /// # Errors
    /// As those of [`start`](Self::start).
    pub async fn set_up(setup: &Setup) -> Result<Self, Failure> {
        Self::start_worker(Worker::built()?, setup).await
    }

    /// The same of any Worker.
    ///
    /// # Errors
    /// Where a module is missing, or workerd does not take the Worker.
    pub async fn start_worker(worker: Worker, setup: &Setup) -> Result<Self, Failure> {
        let folder = TempDir::with_prefix_in("remediation-gateway-", &worker.home)?;
        worker.copy(folder.path())?;
        fs::create_dir(folder.path().join(capnp::STORAGE))?;
        worker.set_up(folder.path(), setup)?;
        let workerd = Workerd::start(folder.path(), worker.memory).await?;
        Ok(Self {
            base_url: format!("http://127.0.0.1:{}", workerd.port),
            mark: workerd.mark(),
            client: client()?,
            worker,
            workerd,
            folder,
        })
    }

    /// Kills the process at once (SIGKILL), as a power cut would: nothing is finished, nothing is said.
    pub fn kill(&mut self) {
        self.workerd.end();
    }

    /// Starts it again, on the storage that it left and another port. Where it still runs, it is killed first.
    ///
    /// # Errors
    /// Where workerd does not start.
    pub async fn start_again(&mut self) -> Result<(), Failure> {
        self.kill();
        self.workerd = Workerd::start(self.folder.path(), self.worker.memory).await?;
        self.base_url = format!("http://127.0.0.1:{}", self.workerd.port);
        self.mark = self.workerd.mark();
        Ok(())
    }

    /// The same, set up in another way from now on: what a deployment is to the ledgers that were there before it.
    ///
    /// # Errors
    /// Where workerd does not start.
    pub async fn start_again_as(&mut self, setup: &Setup) -> Result<(), Failure> {
        self.kill();
        self.worker.set_up(self.folder.path(), setup)?;
        self.start_again().await
    }

    /// The id of its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.workerd.process
    }

    /// When its process was called into being.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.workerd.began
    }

    /// `http://127.0.0.1:{port}`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A request to one of its paths.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base_url))
    }

    /// A GET.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A POST.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// What it keeps, for one that was set up to be [measured](Setup::measured).
    ///
    /// # Errors
    /// Where it does not tell.
    pub async fn memory(&self) -> Result<Memory, Failure> {
        let wasm: u64 = self.get("/memory").send().await?.json().await?;
        Ok(Memory { wasm: wasm / 1024, resident: self.usage().map(|usage| usage.resident) })
    }

    /// What its process has used so far; nothing where the system does not tell as Linux does.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.workerd.usage()
    }

    /// What it logged since the start, or since [`forget_output`](Self::forget_output), line by line.
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.workerd.output(self.mark)
    }

    /// Everything that it ever says, whatever is forgotten, and after its end too.
    pub(crate) fn log(&self) -> watch::Receiver<Vec<String>> {
        self.workerd.log()
    }

    /// Leaves what was logged so far out of [`output`](Self::output).
    pub fn forget_output(&mut self) {
        self.mark = self.workerd.mark();
    }

    /// Waits for a line of the log, or gives it at once when it is there already.
    ///
    /// # Errors
    /// Where there is none within five seconds.
    pub async fn wait_for_line(&self, predicate: impl Fn(&str) -> bool) -> Result<String, NotLogged> {
        self.workerd.wait_for_line(self.mark, LINE, predicate).await
    }
}

/// Sees each answer as it came: follows no redirect, and no proxy of the environment stands in between.
fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        // Above the gateway's own whole budget, so that it is the gateway that answers.
        .timeout(Duration::from_mins(2))
        .build()
}
