//! Size, type and coding of the body as declared.

use crate::http::{DeclaredBody, RequestHeaders};

/// Maximum body size in bytes, both compressed and decompressed.
///
/// PowerShell 5.1 indents the members of 10,000 pairs by 31 and 35 spaces and ends lines with CR LF: about 250 bytes
/// per pair, so 2.5 MB. 4 MiB leave 150 more bytes for each address. An isolate has 128 MiB; a request holds at most
/// two such bodies at a time.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Error in the headers that describe the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentHeadersError {
    /// `x-ms-transfer-mode: chunked`: Logic Apps' own protocol for large bodies (facts, section 4).
    #[error("x-ms-transfer-mode: chunked")]
    ChunkedTransfer,
    /// `Content-Encoding` is neither identity nor gzip.
    #[error("a content encoding other than gzip")]
    Encoded,
    /// `Content-Encoding` names gzip twice.
    #[error("Content-Encoding names gzip more than once")]
    EncodedTwice,
    /// `Content-Type` is missing or empty.
    #[error("no content type")]
    NoType,
    /// `Content-Type` is given more than once.
    #[error("Content-Type is given more than once")]
    RepeatedType,
    /// `Content-Type` is that of a form.
    #[error("the content type of a form")]
    Form,
    /// `Content-Type` is not `application/json`.
    #[error("a content type other than application/json")]
    NotJson,
    /// A charset other than UTF-8.
    #[error("a charset other than utf-8")]
    Charset,
    /// `Content-Length` is given more than once.
    #[error("Content-Length is given more than once")]
    RepeatedLength,
    /// `Content-Length` is not a number.
    #[error("a malformed Content-Length")]
    MalformedLength,
    /// `Content-Length` is above [`MAX_BODY_BYTES`].
    #[error("a declared length above the limit")]
    TooLarge,
}

/// Checks the declared size, type and coding of the body.
///
/// # Errors
///
/// The first error.
pub fn check_content_headers(headers: &RequestHeaders) -> Result<DeclaredBody, ContentHeadersError> {
    if headers.transfer_mode.as_ref().is_some_and(|mode| mode.trim().eq_ignore_ascii_case("chunked")) {
        return Err(ContentHeadersError::ChunkedTransfer);
    }
    let is_gzip = check_coding(headers.content_encoding.as_deref().unwrap_or_default())?;
    check_content_type(headers.content_type.as_deref().unwrap_or_default())?;
    let Some(length) = &headers.content_length else { return Ok(DeclaredBody { length: None, is_gzip }) };
    if length.contains(',') {
        return Err(ContentHeadersError::RepeatedLength);
    }
    let length = length.parse().map_err(|_| ContentHeadersError::MalformedLength)?;
    if usize::try_from(length).is_ok_and(|length| length <= MAX_BODY_BYTES) {
        Ok(DeclaredBody { length: Some(length), is_gzip })
    } else {
        Err(ContentHeadersError::TooLarge)
    }
}

/// Returns whether `Content-Encoding` (RFC 9110 section 8.4) is gzip. Ignores `identity`.
fn check_coding(content_encoding: &str) -> Result<bool, ContentHeadersError> {
    let codings = content_encoding.split(',').map(str::trim);
    let mut is_gzip = false;
    for coding in codings.filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity")) {
        if !is_one_of(coding, &["gzip", "x-gzip"]) {
            return Err(ContentHeadersError::Encoded);
        }
        if std::mem::replace(&mut is_gzip, true) {
            return Err(ContentHeadersError::EncodedTwice);
        }
    }
    Ok(is_gzip)
}

/// Checks that the type is `application/json` and that each charset is UTF-8. Other parameters are accepted (RFC 9110
/// section 8.3.1).
fn check_content_type(content_type: &str) -> Result<(), ContentHeadersError> {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    // The platform joins a repeated header with a comma. A quoted parameter may contain a comma, too.
    if content_type.split('"').step_by(2).any(|unquoted| unquoted.contains(',')) {
        return Err(ContentHeadersError::RepeatedType);
    }
    if essence.is_empty() {
        return Err(ContentHeadersError::NoType);
    }
    if is_one_of(essence, &["application/x-www-form-urlencoded", "multipart/form-data"]) {
        return Err(ContentHeadersError::Form);
    }
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(ContentHeadersError::NotJson);
    }
    let mut charsets = parts.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    });
    if charsets.all(is_utf8) { Ok(()) } else { Err(ContentHeadersError::Charset) }
}

/// Returns whether `charset` is UTF-8 in any spelling: quoted, or with a hyphen, an underscore or nothing before the 8.
/// The other labels are those of the WHATWG Encoding Standard, section 4.2.
fn is_utf8(charset: &str) -> bool {
    let plain: String = charset.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_spelling = charset.chars().all(|c| c.is_ascii_alphanumeric() || "-_ \t\"'".contains(c));
    is_spelling && is_one_of(&plain, &["utf8", "unicode11utf8", "unicode20utf8", "xunicode20utf8"])
}

