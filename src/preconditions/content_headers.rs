//! Size and type of the body as declared.

use crate::http::RequestHeaders;

/// The largest body, in bytes: 10,000 emails take about 1.2 MB, with the longest addresses in practice under 2 MiB (contract, section 2).
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// What is wrong with a request as it was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentHeadersError {
    /// `x-ms-transfer-mode: chunked`: Logic Apps' own protocol for large bodies (facts, section 4).
    #[error("x-ms-transfer-mode: chunked")]
    ChunkedTransfer,
    /// `Content-Encoding` other than identity.
    #[error("a content encoding")]
    Encoded,
    /// `Content-Type` is not `application/json`.
    #[error("a content type other than application/json")]
    NotJson,
    /// A charset other than UTF-8.
    #[error("a charset other than utf-8")]
    Charset,
    /// `Content-Length` is not a number.
    #[error("a malformed Content-Length")]
    MalformedLength,
    /// `Content-Length` is above [`MAX_BODY_BYTES`].
    #[error("a declared length above the limit")]
    TooLarge,
}

/// Checks size and type as declared. Gives the declared length in bytes, where there is one.
///
/// # Errors
///
/// The first error.
pub fn check_content_headers(headers: &RequestHeaders) -> Result<Option<u64>, ContentHeadersError> {
    if headers.transfer_mode.as_ref().is_some_and(|mode| mode.trim().eq_ignore_ascii_case("chunked")) {
        return Err(ContentHeadersError::ChunkedTransfer);
    }
    if headers.content_encoding.as_ref().is_some_and(|encoding| !encoding.trim().eq_ignore_ascii_case("identity")) {
        return Err(ContentHeadersError::Encoded);
    }
    content_type(headers.content_type.as_deref().unwrap_or_default())?;
    let Some(length) = &headers.content_length else { return Ok(None) };
    let length = length.parse().map_err(|_| ContentHeadersError::MalformedLength)?;
    if usize::try_from(length).is_ok_and(|length| length <= MAX_BODY_BYTES) {
        Ok(Some(length))
    } else {
        Err(ContentHeadersError::TooLarge)
    }
}

/// `application/json` with any parameters but a charset other than UTF-8 (RFC 9110 section 8.3.1).
fn content_type(content_type: &str) -> Result<(), ContentHeadersError> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Err(ContentHeadersError::NotJson);
    }
    let mut charsets = parts.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value.trim())
    });
    let is_utf8 = |charset: &str| charset.trim_matches('"').eq_ignore_ascii_case("utf-8");
    if charsets.all(is_utf8) { Ok(()) } else { Err(ContentHeadersError::Charset) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_type_are_judged_as_declared() {
        let json = RequestHeaders { content_type: Some("application/json".into()), ..Default::default() };
        assert_eq!(check_content_headers(&json), Ok(None));
        for (content_type, expected) in [
            ("application/json", Ok(())),
            ("Application/JSON; charset=UTF-8", Ok(())),
            ("application/json;charset=\"utf-8\";odata.metadata=minimal;IEEE754Compatible=true", Ok(())),
            ("application/json; charset=utf-16", Err(ContentHeadersError::Charset)),
            ("application/json; charset=utf-8; charset=latin1", Err(ContentHeadersError::Charset)),
            ("application/json; charset=", Err(ContentHeadersError::Charset)),
            ("application/jsonx", Err(ContentHeadersError::NotJson)),
            ("application/problem+json", Err(ContentHeadersError::NotJson)),
            ("text/json", Err(ContentHeadersError::NotJson)),
            ("application/json, text/plain", Err(ContentHeadersError::NotJson)),
            ("", Err(ContentHeadersError::NotJson)),
        ] {
            assert_eq!(super::content_type(content_type), expected, "{content_type}");
        }
        for (length, expected) in [
            ("0", Ok(Some(0))),
            ("2097152", Ok(Some(2_097_152))),
            ("2097153", Err(ContentHeadersError::TooLarge)),
            ("18446744073709551615", Err(ContentHeadersError::TooLarge)),
            ("18446744073709551616", Err(ContentHeadersError::MalformedLength)),
            ("-1", Err(ContentHeadersError::MalformedLength)),
            ("1, 1", Err(ContentHeadersError::MalformedLength)),
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
            (Some("identity"), None, Ok(None)),
            (Some("gzip"), None, Err(ContentHeadersError::Encoded)),
            (Some("identity, gzip"), None, Err(ContentHeadersError::Encoded)),
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
