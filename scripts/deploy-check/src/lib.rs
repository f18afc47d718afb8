//! Checks a wrangler configuration file before it is deployed.
//!
//! The check merges the top level and the environment's part as wrangler does, and reports every mistake at once. It
//! checks the variables with the Worker's own code. Its own rules check the other settings of the file.
//!
//! `scripts/deploy.mjs` runs the check as Wasm, in a checkout and in a release archive.

mod audience;
mod check;
mod effective;
mod error;
#[cfg(test)]
mod filled;
mod limits;
mod rules;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen::prelude::wasm_bindgen;

use check::DeployedFolder;

/// Checks the content `text` of the file `path`: the part that wrangler would deploy for `environment` with `flags`.
///
/// Returns a line that names the required secret, whose value is not in the file. `is_archive` is whether the Worker is
/// already built; then the file must not have a build.
///
/// # Errors
/// Returns a text with one line for each mistake.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen(js_name = checkConfiguration))]
#[expect(clippy::needless_pass_by_value, reason = "wasm-bindgen passes no slice of texts")]
pub fn check_configuration(
    path: &str,
    text: &str,
    environment: &str,
    flags: Vec<String>,
    is_archive: bool,
) -> Result<String, String> {
    let folder = if is_archive { DeployedFolder::Archive } else { DeployedFolder::Checkout };
    match check::check_deployment(text, environment, &flags, folder) {
        Ok(secret) => Ok(format!(
            "==> {path}: the {environment} part has no mistake. The value of {secret} is not in it: \
             the Worker checks that on its first request."
        )),
        Err(findings) => {
            let mut report = format!("error: nothing was deployed. Correct the {environment} part of {path}:");
            for finding in findings {
                // Writing to a text cannot fail.
                let _ = write!(report, "\n  {finding}");
            }
            Err(report)
        }
    }
}
