//! `Idempotency-Key`.

use super::error::RequestError;

/// Maximum length of an idempotency key in characters (contract, section 7).
pub const MAX_KEY_LENGTH: usize = 255;

/// Returns the key in `Idempotency-Key`: a quoted string, as in the IETF draft (RFC 8941 section 3.3.3), or bare. Both
/// forms give the same key.
///
/// # Errors
///
/// [`RequestError::RepeatedIdempotencyKey`], [`RequestError::IdempotencyKey`].
pub fn idempotency_key(header: Option<&str>) -> Result<Option<String>, RequestError> {
    let Some(header) = header.map(str::trim) else { return Ok(None) };
    // The platform joins a repeated header with ", ". Outside quotes no key contains a space.
    if header.split('"').step_by(2).any(|unquoted| unquoted.contains(", ")) {
        return Err(RequestError::RepeatedIdempotencyKey);
    }
    let key = match header.strip_prefix('"') {
        None => Some(header.to_owned()),
        Some(quoted) => quoted.strip_suffix('"').and_then(unquote),
    };
    let is_key =
        |key: &String| (1..=MAX_KEY_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    key.filter(is_key).map(Some).ok_or(RequestError::IdempotencyKey)
}

/// Returns the text between the quotes with its escapes resolved; `None` if a quote or backslash is not escaped.
fn unquote(quoted: &str) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotency_key_is_parsed_quoted_or_bare_and_rejected_if_invalid() {
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
            ("é", None),
        ] {
            let expected = expected.map(|key| Some(key.to_owned())).ok_or(RequestError::IdempotencyKey);
            assert_eq!(idempotency_key(Some(header)), expected, "{header}");
        }
        for repeated in ["\"a\", \"a\"", "a, a", "a, \"a\"", "\"a\", a"] {
            assert_eq!(idempotency_key(Some(repeated)), Err(RequestError::RepeatedIdempotencyKey), "{repeated}");
        }
        for not_repeated in ["\"a, b\"", "a ,b", "\"a"] {
            assert_eq!(idempotency_key(Some(not_repeated)), Err(RequestError::IdempotencyKey), "{not_repeated}");
        }
        assert_eq!(idempotency_key(Some("a,b")), Ok(Some("a,b".to_owned())));
        assert_eq!(idempotency_key(None), Ok(None));
    }
}
