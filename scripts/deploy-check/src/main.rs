//! `make deploy` first runs this program, which checks a wrangler configuration file. The program reads only that file.
//!
//! It merges the top level and the environment's part as wrangler does, and reports every mistake at once. It checks
//! the variables with the Worker's own code. Its own rules check the other settings of the file.

mod audience;
mod check;
mod effective;
mod error;
mod limits;
mod rules;
#[cfg(test)]
mod tests;

use std::{env, fs, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [path, environment, flags @ ..] = arguments.as_slice() else {
        complain("usage: deploy-check wrangler.toml production [WRANGLER_FLAGS]");
        return ExitCode::FAILURE;
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("error: {path}: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match check::deployed(&text, environment, flags) {
        Ok(secret) => {
            say(&format!(
                "==> {path}: the {environment} part has no mistake. The value of {secret} is not in it: \
                 the Worker checks that on its first request."
            ));
            ExitCode::SUCCESS
        }
        Err(findings) => {
            complain(&format!("error: nothing was deployed. Correct the {environment} part of {path}:"));
            for finding in findings {
                complain(&format!("  {finding}"));
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
