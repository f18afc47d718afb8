//! Section 8 of the contract, second by second: retries, their times, and requests that are never retried.

use super::script::ScriptedCall::{Cut, Fails, Hangs, Response, Token};
use super::script::{ScriptedRuntime, access, run_submit};
use crate::graph::error::{GraphError, GraphErrorKind, TokenEndpointError};
use crate::graph::response::Accepted;
use crate::runtime::{Clock, SendError};
use crate::time::Timestamp;

fn certainty(error: &GraphError) -> &'static str {
    if error.is_certain() { "certain" } else { "unknown" }
}

/// Returns a short text for the outcome.
fn summarize(result: &Result<Accepted, GraphError>) -> String {
    match result {
        Ok(accepted) => format!("{} duplicate={}", accepted.status, accepted.duplicate),
        Err(error @ GraphError { kind: GraphErrorKind::AppToken(token), .. }) => {
            let what = match token {
                TokenEndpointError::Rejected { .. } | TokenEndpointError::NoConsent { .. } => "rejected",
                TokenEndpointError::Assertion(_) => "no assertion",
                TokenEndpointError::Throttled { .. } => "throttled",
                TokenEndpointError::Unavailable { .. } => "unavailable",
                TokenEndpointError::Unexpected { .. } => "unexpected",
                TokenEndpointError::Send(SendError::Deadline) => "deadline",
                TokenEndpointError::Send(SendError::Connection) => "connection",
            };
            format!("token {what}, {}", certainty(error))
        }
        Err(error @ GraphError { kind, status, .. }) => {
            let what = match kind {
                GraphErrorKind::Send(SendError::Deadline) => "deadline".to_owned(),
                GraphErrorKind::Send(SendError::Connection) => "connection".to_owned(),
                _ => status.unwrap_or_default().to_string(),
            };
            format!("{what}, {}", certainty(error))
        }
    }
}

#[test]
fn submission_is_retried_only_after_401_or_a_short_retry_after() {
    const T1: &str = "0 token";
    const B1: &str = "0 Bearer t1";
    for (played, expected, seen) in [
        // A success, and a duplicate that counts as a success.
        (vec![Token(0), Response(202, None)], "202 duplicate=false", vec![T1, B1]),
        (vec![Token(0), Response(204, None)], "204 duplicate=false", vec![T1, B1]),
        (vec![Token(0), Cut(202)], "202 duplicate=false", vec![T1, B1]),
        (vec![Token(0), Response(409, None)], "409 duplicate=true", vec![T1, B1]),
        // A truncated 409 may have reported a duplicate.
        (vec![Token(0), Cut(409)], "connection, unknown", vec![T1, B1]),
        // A 401 is retried once with a new token.
        (
            vec![Token(0), Response(401, None), Token(0), Response(202, None)],
            "202 duplicate=false",
            vec![T1, B1, T1, "0 Bearer t3"],
        ),
        (
            vec![Token(0), Response(401, None), Token(0), Response(401, None)],
            "401, certain",
            vec![T1, B1, T1, "0 Bearer t3"],
        ),
        (vec![Token(0), Response(401, None), Response(400, None)], "token rejected, certain", vec![T1, B1, T1]),
        (
            vec![Token(0), Response(401, None), Token(0), Fails(0)],
            "connection, unknown",
            vec![T1, B1, T1, "0 Bearer t3"],
        ),
        // The gateway waits for a short Retry-After, at most twice.
        (
            vec![Token(0), Response(429, Some("10")), Response(202, None)],
            "202 duplicate=false",
            vec![T1, B1, "0 wait", "10 Bearer t1"],
        ),
        (
            vec![Token(0), Response(503, Some("3")), Response(429, Some("4")), Response(202, None)],
            "202 duplicate=false",
            vec![T1, B1, "0 wait", "3 Bearer t1", "3 wait", "7 Bearer t1"],
        ),
        (
            vec![Token(0), Response(503, Some("0")), Response(503, Some("0")), Response(503, Some("0"))],
            "503, certain",
            vec![T1, B1, "0 wait", B1, "0 wait", B1],
        ),
        (
            vec![
                Token(0),
                Response(429, Some("1")),
                Response(401, None),
                Token(0),
                Response(429, Some("1")),
                Response(202, None),
            ],
            "202 duplicate=false",
            vec![T1, B1, "0 wait", "1 Bearer t1", "1 token", "1 Bearer t5", "1 wait", "2 Bearer t5"],
        ),
        (vec![Token(0), Response(429, Some("11"))], "429, certain", vec![T1, B1]),
        (vec![Token(0), Response(429, None)], "429, certain", vec![T1, B1]),
        (vec![Token(0), Response(503, None)], "503, certain", vec![T1, B1]),
        (vec![Token(0), Response(503, Some("Wed, 21 Oct 2026 07:28:00 GMT"))], "503, certain", vec![T1, B1]),
        (vec![Token(0), Response(500, Some("1"))], "500, unknown", vec![T1, B1]),
        // Ambiguous outcomes are never retried.
        (vec![Token(0), Response(502, None)], "502, unknown", vec![T1, B1]),
        (vec![Token(0), Response(504, None)], "504, unknown", vec![T1, B1]),
        (vec![Token(0), Fails(0)], "connection, unknown", vec![T1, B1]),
        (vec![Token(0), Hangs], "deadline, unknown", vec![T1, B1]),
        (vec![Token(0), Response(503, Some("1")), Hangs], "deadline, unknown", vec![T1, B1, "0 wait", "1 Bearer t1"]),
        // Rejections are certain.
        (vec![Token(0), Response(301, None)], "301, certain", vec![T1, B1]),
        (vec![Token(0), Response(400, None)], "400, certain", vec![T1, B1]),
        (vec![Token(0), Response(403, None)], "403, certain", vec![T1, B1]),
        (vec![Token(0), Response(404, None)], "404, certain", vec![T1, B1]),
        // The token request is retried once after a 5xx or a failed connection, also if it fails within the response.
        (vec![Response(500, None), Token(0), Response(202, None)], "202 duplicate=false", vec![T1, T1, "0 Bearer t2"]),
        (vec![Fails(2), Token(0), Response(202, None)], "202 duplicate=false", vec![T1, "2 token", "2 Bearer t2"]),
        (vec![Cut(200), Token(0), Response(202, None)], "202 duplicate=false", vec![T1, T1, "0 Bearer t2"]),
        (vec![Response(503, None), Response(503, None)], "token unavailable, certain", vec![T1, T1]),
        (vec![Fails(0), Fails(0)], "token connection, certain", vec![T1, T1]),
        (vec![Fails(0), Response(500, None)], "token unavailable, certain", vec![T1, T1]),
        (vec![Hangs], "token deadline, certain", vec![T1]),
        (vec![Response(401, None)], "token rejected, certain", vec![T1]),
        (vec![Response(429, Some("1"))], "token throttled, certain", vec![T1]),
        (vec![Response(200, None)], "token unexpected, certain", vec![T1]),
        (vec![Response(302, None)], "token unexpected, certain", vec![T1]),
    ] {
        let script = ScriptedRuntime::new(&played);
        let result = run_submit(&script, &access(&script), 90);
        assert_eq!(summarize(&result), expected, "{seen:?}");
        assert_eq!(*script.seen.borrow(), seen, "{expected}");
        let ids = script.client_request_ids.borrow();
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "a fresh client-request-id for each call");
    }
}

