//! Minimum values that the check accepts, each with its derivation.

/// The first date at which pending timers keep a Durable Object in memory without a client (`docs/facts.md`, section
/// 7).
pub(crate) const MIN_COMPATIBILITY_DATE: &str = "2026-10-01";

/// Minimum `limits.cpu_ms`.
///
/// `bench/README.md`, case `full` with 10,000 emails: at most 19.4 ms of CPU time, of the Worker and the object
/// together. Times 10 and rounded: the bench measures compiled code on a warm isolate, and an edge machine may be
/// slower and busy.
pub(crate) const MIN_CPU_MS: f64 = 200.0;

/// Minimum `limits.subrequests`.
///
/// At most 4 calls of the Worker (two key sets, each fetched twice, or the object) and 8 of the object (2 tokens with
/// one retry each, 1 submission, 1 more after a 401, 2 after throttling). 50 is the lowest limit of Cloudflare's plans.
pub(crate) const MIN_SUBREQUESTS: f64 = 50.0;
