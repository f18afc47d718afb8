//! Why a body was refused: what is wrong with it as JSON, or what is wrong with it as a remediation.

use std::fmt;

use serde::Serialize;

use super::limits::{MAX_DEPTH, MAX_ERRORS};
use super::sanitize::{cut_pointer, pointer_step};

/// A body that is not a remediation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It is not JSON that every reader would understand alike; nothing is said about its content.
    #[error(transparent)]
    NotJson(#[from] JsonError),
    /// It is JSON, and these members are wrong.
    #[error(transparent)]
    Invalid(#[from] PayloadErrors),
}

/// What keeps a body from being JSON, or from being unambiguous JSON. The texts hold none of the caller's input but, for a
/// repeated member, its pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Nothing, or only white space.
    #[error("the body is empty; send a JSON object")]
    Empty,
    /// Every second byte of ASCII in UTF-16 is zero.
    #[error(
        "the body is in UTF-16; send UTF-8 (in PowerShell, write a file with -Encoding utf8, and send a string with \
         -ContentType \"application/json; charset=utf-8\")"
    )]
    Utf16,
    /// The bytes are not UTF-8.
    #[error(
        "the body is not UTF-8 (first at byte {offset}, counted from 0); send UTF-8 with Content-Type: application/json; \
         charset=utf-8 (in PowerShell, -ContentType \"application/json; charset=utf-8\")"
    )]
    NotUtf8 {
        /// The first byte that is not.
        offset: usize,
    },
    /// gzip, after the coding in `Content-Encoding` was removed.
    #[error("the body is gzip and Content-Encoding does not say so; compress it once and send Content-Encoding: gzip")]
    Gzip,
    /// A form, URL-encoded or multipart.
    #[error("the body looks form-encoded; send a JSON object")]
    Form,
    /// Base64 of JSON.
    #[error("the body looks like base64 of JSON; send the JSON itself")]
    Base64,
    /// A JSON string whose text begins as an object does.
    #[error("the body is a string that looks like JSON; send the object itself, encoded once")]
    EncodedTwice,
    /// The text breaks RFC 8259.
    #[error("not JSON: {problem} at line {line}, column {column}")]
    Syntax {
        /// What was expected or is wrong.
        problem: &'static str,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
    },
    /// Two readers may pick different ones (RFC 8259, section 4), so that what was checked is not what is done.
    #[error("the member {pointer} is given twice in one object")]
    Repeated {
        /// Where the second one stands.
        pointer: String,
    },
    /// More levels than any payload has.
    #[error("objects and arrays are nested deeper than {MAX_DEPTH} levels at line {line}, column {column}")]
    TooDeep {
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
    },
}

impl JsonError {
    /// A name that its object already has.
    pub(super) fn repeated(name: &str) -> Self {
        Self::Repeated { pointer: cut_pointer(&format!("/{}", pointer_step(name))) }
    }

    /// The same error seen from one level further out. The pointer is put together while the error travels outwards, so
    /// that a body without one pays nothing for it.
    pub(super) fn within(self, step: impl FnOnce() -> String) -> Self {
        match self {
            Self::Repeated { pointer } => Self::Repeated { pointer: cut_pointer(&format!("/{}{pointer}", step())) },
            other => other,
        }
    }
}

/// One thing that is wrong with a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PayloadError {
    /// Where, as a JSON Pointer (RFC 6901) into the caller's body.
    pub pointer: String,
    /// What is expected there, in a sentence for the person who writes the caller.
    pub detail: String,
}

/// Everything that is wrong with a payload, in the order of the document; what an object lacks is told at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PayloadErrors {
    listed: Vec<PayloadError>,
    total: usize,
}

impl PayloadErrors {
    /// The first errors, at most [`MAX_ERRORS`].
    #[must_use]
    pub fn listed(&self) -> &[PayloadError] {
        &self.listed
    }

    /// How many there are in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }

    /// Notes an error. Its text is only made when it is listed.
    pub(super) fn add(&mut self, location: Location<'_>, detail: impl FnOnce() -> String) {
        self.insert(self.listed.len(), location, detail);
    }

    /// Notes an error that belongs before those listed since `at` was their number.
    pub(super) fn insert(&mut self, at: usize, location: Location<'_>, detail: impl FnOnce() -> String) {
        self.total += 1;
        if at < MAX_ERRORS {
            self.listed
                .insert(at.min(self.listed.len()), PayloadError { pointer: location.pointer(), detail: detail() });
            self.listed.truncate(MAX_ERRORS);
        }
    }
}

impl fmt::Display for PayloadErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.total {
            1 => f.write_str("the payload has a fault"),
            total => write!(f, "the payload has {total} faults"),
        }
    }
}

impl std::error::Error for PayloadErrors {}

/// A place in the payload. It becomes a pointer only when there is an error to tell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Location<'n> {
    /// The body as a whole.
    Body,
    /// A member of the body, right or unknown.
    Field(&'n str),
    /// An item of `analyzedEmails`.
    Item(usize),
    /// A member of an item.
    ItemMember(usize, &'n str),
}

impl Location<'_> {
    fn pointer(self) -> String {
        match self {
            Self::Body => String::new(),
            Self::Field(name) => format!("/{}", pointer_step(name)),
            Self::Item(index) => format!("/analyzedEmails/{index}"),
            Self::ItemMember(index, name) => format!("/analyzedEmails/{index}/{}", pointer_step(name)),
        }
    }
}
