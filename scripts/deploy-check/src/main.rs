//! `make deploy` runs this first: whether the production part of `wrangler.toml` is fit to deploy. It reads that file and nothing else.
//!
//! The variables are judged by the code that judges them in the Worker. What is added here is what only a file can have: placeholders, a
//! secret in the open, a variable that nobody reads, and what wrangler does not take over from the top level.

mod check;
#[cfg(test)]
mod tests;

use std::{env, fs, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [path] = arguments.as_slice() else {
        complain("usage: deploy-check wrangler.toml");
        return ExitCode::FAILURE;
    };
    let shown = path.to_string_lossy();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("error: {shown}: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match check::production(&text) {
        Ok(secret) => {
            say(&format!(
                "==> {shown}: the production part has no fault. The value of {secret} is not in it: the Worker checks that on its first request."
            ));
            ExitCode::SUCCESS
        }
        Err(faults) => {
            complain(&format!("error: nothing was deployed, since the production part of {shown} has faults:"));
            for fault in faults {
                complain(&format!("  {fault}"));
            }
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the program's own output")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "the program's own complaint")]
fn complain(line: &str) {
    eprintln!("{line}");
}
