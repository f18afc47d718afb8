//! The gateway under test.

use std::{
    env, fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, redirect::Policy};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::{Bindings, Failure, NotLogged, Wrangler, capnp, root, workerd::Workerd};

/// How long a line of the log may take to arrive after the answer that it belongs to.
const LINE: Duration = Duration::from_secs(5);

/// What workerd serves.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The files of its modules, that of the main one first. Each module has its file's name.
    pub modules: Vec<PathBuf>,
    /// The compatibility date, flags and Durable Objects.
    pub wrangler: Wrangler,
    /// How many of the last lines that it says are kept at least. A benchmark that kept all would measure itself.
    pub memory: usize,
    /// In which folder that of the process is made, with its modules and what its Durable Objects store.
    pub home: PathBuf,
}

impl Worker {
    /// The gateway as `make build` leaves it, with what `wrangler.toml` says of it.
    ///
    /// # Errors
    /// Where `wrangler.toml` cannot be read.
    pub fn built() -> Result<Self, Failure> {
        let build = root().join("build");
        let modules = ["index.js", "index_bg.wasm"].map(|file| build.join(file)).to_vec();
        Ok(Self { modules, wrangler: Wrangler::read()?, memory: usize::MAX, home: env::temp_dir() })
    }
}

/// The built Worker, served by a workerd of its own. It ends when this is dropped.
pub struct Gateway {
    // Dropped in this order: nobody writes into the folder when it goes.
    workerd: Workerd,
    folder: TempDir,
    memory: usize,
    client: Client,
    base_url: String,
    mark: usize,
}

impl Gateway {
    /// Starts the built gateway with these variables and secrets, and the compatibility date, flags and Durable Objects of `wrangler.toml`.
    ///
    /// # Errors
    /// Where the Worker is not built, or workerd does not take it.
    pub async fn start(bindings: &Bindings) -> Result<Self, Failure> {
        Self::start_worker(&Worker::built()?, bindings).await
    }

    /// The same for any Worker.
    ///
    /// # Errors
    /// Where a module is missing, or workerd does not take the Worker.
    pub async fn start_worker(worker: &Worker, bindings: &Bindings) -> Result<Self, Failure> {
        let folder = TempDir::with_prefix_in("remediation-gateway-", &worker.home)?;
        let mut modules = Vec::new();
        for module in &worker.modules {
            let name = module.file_name().unwrap_or_default().to_string_lossy().into_owned();
            fs::copy(module, folder.path().join(&name))
                .map_err(|error| format!("{}: {error}: run `make build`", module.display()))?;
            modules.push(name);
        }
        fs::create_dir(folder.path().join(capnp::STORAGE))?;
        fs::write(folder.path().join("config.capnp"), capnp::config(&modules, &worker.wrangler, bindings))?;
        let workerd = Workerd::start(folder.path(), worker.memory).await?;
        Ok(Self {
            base_url: format!("http://127.0.0.1:{}", workerd.port),
            mark: workerd.mark(),
            memory: worker.memory,
            client: client()?,
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
        self.workerd = Workerd::start(self.folder.path(), self.memory).await?;
        self.base_url = format!("http://127.0.0.1:{}", self.workerd.port);
        self.mark = self.workerd.mark();
        Ok(())
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
