//! What is checked of a request before its body is read: size and type as declared, the query, and the headers that shape the answer.

use crate::http::RequestHeaders;
use crate::percent;

/// The largest body, in bytes: 10,000 emails take about 1.2 MB, with the longest addresses in practice under 2 MiB (contract, section 2).
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
/// The longest id of a caller's that is echoed and logged, in characters. GUIDs have 36, Logic Apps' run ids about 35.
pub const MAX_ID_LENGTH: usize = 64;
/// The longest idempotency key, in characters (contract, section 7).
pub const MAX_KEY_LENGTH: usize = 255;

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

/// What is wrong with the query or a header that shapes the remediation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestFault {
    /// `validateOnly` is neither `true` nor `false`.
    #[error("validateOnly is neither true nor false")]
    Value,
    /// `validateOnly` more than once.
    #[error("validateOnly more than once")]
    Repeated,
    /// A parameter whose name is not UTF-8, so that nobody knows what it was meant to be.
    #[error("a parameter whose name is not UTF-8")]
    Undecodable,
    /// A parameter that was surely meant to be `validateOnly`. To ignore it would send what was only to be checked.
    #[error("a parameter that resembles validateOnly")]
    Misspelt,
    /// `Idempotency-Key` is not 1 to 255 visible ASCII characters, or is given more than once.
    #[error("a malformed Idempotency-Key")]
    IdempotencyKey,
}

/// Whether `query` asks for `validateOnly`. Other parameters are ignored, as nothing of the query goes to Graph.
///
/// # Errors
///
/// The first fault.
pub fn validate_only(query: &str) -> Result<bool, RequestFault> {
    let mut asked = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent::decode(name).ok_or(RequestFault::Undecodable)?;
        if name.eq_ignore_ascii_case("validateOnly") {
            let value = match value {
                _ if value.eq_ignore_ascii_case("true") => true,
                _ if value.eq_ignore_ascii_case("false") => false,
                _ => return Err(RequestFault::Value),
            };
            if asked.replace(value).is_some() {
                return Err(RequestFault::Repeated);
            }
        } else if resembles_validate_only(&name) {
            return Err(RequestFault::Misspelt);
        }
    }
    Ok(asked.unwrap_or(false))
}

/// Whether `name`, its letters taken alone, means to validate or to run dry: `validate`, `validate-only`, `$validateOnly`, `dryRun`.
fn resembles_validate_only(name: &str) -> bool {
    let letters: String =
        name.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect();
    letters.contains("valid") || letters.contains("only") || letters.contains("dryrun") || letters.contains("whatif")
}

/// The key in `Idempotency-Key`: a quoted string, as the IETF draft has it (RFC 8941 section 3.3.3), or bare; the same key either way.
///
/// # Errors
///
/// [`RequestFault::IdempotencyKey`].
pub fn idempotency_key(header: Option<&str>) -> Result<Option<String>, RequestFault> {
    let Some(header) = header.map(str::trim) else { return Ok(None) };
    let key = match header.strip_prefix('"') {
        None => Some(header.to_owned()),
        Some(quoted) => quoted.strip_suffix('"').and_then(unquoted),
    };
    let is_key =
        |key: &String| (1..=MAX_KEY_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    key.filter(is_key).map(Some).ok_or(RequestFault::IdempotencyKey)
}

/// The text between the quotes, its escapes resolved; `None` where a quote or backslash stands alone.
fn unquoted(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?,
            '"' => return None,
            other => other,
        });
    }
    Some(text)
}

/// Whether `Prefer` (RFC 7240) asks for `return=minimal`. Of a preference given more than once the first counts (section 2).
#[must_use]
pub fn prefers_minimal(prefer: Option<&str>) -> bool {
    let mut preferences = prefer.unwrap_or_default().split(',').filter_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("return").then_some(value.trim().trim_matches('"'))
    });
    preferences.next().is_some_and(|value| value.eq_ignore_ascii_case("minimal"))
}

