//! JSON strings (RFC 8259, section 7).

use std::borrow::Cow;

use super::Json;
use crate::remediation::error::JsonError;

impl<'a> Json<'a> {
    /// Reads a string. It borrows from the body unless it has escapes.
    pub(in crate::remediation) fn string(&mut self, problem: &'static str) -> Result<Cow<'a, str>, JsonError> {
        self.punctuation(b'"', problem)?;
        let plain = self.plain();
        if self.accept(|byte| byte == b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(self.error("a control character in a string must be escaped")),
                None => return Err(self.error("a string is not closed")),
            }
            text.push_str(self.plain());
        }
    }

    /// Skips everything up to the next quote, backslash or control character.
    fn plain(&mut self) -> &'a str {
        let start = self.at;
        self.at += plain_length(self.rest());
        // Both ends are ASCII characters or the body's end, so the range always exists.
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, JsonError> {
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
                return self.unicode_escape();
            }
            _ => return Err(self.error("there is no such escape")),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// Reads one character in one or two `\u` escapes, after the first `u`. Half a surrogate pair is an error, because
    /// readers disagree about it.
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        const LONE: &str = "a surrogate without its other half";
        let unit = self.code_unit()?;
        let code = match unit {
            0xd800..=0xdbff => {
                if !self.rest().starts_with(b"\\u") {
                    return Err(self.error(LONE));
                }
                self.at += 2;
                let low = self.code_unit()?;
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
    fn code_unit(&mut self) -> Result<u32, JsonError> {
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

/// Returns the number of bytes before the first one that ends or interrupts a string. It examines eight at a time,
/// because most of a body is strings.
fn plain_length(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks();
    let plain_words = words.iter().take_while(|word| is_plain(u64::from_le_bytes(**word))).count();
    let mut length = plain_words * size_of::<u64>();
    let rest = bytes.iter().skip(length);
    length += rest.take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
    length
}

/// Returns whether none of eight bytes is a quote, a backslash or a control character.
fn is_plain(word: u64) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    // "Determine if a word has a byte less than n" (Bit Twiddling Hacks, for n up to 128). The test has no false
    // results.
    let has_less = |word: u64, n: u64| word.wrapping_sub(n * EACH) & !word & HIGH;
    let has = |byte: u8| has_less(word ^ (u64::from(byte) * EACH), 1);
    (has_less(word, 0x20) | has(b'"') | has(b'\\')) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The fast search over eight bytes stops exactly where the plain rule does.
        #[test]
        fn strings_end_where_the_rule_says(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x1e_u8..0x24, 0x5b_u8..0x5e], 0..40)) {
            let expected = bytes.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\').unwrap_or(bytes.len());
            prop_assert_eq!(plain_length(&bytes), expected);
        }
    }
}
