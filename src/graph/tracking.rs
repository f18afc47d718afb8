//! The tracking link: the Action center's page for a remediation, which Graph returns in `Location`.
//!
//! Graph writes it with raw `{ " [ ] }`, which no URI may contain (RFC 3986 section 2). It is a page for people.

use percent_encoding::percent_encode_byte;
use serde_json::Value;

use super::is_plain;
use crate::json;
use crate::percent;

/// Maximum length of a `Location` that is passed on, in bytes. Graph's has about 160. HTTP clients reject headers above
/// 8 to 16 KiB, and the response has other headers.
const MAX_LOCATION: usize = 8 * 1024;

/// Reason why Graph's `Location` is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// An HTTP client may reject the response, and each replay of it.
    #[error("Graph's Location has more than {MAX_LOCATION} bytes")]
    TooLong,
    /// An HTTP client may reject the response, or the platform has joined two headers.
    #[error("Graph's Location holds a blank, a control character or one beyond ASCII")]
    Character,
    /// Opening the link could run a script, or send the request unencrypted.
    #[error("Graph's Location is not an absolute https URL")]
    NotHttps,
    /// A reader could take another host for Microsoft's (RFC 9110, section 4.2.4).
    #[error("Graph's Location has a user name or a malformed host")]
    Host,
}

/// Checks that `location` is an absolute https URL that any HTTP client can parse and a person can open.
///
/// Any host is accepted: Microsoft documents `security.microsoft.com` without a guarantee, and moves its portals. An
/// attacker who can respond for Graph already has the gateway's token.
///
/// # Errors
///
/// The first [`LocationError`].
pub(super) fn check_location(location: &str) -> Result<(), LocationError> {
    if location.len() > MAX_LOCATION {
        return Err(LocationError::TooLong);
    }
    if !location.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(LocationError::Character);
    }
    let (scheme, rest) = location.split_at_checked("https://".len()).ok_or(LocationError::NotHttps)?;
    if !scheme.eq_ignore_ascii_case("https://") {
        return Err(LocationError::NotHttps);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if is_port && host.split('.').all(is_label) { Ok(()) } else { Err(LocationError::Host) }
}

/// Parts of a tracking link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracking {
    /// Link as a valid URI.
    pub url: String,
    /// First `bulkId` of its filters.
    pub bulk_id: Option<String>,
    /// Its `tid`.
    pub tenant_id: Option<String>,
}

/// Maximum length of an ID in a link, in characters. A GUID has 36, and Microsoft's IDs are not longer.
const MAX_ID_LENGTH: usize = 64;

impl Tracking {
    /// Parses Graph's link.
    #[must_use]
    pub fn parse(location: &str) -> Self {
        let before_fragment = location.split('#').next().unwrap_or_default();
        let query = before_fragment.split_once('?').map_or("", |(_, query)| query);
        let parameter = |name: &str| {
            let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
            percent::decode(value)
        };
        let bulk_id = parameter("filters").and_then(|filters| {
            let filters: Value = json::read(filters.as_bytes())?;
            let id = filters.get("bulkId")?;
            id.get(0).unwrap_or(id).as_str().filter(|id| is_plain(id, MAX_ID_LENGTH)).map(str::to_owned)
        });
        let tenant_id = parameter("tid").filter(|id| is_plain(id, MAX_ID_LENGTH));
        Self { url: to_uri(location), bulk_id, tenant_id }
    }
}

/// Returns `link` with an escape for each character that a URI's query must not contain, and for each `#` after the
/// first one, which begins the fragment (RFC 3986 section 3.5). Existing escapes remain.
fn to_uri(link: &str) -> String {
    let mut uri = String::with_capacity(link.len() + 64);
    let mut in_fragment = false;
    let mut rest = link.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let allowed = percent::is_unreserved(byte)
            || b":/?@!$&'()*+,;=".contains(&byte)
            || byte == b'%' && percent::read_escape(rest).is_some()
            || byte == b'#' && !in_fragment;
        in_fragment |= byte == b'#';
        if allowed {
            uri.push(char::from(byte));
        } else {
            uri.push_str(percent_encode_byte(byte));
        }
        rest = after;
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://security.microsoft.com/action-center/history";

    #[test]
    fn tracking_link_is_escaped_and_its_ids_are_extracted() {
        let id = "11112222-3333-4444-5555-666677778888";
        for (query, uri_query, bulk_id, tenant_id) in [
            (
                format!(r#"?filters={{"bulkId":["{id}"]}}&tid=t-1"#),
                format!("?filters=%7B%22bulkId%22:%5B%22{id}%22%5D%7D&tid=t-1"),
                Some(id),
                Some("t-1"),
            ),
            (
                format!("?filters=%7B%22bulkId%22%3A%5B%22{id}%22%5D%7D&tid=t-1"),
                format!("?filters=%7B%22bulkId%22%3A%5B%22{id}%22%5D%7D&tid=t-1"),
                Some(id),
                Some("t-1"),
            ),
            (
                format!(r#"?tid=t&filters={{"bulkId":"{id}"}}#x"#),
                format!("?tid=t&filters=%7B%22bulkId%22:%22{id}%22%7D#x"),
                Some(id),
                Some("t"),
            ),
            (r#"?filters={"bulkId":[]}&tid="#.into(), "?filters=%7B%22bulkId%22:%5B%5D%7D&tid=".into(), None, None),
            (
                r#"?filters={"bulkId":["a@b.c"]}"#.into(),
                "?filters=%7B%22bulkId%22:%5B%22a@b.c%22%5D%7D".into(),
                None,
                None,
            ),
            ("?filters=nonsense&xtid=1".into(), "?filters=nonsense&xtid=1".into(), None, None),
            ("?q=100%&r=%zz&s=é|^".into(), "?q=100%25&r=%25zz&s=%C3%A9%7C%5E".into(), None, None),
            ("?tid=t#a#b".into(), "?tid=t#a%23b".into(), None, Some("t")),
            ("#?tid=t".into(), "#?tid=t".into(), None, None),
            (String::new(), String::new(), None, None),
        ] {
            let location = format!("{BASE}{query}");
            let tracking = Tracking::parse(&location);
            assert_eq!(tracking.url, format!("{BASE}{uri_query}"));
            assert_eq!(tracking.bulk_id.as_deref(), bulk_id, "{query}");
            assert_eq!(tracking.tenant_id.as_deref(), tenant_id, "{query}");
        }
    }
}
