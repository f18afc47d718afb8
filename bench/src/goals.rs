//! Goals of the gateway, as ratios of medians of one run.

use acceptance::Upload;
use serde::Serialize;

use crate::{
    series::Series,
    statistics::{length_to_f64, ratio_of_sizes},
};

/// Maximum upload size, in bytes after gzip -9. `make test` enforces it in tests/budget/main.rs.
const UPLOAD: usize = 300 * 1024;
/// Size of a minimal Rust Worker with a Durable Object, in bytes after gzip -9.
///
/// It has the crates `worker` and `wasm-bindgen`, their JavaScript glue, and an allocator. It was built with the
/// versions, profile and tools of this project; see bench/README.md.
const WASM_BASE: usize = 57_506;

/// Goal and its result.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) is: f64,
    pub(crate) at_most: f64,
    pub(crate) reached: bool,
}

impl Goal {
    pub(crate) fn new(what: String, is: f64, at_most: f64) -> Self {
        Self { what, is, at_most, reached: is <= at_most }
    }
}

/// Returns the goals of one build of the gateway for which the run has figures.
pub(crate) fn evaluate(gateway: &str, series: &[Series], uploads: &[(String, Upload)]) -> Vec<Goal> {
    let cpu = |candidate: &str, case: &str, emails: usize| {
        let is_it = |one: &&Series| {
            one.candidate == candidate && one.case == case && one.credential == "bearer" && one.emails == emails
        };
        series.iter().find(is_it).map(|one| one.cpu.median)
    };
    let mut goals = Vec::new();
    let mut ratio = |case: &str, emails: usize, other: &str, at_most: f64| {
        if let (Some(own), Some(others)) = (cpu(gateway, case, emails), cpu(other, case, emails)) {
            goals.push(Goal::new(format!("{case}, {emails} emails: CPU, {gateway} : {other}"), own / others, at_most));
        }
    };
    for (emails, valid, full) in [(2, 0.9, 0.95), (100, 0.7, 0.8), (1_000, 0.7, 0.8), (10_000, 0.7, 0.8)] {
        ratio("valid", emails, "peer", valid);
        ratio("full", emails, "peer", full);
    }
    ratio("full", 2, "object", 1.3);
    ratio("bad credential", 2, "peer", 0.8);
    ratio("bad payload", 100, "peer", 0.8);
    if let (Some(status), Some(valid)) = (cpu(gateway, "status", 10_000), cpu(gateway, "valid", 10_000)) {
        goals.push(Goal::new(format!("10000 emails: CPU, {gateway}, of status : of valid"), status / valid, 1.5));
    }
    for case in ["valid", "full"] {
        // The cost of a request before its first email is not part of the cost per email.
        let per_email = |emails: usize| {
            Some((cpu(gateway, case, emails)? - cpu(gateway, case, 2)?) / length_to_f64(emails.saturating_sub(2)))
        };
        if let (Some(few), Some(many)) = (per_email(1_000), per_email(10_000)) {
            let what = format!("{case}: CPU per email, {gateway}, of 10000 : of 1000");
            goals.push(Goal::new(what, many / few, 1.2));
        }
    }
    let upload = |name: &str| uploads.iter().find(|(known, _)| known == name).map(|(_, upload)| upload.gzip);
    if let Some(own) = upload(gateway) {
        goals.push(Goal::new(format!("upload after gzip: {gateway} : 300 KiB"), ratio_of_sizes(own, UPLOAD), 1.0));
        if let Some(peer) = upload("peer") {
            let what = format!("upload after gzip: {gateway} : peer and an empty Rust Worker");
            goals.push(Goal::new(what, ratio_of_sizes(own, peer + WASM_BASE), 1.0));
        }
    }
    goals
}
