//! JSON strings (RFC 8259, section 7).

use std::borrow::Cow;

use super::Json;
use crate::remediation::error::JsonError;

impl<'a> Json<'a> {
    /// Reads a string. It borrows from the body unless it has escapes.
    pub(crate) fn string(&mut self, problem: &'static str) -> Result<Cow<'a, str>, JsonError> {
        self.skip_punctuation(b'"', problem)?;
        let plain = self.read_plain();
        let Some(first) = self.read_escape_or_quote()? else { return Ok(Cow::Borrowed(plain)) };
        let mut text = plain.to_owned();
        text.push(first);
        loop {
            text.push_str(self.read_plain());
            match self.read_escape_or_quote()? {
                Some(character) => text.push(character),
                None => return Ok(Cow::Owned(text)),
            }
        }
    }

    /// Returns the string at an offset, which was read before.
    pub(super) fn string_at(&self, offset: usize) -> Cow<'a, str> {
        let mut before = Self { at: offset, ..Self::from_text(self.text) };
        before.string("a string is expected").unwrap_or_default()
    }

    /// Skips a string, checking only its grammar.
    pub(super) fn skip_string(&mut self) -> Result<(), JsonError> {
        self.skip_punctuation(b'"', "a string is expected")?;
        self.read_plain();
        while self.read_escape_or_quote()?.is_some() {
            self.read_plain();
        }
        Ok(())
    }

    /// Reads what follows [`Json::read_plain`]: an escaped character, or the closing quote, which gives `None`.
    fn read_escape_or_quote(&mut self) -> Result<Option<char>, JsonError> {
        match self.byte() {
            Some(b'"') => {
                self.at += 1;
                Ok(None)
            }
            Some(b'\\') => self.read_escape().map(Some),
            Some(_) => Err(self.error("a control character in a string must be escaped")),
            None => Err(self.error("a string is not closed")),
        }
    }

    /// Reads the text up to the next quote, backslash or control character.
    fn read_plain(&mut self) -> &'a str {
        let start = self.at;
        self.at += plain_length(self.rest());
        // Both ends are ASCII characters or the body's end, so the range always exists.
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn read_escape(&mut self) -> Result<char, JsonError> {
        self.at += 1; // the backslash
        let escaped = match self.byte() {
            Some(same @ (b'"' | b'\\' | b'/')) => char::from(same),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.read_unicode_escape();
            }
            _ => return Err(self.error("there is no such escape")),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// Reads one character in one or two `\u` escapes, after the first `u`. Half a surrogate pair is an error, because
    /// readers disagree about it.
    fn read_unicode_escape(&mut self) -> Result<char, JsonError> {
        const LONE: &str = "a surrogate without its other half";
        let unit = self.read_code_unit()?;
        let code = match unit {
            0xd800..=0xdbff => {
                if !self.rest().starts_with(b"\\u") {
                    return Err(self.error(LONE));
                }
                self.at += 2;
                let low = self.read_code_unit()?;
                if !matches!(low, 0xdc00..=0xdfff) {
                    return Err(self.error(LONE));
                }
                0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
            }
            unit => unit,
        };
        char::from_u32(code).ok_or_else(|| self.error(LONE))
    }

    /// Reads four hexadecimal digits.
    fn read_code_unit(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = self.byte().and_then(|byte| char::from(byte).to_digit(16)) else {
                return Err(self.error("four hexadecimal digits are expected"));
            };
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }
}

/// Returns the number of bytes before the first quote, backslash or control character. It reads eight bytes at a time,
/// because most of a body is strings.
fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    let mut length = 0;
    for word in words {
        let plain = plain_bytes(u64::from_le_bytes(*word));
        length += plain;
        if plain < size_of::<u64>() {
            return length;
        }
    }
    length + rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count()
}

/// Returns how many of eight bytes, from the lowest, come before the first quote, backslash or control character.
fn plain_bytes(word: u64) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    // "Determine if a word has a byte less than n" (Bit Twiddling Hacks, for n up to 128). The lowest bit in the result
    // is that of such a byte. Higher bits can be wrong, since a subtraction borrows from the next byte.
    let less = |word: u64, n: u64| word.wrapping_sub(n * EACH) & !word & HIGH;
    let equal = |byte: u8| less(word ^ (u64::from(byte) * EACH), 1);
    let stops = less(word, 0x20) | equal(b'"') | equal(b'\\');
    usize::try_from(stops.trailing_zeros() / u8::BITS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The fast search over eight bytes stops exactly where the plain rule does.
        #[test]
        fn fast_string_scan_stops_at_same_byte_as_plain_scan(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x1e_u8..0x24, 0x5b_u8..0x5e], 0..40)) {
            let expected = bytes.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\').unwrap_or(bytes.len());
            prop_assert_eq!(plain_length(&bytes), expected);
        }
    }
}
