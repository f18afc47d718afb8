//! The benchmark: the gateway beside a JavaScript peer and the floor, in one run. See bench/README.md.

mod candidates;
mod load;
mod measure;
mod options;
mod process;
mod report;
mod requests;
mod statistics;
mod upstream;

use std::{process::ExitCode, sync::Arc};

use acceptance::Failure;
use sandbox::{Sandbox, Settings};

use crate::{
    measure::Run,
    options::{HELP, Options},
    requests::Credentials,
    upstream::Upstream,
};

#[tokio::main]
async fn main() -> ExitCode {
    match bench().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where that fails too, there is nobody left to tell.
            let _ = report::say(&format!("error: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

async fn bench() -> Result<(), Failure> {
    let options = Options::read()?;
    if options.help {
        return report::say(HELP);
    }
    let sandbox = Sandbox::start(Settings::new(candidates::CLIENT_SECRET)).await?;
    let upstream = Upstream::start().await?;
    let candidates = candidates::all(&options)?;
    let mut run = Run {
        options: &options,
        candidates: &candidates,
        sandbox: &sandbox,
        upstream: &upstream,
        credentials: Arc::new(Credentials::issue(&sandbox)),
        bindings: candidates::bindings(&sandbox, &upstream.base_url)?,
        series: Vec::new(),
        sizes: Vec::new(),
    };
    for emails in options.emails.clone() {
        run.size(emails).await?;
    }
    Ok(())
}
