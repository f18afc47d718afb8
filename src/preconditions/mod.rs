//! Checks before the body is read: scheme, declared size and type, query, and the headers that change the response.

mod content_headers;
mod correlation_id;
pub mod error;
mod idempotency_key;
mod query;
mod transport;

pub use content_headers::{ContentHeadersError, MAX_BODY_BYTES, check_content_headers};
pub use correlation_id::{MAX_ID_LENGTH, correlation_id};
pub use idempotency_key::{MAX_KEY_LENGTH, idempotency_key};
pub use query::validate_only;
pub use transport::{NotHttps, check_transport};

/// Returns whether `Prefer` (RFC 7240) requests `return=minimal`. If a preference occurs twice, the first counts
/// (section 2).
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