#[test]
fn graph_call_times_out_after_60_seconds_or_at_the_deadline() {
    for (played, budget, expected, ended) in [
        (vec![Token(0), Hangs], 90, "deadline, unknown", 60),
        (vec![Token(9), Hangs], 90, "deadline, unknown", 69),
        (vec![Fails(9), Token(9), Hangs], 90, "deadline, unknown", 78),
        (
            vec![Fails(9), Token(9), Response(429, Some("10")), Response(429, Some("10")), Hangs],
            90,
            "deadline, unknown",
            90,
        ),
        (vec![Token(0), Hangs], 25, "deadline, unknown", 25),
        (vec![Hangs], 7, "token deadline, certain", 7),
        // After a slow token request, a call to Graph begins only if at least 5 s are left.
        (vec![Token(7), Response(202, None)], 12, "202 duplicate=false", 7),
        (vec![Token(8)], 12, "token deadline, certain", 8),
        // A wait must leave enough time for a response. Otherwise a certain outcome would become unknown.
        (vec![Token(0), Response(429, Some("10"))], 10, "429, certain", 0),
        (vec![Token(0), Response(429, Some("10"))], 15, "429, certain", 0),
        (vec![Token(0), Response(429, Some("10")), Response(202, None)], 16, "202 duplicate=false", 10),
        (vec![Token(0), Response(503, Some("9")), Response(503, Some("1"))], 15, "503, certain", 9),
    ] {
        let script = ScriptedRuntime::new(&played);
        let result = run_submit(&script, &access(&script), budget);
        assert_eq!(summarize(&result), expected);
        assert_eq!(script.now().since(Timestamp::from_seconds(1000)).as_secs(), ended, "{expected}");
    }
}

#[test]
fn app_token_is_cached_until_5_minutes_before_expiry_and_failure_never() {
    let script = ScriptedRuntime::new(&[Response(401, None)]);
    let cache = access(&script);
    assert!(run_submit(&script, &cache, 90).is_err());
    let script = ScriptedRuntime::new(&[Token(5), Response(202, None)]);
    assert!(run_submit(&script, &cache, 90).is_ok());
    for (second, fetches) in [(1000, 0), (1000 + 3300 - 1, 0), (1000 + 3300, 1)] {
        let script =
            ScriptedRuntime::new(if fetches == 0 { &[Response(202, None)] } else { &[Token(0), Response(202, None)] });
        script.now.set(Timestamp::from_seconds(second));
        assert!(run_submit(&script, &cache, 90).is_ok());
        assert_eq!(script.seen.borrow().iter().filter(|what| what.ends_with("token")).count(), fetches, "{second}");
    }
}
