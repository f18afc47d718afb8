//! How much of a Worker is uploaded.

use std::{fs, io::Write as _, path::PathBuf};

use flate2::{Compression, write::GzEncoder};

use crate::Failure;

/// The size of an upload, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Upload {
    /// As the files lie there.
    pub raw: usize,
    /// Each of them compressed by gzip at its best level: Cloudflare's limits are on the compressed size.
    pub gzip: usize,
}

impl Upload {
    /// Of these modules together.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn of(modules: &[PathBuf]) -> Result<Self, Failure> {
        let mut upload = Self::default();
        for module in modules {
            let bytes = fs::read(module).map_err(|error| format!("{}: {error}: run `make build`", module.display()))?;
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            gzip.write_all(&bytes)?;
            upload.raw += bytes.len();
            upload.gzip += gzip.finish()?.len();
        }
        Ok(upload)
    }
}
