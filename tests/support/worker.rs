//! Worker that workerd serves.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{Failure, Setup, Wrangler, capnp, root};

/// Worker: the gateway or another one.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Files of the modules, the main module first. A module's name is its file's name.
    pub modules: Vec<PathBuf>,
    /// Compatibility date, flags and Durable Objects.
    pub wrangler: Wrangler,
    /// Minimum number of last log lines to keep. A benchmark keeps few, since storing all lines would distort its
    /// figures.
    pub memory: usize,
    /// Parent of the process's folder, which holds the modules and the data of the Durable Objects.
    pub home: PathBuf,
}

impl Worker {
    /// Returns the gateway that `make build` produced, with the settings of `wrangler.toml`.
    ///
    /// # Errors
    /// Returns an error if `wrangler.toml` cannot be read.
    pub fn built() -> Result<Self, Failure> {
        let build = root().join("build");
        let modules = ["index.js", "index_bg.wasm"].map(|file| build.join(file)).to_vec();
        Ok(Self { modules, wrangler: Wrangler::read()?, memory: usize::MAX, home: env::temp_dir() })
    }

    /// Copies the modules into workerd's folder.
    pub(crate) fn copy(&self, folder: &Path) -> Result<(), Failure> {
        for module in &self.modules {
            fs::copy(module, folder.join(name(module)))
                .map_err(|error| format!("{}: {error}: run `make build`", module.display()))?;
        }
        Ok(())
    }

    /// Writes workerd's configuration into its folder.
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
