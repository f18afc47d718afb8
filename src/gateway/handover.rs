//! The message that carries a job from the Worker to a caller's object, with a format that both must know.
//!
//! During a rollout a Worker may call an object of another version. Three lines precede the work:
//!
//! 1. [`FORMAT`];
//! 2. the settings for Microsoft, with the credential: see [`GraphSettings::line`][line];
//! 3. the [`RemediationJob`].
//!
//! The work is the body for Graph. If the job expands messages, the work is one line with the [`ExpansionPlan`], and
//! the body without emails.
//!
//! [line]: crate::graph::settings::GraphSettings::line
//!
//! All of it is in the body. The platform could log a header or a URL, and the credential must not be logged.
//!
//! Every response of an object names the object's format in the header [`FORMAT_HEADER`]. The first line and that
//! header are the same in all versions.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::job::RemediationJob;
use crate::expansion::ExpansionPlan;
use crate::json;
use crate::ledger::Work;
use crate::remediation::before_emails;
use crate::secret::{Secret, SecretBytes};

/// Format of a job and of its response. Each change of the message changes the number.
pub const FORMAT: &str = "remediation-job/2";

/// Header of an object's response with the object's [`FORMAT`]. The caller receives and ignores it.
pub const FORMAT_HEADER: &str = "job-format";

/// A received job.
pub(super) struct Handover {
    /// Settings for Microsoft.
    pub(super) settings: SecretBytes,
    pub(super) job: RemediationJob,
    /// Digest of everything on which a failure may depend besides the pairs. Only this object compares the digest, so
    /// another version may compute another one.
    pub(super) conditions: u64,
    pub(super) work: Work,
}

/// Writes the three lines.
pub(crate) fn serialize_head(settings: &Secret, job: &RemediationJob) -> SecretBytes {
    let job = serde_json::to_string(job).unwrap_or_default();
    SecretBytes::new(format!("{}\n{}\n{job}\n", format(), settings.expose()).into_bytes())
}

/// Serializes the work of a job that expands messages.
pub(super) fn serialize_expansion(plan: &ExpansionPlan<'_>, graph_request: &str) -> String {
    let plan = serde_json::to_string(plan).unwrap_or_default();
    format!("{plan}\n{graph_request}")
}

/// Parses a job. Returns `None` if it has another format.
pub(super) fn parse(mut message: Vec<u8>) -> Option<Handover> {
    let mut parts = message.splitn(4, |byte| *byte == b'\n');
    let is_known = parts.next()? == format().as_bytes();
    let settings = SecretBytes::new(parts.next()?.to_vec());
    let job: RemediationJob = json::read(parts.next().filter(|_| is_known)?)?;
    let head = message.len().checked_sub(parts.next()?.len())?;
    message.drain(..head);
    let mut conditions = DefaultHasher::new();
    (settings.expose(), job.ledger_request.version.as_str(), before_emails(&message)).hash(&mut conditions);
    let conditions = conditions.finish();
    let work = if job.expands {
        let message = String::from_utf8(message).ok()?;
        let (plan, graph_request) = message.split_once('\n')?;
        Work::Expand { plan: json::read(plan.as_bytes())?, graph_request: graph_request.to_owned() }
    } else {
        Work::Submit(message)
    };
    Some(Handover { settings, job, conditions, work })
}

/// Returns [`FORMAT`] in a way that the compiler does not inline. The bytes occur once in the Wasm, so that a test can
/// make a build with another format.
pub(crate) fn format() -> &'static str {
    std::hint::black_box(FORMAT)
}
