//! Percent escapes (RFC 3986 section 2.1).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The ASCII characters that are not unreserved (RFC 3986 section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Decodes the percent escapes of `text`. Returns `None` if the result is not UTF-8.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

/// Decodes `text` until no escape is left, after any number of encodings. Replaces invalid UTF-8 with U+FFFD.
///
/// Runs in linear time, which repeated calls of [`decode`] would not.
#[must_use]
pub fn decode_fully(text: &str) -> String {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        bytes.push(byte);
        // A decoded byte may be the end of another escape.
        while let Some((rest, escape)) = bytes.split_last_chunk::<3>()
            && let Some((byte, _)) = read_escape(escape)
        {
            let start = rest.len();
            bytes.truncate(start);
            bytes.push(byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the byte that the escape at the start of `text` encodes, and the bytes after the escape.
#[must_use]
pub fn read_escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&[b'%', high, low], after) = text.split_first_chunk()? else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some((digit(high)? << 4 | digit(low)?, after))
}

/// Returns whether `byte` needs no escape anywhere in a URI (RFC 3986 section 2.3).
#[must_use]
pub const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Encodes `text` for a form body (`application/x-www-form-urlencoded`): escapes all characters that are not
/// unreserved.
#[must_use]
pub fn encode_form(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_text_is_escaped_except_unreserved_characters() {
        assert_eq!(encode_form("aZ9-._~ &=+%/é"), "aZ9-._~%20%26%3D%2B%25%2F%C3%A9");
    }

    #[test]
    fn percent_escape_is_decoded_if_complete_and_valid_utf8() {
        for (text, expected) in [
            ("a%20b", Some("a b")),
            ("%7b%7D", Some("{}")),
            ("%C3%A9", Some("é")),
            ("100%", Some("100%")),
            ("%zz%2", Some("%zz%2")),
            ("%FF", None),
        ] {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn repeatedly_encoded_text_is_fully_decoded() {
        for (text, expected) in [
            ("", ""),
            ("a%20b", "a b"),
            ("%2541", "A"),
            ("%25252541", "A"),
            ("%%34%31", "A"),
            ("%2%35%34%31", "A"),
            ("100%", "100%"),
            ("%zz%2", "%zz%2"),
            ("%C3%A9%FF", "é\u{fffd}"),
        ] {
            assert_eq!(decode_fully(text), expected, "{text}");
        }
        // The time must be linear, because a query can be as long as a URL.
        assert_eq!(decode_fully(&format!("%{}41", "25".repeat(100_000))), "A");
    }
}
