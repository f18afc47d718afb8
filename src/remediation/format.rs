//! Recognizes bodies that are not JSON but a format that clients send by mistake.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use super::error::JsonError;
use super::sanitize::starts_with_ignoring_case;

/// Number of bytes that are examined. A form's first name and the opening of a multipart body are shorter.
const EXAMINED: usize = 256;

/// Returns the error for a text that does not begin as a JSON value, if its format is known.
///
/// The first bytes decide, so that a large body costs no more than a small one.
pub(super) fn detect(text: &str) -> Option<JsonError> {
    let text = text.trim_start();
    let examined = text.get(..text.floor_char_boundary(EXAMINED)).unwrap_or(text);
    // Base64 may begin with a digit, but base64 of an object never is a number.
    if is_base64_json(examined) {
        return Some(JsonError::Base64);
    }
    let is_value = examined.starts_with(['{', '[', '"']) || examined.starts_with(|c: char| c.is_ascii_digit());
    (!is_value && is_form(examined)).then_some(JsonError::Form)
}

/// Returns whether `text` is base64 of an object: it has only base64 characters, and its first group decodes to `{`,
/// with or without a byte order mark.
pub(super) fn is_base64_json(text: &str) -> bool {
    let text = text.get(..text.floor_char_boundary(EXAMINED)).unwrap_or(text);
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_=\r\n".contains(c);
    let first =
        text.get(..8).and_then(|group| BASE64_STANDARD_NO_PAD.decode(group.replace('-', "+").replace('_', "/")).ok());
    let is_object = |bytes: Vec<u8>| bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(&bytes).first() == Some(&b'{');
    text.trim_end().chars().all(is_base64) && first.is_some_and(is_object)
}

/// Returns whether `text` begins as a form does: a percent-encoded brace, a name and `=`, or the first boundary of
/// multipart data.
fn is_form(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "%+-._~*[]$@".contains(c);
    let has_name = text.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_name));
    let is_escaped = starts_with_ignoring_case(text, "%7b");
    let is_multipart = text.starts_with("--") && text.to_ascii_lowercase().contains("content-disposition:");
    has_name || is_escaped || is_multipart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_in_form_or_base64_format_is_recognized() {
        for (text, expected) in [
            ("displayName=Clean+up&severity=medium&analyzedEmails=System.Object%5B%5D", Some(JsonError::Form)),
            ("payload={\"displayName\":\"x\"}", Some(JsonError::Form)),
            ("analyzedEmails[0][networkMessageId]=1", Some(JsonError::Form)),
            ("%7B%22displayName%22%3A%22x%22%7D", Some(JsonError::Form)),
            ("%7b%22displayName%22%3A%22x%22%7d=", Some(JsonError::Form)),
            (" \r\naction=softDelete", Some(JsonError::Form)),
            ("--x\r\nContent-Disposition: form-data; name=\"body\"\r\n\r\n{}", Some(JsonError::Form)),
            ("eyJkaXNwbGF5TmFtZSI6IlgifQ==", Some(JsonError::Base64)),
            ("ewogICJkaXNwbGF5TmFtZSI6IlgiCn0", Some(JsonError::Base64)),
            ("77u/eyJkaXNwbGF5TmFtZSI6IlgifQ==\r\n", Some(JsonError::Base64)),
            ("{\"displayName\":\"a=b\"}", None),
            ("[1]", None),
            ("-1", None),
            ("7", None),
            ("12345678.5", None),
            ("'displayName'='x'", None),
            ("null", None),
            ("nothing", None),
            ("eyJk", None),
            ("eyJkaXNwbGF5 {", None),
            ("<xml a=\"b\"/>", None),
            ("@{displayName=x}", None),
            ("=x", None),
            ("-- x", None),
            ("", None),
        ] {
            assert_eq!(detect(text), expected, "{text}");
        }
    }
}
