//! What is checked of a request before its body is read: how it came, size and type as declared, the query, and the headers that shape the answer.

mod correlation_id;
mod declared;
mod idempotency_key;
mod query;
mod transport;

pub use correlation_id::{MAX_ID_LENGTH, correlation_id};
pub use declared::{DeclaredFault, MAX_BODY_BYTES, declared};
pub use idempotency_key::{MAX_KEY_LENGTH, idempotency_key};
pub use query::validate_only;
pub use transport::{NotHttps, transport};

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
}
