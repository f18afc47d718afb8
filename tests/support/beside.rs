//! Runs programs in other languages with a gateway and a sandbox.

use std::{env, ffi::OsStr, process::Command, process::ExitCode};

use sandbox::Sandbox;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{Failure, Gateway, World, root};

/// API key that only a gateway on loopback accepts, and its SHA-256.
const KEY: (&str, &str) =
    ("rgk_everything-to-everybody", "8e44540c807ae894cf3927517feffb5fa59d6dd321f2d70ce8fff0ed1ba4ce20");

/// Returns a command that runs `program` in the checkout, with `GATEWAY_URL` and `SANDBOX_URL` in its environment.
///
/// `PATH` starts with npm's binaries, so that all programs use the same Node.
///
/// # Errors
/// Returns an error if `PATH` cannot hold the checkout's path.
pub fn command(program: impl AsRef<OsStr>, gateway: &Gateway, sandbox: &Sandbox) -> Result<Command, Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([root().join("node_modules/.bin")].into_iter().chain(env::split_paths(&path)))?;
    let mut command = Command::new(program);
    command.current_dir(root()).env("PATH", path);
    command.env("GATEWAY_URL", gateway.base_url()).env("SANDBOX_URL", sandbox.base_url());
    Ok(command)
}

/// Runs the command in the arguments with a gateway and a sandbox, and returns the command's exit code.
///
/// `API_KEY` in its environment is the key of a caller with all permissions.
///
/// # Errors
/// Returns an error if the gateway, the sandbox or the command does not start.
pub fn run_beside() -> Result<ExitCode, Failure> {
    let mut arguments = env::args_os().skip(1);
    let program = arguments.next().ok_or("no command is given")?;
    Runtime::new()?.block_on(async {
        let world = World::start().await?;
        let mut bindings = world.bindings();
        let actions = bindings.get("CALLERS").and_then(|callers| callers.pointer("/0/actions")).cloned();
        let caller = json!({
            "name": "everything", "object_id": sandbox::CALLER_OBJECT_ID, "api_key_sha256": [KEY.1], "actions": actions,
            "recipient_domains": ["*"], "senders_copy": true, "whole_messages": true, "max_emails_per_request": 10_000, "max_emails_per_hour": 2_500_000,
        });
        bindings.insert("CALLERS".to_owned(), json!([caller]));
        let gateway = Gateway::start(&bindings).await?;
        let status = command(program, &gateway, &world.sandbox)?.env("API_KEY", KEY.0).args(arguments).status()?;
        Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
    })
}
