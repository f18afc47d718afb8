//! Current time in the formats of Entra ID, Graph and the record.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the seconds since 1970.
pub(crate) fn unix_now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

/// Returns the time in the format of Entra ID's `timestamp`: `2026-01-31 12:34:56Z`.
pub(crate) fn entra_now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Returns the time in the format of `date` in Graph's `innerError`: `2026-01-31T12:34:56`.
pub(crate) fn graph_now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Formats a time as RFC 3339 with milliseconds.
pub(crate) fn format_rfc3339(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map(|at| format!("{at:.3}")).unwrap_or_default()
}
