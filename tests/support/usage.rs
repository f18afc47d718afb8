//! Resource use of a process.

use std::{fs, time::Duration};

/// Resources that a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// CPU time of all threads, in steps of 10 ms.
    pub cpu: Duration,
    /// Resident memory, in KiB.
    pub resident: u64,
}

impl Usage {
    /// Returns the resource use of this process, or `None` on systems other than Linux (proc(5)).
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name, in parentheses, may contain any character. `state` follows it, then at positions 12 and
        // 13 `utime` and `stime` in hundredths of a second.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
        Some(Self { cpu: Duration::from_millis((user + system) * 10), resident: resident.parse().ok()? })
    }
}
