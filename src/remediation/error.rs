//! Reasons why a body is rejected: as JSON, or as a remediation.

use serde::Serialize;

use super::limits::MAX_DEPTH;
use super::sanitize::{cut_pointer, pointer_step};

/// Error of a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The body is not JSON, or readers would understand it differently. Its content is not validated.
    #[error(transparent)]
    NotJson(#[from] JsonError),
    /// The body is JSON, and these members are invalid.
    #[error(transparent)]
    Invalid(#[from] PayloadErrors),
}

/// Reason why a body is not JSON, or is ambiguous JSON. The texts contain none of the caller's input except the pointer
/// to a repeated member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Empty, or only white space.
    #[error("the body is empty; send a JSON object")]
    Empty,
    /// UTF-16: every second byte of ASCII is zero.
    #[error(
        "the body is in UTF-16; send UTF-8 (in PowerShell, write a file with -Encoding utf8, and send a string with \
         -ContentType \"application/json; charset=utf-8\")"
    )]
    Utf16,
    /// The bytes are not UTF-8.
    #[error(
        "the body is not UTF-8 (the first invalid byte is at offset {offset}); send UTF-8 with Content-Type: \
         application/json; charset=utf-8 (in PowerShell, -ContentType \"application/json; charset=utf-8\")"
    )]
    NotUtf8 {
        /// Offset of the first invalid byte.
        offset: usize,
    },
    /// gzip, after the codings in `Content-Encoding` were removed.
    #[error(
        "the body is gzip after the codings in Content-Encoding were removed; compress it once and send \
         Content-Encoding: gzip"
    )]
    Gzip,
    /// A form, URL-encoded or multipart.
    #[error("the body looks form-encoded; send a JSON object")]
    Form,
    /// Base64 of JSON.
    #[error("the body looks like base64 of JSON; send the JSON itself")]
    Base64,
    /// A JSON string that contains an object.
    #[error("the body is a string that looks like JSON; send the object itself, encoded once")]
    EncodedTwice,
    /// The text violates RFC 8259.
    #[error("not JSON: {problem} at line {line}, column {column}")]
    Syntax {
        /// The expected or the invalid part.
        problem: &'static str,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
    },
    /// A repeated member: two readers may use different ones (RFC 8259, section 4), so the validated value may not be
    /// the one that is used.
    #[error("the member {pointer} is given twice in one object")]
    Repeated {
        /// Pointer to the second one.
        pointer: String,
    },
    /// More levels than a payload can have.
    #[error("objects and arrays are nested deeper than {MAX_DEPTH} levels at line {line}, column {column}")]
    TooDeep {
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
    },
}

impl JsonError {
    /// Returns the error of a member whose object already has its name.
    pub(super) fn repeated(name: &str) -> Self {
        Self::Repeated { pointer: cut_pointer(&format!("/{}", pointer_step(name))) }
    }

    /// Adds the enclosing location to the error. The pointer is built while the error propagates, so a valid body costs
    /// nothing.
    pub(super) fn within(self, step: impl FnOnce() -> String) -> Self {
        match self {
            Self::Repeated { pointer } => Self::Repeated { pointer: cut_pointer(&format!("/{}{pointer}", step())) },
            other => other,
        }
    }
}

/// Error of a payload: one cause and one member name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PayloadError {
    /// First location, as a JSON Pointer (RFC 6901) into the caller's body.
    pub pointer: String,
    /// Expected value, as a sentence for the caller's author.
    pub detail: String,
    /// Number of locations.
    pub count: usize,
    /// First locations.
    pub pointers: Vec<String>,
}

impl PayloadError {
    /// Returns an error of one location.
    #[must_use]
    pub fn new(pointer: String, detail: String) -> Self {
        Self { pointers: vec![pointer.clone()], pointer, detail, count: 1 }
    }
}

/// All errors of a payload. Errors of values come before unknown members, each in the document's order. The missing
/// members of an object come at its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the payload has {}", number_of_errors(*total))]
pub struct PayloadErrors {
    listed: Vec<PayloadError>,
    total: usize,
}

impl PayloadErrors {
    pub(super) const fn new(listed: Vec<PayloadError>, total: usize) -> Self {
        Self { listed, total }
    }

    /// Returns the first errors, at most [`MAX_ERRORS`](super::limits::MAX_ERRORS), each with its count.
    #[must_use]
    pub fn listed(&self) -> &[PayloadError] {
        &self.listed
    }

    /// Returns the number of all invalid locations.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }

    /// Returns the number of locations that the listed errors count.
    #[must_use]
    pub fn counted(&self) -> usize {
        self.listed.iter().map(|error| error.count).sum()
    }
}

/// Returns `an error`, or `2 errors`.
fn number_of_errors(total: usize) -> String {
    if total == 1 { "an error".to_owned() } else { format!("{total} errors") }
}

/// A location in the payload: an item of an array, the item's member, or a member of the body. Without both it is the
/// body. It becomes a pointer only for an error.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Location<'n> {
    /// Name of the array in the body, and index of the item.
    item: Option<(&'n str, usize)>,
    /// Name of the member.
    member: Option<&'n str>,
}

impl<'n> Location<'n> {
    /// Returns the location of an item of the body's array `list`.
    pub(super) const fn item(list: &'n str, index: usize) -> Self {
        Self { item: Some((list, index)), member: None }
    }

    /// Returns the location of a member of the object at this location.
    pub(super) const fn member<'m>(self, name: &'m str) -> Location<'m>
    where
        'n: 'm,
    {
        Location { item: self.item, member: Some(name) }
    }

    /// Returns the location as a JSON Pointer.
    pub(super) fn pointer(self) -> String {
        let item = self.item.map(|(list, index)| format!("/{}/{index}", pointer_step(list)));
        let member = self.member.map(|name| format!("/{}", pointer_step(name)));
        item.unwrap_or_default() + &member.unwrap_or_default()
    }

    /// Returns the location without an item's index: whether it is in an item, and the member's name.
    pub(super) fn target(self) -> (bool, Option<&'n str>) {
        (self.item.is_some(), self.member)
    }
}
