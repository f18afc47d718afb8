//! Programs that are not Rust, run beside a gateway and a sandbox.

use std::{env, ffi::OsStr, process::Command, process::ExitCode};

use sandbox::Sandbox;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{Failure, Gateway, World, root};

/// A key that is good for nothing but a gateway on loopback, and its SHA-256.
const KEY: (&str, &str) =
    ("rgk_everything-to-everybody", "8e44540c807ae894cf3927517feffb5fa59d6dd321f2d70ce8fff0ed1ba4ce20");

/// `program`, to be run in the checkout, with `GATEWAY_URL` and `SANDBOX_URL` in its environment. What npm installed is found first: its Node is
/// the one that everything else here runs on.
///
/// # Errors
/// Where the checkout's path could not stand in `PATH`.
pub fn command(program: impl AsRef<OsStr>, gateway: &Gateway, sandbox: &Sandbox) -> Result<Command, Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([root().join("node_modules/.bin")].into_iter().chain(env::split_paths(&path)))?;
    let mut command = Command::new(program);
    command.current_dir(root()).env("PATH", path);
    command.env("GATEWAY_URL", gateway.base_url()).env("SANDBOX_URL", sandbox.base_url());
    Ok(command)
}

/// Runs the command that the arguments are beside a gateway and a sandbox, and ends as it ends. `API_KEY` in its environment is the key of a caller
/// that may do everything to everybody.
///
/// # Errors
/// Where one of the three does not start.
pub fn run_beside() -> Result<ExitCode, Failure> {
    let mut arguments = env::args_os().skip(1);
    let program = arguments.next().ok_or("which command shall be run?")?;
    Runtime::new()?.block_on(async {
        let world = World::start().await?;
        let mut bindings = world.bindings();
        let actions = bindings.get("CALLERS").and_then(|callers| callers.pointer("/0/actions")).cloned();
        let caller = json!({
            "name": "everything", "object_id": sandbox::CALLER_OBJECT_ID, "api_key_sha256": [KEY.1], "actions": actions,
            "recipient_domains": ["*"], "senders_copy": true, "max_emails_per_request": 10_000, "max_emails_per_hour": 2_500_000,
        });
        bindings.insert("CALLERS".to_owned(), json!([caller]));
        let gateway = Gateway::start(&bindings).await?;
        let status = command(program, &gateway, &world.sandbox)?.env("API_KEY", KEY.0).args(arguments).status()?;
        Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
    })
}
