//! Interpretation of Graph's responses that may quote the caller or have an invalid link.

use serde_json::json;

use crate::graph::error::{GraphError, GraphErrorKind};
use crate::graph::response::*;
use crate::runtime::HttpResponse;
use crate::time::Timestamp;

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// Time of Graph's responses.
const AT: Timestamp = Timestamp::from_seconds(1_714_739_696);
const HISTORY: &str = "https://security.microsoft.com/action-center/history";

fn answered(status: u16, headers: &[(&'static str, &str)], body: impl Into<Vec<u8>>) -> HttpResponse {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    HttpResponse { status, headers, body: Ok(body.into()) }
}

fn conflict(body: impl Into<Vec<u8>>, graph_request: &str) -> Result<Accepted, GraphError> {
    read(&answered(409, &[], body), TENANT.parse().unwrap(), graph_request.as_bytes(), AT)
}

fn payload(display_name: &str, description: &str, recipient: &str) -> String {
    let email =
        json!({ "networkMessageId": "73ca4154-58d8-43d0-a890-08dc18c52e6d", "recipientEmailAddress": recipient });
    json!({ "displayName": display_name, "description": description, "analyzedEmails": [email] }).to_string()
}

#[test]
fn conflict_is_duplicate_only_by_its_code_or_message() {
    let plain = payload("Clean up", "Delete email", "hannah@contoso.com");
    for (body, duplicate) in [
        (json!({ "error": { "code": "Conflict", "message": "Duplicate remediation" } }), true),
        (json!({ "error": { "code": "Conflict", "message": "This is a DUPLICATE REMEDIATION request." } }), true),
        (json!({ "error": { "code": "Duplicate remediation", "message": "x" } }), true),
        (json!({ "error": { "code": "Duplicate remediation" } }), true),
        (
            json!({ "error": { "code": "Conflict", "message": "x", "details": [{ "message": "Duplicate remediation" }] } }),
            false,
        ),
        (json!({ "error": { "code": "Conflict", "target": "Duplicate remediation" } }), false),
        (json!({ "error": { "innerError": { "message": "Duplicate remediation" } } }), false),
        (json!({ "error": { "message": ["Duplicate remediation"] } }), false),
        (json!({ "error": { "message": "Duplicate of a remediation" } }), false),
        (json!({ "error": "Duplicate remediation" }), false),
        (json!({ "message": "Duplicate remediation" }), false),
        (json!("Duplicate remediation"), false),
        (json!([{ "error": { "message": "Duplicate remediation" } }]), false),
    ] {
        let found = conflict(body.to_string(), &plain);
        match found {
            Ok(accepted) => assert!(duplicate && accepted.duplicate && accepted.status == 409, "{body}"),
            Err(error) => {
                assert!(!duplicate, "{body}");
                assert_eq!(error.kind, GraphErrorKind::Conflict, "{body}");
                assert!(error.is_certain(), "an error would be recorded: {body}");
            }
        }
    }
    for body in [
        "Duplicate remediation",
        "",
        "<p>Duplicate remediation</p>",
        "{\"error\":{\"message\":\"Duplicate remediation\"}",
    ] {
        assert_eq!(conflict(body, &plain).unwrap_err().kind, GraphErrorKind::Conflict, "{body}");
    }
}

/// Graph may quote the payload, so the phrase does not prove a duplicate.
#[test]
fn conflict_that_may_quote_the_payload_is_no_duplicate() {
    let address = "hannah@contoso.com";
    for (request, may_quote) in [
        (payload("Duplicate remediation", "x", address), true),
        (payload("x", "About the DUPLICATE REMEDIATION of yesterday", address), true),
        (payload("x", "duplicate\nremediation", address), true),
        (payload("x", "\"duplicate\" \\ \"remediation\"", address), true),
        (payload("x", "Duplicate\u{1}\u{a0} Remediation", address), true),
        (payload("x", "y", "duplicate.remediation@contoso.com"), true),
        (payload("x", "deduplicateremediations", address), true),
        (payload("Duplicate", "remediation", address), false),
        (payload("Remediation", "of a duplicate", address), false),
        (payload("Duplicate of a remediation", "x", address), false),
        (payload("duplicate\\", "remediation", address), false),
    ] {
        let body = json!({ "error": { "code": "Conflict", "message": "Duplicate remediation" } }).to_string();
        match conflict(body, &request) {
            Ok(accepted) => assert!(!may_quote && accepted.duplicate, "{request}"),
            Err(error) => {
                assert!(may_quote, "{request}");
                assert_eq!(error.kind, GraphErrorKind::QuotingConflict, "{request}");
                assert!(error.is_certain(), "an error would be recorded: {request}");
            }
        }
        let other = json!({ "error": { "code": "Conflict", "message": "x" } }).to_string();
        assert_eq!(conflict(other, &request).unwrap_err().kind, GraphErrorKind::Conflict, "{request}");
    }
}

#[test]
fn location_is_used_only_if_it_is_an_https_url() {
    let fallback = format!("{HISTORY}?tid={TENANT}");
    let of_length = |length: usize| format!("{HISTORY}?x={}", "y".repeat(length - HISTORY.len() - 3));
    let too_long = "has more than 8192 bytes";
    let character = "holds a blank, a control character or one beyond ASCII";
    let scheme = "is not an absolute https URL";
    let host = "has a user name or a malformed host";
    for (location, error) in [
        (format!(r#"{HISTORY}?filters={{"bulkId":["b-1"]}}&tid={TENANT}"#), None),
        (format!(r"{HISTORY}?filters=%7B%22bulkId%22%3A%5B%22b%22%5D%7D#<x>|`^\"), None),
        ("https://security.microsoft.com".to_owned(), None),
        ("https://security.microsoft.com?tid=t".to_owned(), None),
        ("HTTPS://Security.Microsoft.com:443/x".to_owned(), None),
        ("https://defender.cloud.microsoft/x@y".to_owned(), None),
        (of_length(8192), None),
        (of_length(8193), Some(too_long)),
        (format!("{HISTORY}?x={}", "y".repeat(100 * 1024)), Some(too_long)),
        (format!("{HISTORY}?tid=a b"), Some(character)),
        (format!("{HISTORY}?tid=a\tb"), Some(character)),
        (format!("{HISTORY}?tid=a\r\nSet-Cookie: x"), Some(character)),
        (format!("{HISTORY}?tid=a\u{7f}"), Some(character)),
        (format!("{HISTORY}?tid=\u{fc}"), Some(character)),
        (format!("{HISTORY}?tid=\u{202e}"), Some(character)),
        (format!(" {HISTORY}"), Some(character)),
        (format!("{HISTORY}, {HISTORY}"), Some(character)),
        ("javascript:alert(document.cookie)".to_owned(), Some(scheme)),
        ("javascript://security.microsoft.com/%0aalert(1)".to_owned(), Some(scheme)),
        ("data:text/html,<script>".to_owned(), Some(scheme)),
        ("http://security.microsoft.com/".to_owned(), Some(scheme)),
        ("//security.microsoft.com/".to_owned(), Some(scheme)),
        ("/action-center/history?tid=t".to_owned(), Some(scheme)),
        ("history".to_owned(), Some(scheme)),
        ("?tid=t".to_owned(), Some(scheme)),
        ("https:security.microsoft.com".to_owned(), Some(scheme)),
        ("https:/security.microsoft.com".to_owned(), Some(scheme)),
        ("https:\\\\security.microsoft.com".to_owned(), Some(scheme)),
        ("https://".to_owned(), Some(host)),
        ("https:///security.microsoft.com/".to_owned(), Some(host)),
        ("https://?x".to_owned(), Some(host)),
        ("https://security.microsoft.com@evil.example/".to_owned(), Some(host)),
        ("https://security.microsoft.com:x@evil.example/".to_owned(), Some(host)),
        ("https://@evil.example/".to_owned(), Some(host)),
        ("https://evil.example\\@security.microsoft.com/".to_owned(), Some(host)),
        ("https://evil.example\\.security.microsoft.com/".to_owned(), Some(host)),
        ("https://evil.example%2fsecurity.microsoft.com/".to_owned(), Some(host)),
        ("https://security..microsoft.com/".to_owned(), Some(host)),
        ("https://security.microsoft.com:/".to_owned(), Some(host)),
        ("https://security.microsoft.com:443:1/".to_owned(), Some(host)),
        ("https://security.microsoft.com:+1/".to_owned(), Some(host)),
        ("https://[::1]/".to_owned(), Some(host)),
        ("https://<b>/".to_owned(), Some(host)),
    ] {
        let accepted =
            read(&answered(202, &[("location", &location)], ""), TENANT.parse().unwrap(), b"{}", AT).unwrap();
        let expected = if error.is_none() { &location } else { &fallback };
        assert_eq!(&accepted.location, expected, "{location}");
        let logged = accepted.location_error.map(|error| error.to_string());
        assert_eq!(logged, error.map(|error| format!("Graph's Location {error}")), "{location}");
        // Records of an older version follow the same rule.
        let recorded = Accepted { location: location.clone(), location_error: None, ..accepted.clone() };
        let recorded: Accepted = serde_json::from_str(&serde_json::to_string(&recorded).unwrap()).unwrap();
        // The ledger also records the time.
        let recorded = Accepted { at: AT, ..recorded };
        assert_eq!(recorded.with_usable_location(TENANT.parse().unwrap()), accepted, "{location}");
        assert_eq!(accepted.clone().with_usable_location(TENANT.parse().unwrap()), accepted, "{location}");
    }
    // A missing Location is documented and not an error.
    for headers in [&[][..], &[("location", "")]] {
        let accepted = read(&answered(204, headers, ""), TENANT.parse().unwrap(), b"{}", AT).unwrap();
        assert_eq!((accepted.location, accepted.location_error), (fallback.clone(), None));
    }
}

/// The test covers the other headers of Graph that are forwarded or logged.
#[test]
fn invalid_graph_request_id_or_retry_after_is_ignored() {
    let long = "x".repeat(101);
    for (id, kept) in [
        ("11112222-bbbb-3333-cccc-4444dddd5555", true),
        (&"x".repeat(100), true),
        (&long, false),
        ("", false),
        ("a b", false),
        ("hannah@contoso.com", false),
        ("a\u{e9}", false),
    ] {
        let response = answered(202, &[("request-id", id)], "");
        let accepted = read(&response, TENANT.parse().unwrap(), b"{}", AT).unwrap();
        assert_eq!(accepted.graph_request_id.as_deref(), kept.then_some(id));
    }
    for (value, seconds) in [
        ("7", Some(7)),
        ("99999999999999999999", Some(MAX_RETRY_AFTER)),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("", None),
    ] {
        assert_eq!(retry_after(&answered(429, &[("retry-after", value)], "")), seconds, "{value}");
    }
}
