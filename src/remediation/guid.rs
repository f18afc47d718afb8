//! GUIDs, in the one spelling that Microsoft Graph and Entra ID use for them.

use std::fmt;
use std::str::FromStr;

/// A 128-bit identifier, read from and written as 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4).
///
/// Any version and variant is taken: Exchange and Entra ID do not promise one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(u128);

/// The text is not a GUID of 8-4-4-4-12 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID of 8-4-4-4-12 hexadecimal digits")]
pub struct NotAGuid;

/// Characters of a GUID as text.
const TEXT_LENGTH: usize = 36;

impl Guid {
    /// The lower-case text, on the stack.
    pub(super) fn to_ascii(self) -> [u8; TEXT_LENGTH] {
        let mut text = [b'-'; TEXT_LENGTH];
        let digits = self.0.to_be_bytes().into_iter().flat_map(|byte| [hex_digit(byte >> 4), hex_digit(byte & 0xf)]);
        let slots = text.iter_mut().enumerate().filter(|(at, _)| !is_hyphen_place(*at));
        for ((_, slot), digit) in slots.zip(digits) {
            *slot = digit;
        }
        text
    }
}

impl FromStr for Guid {
    type Err = NotAGuid;

    /// Reads the digits in either case; braces, a `urn:uuid:` prefix, missing hyphens and surrounding blanks are refused.
    fn from_str(text: &str) -> Result<Self, NotAGuid> {
        let text: &[u8; TEXT_LENGTH] = text.as_bytes().try_into().map_err(|_| NotAGuid)?;
        // The third hyphen stands between the two halves of the digits, so that each half is summed up in one machine word.
        let (first, rest) = text.split_at(18);
        let (hyphen, second) = rest.split_at(1);
        if hyphen != b"-" {
            return Err(NotAGuid);
        }
        let half = |part: &[u8], hyphens: [usize; 2]| {
            part.iter().enumerate().try_fold(0_u64, |sum, (at, &byte)| {
                if hyphens.contains(&at) {
                    return (byte == b'-').then_some(sum);
                }
                Some(sum << 4 | u64::from(hex_value(byte)?))
            })
        };
        let first = half(first, [8, 13]).ok_or(NotAGuid)?;
        let second = half(second, [4, 4]).ok_or(NotAGuid)?;
        Ok(Self(u128::from(first) << 64 | u128::from(second)))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ascii().iter().try_for_each(|&byte| fmt::Write::write_char(f, char::from(byte)))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether the text has a hyphen at this place.
fn is_hyphen_place(at: usize) -> bool {
    matches!(at, 8 | 13 | 18 | 23)
}

/// The digit of a value below 16.
fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + (value - 10) }
}

/// The value of a hexadecimal digit in either case.
pub(super) fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
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
