//! JSON strings (RFC 8259, section 7).

use std::borrow::Cow;

use super::Json;
use crate::remediation::fault::JsonFault;
use crate::remediation::guid::hex_value;

impl<'a> Json<'a> {
    /// Reads a string. It borrows from the body unless it has escapes.
    pub(in crate::remediation) fn string(&mut self, problem: &'static str) -> Result<Cow<'a, str>, JsonFault> {
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
                Some(_) => return Err(self.fault("a control character in a string must be escaped")),
                None => return Err(self.fault("a string is not closed")),
            }
            text.push_str(self.plain());
        }
    }

    /// Passes over everything up to the next quote, backslash or control character.
    fn plain(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
        let start = self.at;
        self.at += length;
        // Both ends stand at a character of ASCII or at the end of the body, so the range is always there.
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, JsonFault> {
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
            _ => return Err(self.fault("there is no such escape")),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// One character in one or two `\u` escapes, behind the first `u`. Half a surrogate pair is no character, and each reader
    /// makes something else of it.
    fn unicode_escape(&mut self) -> Result<char, JsonFault> {
        const LONE: &str = "a surrogate without its other half";
        let unit = self.code_unit()?;
        let code = match unit {
            0xd800..=0xdbff => {
                if !self.rest().starts_with(b"\\u") {
                    return Err(self.fault(LONE));
                }
                self.at += 2;
                let low = self.code_unit()?;
                if !matches!(low, 0xdc00..=0xdfff) {
                    return Err(self.fault(LONE));
                }
                0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
            }
            unit => unit,
        };
        char::from_u32(code).ok_or_else(|| self.fault(LONE))
    }

    /// Four hexadecimal digits.
    fn code_unit(&mut self) -> Result<u32, JsonFault> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = self.byte().and_then(hex_value) else {
                return Err(self.fault("four hexadecimal digits are expected"));
            };
            unit = unit << 4 | u32::from(digit);
            self.at += 1;
        }
        Ok(unit)
    }
}
