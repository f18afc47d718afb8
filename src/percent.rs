//! Percent escapes (RFC 3986 section 2.1).

/// `text` with its percent escapes resolved; `None` where they give no UTF-8.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let (value, after) = read_escape(rest).unwrap_or((byte, after));
        bytes.push(value);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Decodes `text` until no escape is left, so that it does not matter how often it was encoded. What is no UTF-8 then
/// is replaced.
#[must_use]
pub fn decode_fully(text: &str) -> String {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        bytes.push(byte);
        // A byte that was just decoded may be the end of another escape.
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

/// The byte that the escape at the start of `text` stands for, and what follows it.
#[must_use]
pub fn read_escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&[b'%', high, low], after) = text.split_first_chunk()? else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some((digit(high)? << 4 | digit(low)?, after))
}

/// Whether `byte` needs no escape anywhere in a URI (RFC 3986 section 2.3).
#[must_use]
pub const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Appends `byte` as a percent escape (RFC 3986 section 2.1).
pub fn push_escape(text: &mut String, byte: u8) {
    text.push('%');
    for nibble in [byte >> 4, byte & 0xf] {
        text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase());
    }
}

/// `text` for a form body (`application/x-www-form-urlencoded`): everything but RFC 3986's unreserved characters is escaped.
#[must_use]
pub fn encode_form(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_unreserved(byte) {
            encoded.push(char::from(byte));
        } else {
            push_escape(&mut encoded, byte);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_escaped_whatever_it_holds() {
        assert_eq!(encode_form("aZ9-._~ &=+%/é"), "aZ9-._~%20%26%3D%2B%25%2F%C3%A9");
    }

    #[test]
    fn escapes_are_resolved_where_they_are_whole_and_utf_8() {
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
    fn text_encoded_many_times_is_decoded_to_the_end() {
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
        // In linear time: a query is as long as a URL may be.
        assert_eq!(decode_fully(&format!("%{}41", "25".repeat(100_000))), "A");
    }
}
