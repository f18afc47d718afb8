//! Size of a Worker's upload.

use std::{fs, io::Write as _, path::PathBuf};

use flate2::{Compression, write::GzEncoder};

use crate::Failure;

/// Size of an upload, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Upload {
    /// Uncompressed size.
    pub raw: usize,
    /// Sum of the modules' sizes after gzip at its best level. Cloudflare limits the compressed size.
    pub gzip: usize,
}

impl Upload {
    /// Returns the total size of these modules.
    ///
    /// # Errors
    /// Returns an error if a module cannot be read.
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
