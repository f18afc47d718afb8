//! Runs a command beside the built Worker in workerd and the sandbox, and exits with the command's status:
//!
//! ```sh
//! cargo run --package acceptance --example beside-gateway -- COMMAND [ARGUMENT…]
//! ```
//!
//! The command's environment has `GATEWAY_URL`, `SANDBOX_URL`, and in `API_KEY` the key of a caller with every
//! permission.

use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "a command line program")]
fn main() -> ExitCode {
    acceptance::run_beside().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
