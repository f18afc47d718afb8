//! What is asked of all candidates, and what came of it.

use serde::Serialize;

use crate::{options::Part, requests::Kind, statistics::Spread};

/// What all candidates are asked, and the conditions of it.
pub(crate) struct Case {
    pub(crate) part: Part,
    pub(crate) name: &'static str,
    pub(crate) credential: &'static str,
    pub(crate) emails: usize,
    pub(crate) kind: Kind,
}

/// What one candidate did in one case.
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
    /// In milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}
