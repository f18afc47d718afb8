//! Minimum values that the check accepts, each with its derivation.

use remediation_gateway::graph::list_limits::{MAX_PAGES, MAX_READ_BYTES};

/// The first date at which pending timers keep a Durable Object in memory without a client (`docs/facts.md`, section
/// 7).
pub(crate) const MIN_COMPATIBILITY_DATE: &str = "2026-10-01";

/// Minimum `limits.cpu_ms`: 10 times the CPU time of the largest read of Graph's list.
///
/// The reserve is for code that the runtime has not compiled yet, and for slower and busy machines. A remediation of
/// 10,000 emails needs less: at most 19.4 ms (`make bench`, case `full`).
pub(crate) const MIN_CPU_MS: usize = 10 * MAX_READ_BYTES.div_ceil(1_000_000) * READ_MS;

/// CPU time in ms for 1,000,000 bytes of Graph's list.
///
/// The built Worker read 10 pages of 3,000,000 bytes in 370 ms on a warm isolate, which is 12.3 ms, rounded up. Larger
/// pages cost less: 10 pages of 7,700,000 bytes took 610 ms.
const READ_MS: usize = 13;

/// Minimum `limits.subrequests`, for the read with the most pages.
///
/// At most 5 calls of the Worker (the rate limiter, and two key sets, each fetched twice) and 8 beside the read (2
/// tokens with one retry each, 1 submission, 1 more after a 401, 2 after throttling). A read repeats one of its pages
/// after a 401.
pub(crate) const MIN_SUBREQUESTS: u32 = 5 + 8 + MAX_PAGES + 1;
