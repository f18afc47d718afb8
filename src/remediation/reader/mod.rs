//! A strict JSON reader (RFC 8259). It walks a body once and builds no tree: at each value the caller names the
//! expected type.
//!
//! The project has its own reader because each level must reject a repeated member, an excessive depth or a number out
//! of range in the same way, with a pointer, also inside dropped members. `serde_json` stops at the first value of a
//! wrong type, accepts repeated members, and cannot skip a number outside of `f64`. In all other cases the tests
//! compare this reader with it.

mod names;
mod text;

use std::fmt;

use super::error::JsonError;
use super::format;
use super::limits::MAX_DEPTH;
use super::sanitize::pointer_step;
use names::Names;

/// A position in a body. Each method that reads a value leaves the position after the value.
#[derive(Debug)]
pub(crate) struct Json<'a> {
    text: &'a str,
    /// Offset in bytes, always between two characters and at most the body's length.
    at: usize,
    /// Number of open objects and arrays.
    depth: usize,
}

/// Type of a value, from its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Boolean,
    Null,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        })
    }
}

impl<'a> Json<'a> {
    /// Returns the position before the first character of a body.
    pub(crate) fn new(body: &'a [u8]) -> Result<Self, JsonError> {
        if let Some(error) = format::of_bytes(body) {
            return Err(error);
        }
        match body {
            // UTF-16 with a byte order mark, or an ASCII character of it without one.
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0xff, ..] | [1..=0xff, 0, ..] => {
                return Err(JsonError::Utf16);
            }
            _ => {}
        }
        let text = str::from_utf8(body).map_err(|error| JsonError::NotUtf8 { offset: error.valid_up_to() })?;
        // A reader may ignore one byte order mark (RFC 8259, section 8.1).
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut json = Self { text, at: 0, depth: 0 };
        if json.next_byte().is_none() {
            return Err(JsonError::Empty);
        }
        if let Some(error) = format::of_text(text) {
            return Err(error);
        }
        Ok(json)
    }

    /// Returns the type of the next value.
    pub(super) fn kind(&mut self) -> Result<Kind, JsonError> {
        match self.next_byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self.error("a value is expected")),
        }
    }

    /// Reads an object. `member` receives each name and must read its value; a repeated name is an error.
    pub(super) fn object<F>(&mut self, mut member: F) -> Result<(), JsonError>
    where
        F: FnMut(&mut Self, &str) -> Result<(), JsonError>,
    {
        self.open(b'{', "'{' is expected")?;
        let mut names = Names::default();
        if self.next_byte() != Some(b'}') {
            loop {
                let name = self.string("a member's name in double quotes is expected")?;
                if !names.add(name.clone()) {
                    return Err(JsonError::repeated(&name));
                }
                self.punctuation(b':', "':' is expected")?;
                member(self, &name).map_err(|error| error.within(|| pointer_step(&name)))?;
                if self.next_byte() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        self.close(b'}', "',' or '}' is expected")
    }

    /// Reads an array and returns its length. `item` receives each index and must read the value there.
    pub(super) fn array<F>(&mut self, mut item: F) -> Result<usize, JsonError>
    where
        F: FnMut(&mut Self, usize) -> Result<(), JsonError>,
    {
        self.open(b'[', "'[' is expected")?;
        let mut count = 0;
        if self.next_byte() != Some(b']') {
            loop {
                item(self, count).map_err(|error| error.within(|| count.to_string()))?;
                count += 1;
                if self.next_byte() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        self.close(b']', "',' or ']' is expected")?;
        Ok(count)
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self) -> Result<bool, JsonError> {
        if self.next_byte() == Some(b't') {
            self.word("true")?;
            Ok(true)
        } else {
            self.word("false")?;
            Ok(false)
        }
    }

    /// Skips a value of any type, checking only its grammar. The recursion ends at [`MAX_DEPTH`].
    pub(crate) fn skip(&mut self) -> Result<(), JsonError> {
        match self.kind()? {
            Kind::Object => self.object(|json, _| json.skip()),
            Kind::Array => self.array(|json, _| json.skip()).map(drop),
            Kind::Text => self.string("a string is expected").map(drop),
            Kind::Number => self.number().map(drop),
            Kind::Boolean => self.boolean().map(drop),
            Kind::Null => self.word("null"),
        }
    }

    /// Checks that nothing follows the value.
    pub(crate) fn end(&mut self) -> Result<(), JsonError> {
        match self.next_byte() {
            None => Ok(()),
            Some(_) => Err(self.error("the body ought to end")),
        }
    }

    /// Reads a number, checking only its grammar, and returns its text.
    pub(super) fn number(&mut self) -> Result<&'a str, JsonError> {
        self.next_byte();
        let start = self.at;
        self.accept(|byte| byte == b'-');
        if !self.accept(|byte| byte == b'0') {
            self.digits()?;
        }
        if self.accept(|byte| byte == b'.') {
            self.digits()?;
        }
        if self.accept(|byte| matches!(byte, b'e' | b'E')) {
            self.accept(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !self.accept(|byte| byte.is_ascii_digit()) {
            return Err(self.error("a digit is expected"));
        }
        while self.accept(|byte| byte.is_ascii_digit()) {}
        Ok(())
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.error("a value is expected"));
        }
        self.at += word.len();
        Ok(())
    }

    fn open(&mut self, bracket: u8, problem: &'static str) -> Result<(), JsonError> {
        self.punctuation(bracket, problem)?;
        if self.depth == MAX_DEPTH {
            let (line, column) = self.line_and_column(self.at - 1);
            return Err(JsonError::TooDeep { line, column });
        }
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self, bracket: u8, problem: &'static str) -> Result<(), JsonError> {
        self.punctuation(bracket, problem)?;
        self.depth -= 1;
        Ok(())
    }

    /// Skips white space and the given character.
    fn punctuation(&mut self, expected: u8, problem: &'static str) -> Result<(), JsonError> {
        if self.next_byte() != Some(expected) {
            return Err(self.error(problem));
        }
        self.at += 1;
        Ok(())
    }

    /// Skips the byte at the current position if it is the given one.
    fn accept(&mut self, is_right: impl FnOnce(u8) -> bool) -> bool {
        let accepted = self.byte().is_some_and(is_right);
        self.at += usize::from(accepted);
        accepted
    }

    /// Skips white space and returns the byte after it; `None` at the end of the body.
    fn next_byte(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other,
            }
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Returns an error at the current position.
    fn error(&self, problem: &'static str) -> JsonError {
        let (line, column) = self.line_and_column(self.at);
        JsonError::Syntax { problem, line, column }
    }

    fn line_and_column(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        (line, before.get(line_start..).unwrap_or_default().chars().count() + 1)
    }
}
