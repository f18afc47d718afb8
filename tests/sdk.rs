//! Microsoft's official SDKs, unmodified, with the gateway as their base URL, and a client generated from the gateway's
//! OpenAPI documents: `tests/sdk`, on Node's test runner.

use acceptance::{TestResult, World, command, tests};

fn main() -> std::process::ExitCode {
    acceptance::run(tests![official_sdks_are_served, generated_clients_are_served])
}

async fn official_sdks_are_served(world: &World) -> TestResult {
    run(world, "tests/sdk/drop-in.test.js")
}

async fn generated_clients_are_served(world: &World) -> TestResult {
    run(world, "tests/sdk/generated.test.js")
}

/// Runs a test file of Node beside the gateway. Node's report is part of this test's output.
fn run(world: &World, file: &str) -> TestResult {
    let mut node = command("node", &world.gateway, &world.sandbox)?;
    let status = node.args(["--test", "--test-reporter=spec", file]).status()?;
    if status.success() { Ok(()) } else { Err(format!("a test of {file} failed: its report is above").into()) }
}
