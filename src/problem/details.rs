//! The caller's view of one error: code, text, headers, and the locations in the payload.

use crate::code::Code;
use crate::remediation::PayloadError;

/// Default of `Retry-After` in seconds, also if Microsoft sent none (contract, section 4).
const DEFAULT_RETRY_AFTER: u32 = 30;

/// Maximum number of errors in the error object's message: as many as fit on a few lines of a console.
const MAX_ERRORS_IN_MESSAGE: usize = 5;

/// The caller's view of an error.
pub(super) struct ProblemDetails {
    pub(super) code: Code,
    pub(super) detail: String,
    pub(super) errors: Vec<PayloadError>,
    /// Headers of this error, without those of every response.
    pub(super) headers: Vec<(&'static str, String)>,
}

/// The outcome if nothing was sent.
pub(super) const NOTHING_SENT: &str = "Nothing was sent.";
/// The outcome if Graph certainly rejected the remediation.
pub(super) const NOT_ACCEPTED: &str = "Graph did not accept the remediation.";
/// The outcome if Graph may have accepted the remediation.
pub(super) const UNKNOWN: &str = "The outcome is unknown; it is safe to retry.";

/// Returns the details of an error before which nothing was sent. The detail ends by saying so.
pub(super) fn nothing_sent(code: Code, text: &str) -> ProblemDetails {
    ProblemDetails::new(code, format!("{text} {NOTHING_SENT}"))
}

/// Returns the details of an error after which the remediation may have been sent. The detail ends by saying so.
pub(super) fn unknown_outcome(code: Code, text: &str) -> ProblemDetails {
    ProblemDetails::new(code, format!("{text} {UNKNOWN}"))
}

impl ProblemDetails {
    pub(super) const fn new(code: Code, detail: String) -> Self {
        Self { code, detail, errors: Vec::new(), headers: Vec::new() }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn errors(mut self, errors: impl Into<Vec<PayloadError>>) -> Self {
        self.errors = errors.into();
        self
    }

    /// Adds an error of the member at `pointer`.
    pub(super) fn error_at(self, pointer: &str, detail: &str) -> Self {
        self.errors([PayloadError::new(pointer.to_owned(), detail.to_owned())])
    }

    /// Replaces the outcome in the detail, because Graph may have accepted an earlier attempt.
    pub(super) fn after_unknown_outcome(mut self) -> Self {
        let outcome = [NOTHING_SENT, NOT_ACCEPTED, UNKNOWN].into_iter().find(|outcome| self.detail.ends_with(outcome));
        self.detail.truncate(self.detail.len() - outcome.map_or(0, str::len));
        let text = self.detail.trim_end();
        // Graph's own message may have no period.
        let period = if text.ends_with(['.', '?', '!']) { "" } else { "." };
        self.detail = format!("{text}{period} An earlier attempt may have been accepted. {UNKNOWN}");
        self
    }

    /// Returns the detail with the first errors: Graph's SDKs show their users only the error object's message.
    pub(super) fn message(&self) -> String {
        let errors = self.errors.iter().take(MAX_ERRORS_IN_MESSAGE);
        let errors = errors.map(|error| match error.pointer.as_str() {
            // An error of the body needs no pointer.
            "" => format!(" {}", sentence(&error.detail)),
            pointer if error.count > 1 => {
                format!(" {}", sentence(&format!("{pointer} and {} more: {}", error.count - 1, error.detail)))
            }
            pointer => format!(" {}", sentence(&format!("{pointer}: {}", error.detail))),
        });
        std::iter::once(self.detail.clone()).chain(errors).collect()
    }

    pub(super) fn retry_after(self, seconds: Option<u32>) -> Self {
        self.header("Retry-After", seconds.unwrap_or(DEFAULT_RETRY_AFTER).to_string())
    }
}

/// Returns `text` with a capital letter at its start and a full stop at its end, unless it is a question.
pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    let period = (!text.ends_with('?')).then_some('.');
    first.into_iter().chain(characters).chain(period).collect()
}

pub(super) fn misconfigured() -> ProblemDetails {
    nothing_sent(Code::Misconfigured, "The gateway's configuration is invalid. Its log names each error.")
}
