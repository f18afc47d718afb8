//! The message that takes a job from the Worker to a caller's object, and how both know that they speak of the same thing.
//!
//! While a deployment spreads, a Worker may call an object of another version. Three lines come before the body for Graph:
//!
//! 1. [`FORMAT`];
//! 2. the settings for Microsoft, with the credential: see [`GraphSettings::line`](crate::graph::settings::GraphSettings::line);
//! 3. the [`RemediationJob`].
//!
//! All of it is in the body. A header or a URL could be logged by the platform, and the credential must not be.
//!
//! An object answers with its format in the header [`FORMAT_HEADER`], whatever it answers. The first line and that header stay
//! as they are in all versions.

use super::job::RemediationJob;
use crate::secret::{Secret, SecretBytes};

/// The format of a job and of its response. Change the number with every change of what crosses.
pub const FORMAT: &str = "remediation-job/2";

/// The header of an object's response that bears the object's [`FORMAT`]. It reaches the caller, who has no use for it.
pub const FORMAT_HEADER: &str = "job-format";

/// A job as it arrives.
pub(super) struct Handover {
    /// The settings for Microsoft.
    pub(super) settings: SecretBytes,
    pub(super) job: RemediationJob,
    /// The body for Graph.
    pub(super) graph_request: Vec<u8>,
}

/// Writes the three lines.
pub(crate) fn head(settings: &Secret, job: &RemediationJob) -> SecretBytes {
    let job = serde_json::to_string(job).unwrap_or_default();
    SecretBytes::new(format!("{}\n{}\n{job}\n", format(), settings.expose()).into_bytes())
}

/// Reads a job. Returns `None` if it has another format.
pub(super) fn parse(mut message: Vec<u8>) -> Option<Handover> {
    let (settings, job, rest) = lines(&message)?;
    let job = serde_json::from_slice(job).ok()?;
    let settings = SecretBytes::new(settings.to_vec());
    let length = message.len().checked_sub(rest.len())?;
    message.drain(..length);
    Some(Handover { settings, job, graph_request: message })
}

/// Returns the job of the lines that [`head`] wrote.
#[must_use]
pub fn job(head: &[u8]) -> Option<RemediationJob> {
    serde_json::from_slice(lines(head)?.1).ok()
}

/// Returns the settings, the job, and what comes after them.
fn lines(message: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut parts = message.splitn(4, |byte| *byte == b'\n');
    let known = parts.next()? == format().as_bytes();
    let lines = (parts.next()?, parts.next()?, parts.next()?);
    known.then_some(lines)
}

/// Returns [`FORMAT`] in a way that no compiler takes apart. The bytes occur once in the Wasm, so that a test can make a build of
/// another format.
pub(super) fn format() -> &'static str {
    std::hint::black_box(FORMAT)
}
