//! What a process uses.

use std::{fs, time::Duration};

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// On the processor, all threads together, in steps of 10 ms.
    pub cpu: Duration,
    /// Memory that is resident, in KiB.
    pub resident: u64,
}

impl Usage {
    /// That of this process; nothing where the system does not tell as Linux does (proc(5)).
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name of the program, in parentheses, may hold anything; after it stand `state` and, from the twelfth on, `utime` and `stime`, in
        // hundredths of a second.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
        Some(Self { cpu: Duration::from_millis((user + system) * 10), resident: resident.parse().ok()? })
    }
}
