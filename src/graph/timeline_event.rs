//! Event of a message in a mailbox, and whether it shows a success.

use std::borrow::Cow;

use crate::time::Timestamp;

/// An event of a message in a mailbox.
#[derive(Debug, Default)]
pub struct TimelineEvent<'a> {
    /// Time of the event, as Graph writes it.
    pub time: Cow<'a, str>,
    /// Source of the event: `system`, `admin` or `user`.
    pub source: Cow<'a, str>,
    /// Result of the event, a free text.
    pub result: Cow<'a, str>,
}

impl TimelineEvent<'_> {
    /// Returns the time of the event if the event shows that an administrator's action succeeded.
    ///
    /// The result is a free text. It counts as a success unless it contains a word for a failure or for unfinished
    /// work. Microsoft counts "not found in the original folder" as a success, too.
    #[must_use]
    pub fn success_time(&self) -> Option<Timestamp> {
        const NO_SUCCESS_WORDS: [&str; 16] = [
            "fail",
            "error",
            "denied",
            "reject",
            "unsuccess",
            "not ",
            "timeout",
            "timed out",
            "cancel",
            "abort",
            "skip",
            "pending",
            "progress",
            "queued",
            "started",
            "partial",
        ];
        if !self.source.eq_ignore_ascii_case("admin") {
            return None;
        }
        let time = Timestamp::parse_rfc3339(&self.time)?;
        let result = self.result.to_ascii_lowercase().replace("not found", "");
        (!NO_SUCCESS_WORDS.iter().any(|word| result.contains(word))).then_some(time)
    }
}
