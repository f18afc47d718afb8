//! CPU time and size of a process.

use std::{fs, time::Duration};

use acceptance::Failure;

/// Returns the CPU time of a process so far, user and system, including ended threads.
///
/// The process clock (`clock_getcpuclockid`) counts nanoseconds. Unlike ticks of 10 ms it is precise, and unlike
/// sampling it includes threads that ended.
#[cfg(target_os = "linux")]
pub(crate) fn cpu_time(process: u32) -> Result<Duration, Failure> {
    let process = nix::unistd::Pid::from_raw(i32::try_from(process)?);
    Ok(nix::time::ClockId::pid_cpu_clock_id(process)?.now()?.into())
}

/// Returns an error, because other systems do not have this clock.
#[cfg(not(target_os = "linux"))]
pub(crate) fn cpu_time(_process: u32) -> Result<Duration, Failure> {
    Err("the benchmark reads the CPU time of another process, which it can do on Linux only".into())
}

/// Current and maximum memory of a process, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    /// Resident set size.
    pub(crate) now: u64,
    /// Maximum resident set size so far.
    pub(crate) peak: u64,
}

/// Returns the size of a process, from `/proc`.
pub(crate) fn size(process: u32) -> Result<Size, Failure> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))
        .map_err(|error| format!("the size of a process is read from /proc, on Linux only: {error}"))?;
    let kib = |name: &str| -> Result<u64, Failure> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("/proc/*/status lacks a line")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    };
    Ok(Size { now: kib("VmRSS:")?, peak: kib("VmHWM:")? })
}