/// `id` where it is sane: short, and of characters that can hold neither an address nor a line. It is echoed and logged.
#[must_use]
pub fn sane_id(id: Option<&str>) -> Option<&str> {
    id.filter(|id| {
        (1..=MAX_ID_LENGTH).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.{}".contains(&byte))
    })
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

    #[test]
    fn a_query_that_means_to_validate_never_sends() {
        for (query, expected) in [
            ("", Ok(false)),
            ("validateOnly=true", Ok(true)),
            ("validateonly=TRUE", Ok(true)),
            ("validateOnly=false", Ok(false)),
            ("api-version=2024-01-01&x", Ok(false)),
            ("x=1&validateOnly=true&", Ok(true)),
            ("validateOnly", Err(RequestFault::Value)),
            ("validateOnly=", Err(RequestFault::Value)),
            ("validateOnly=1", Err(RequestFault::Value)),
            ("validateOnly=true&validateOnly=true", Err(RequestFault::Repeated)),
            ("validateOnly=true&ValidateOnly=false", Err(RequestFault::Repeated)),
            ("validate-only=true", Err(RequestFault::Misspelt)),
            ("validate=true", Err(RequestFault::Misspelt)),
            ("%76alidateOnly=true", Ok(true)),
            ("%24validateOnly=true", Err(RequestFault::Misspelt)),
            ("dryRun=1", Err(RequestFault::Misspelt)),
            ("validateOnly%FF=true", Err(RequestFault::Undecodable)),
            ("x=%FF", Ok(false)),
        ] {
            assert_eq!(validate_only(query), expected, "{query}");
        }
    }

    #[test]
    fn an_idempotency_key_is_the_same_quoted_or_bare() {
        let longest = "x".repeat(255);
        let too_long = "x".repeat(256);
        for (header, expected) in [
            ("run-1/action:2", Some("run-1/action:2")),
            ("\"run-1/action:2\"", Some("run-1/action:2")),
            ("  run-1 ", Some("run-1")),
            (r#""a\"b\\c""#, Some(r#"a"b\c"#)),
            (r#"a"b"#, Some(r#"a"b"#)),
            (longest.as_str(), Some(longest.as_str())),
            (too_long.as_str(), None),
            ("", None),
            ("\"\"", None),
            ("\"", None),
            ("\"a", None),
            (r#""a"b""#, None),
            (r#""a\""#, None),
            (r#""a\n""#, None),
            ("a b", None),
            ("\"a\", \"a\"", None),
            ("a, a", None),
            ("é", None),
        ] {
            let expected = expected.map(|key| Some(key.to_owned())).ok_or(RequestFault::IdempotencyKey);
            assert_eq!(idempotency_key(Some(header)), expected, "{header}");
        }
        assert_eq!(idempotency_key(None), Ok(None));
    }

    #[test]
    fn return_minimal_is_found_among_preferences() {
        for (prefer, expected) in [
            (None, false),
            (Some("return=minimal"), true),
            (Some("respond-async, Return = \"minimal\"; foo=bar"), true),
            (Some("return=representation, return=minimal"), false),
            (Some("return=representation"), false),
            (Some("return"), false),
            (Some("xreturn=minimal"), false),
        ] {
            assert_eq!(prefers_minimal(prefer), expected, "{prefer:?}");
        }
    }

    #[test]
    fn only_ids_that_could_be_logged_are_echoed() {
        let long = "x".repeat(65);
        for (id, sane) in [
            ("11112222-3333-4444-5555-666677778888", true),
            ("08585287554177334956853859655CU00", true),
            ("{x}_1.2", true),
            ("", false),
            (long.as_str(), false),
            ("a b", false),
            ("hannah@contoso.com", false),
            ("a\u{e9}", false),
            ("a,b", false),
        ] {
            assert_eq!(sane_id(Some(id)).is_some(), sane, "{id}");
        }
    }
}
