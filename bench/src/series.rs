//! Measured cases and their results.

use serde::Serialize;

use crate::{options::Part, requests::Kind, statistics::Spread};

/// Case that all candidates run, and its conditions.
pub(crate) struct Case {
    pub(crate) part: Part,
    pub(crate) name: &'static str,
    pub(crate) credential: &'static str,
    pub(crate) emails: usize,
    pub(crate) kind: Kind,
}

/// Results of one candidate in one case.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Series {
    pub(crate) case: &'static str,
    pub(crate) credential: &'static str,
    pub(crate) emails: usize,
    pub(crate) candidate: String,
    pub(crate) requests_per_round: u64,
    /// CPU time per request, in microseconds.
    pub(crate) cpu: Spread,
    pub(crate) cpu_of_rounds: Vec<f64>,
    pub(crate) requests_per_second: Spread,
    /// Median response time, in milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}
