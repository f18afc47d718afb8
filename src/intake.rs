//! What is checked of a request before its body is read: size and type as declared, the query, and the headers that shape the answer.

mod declared;
mod idempotency_key;
mod query;

pub use declared::{DeclaredFault, MAX_BODY_BYTES, declared};
pub use idempotency_key::{MAX_KEY_LENGTH, idempotency_key};
pub use query::validate_only;

/// The longest id of a caller's that is echoed and logged, in characters. GUIDs have 36, Logic Apps' run ids about 35.
pub const MAX_ID_LENGTH: usize = 64;

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
    /// A parameter that could have meant `validateOnly`, by its name or by what its value holds. To ignore it would
    /// send what was only to be validated.
    #[error("a parameter that resembles validateOnly")]
    Misspelt,
    /// `Idempotency-Key` is not 1 to 255 visible ASCII characters, or is given more than once.
    #[error("a malformed Idempotency-Key")]
    IdempotencyKey,
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
