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
        parse_bits(text.as_bytes()).map(Self).ok_or(NotAGuid)
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

/// Returns the value of a GUID. Eight digits are read at a time.
fn parse_bits(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let has_hyphens = [8, 13, 18, 23].iter().all(|&index| text.get(index) == Some(&b'-'));
    let four = |start: usize| text.get(start..)?.first_chunk().map(|digits| u64::from(u32::from_be_bytes(*digits)));
    let eight = |start: usize, next: usize| eight_digits(four(start)? << 32 | four(next)?);
    let words = [eight(0, 4)?, eight(9, 14)?, eight(19, 24)?, eight(28, 32)?];
    has_hyphens.then(|| words.into_iter().fold(0, |bits, word| bits << 32 | u128::from(word)))
}

/// Returns the value of eight hexadecimal digits, the first of them in the highest byte.
fn eight_digits(digits: u64) -> Option<u64> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    if digits & HIGH != 0 {
        return None;
    }
    // Returns the high bit of each byte that is at least `first` and less than `end`. No addition carries into the next
    // byte.
    let within =
        |bytes: u64, first: u64, end: u64| (bytes + (0x80 - first) * EACH) & !(bytes + (0x80 - end) * EACH) & HIGH;
    let lower = digits | (0x20 * EACH);
    let letters = within(lower, 0x61, 0x67);
    if within(digits, 0x30, 0x3a) | letters != HIGH {
        return None;
    }
    let nibbles = (lower & (0x0f * EACH)) + 9 * (letters >> 7);
    let bytes = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
    let halves = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
    Some((halves | halves >> 16) & 0xffff_ffff)
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
    fn guid_in_any_case_is_parsed_and_written_in_lower_case() {
        let guid: Guid = "73CA4154-58d8-43D0-A890-08dc18c52e6D".parse().unwrap();
        assert_eq!(guid.to_string(), "73ca4154-58d8-43d0-a890-08dc18c52e6d");
    }

    #[test]
    fn guid_in_other_format_is_rejected() {
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

    #[test]
    fn eight_digits_accept_only_hex_digits_in_every_place() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut digits = *b"0f9A8b7C";
                digits[place] = byte;
                let expected = str::from_utf8(&digits).ok().filter(|text| !text.contains('+'));
                let expected = expected.and_then(|text| u64::from_str_radix(text, 16).ok());
                assert_eq!(eight_digits(u64::from_be_bytes(digits)), expected, "{digits:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn guid_is_unchanged_after_write_and_parse(bits: u128) {
            let guid = Guid(bits);
            prop_assert_eq!(guid.to_string().parse(), Ok(guid));
        }
    }
}
