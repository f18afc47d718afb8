//! Why a body was refused: what is wrong with it as JSON, or what is wrong with it as a remediation.

use std::fmt;

use serde::Serialize;

use super::limits::MAX_DEPTH;
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

/// What is wrong with a payload for one cause and member name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PayloadError {
    /// Where it was found first, as a JSON Pointer (RFC 6901) into the caller's body.
    pub pointer: String,
    /// What is expected there, in a sentence for the person who writes the caller.
    pub detail: String,
    /// In how many locations it was found.
    pub count: usize,
    /// The first of these locations.
    pub pointers: Vec<String>,
}

impl PayloadError {
    /// What is wrong in one location.
    #[must_use]
    pub fn new(pointer: String, detail: String) -> Self {
        Self { pointers: vec![pointer.clone()], pointer, detail, count: 1 }
    }
}

/// Everything that is wrong with a payload. Errors of values stand before unknown members, each in the order of the document; what an
/// object lacks is told at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadErrors {
    listed: Vec<PayloadError>,
    total: usize,
}

impl PayloadErrors {
    pub(super) const fn new(listed: Vec<PayloadError>, total: usize) -> Self {
        Self { listed, total }
    }

    /// The first errors, at most [`MAX_ERRORS`](super::limits::MAX_ERRORS), each with its count.
    #[must_use]
    pub fn listed(&self) -> &[PayloadError] {
        &self.listed
    }

    /// How many locations are wrong in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }

    /// How many of them the listed errors count.
    #[must_use]
    pub fn counted(&self) -> usize {
        self.listed.iter().map(|error| error.count).sum()
    }
}

impl fmt::Display for PayloadErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.total {
            1 => f.write_str("the payload has an error"),
            total => write!(f, "the payload has {total} errors"),
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
    /// An item of `analyzedEmails`, by whatever name that has in the body.
    Item { list: &'n str, index: usize },
    /// A member of an item.
    ItemMember { list: &'n str, index: usize, name: &'n str },
}

/// The kind of a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Body,
    Field,
    Item,
    ItemMember,
}

impl<'n> Location<'n> {
    /// The location as a JSON Pointer.
    pub(super) fn pointer(self) -> String {
        match self {
            Self::Body => String::new(),
            Self::Field(name) => format!("/{}", pointer_step(name)),
            Self::Item { list, index } => format!("/{}/{index}", pointer_step(list)),
            Self::ItemMember { list, index, name } => {
                format!("/{}/{index}/{}", pointer_step(list), pointer_step(name))
            }
        }
    }

    /// The location without the index of an item: its kind, and the member's name if it is one.
    pub(super) const fn target(self) -> (Target, &'n str) {
        match self {
            Self::Body => (Target::Body, ""),
            Self::Field(name) => (Target::Field, name),
            Self::Item { .. } => (Target::Item, ""),
            Self::ItemMember { name, .. } => (Target::ItemMember, name),
        }
    }
}
