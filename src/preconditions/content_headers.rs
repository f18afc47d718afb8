//! Size and type of the body as declared.

use crate::http::RequestHeaders;

/// The largest body, in bytes: 10,000 emails take about 1.2 MB, with the longest addresses in practice under 2 MiB (contract, section 2).
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// What is wrong with a request as it was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclaredFault {
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
/// The first fault.
pub fn declared(headers: &RequestHeaders) -> Result<Option<u64>, DeclaredFault> {
    if headers.transfer_mode.as_ref().is_some_and(|mode| mode.trim().eq_ignore_ascii_case("chunked")) {
        return Err(DeclaredFault::ChunkedTransfer);
    }
    if headers.content_encoding.as_ref().is_some_and(|encoding| !encoding.trim().eq_ignore_ascii_case("identity")) {
        return Err(DeclaredFault::Encoded);
    }
    content_type(headers.content_type.as_deref().unwrap_or_default())?;
    let Some(length) = &headers.content_length else { return Ok(None) };
    let length = length.parse().map_err(|_| DeclaredFault::MalformedLength)?;
    if usize::try_from(length).is_ok_and(|length| length <= MAX_BODY_BYTES) {
        Ok(Some(length))
    } else {
        Err(DeclaredFault::TooLarge)
    }
}

/// `application/json` with any parameters but a charset other than UTF-8 (RFC 9110 section 8.3.1).
fn content_type(content_type: &str) -> Result<(), DeclaredFault> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Err(DeclaredFault::NotJson);
    }
    let mut charsets = parts.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value.trim())
    });
    let is_utf8 = |charset: &str| charset.trim_matches('"').eq_ignore_ascii_case("utf-8");
    if charsets.all(is_utf8) { Ok(()) } else { Err(DeclaredFault::Charset) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_type_are_judged_as_declared() {
        let json = RequestHeaders { content_type: Some("application/json".into()), ..Default::default() };
        assert_eq!(declared(&json), Ok(None));
        for (content_type, expected) in [
            ("application/json", Ok(())),
            ("Application/JSON; charset=UTF-8", Ok(())),
            ("application/json;charset=\"utf-8\";odata.metadata=minimal;IEEE754Compatible=true", Ok(())),
            ("application/json; charset=utf-16", Err(DeclaredFault::Charset)),
            ("application/json; charset=utf-8; charset=latin1", Err(DeclaredFault::Charset)),
            ("application/json; charset=", Err(DeclaredFault::Charset)),
            ("application/jsonx", Err(DeclaredFault::NotJson)),
            ("application/problem+json", Err(DeclaredFault::NotJson)),
            ("text/json", Err(DeclaredFault::NotJson)),
            ("application/json, text/plain", Err(DeclaredFault::NotJson)),
            ("", Err(DeclaredFault::NotJson)),
        ] {
            assert_eq!(super::content_type(content_type), expected, "{content_type}");
        }
        for (length, expected) in [
            ("0", Ok(Some(0))),
            ("2097152", Ok(Some(2_097_152))),
            ("2097153", Err(DeclaredFault::TooLarge)),
            ("18446744073709551615", Err(DeclaredFault::TooLarge)),
            ("18446744073709551616", Err(DeclaredFault::MalformedLength)),
            ("-1", Err(DeclaredFault::MalformedLength)),
            ("1, 1", Err(DeclaredFault::MalformedLength)),
            ("", Err(DeclaredFault::MalformedLength)),
        ] {
            let headers = RequestHeaders {
                content_type: Some("application/json".into()),
                content_length: Some(length.into()),
                ..Default::default()
            };
            assert_eq!(declared(&headers), expected, "{length}");
        }
        for (encoding, mode, expected) in [
            (Some("identity"), None, Ok(None)),
            (Some("gzip"), None, Err(DeclaredFault::Encoded)),
            (Some("identity, gzip"), None, Err(DeclaredFault::Encoded)),
            (None, Some("Chunked"), Err(DeclaredFault::ChunkedTransfer)),
        ] {
            let headers = RequestHeaders {
                content_type: Some("application/json".into()),
                content_encoding: encoding.map(str::to_owned),
                transfer_mode: mode.map(str::to_owned),
                ..Default::default()
            };
            assert_eq!(declared(&headers), expected, "{encoding:?} {mode:?}");
        }
    }
}
