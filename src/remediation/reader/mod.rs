//! A strict JSON reader (RFC 8259). It walks a body once and builds no tree: at each value the caller names the
//! expected type.
//!
//! The project has its own reader because each level, also inside a dropped member, must reject an excessive depth, and
//! a repeated member with its pointer. `serde_json` stops at the first value of a wrong type, accepts repeated members,
//! and cannot skip a number outside of `f64`. In all other cases the tests compare this reader with it.

mod names;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::mem;

use super::collector::ErrorCollector;
use super::error::JsonError;
use super::format;
use super::limits::MAX_DEPTH;
use super::sanitize::pointer_step;
use crate::gzip;
use names::Names;

/// A position in a body. Each method that reads a value leaves the position after the value.
#[derive(Debug)]
pub(crate) struct Json<'a> {
    text: &'a str,
    /// Offset in bytes, always between two characters and at most the body's length.
    at: usize,
    /// Number of open objects and arrays.
    depth: usize,
    allows_repeated_names: bool,
    /// Errors of a payload's values. Other documents have none.
    pub(super) errors: ErrorCollector,
}

/// Type of a value, from its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
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
    /// Returns the position before the first character of `text`, without a check of the format.
    pub(crate) fn from_text(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, allows_repeated_names: false, errors: ErrorCollector::default() }
    }

    /// Returns the same position, and accepts objects that repeat a member. So no names are compared.
    pub(crate) fn with_repeated_names(self) -> Self {
        Self { allows_repeated_names: true, ..self }
    }

    /// Returns the position before the first character of a body.
    pub(crate) fn new(body: &'a [u8]) -> Result<Self, JsonError> {
        if gzip::is_gzip(body) {
            return Err(JsonError::Gzip);
        }
        match body {
            // UTF-16: a byte order mark, or a first ASCII character without a mark before it.
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0xff, ..] | [1..=0xff, 0, ..] => {
                return Err(JsonError::Utf16);
            }
            _ => {}
        }
        let text = str::from_utf8(body).map_err(|error| JsonError::NotUtf8 { offset: error.valid_up_to() })?;
        // A reader may ignore one byte order mark (RFC 8259, section 8.1).
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut json = Self::from_text(text);
        if json.next_byte().is_none() {
            return Err(JsonError::Empty);
        }
        if let Some(error) = format::detect(text) {
            return Err(error);
        }
        Ok(json)
    }

    /// Returns the type of the next value.
    pub(crate) fn kind(&mut self) -> Result<Kind, JsonError> {
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
    pub(crate) fn object<F>(&mut self, mut member: F) -> Result<(), JsonError>
    where
        F: FnMut(&mut Self, &str) -> Result<(), JsonError>,
    {
        let mut members = Members::open(self)?;
        while let Some(name) = members.next(self)? {
            member(self, &name).map_err(|error| error.within(|| pointer_step(&name)))?;
        }
        Ok(())
    }

    /// Reads an array and returns its length. `item` receives each index and must read the value there.
    pub(crate) fn array<F>(&mut self, mut item: F) -> Result<usize, JsonError>
    where
        F: FnMut(&mut Self, usize) -> Result<(), JsonError>,
    {
        let mut items = Items::open(self)?;
        while items.next(self)? {
            let index = items.count - 1;
            item(self, index).map_err(|error| error.within(|| index.to_string()))?;
        }
        Ok(items.count)
    }

    /// Reads `true` or `false`.
    pub(crate) fn boolean(&mut self) -> Result<bool, JsonError> {
        let is_true = self.next_byte() == Some(b't');
        self.skip_word(if is_true { "true" } else { "false" })?;
        Ok(is_true)
    }

    /// Skips a value of any type, checking only its grammar. The recursion ends at [`MAX_DEPTH`].
    pub(crate) fn skip(&mut self) -> Result<(), JsonError> {
        match self.kind()? {
            Kind::Object => self.object(|json, _| json.skip()),
            Kind::Array => self.array(|json, _| json.skip()).map(drop),
            Kind::Text => self.skip_string(),
            Kind::Number => self.number().map(drop),
            Kind::Boolean => self.boolean().map(drop),
            Kind::Null => self.skip_word("null"),
        }
    }

    /// Checks that nothing follows the value.
    pub(crate) fn expect_end(&mut self) -> Result<(), JsonError> {
        if self.next_byte().is_some() { Err(self.error("the end of the body is expected")) } else { Ok(()) }
    }

    /// Reads a number, checking only its grammar, and returns its text.
    pub(crate) fn number(&mut self) -> Result<&'a str, JsonError> {
        self.next_byte();
        let start = self.at;
        self.accept(|byte| byte == b'-');
        if !self.accept(|byte| byte == b'0') {
            self.skip_digits()?;
        }
        if self.accept(|byte| byte == b'.') {
            self.skip_digits()?;
        }
        if self.accept(|byte| matches!(byte, b'e' | b'E')) {
            self.accept(|byte| matches!(byte, b'+' | b'-'));
            self.skip_digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn skip_digits(&mut self) -> Result<(), JsonError> {
        if !self.accept(|byte| byte.is_ascii_digit()) {
            return Err(self.error("a digit is expected"));
        }
        while self.accept(|byte| byte.is_ascii_digit()) {}
        Ok(())
    }

    fn skip_word(&mut self, word: &'static str) -> Result<(), JsonError> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.error("a value is expected"));
        }
        self.at += word.len();
        Ok(())
    }

    fn open(&mut self, bracket: u8, problem: &'static str) -> Result<(), JsonError> {
        self.skip_punctuation(bracket, problem)?;
        if self.depth == MAX_DEPTH {
            let (line, column) = self.line_and_column(self.at - 1);
            return Err(JsonError::TooDeep { line, column });
        }
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self, bracket: u8, problem: &'static str) -> Result<(), JsonError> {
        self.skip_punctuation(bracket, problem)?;
        self.depth -= 1;
        Ok(())
    }

    /// Skips the comma before the next member or item, or the closing bracket. Returns whether it was the bracket.
    fn skip_separator(&mut self, bracket: u8, is_first: bool, problem: &'static str) -> Result<bool, JsonError> {
        match self.next_byte() {
            byte if is_first && byte != Some(bracket) => Ok(false),
            Some(b',') if !is_first => {
                self.at += 1;
                Ok(false)
            }
            _ => self.close(bracket, problem).map(|()| true),
        }
    }

    /// Skips white space and the given character.
    fn skip_punctuation(&mut self, expected: u8, problem: &'static str) -> Result<(), JsonError> {
        if self.next_byte() != Some(expected) {
            return Err(self.error(problem));
        }
        self.at += 1;
        Ok(())
    }

    /// Skips the byte at the current position if it is the right one. Returns whether it is.
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

    /// Returns the text from the position on.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Returns an error at the current position.
    pub(crate) fn error(&self, problem: &'static str) -> JsonError {
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

/// The members of an object, one by one. Each value must be read before the next member.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    names: Names<'a>,
    is_first: bool,
}

impl<'a> Members<'a> {
    /// Reads the opening brace.
    pub(crate) fn open(json: &mut Json<'a>) -> Result<Self, JsonError> {
        json.open(b'{', "'{' is expected")?;
        Ok(Self { names: Names::default(), is_first: true })
    }

    /// Reads the name of the next member. Returns `None` after the closing brace. A repeated name is an error, at the
    /// latest after the closing brace.
    pub(crate) fn next(&mut self, json: &mut Json<'a>) -> Result<Option<Cow<'a, str>>, JsonError> {
        if json.skip_separator(b'}', mem::take(&mut self.is_first), "',' or '}' is expected")? {
            return self
                .names
                .find_repeated(|offset| json.string_at(offset))
                .map_or(Ok(None), |name| Err(JsonError::repeated(&name)));
        }
        let offset = json.at;
        let name = json.string("a member's name in double quotes is expected")?;
        if !json.allows_repeated_names && !self.names.add(name.clone(), offset) {
            return Err(JsonError::repeated(&name));
        }
        json.skip_punctuation(b':', "':' is expected")?;
        Ok(Some(name))
    }
}

/// The items of an array, one by one. Each must be read before the next one.
#[derive(Debug)]
pub(crate) struct Items {
    count: usize,
}

impl Items {
    /// Reads the opening bracket.
    pub(crate) fn open(json: &mut Json<'_>) -> Result<Self, JsonError> {
        json.open(b'[', "'[' is expected")?;
        Ok(Self { count: 0 })
    }

    /// Returns whether there is another item. If there is none, it reads the closing bracket.
    pub(crate) fn next(&mut self, json: &mut Json<'_>) -> Result<bool, JsonError> {
        if json.skip_separator(b']', self.count == 0, "',' or ']' is expected")? {
            return Ok(false);
        }
        self.count += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads one object of these names, and returns the pointer of its error.
    fn repeated(names: &[&str]) -> Option<String> {
        let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":0")).collect();
        let body = format!("{{{}}}", members.join(","));
        let mut json = Json::from_text(&body);
        match json.object(|json, _| json.skip()) {
            Ok(()) => None,
            Err(JsonError::Repeated { pointer }) => Some(pointer),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn duplicate_member_name_is_found_at_any_position() {
        let many: Vec<_> = (0..20).map(|n| format!("m{n}")).collect();
        let names: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(repeated(&names), None);
        for again in &names {
            assert_eq!(repeated(&[&names[..], &[again]].concat()), Some(format!("/{again}")));
        }
        // The digest ignores case and escapes are resolved; the first repetition counts.
        assert_eq!(repeated(&[&names[..], &["M9", "x", "\\u006d9", "m8"]].concat()), Some("/m9".to_owned()));
    }
}