fn is_one_of(text: &str, names: &[&str]) -> bool {
    names.iter().any(|name| text.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_type_length_and_encoding_are_validated() {
        let declared = |length, is_gzip| Ok(DeclaredBody { length, is_gzip });
        let json = RequestHeaders { content_type: Some("application/json".into()), ..Default::default() };
        assert_eq!(check_content_headers(&json), declared(None, false));
        for (content_type, expected) in [
            ("application/json", Ok(())),
            ("Application/JSON; charset=UTF-8", Ok(())),
            ("application/json;charset=\"utf-8\";odata.metadata=minimal;IEEE754Compatible=true", Ok(())),
            ("application/json; charset=utf8", Ok(())),
            ("application/json; charset=UTF8", Ok(())),
            ("application/json; charset=\"UTF8\"", Ok(())),
            ("application/json; charset='utf-8'", Ok(())),
            ("application/json; charset = utf_8", Ok(())),
            ("application/json; charset=Utf 8", Ok(())),
            ("application/json; charset=x-unicode20utf8", Ok(())),
            ("application/json; charset=utf-8; charset=utf8", Ok(())),
            ("application/json; profile=\"a,b\"", Ok(())),
            ("application/json; charset=utf-81", Err(ContentHeadersError::Charset)),
            ("application/json; charset=utf-7", Err(ContentHeadersError::Charset)),
            ("application/json; charset=utf-8-sig/x", Err(ContentHeadersError::Charset)),
            ("application/json; charset=\u{ff35}tf-8", Err(ContentHeadersError::Charset)),
            ("application/json; charset=iso-8859-1", Err(ContentHeadersError::Charset)),
            ("application/json; charset=us-ascii", Err(ContentHeadersError::Charset)),
            ("application/json; charset=utf-16", Err(ContentHeadersError::Charset)),
            ("application/json; charset=utf-8; charset=latin1", Err(ContentHeadersError::Charset)),
            ("application/json; charset=", Err(ContentHeadersError::Charset)),
            ("application/jsonx", Err(ContentHeadersError::NotJson)),
            ("application/problem+json", Err(ContentHeadersError::NotJson)),
            ("text/json", Err(ContentHeadersError::NotJson)),
            ("application/json, text/plain", Err(ContentHeadersError::RepeatedType)),
            ("application/json, application/json", Err(ContentHeadersError::RepeatedType)),
            ("application/json; charset=utf-8, application/json", Err(ContentHeadersError::RepeatedType)),
            ("application/x-www-form-urlencoded", Err(ContentHeadersError::Form)),
            ("Multipart/Form-Data; boundary=x", Err(ContentHeadersError::Form)),
            (" ", Err(ContentHeadersError::NoType)),
            ("", Err(ContentHeadersError::NoType)),
        ] {
            assert_eq!(check_content_type(content_type), expected, "{content_type}");
        }
        for (length, expected) in [
            ("0", declared(Some(0), false)),
            ("4194304", declared(Some(4_194_304), false)),
            ("4194305", Err(ContentHeadersError::TooLarge)),
            ("18446744073709551615", Err(ContentHeadersError::TooLarge)),
            ("18446744073709551616", Err(ContentHeadersError::MalformedLength)),
            ("-1", Err(ContentHeadersError::MalformedLength)),
            ("1, 1", Err(ContentHeadersError::RepeatedLength)),
            ("", Err(ContentHeadersError::MalformedLength)),
        ] {
            let headers = RequestHeaders {
                content_type: Some("application/json".into()),
                content_length: Some(length.into()),
                ..Default::default()
            };
            assert_eq!(check_content_headers(&headers), expected, "{length}");
        }
        for (encoding, mode, expected) in [
            (Some("identity"), None, declared(None, false)),
            (Some(""), None, declared(None, false)),
            (Some("gzip"), None, declared(None, true)),
            (Some(" X-Gzip "), None, declared(None, true)),
            (Some("identity, GZIP"), None, declared(None, true)),
            (Some("gzip, gzip"), None, Err(ContentHeadersError::EncodedTwice)),
            (Some("br"), None, Err(ContentHeadersError::Encoded)),
            (Some("gzip, br"), None, Err(ContentHeadersError::Encoded)),
            (Some("deflate"), None, Err(ContentHeadersError::Encoded)),
            (Some("gzip2"), None, Err(ContentHeadersError::Encoded)),
            (None, Some("Chunked"), Err(ContentHeadersError::ChunkedTransfer)),
        ] {
            let headers = RequestHeaders {
                content_type: Some("application/json".into()),
                content_encoding: encoding.map(str::to_owned),
                transfer_mode: mode.map(str::to_owned),
                ..Default::default()
            };
            assert_eq!(check_content_headers(&headers), expected, "{encoding:?} {mode:?}");
        }
    }
}
