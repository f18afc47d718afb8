//! Runs a command beside the built Worker in workerd and the sandbox, tells it their addresses, and ends as it ends:
//!
//! ```sh
//! cargo run --package acceptance --example beside-gateway -- COMMAND [ARGUMENT…]
//! ```
//!
//! The command finds `GATEWAY_URL` and `SANDBOX_URL` in its environment, and in `API_KEY` the key of a caller that may do everything to everybody.

use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "a command line program")]
fn main() -> ExitCode {
    acceptance::run_beside().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
