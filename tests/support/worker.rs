//! What workerd serves.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{Failure, Setup, Wrangler, capnp, root};

/// A Worker, whoever made it.
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

    /// Copies its modules to where workerd starts.
    pub(crate) fn copy(&self, folder: &Path) -> Result<(), Failure> {
        for module in &self.modules {
            fs::copy(module, folder.join(name(module)))
                .map_err(|error| format!("{}: {error}: run `make build`", module.display()))?;
        }
        Ok(())
    }

    /// Writes what workerd starts from beside them.
    pub(crate) fn set_up(&self, folder: &Path, setup: &Setup) -> Result<(), Failure> {
        let front = setup.front.as_ref().map_or(&[][..], |front| front.before);
        for (name, source) in setup.before.iter().chain(front) {
            fs::write(folder.join(name), source)?;
        }
        for (name, setup) in [(capnp::WASM, Some(setup)), (capnp::FRONT_WASM, setup.front.as_deref())] {
            if let Some(wasm) = setup.and_then(|setup| setup.wasm.as_ref()) {
                fs::write(folder.join(name), wasm)?;
            }
        }
        let modules: Vec<String> = self.modules.iter().map(|module| name(module)).collect();
        Ok(fs::write(folder.join("config.capnp"), capnp::config(&modules, &self.wrangler, setup))?)
    }
}

fn name(module: &Path) -> String {
    module.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
