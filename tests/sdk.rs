//! Microsoft's official SDKs, unmodified, with the gateway as their base URL: `tests/sdk`, on Node's test runner.

use acceptance::{TestResult, World, command, tests};

fn main() -> std::process::ExitCode {
    acceptance::run(tests![official_sdks_work_unmodified])
}

/// Runs Node's test file beside the gateway. Node's report is part of this test's output.
async fn official_sdks_work_unmodified(world: &World) -> TestResult {
    let mut node = command("node", &world.gateway, &world.sandbox)?;
    let status = node.args(["--test", "--test-reporter=spec", "tests/sdk/drop-in.test.js"]).status()?;
    if status.success() { Ok(()) } else { Err("a test of drop-in.test.js failed: its report is above".into()) }
}
