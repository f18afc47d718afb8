//! What the system says of a process: its CPU time and its size.

use std::{fs, time::Duration};

use acceptance::Failure;

/// The CPU time of a process so far, user and system, over all of its threads, those that have ended too.
///
/// It is the process's own clock (`clock_getcpuclockid`), which counts nanoseconds: no tick of 10 ms, and no thread that is missed because it
/// ended between two looks.
#[cfg(target_os = "linux")]
pub(crate) fn cpu_time(process: u32) -> Result<Duration, Failure> {
    let process = nix::unistd::Pid::from_raw(i32::try_from(process)?);
    Ok(nix::time::ClockId::pid_cpu_clock_id(process)?.now()?.into())
}

/// The same on other systems, which have no such clock.
#[cfg(not(target_os = "linux"))]
pub(crate) fn cpu_time(_process: u32) -> Result<Duration, Failure> {
    Err("the benchmark reads the CPU time of another process, which it can do on Linux only".into())
}

/// How much memory a process has: now, and at most so far. In KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    /// Resident set size.
    pub(crate) now: u64,
    /// The largest that it ever was.
    pub(crate) peak: u64,
}

/// The size of a process, from `/proc`.
pub(crate) fn size(process: u32) -> Result<Size, Failure> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))
        .map_err(|error| format!("the size of a process is read from /proc, on Linux only: {error}"))?;
    let kib = |name: &str| -> Result<u64, Failure> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("/proc/*/status lacks a line")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    };
    Ok(Size { now: kib("VmRSS:")?, peak: kib("VmHWM:")? })
}
