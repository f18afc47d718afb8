//! The workerd process, without wrangler.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;
use tokio::sync::watch;

use crate::{Failure, Usage, Worker, root};

/// Maximum start time of workerd. It usually needs 0.2 s; a busy machine may need a hundred times as long.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Shell script that ties workerd's life to the pipe on its standard input.
///
/// The pipe closes when the test binary ends for any reason. The script then kills workerd, and removes the folder
/// unless the test binary has already taken over the removal. The script first prints workerd's process ID. The script
/// ignores the terminal's signals, which reach the whole process group, and leaves them to the test binary.
const SUPERVISOR: &str = r#"
trap '' HUP INT TERM
folder=$1
shift
"$@" </dev/null &
echo "{\"pid\":$!}"
exec >/dev/null 2>&1
message=$(cat)
kill -KILL $!
wait
[ -n "$message" ] || rm -rf "$folder"
"#;

/// Running workerd, killed on drop.
pub(crate) struct Workerd {
    pipe: Option<ChildStdin>,
    shell: Child,
    pub(crate) port: u16,
    /// ID of the workerd process, not of the shell around it.
    pub(crate) process: u32,
    /// Start time of the process.
    pub(crate) began: Instant,
    lines: watch::Receiver<Vec<String>>,
}

/// Error for an expected log line that did not appear in time.
#[derive(Debug, thiserror::Error)]
#[error("no such line within {within:?}; the gateway logged:\n{output}")]
pub struct NotLogged {
    within: Duration,
    output: String,
}

/// Message on workerd's control pipe, which is its standard output here. It precedes all lines of the Worker.
#[derive(Deserialize)]
struct Listening {
    port: u16,
}

/// First message of the shell.
#[derive(Deserialize)]
struct Born {
    pid: u32,
}

impl Workerd {
    /// Starts workerd in a folder with `config.capnp` and its embedded files.
    pub(crate) async fn start(folder: &Path, worker: &Worker) -> Result<Self, Failure> {
        let began = Instant::now();
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SUPERVISOR, "workerd"])
            .arg(fs::canonicalize(folder)?)
            .arg(binary()?)
            .args(["serve", "--control-fd=1"])
            // Compatibility flags of tests are experimental. The gateway has none.
            .args((!worker.wrangler.compatibility_flags.is_empty()).then_some("--experimental"))
            .arg("config.capnp")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pipe = shell.stdin.take();
        let (sender, mut lines) = watch::channel(Vec::new());
        read_lines(shell.stdout.take(), sender.clone(), worker.memory);
        read_lines(shell.stderr.take(), sender, worker.memory);

        // If workerd ends, for example because of an invalid configuration, the pipes close and the wait ends.
        let runs = |lines: &Vec<String>| {
            lines.iter().find_map(|line| port(line)).zip(lines.iter().find_map(|line| process(line)))
        };
        let listens = match tokio::time::timeout(START_TIMEOUT, lines.wait_for(|lines| runs(lines).is_some())).await {
            Ok(Ok(lines)) => runs(&lines),
            Ok(Err(_)) | Err(_) => None,
        };
        let (port, process) = listens.unwrap_or_default();
        let mut workerd = Self { pipe, shell, port, process, began, lines };
        if listens.is_none() {
            let output = workerd.output(0).join("\n");
            workerd.end();
            return Err(format!("workerd did not start:\n{output}").into());
        }
        Ok(workerd)
    }

    /// Returns the resources that the process has used so far, or `None` on systems other than Linux.
    pub(crate) fn usage(&self) -> Option<Usage> {
        Usage::of(self.process)
    }

    /// Returns the number of lines logged so far.
    pub(crate) fn mark(&self) -> usize {
        self.lines.borrow().len()
    }

    /// Returns the lines logged after the first `mark`.
    pub(crate) fn output(&self, mark: usize) -> Vec<String> {
        self.lines.borrow().iter().skip(mark).cloned().collect()
    }

    /// Returns all lines, including those still to come.
    pub(crate) fn log(&self) -> watch::Receiver<Vec<String>> {
        self.lines.clone()
    }

    /// Waits for a line after the first `mark` lines that satisfies the predicate.
    pub(crate) async fn wait_for_line(
        &self,
        mark: usize,
        within: Duration,
        predicate: impl Fn(&str) -> bool,
    ) -> Result<String, NotLogged> {
        let find = |lines: &Vec<String>| lines.iter().skip(mark).find(|line| predicate(line)).cloned();
        let mut lines = self.lines.clone();
        let found = match tokio::time::timeout(within, lines.wait_for(|lines| find(lines).is_some())).await {
            Ok(Ok(lines)) => find(&lines),
            Ok(Err(_)) | Err(_) => None,
        };
        found.ok_or_else(|| NotLogged { within, output: self.output(mark).join("\n") })
    }

    /// Kills the process (SIGKILL) and waits until it has ended.
    pub(crate) fn end(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // The write fails only if the shell has ended, which is fine.
            let _ = pipe.write_all(b"the test binary removes the folder");
        }
        let _ = self.shell.wait();
    }
}

impl Drop for Workerd {
    fn drop(&mut self) {
        self.end();
    }
}

/// Collects the lines of one pipe until its end. Keeps at least the last `memory` lines, and at most twice as many.
fn read_lines(pipe: Option<impl Read + Send + 'static>, sender: watch::Sender<Vec<String>>, memory: usize) {
    thread::spawn(move || {
        let Some(pipe) = pipe else { return };
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            sender.send_modify(|lines| {
                if lines.len() >= memory.saturating_mul(2) {
                    lines.drain(..memory);
                }
                lines.push(line);
            });
        }
    });
}

fn port(line: &str) -> Option<u16> {
    serde_json::from_str(line).ok().map(|Listening { port }| port)
}

fn process(line: &str) -> Option<u32> {
    serde_json::from_str(line).ok().map(|Born { pid }| pid)
}

/// Returns the path of the workerd binary for this platform, the only one that npm installs.
fn binary() -> Result<PathBuf, Failure> {
    let packages = root().join("node_modules/@cloudflare");
    let missing = || "workerd is missing: run `make build`";
    for entry in fs::read_dir(&packages).map_err(|_| missing())? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("workerd-") {
            return Ok(fs::canonicalize(entry.path().join("bin/workerd"))?);
        }
    }
    Err(missing().into())
}
