//! GUIDs, in the form that Microsoft Graph and Entra ID use.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A 128-bit identifier, parsed from and written as 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4).
///
/// Any version and variant is accepted, because Exchange and Entra ID guarantee none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(u128);

/// The text is not a GUID of 8-4-4-4-12 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID of 8-4-4-4-12 hexadecimal digits")]
pub struct NotAGuid;

impl Guid {
    /// Returns the 16 bytes in the order of the text.
    pub(super) const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Writes the canonical text.
    pub(super) fn write_to(self, out: &mut impl fmt::Write) -> fmt::Result {
        let mut digits = [0; 32];
        let (pairs, _) = digits.as_chunks_mut();
        for (pair, byte) in pairs.iter_mut().zip(self.0.to_be_bytes()) {
            *pair = [hex_digit(byte >> 4), hex_digit(byte & 0xf)];
        }
        // ASCII digits are always valid UTF-8.
        let mut rest = str::from_utf8(&digits).unwrap_or_default();
        for length in [8, 4, 4, 4] {
            let (group, after) = rest.split_at_checked(length).unwrap_or_default();
            out.write_str(group)?;
            out.write_char('-')?;
            rest = after;
        }
        out.write_str(rest)
    }
}

impl FromStr for Guid {
    type Err = NotAGuid;

    /// Parses digits in either case. Braces, a `urn:uuid:` prefix, missing hyphens and surrounding white space are
    /// rejected.
    fn from_str(text: &str) -> Result<Self, NotAGuid> {
        bits(text.as_bytes()).map(Self).ok_or(NotAGuid)
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'_, str>>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Returns the value of a text. Each half of the digits is computed in one machine word.
fn bits(mut text: &[u8]) -> Option<u128> {
    let first = group::<8>(&mut text)? << 32;
    let first = first | hyphen_and_group::<4>(&mut text)? << 16;
    let first = first | hyphen_and_group::<4>(&mut text)?;
    let second = hyphen_and_group::<4>(&mut text)? << 48;
    let second = second | hyphen_and_group::<12>(&mut text)?;
    text.is_empty().then_some(u128::from(first) << 64 | u128::from(second))
}

/// Removes a hyphen and a [`group`] from the start of the text.
fn hyphen_and_group<const DIGITS: usize>(text: &mut &[u8]) -> Option<u64> {
    *text = text.strip_prefix(b"-")?;
    group::<DIGITS>(text)
}

/// Removes `count` digits from the start of the text.
fn group<const DIGITS: usize>(text: &mut &[u8]) -> Option<u64> {
    let (digits, rest) = text.split_first_chunk::<DIGITS>()?;
    *text = rest;
    digits.iter().try_fold(0, |sum, &digit| Some(sum << 4 | u64::from(char::from(digit).to_digit(16)?)))
}

/// Returns the digit of a value below 16.
fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + (value - 10) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn any_case_is_read_and_lower_case_is_written() {
        let guid: Guid = "73CA4154-58d8-43D0-A890-08dc18c52e6D".parse().unwrap();
        assert_eq!(guid.to_string(), "73ca4154-58d8-43d0-a890-08dc18c52e6d");
    }

    #[test]
    fn no_other_spelling_is_read() {
        for text in [
            "",
            "73ca4154",
            "73ca415458d843d0a89008dc18c52e6d",
            "{73ca4154-58d8-43d0-a890-08dc18c52e6d}",
            "urn:uuid:73ca4154-58d8-43d0-a890-08dc18c52e6d",
            "73ca4154-58d8-43d0-a890-08dc18c52e6",
            "73ca4154-58d8-43d0-a890-08dc18c52e6d0",
            "73ca4154-58d8-43d0-a890-08dc18c52e6g",
            "73ca4154-58d8-43d0-a89008dc18c52e6d-",
            "73ca41545-8d8-43d0-a890-08dc18c52e6d",
            "73ca4154-58d8-43d00a890-08dc18c52e6d",
            "73ca4154-58d8-43d0-a890-08dc18c52e6\u{00e9}",
            "+3ca4154-58d8-43d0-a890-08dc18c52e6d",
        ] {
            assert_eq!(text.parse::<Guid>(), Err(NotAGuid), "{text}");
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_are_each_others_inverse(bits: u128) {
            let guid = Guid(bits);
            prop_assert_eq!(guid.to_string().parse(), Ok(guid));
        }
    }
}
