//! Life of a key set, second by second: fetches from the issuer, waiting requests, and rejected requests.

use std::time::Duration;

use serde_json::json;

use super::traffic::{HOUR, MINUTE, Outcome, SECOND, Traffic, good, of_unknown_key, passed, signed_by};
use crate::auth::keys::{IssuerKeys, MAX_KEY_SET_BYTES, Plan};
use crate::auth::token_error::TokenError;
use crate::auth::token_error::TokenError::KeysUnavailable;
use crate::runtime::SendError;
use crate::tests::support::entra::{CURRENT, Draft, Key, NEXT, ONLY_V1};
use crate::tests::support::runtime::START;
use crate::tests::support::upstream::Reply;
use crate::tests::support::{KEYS_V1, KEYS_V2};
use crate::time::Timestamp;

/// Returns the outcome for an unknown key, with the seconds until the issuer may be called again.
fn unknown(retry_after: u32) -> Outcome {
    Err(TokenError::UnknownKey { retry_after })
}

#[test]
fn unknown_keys_in_sequence_cause_one_fetch_per_cool_down() {
    for (mut traffic, fetches) in [(Traffic::cold(), 1), (Traffic::warm(), 2)] {
        for number in 0..1000 {
            assert_eq!(traffic.ask(&of_unknown_key(number)), unknown(30));
        }
        assert_eq!(traffic.fetches(), fetches, "one fetch for all of them");
        assert_eq!(traffic.ask_at_once(&good(1)), passed(), "valid tokens must still be accepted");
        traffic.pass(30 * SECOND - Duration::from_millis(1));
        assert_eq!(traffic.ask(&of_unknown_key(1000)), unknown(1));
        assert_eq!(traffic.fetches(), fetches, "nor another one within the cool-down");
        traffic.pass(Duration::from_millis(1));
        for number in 1001..1100 {
            assert_eq!(traffic.ask(&of_unknown_key(number)), unknown(30));
        }
        assert_eq!(traffic.fetches(), fetches + 1, "then one again");
    }
}

#[test]
fn concurrent_unknown_keys_cause_one_fetch() {
    for (mut traffic, fetches) in [(Traffic::cold(), 1), (Traffic::warm(), 2)] {
        traffic.upstream().hold(KEYS_V2);
        let arrived: Vec<_> = (0..1000).map(|number| traffic.arrive(&of_unknown_key(number))).collect();
        let in_between = traffic.arrive(&good(1));
        traffic.pass(SECOND);
        traffic.upstream().release(KEYS_V2);
        for started in arrived {
            assert_eq!(traffic.gateway.stage.finish(started), unknown(30));
        }
        assert_eq!(traffic.gateway.stage.finish(in_between), passed());
        assert_eq!(traffic.fetches(), fetches);
    }
}

#[test]
fn unknown_keys_cause_one_fetch_per_cool_down_if_endpoint_fails() {
    let mut traffic = Traffic::warm();
    traffic.upstream().respond(KEYS_V2, Reply::status(503));
    for number in 0..1000 {
        assert_eq!(traffic.ask(&of_unknown_key(number)), Err(KeysUnavailable));
        traffic.pass(Duration::from_millis(250));
    }
    assert_eq!(traffic.fetches(), 1 + 250 / 30 + 1, "one in 30 s");
}

/// The new key may be the issuer's, and workflow engines do not retry a 401.
#[test]
fn new_key_is_unavailable_not_unknown_after_failed_fetch() {
    let mut traffic = Traffic::warm();
    traffic.upstream().respond(KEYS_V2, Reply::status(503));
    assert_eq!(traffic.ask(&signed_by(&NEXT, 1)), Err(KeysUnavailable));
    assert_eq!(traffic.ask_at_once(&good(1)), passed(), "the known key must still be accepted");
    traffic.publish(&[&NEXT, &CURRENT]);
    traffic.pass(29 * SECOND);
    assert_eq!(traffic.ask(&signed_by(&NEXT, 2)), Err(KeysUnavailable));
    assert_eq!(traffic.fetches(), 2);
    traffic.pass(SECOND);
    assert_eq!(traffic.ask(&signed_by(&NEXT, 3)), passed());
    assert_eq!(traffic.fetches(), 3);
    assert_eq!(traffic.ask(&of_unknown_key(0)), unknown(30), "now that the endpoint has answered");
}

#[test]
fn valid_requests_in_cold_isolate_share_one_fetch_and_are_accepted() {
    let mut traffic = Traffic::cold();
    traffic.upstream().hold(KEYS_V2);
    let arrived: Vec<_> = (0..50).map(|number| traffic.arrive(&good(number))).collect();
    traffic.pass(3 * SECOND);
    traffic.upstream().release(KEYS_V2);
    for started in arrived {
        assert_eq!(traffic.gateway.stage.finish(started), passed());
    }
    assert_eq!(traffic.fetches(), 1);
}

#[test]
fn key_rollover_under_traffic_rejects_no_valid_token() {
    let mut traffic = Traffic::warm();
    traffic.pass(10 * MINUTE);
    traffic.publish(&[&NEXT, &CURRENT]);
    traffic.upstream().hold(KEYS_V2);
    let arrived: Vec<_> = (1..40)
        .map(|number| traffic.arrive(&signed_by(if number % 2 == 0 { &CURRENT } else { &NEXT }, number)))
        .collect();
    assert_eq!(traffic.ask_at_once(&good(100)), passed(), "the old key must not wait for the fetch of the new key");
    traffic.upstream().release(KEYS_V2);
    for started in arrived {
        assert_eq!(traffic.gateway.stage.finish(started), passed());
    }
    assert_eq!(traffic.fetches(), 2);
}

#[test]
fn emergency_rollover_rejects_old_key_and_its_cached_tokens() {
    let mut traffic = Traffic::warm();
    let remembered = good(0);
    assert_eq!(traffic.ask_at_once(&remembered), passed());
    traffic.publish(&[&NEXT]);
    assert_eq!(traffic.ask(&signed_by(&NEXT, 1)), passed());
    assert_eq!(traffic.ask(&good(1)), unknown(30));
    assert_eq!(traffic.ask(&remembered), unknown(30), "a cached token must not outlive its key");
}

#[test]
fn keys_after_one_hour_are_refreshed_in_background() {
    let mut traffic = Traffic::warm();
    traffic.pass(HOUR - SECOND);
    assert_eq!(traffic.ask_at_once(&good(1)), passed());
    assert_eq!(traffic.gateway.stage.start_deferred(), 0);
    traffic.pass(SECOND);
    traffic.upstream().hold(KEYS_V2);
    traffic.publish(&[&NEXT, &CURRENT]);
    for number in 2..10 {
        assert_eq!(traffic.ask_at_once(&good(number)), passed());
    }
    assert_eq!(traffic.gateway.stage.start_deferred(), 1, "one refresh for all of them");
    assert_eq!(traffic.ask_at_once(&good(10)), passed(), "a request waited for the refresh");
    traffic.upstream().release(KEYS_V2);
    traffic.gateway.stage.run_until_stalled();
    assert_eq!(traffic.ask_at_once(&signed_by(&NEXT, 11)), passed(), "the new key is there before anyone needs it");
    assert_eq!(traffic.fetches(), 2);
}

#[test]
fn key_refresh_that_never_ran_is_scheduled_again() {
    let mut traffic = Traffic::warm();
    traffic.pass(HOUR);
    assert_eq!(traffic.ask_at_once(&good(1)), passed());
    traffic.pass(12 * SECOND);
    assert_eq!(traffic.ask_at_once(&good(2)), passed());
    assert_eq!(traffic.gateway.stage.start_deferred(), 2, "the platform may have cancelled the first with its request");
}

#[test]
fn keys_older_than_one_day_are_fetched_before_use() {
    let mut traffic = Traffic::warm();
    traffic.pass(24 * HOUR - SECOND);
    assert_eq!(traffic.ask_at_once(&good(1)), passed());
    traffic.pass(12 * SECOND);
    traffic.publish(&[&NEXT]);
    assert_eq!(traffic.ask(&good(2)), unknown(30));
    assert_eq!(traffic.ask(&signed_by(&NEXT, 3)), passed());
}

/// Returns all failures of the key endpoint.
fn failures() -> Vec<(&'static str, Reply)> {
    let body = |text: &str| Reply::Response(200, Vec::new(), text.as_bytes().to_vec());
    let good = json!({ "keys": [CURRENT.jwk()] }).to_string();
    let padded = |bytes: usize| body(&format!("{good}{}", " ".repeat(bytes - good.len())));
    vec![
        ("no connection", Reply::Failure(SendError::Connection)),
        ("no answer in time", Reply::Failure(SendError::Deadline)),
        ("400", Reply::status(400)),
        ("404", Reply::status(404)),
        ("429", Reply::status(429)),
        ("500", Reply::status(500)),
        ("503", Reply::Response(503, Vec::new(), good.clone().into_bytes())),
        (
            "a redirect",
            Reply::Response(302, vec![("location", "https://evil.example/keys".to_owned())], good.clone().into_bytes()),
        ),
        ("cut off", Reply::CutOff(200)),
        ("an empty body", Reply::status(200)),
        ("a page", body("<html>Sign in to your account</html>")),
        ("JSON cut short", body(&good[..good.len() - 1])),
        ("an array", body(&format!("[{good}]"))),
        ("a set given twice", body(&format!("{good}{good}"))),
        ("keys given twice", body(r#"{"keys":[],"keys":[]}"#)),
        ("no keys", body(r#"{"keys":[]}"#)),
        ("no usable keys", body(r#"{"keys":[{"kty":"EC","use":"sig","kid":"x"}]}"#)),
        ("one byte above the limit", padded(MAX_KEY_SET_BYTES + 1)),
    ]
}

#[test]
fn last_valid_keys_are_kept_after_every_kind_of_fetch_error() {
    for (what, error) in failures() {
        for age in [HOUR, 24 * HOUR, 48 * HOUR] {
            let mut traffic = Traffic::warm();
            traffic.upstream().respond(KEYS_V2, error.clone());
            traffic.pass(age);
            for number in 1..4 {
                assert_eq!(traffic.ask(&good(number)), passed(), "{what}, {age:?}");
                traffic.gateway.stage.start_deferred();
            }
            assert_eq!(traffic.fetches(), 2, "{what}, {age:?}: the endpoint must not be called again at once");
            traffic.pass(10 * SECOND);
            traffic.publish(&[&NEXT]);
            assert_eq!(traffic.ask(&signed_by(&NEXT, 4)), passed(), "{what}, {age:?}: the next key set must be used");
        }
    }
}

#[test]
fn failed_first_fetch_is_retried_only_after_cool_down() {
    for (what, error) in failures() {
        let mut traffic = Traffic::cold();
        traffic.upstream().respond(KEYS_V2, error);
        for number in 0..100 {
            assert_eq!(traffic.ask(&good(number)), Err(KeysUnavailable), "{what}");
        }
        assert_eq!(traffic.fetches(), 1, "{what}");
        traffic.publish(&[&CURRENT]);
        traffic.pass(10 * SECOND - Duration::from_millis(1));
        assert_eq!(traffic.ask(&good(1)), Err(KeysUnavailable), "{what}");
        traffic.pass(Duration::from_millis(1));
        assert_eq!(traffic.ask(&good(1)), passed(), "{what}");
        assert_eq!(traffic.fetches(), 2, "{what}");
    }
}

#[test]
fn key_set_of_maximum_size_is_accepted() {
    let mut traffic = Traffic::cold();
    let set = json!({ "keys": [CURRENT.jwk()] }).to_string();
    let padded = format!("{set}{}", " ".repeat(MAX_KEY_SET_BYTES - set.len()));
    traffic.upstream().respond(KEYS_V2, Reply::Response(200, Vec::new(), padded.into_bytes()));
    assert_eq!(traffic.ask(&good(0)), passed());
}

#[test]
fn requests_share_one_fetch_and_deadline_if_key_endpoint_hangs() {
    let mut traffic = Traffic::cold();
    traffic.upstream().hold(KEYS_V2);
    let arrived: Vec<_> = (0..20)
        .map(|number| {
            traffic.pass(Duration::from_millis(7));
            traffic.arrive(&good(number))
        })
        .collect();
    traffic.pass(10 * SECOND + Duration::from_millis(50));
    for started in arrived {
        assert_eq!(started.result(), Err(KeysUnavailable));
    }
    assert_eq!(traffic.fetches(), 1);
}

#[test]
fn cancelled_fetch_is_retried_by_waiter_after_its_deadline() {
    let mut traffic = Traffic::cold();
    traffic.upstream().hold(KEYS_V2);
    let cancelled = traffic.arrive(&good(0));
    let waiting = traffic.arrive(&good(1));
    drop(cancelled);
    traffic.pass(5 * SECOND);
    traffic.upstream().release(KEYS_V2);
    assert_eq!(traffic.fetches(), 1);
    traffic.pass(6 * SECOND + Duration::from_millis(50));
    assert_eq!(waiting.result(), passed());
    assert_eq!(traffic.fetches(), 2);
}

#[test]
fn late_result_of_abandoned_fetch_is_ignored() {
    let at = |seconds| Timestamp::from_seconds(START + seconds);
    let keys = |kid: &str| Some(vec![(kid.to_owned(), ())]);
    let mut issuer_keys = IssuerKeys::default();
    issuer_keys.begin_fetch(Some("new"), at(0));
    issuer_keys.begin_fetch(Some("new"), at(12));
    issuer_keys.end_fetch(at(0), None, Some("new"), at(13));
    assert_eq!(issuer_keys.plan("new", at(13)), Plan::Wait, "the later one still runs");
    issuer_keys.end_fetch(at(12), keys("new"), Some("new"), at(14));
    issuer_keys.end_fetch(at(0), keys("old"), Some("old"), at(15));
    assert_eq!(issuer_keys.plan("new", at(15)), Plan::Use(()));
    assert_eq!(issuer_keys.plan("old", at(15)), Plan::Fetch, "the fetch for unknown keys must still be available");
}

#[test]
fn clock_step_back_blocks_no_request_and_extends_no_key_lifetime() {
    // A cancelled fetch counts as running.
    let mut traffic = Traffic::cold();
    traffic.upstream().hold(KEYS_V2);
    drop(traffic.arrive(&good(0)));
    traffic.upstream().release(KEYS_V2);
    traffic.gateway.stage.runtime.step_clock(-7200);
    assert_eq!(traffic.ask_at_once(&good(1)), passed(), "the request must not wait two hours");

    // The cool-down of a failure runs.
    let mut traffic = Traffic::cold();
    traffic.upstream().respond(KEYS_V2, Reply::status(503));
    assert_eq!(traffic.ask(&good(0)), Err(KeysUnavailable));
    traffic.publish(&[&CURRENT]);
    traffic.gateway.stage.runtime.step_clock(-7200);
    assert_eq!(traffic.ask_at_once(&good(1)), passed());

    // The cool-down of unknown keys runs.
    let mut traffic = Traffic::warm();
    assert_eq!(traffic.ask(&of_unknown_key(0)), unknown(30));
    traffic.gateway.stage.runtime.step_clock(-7200);
    traffic.publish(&[&NEXT]);
    assert_eq!(traffic.ask(&signed_by(&NEXT, 1)), passed());

    // The keys are valid.
    let mut traffic = Traffic::warm();
    traffic.gateway.stage.runtime.step_clock(-7200);
    assert_eq!(traffic.ask_at_once(&good(1)), passed());
    assert_eq!(traffic.gateway.stage.start_deferred(), 1, "the keys' age is unknown, so they must be refreshed");
}

#[test]
fn clock_jitter_causes_no_additional_key_fetch() {
    let mut traffic = Traffic::warm();
    for number in 0..200 {
        assert!(matches!(traffic.ask(&of_unknown_key(number)), Err(TokenError::UnknownKey { .. })));
        traffic.gateway.stage.runtime.step_clock(if number % 2 == 0 { -1 } else { 1 });
    }
    assert_eq!(traffic.fetches(), 2);
}

#[test]
fn each_token_version_has_own_keys_and_cool_down() {
    let mut traffic = Traffic::warm();
    assert_eq!(traffic.upstream().count(KEYS_V1), 0, "no token needed the keys of version 1.0");
    assert_eq!(traffic.ask(&of_unknown_key(0)), unknown(30));
    assert_eq!(traffic.ask(&Draft::v1().token()), passed());
    assert_eq!((traffic.upstream().count(KEYS_V1), traffic.fetches()), (1, 2));
}

/// Returns keys B and D of the issuer. Key A, which signed the tokens, is missing.
fn set_without_a() -> [&'static Key; 2] {
    [&NEXT, &ONLY_V1]
}

#[test]
fn recently_listed_key_is_fetched_again_during_cool_down() {
    let mut traffic = Traffic::cold();
    traffic.publish(&[&CURRENT, &NEXT]);
    assert_eq!(traffic.ask(&good(0)), passed());
    // One response lists [B, D], and the cool-down runs afterwards.
    traffic.publish(&set_without_a());
    assert_eq!(traffic.ask(&of_unknown_key(0)), unknown(30));
    assert_eq!(traffic.fetches(), 2);
    // The endpoint recovers.
    traffic.publish(&[&CURRENT, &NEXT, &ONLY_V1]);
    assert_eq!(traffic.ask(&good(1)), passed(), "the key was listed within the last day");
    assert_eq!(traffic.fetches(), 3);
    assert_eq!(traffic.ask_at_once(&good(2)), passed());
    assert_eq!(traffic.ask_at_once(&of_unknown_key(1)), unknown(30), "the cool-down runs on");
    assert_eq!(traffic.fetches(), 3);
}

#[test]
fn removed_key_is_fetched_once_per_cool_down_until_listed_again() {
    let mut traffic = Traffic::cold();
    traffic.publish(&[&CURRENT, &NEXT]);
    assert_eq!(traffic.ask(&good(0)), passed());
    traffic.publish(&set_without_a());
    assert_eq!(traffic.ask(&of_unknown_key(0)), unknown(30));
    // The gateway fetches once for A, and not again in the cool-down for any number of tokens with A or an unknown key.
    for number in 0..1000 {
        assert_eq!(traffic.ask(&good(number)), unknown(30));
        assert_eq!(traffic.ask(&of_unknown_key(number)), unknown(30));
    }
    assert_eq!(traffic.fetches(), 3);
    traffic.pass(20 * SECOND);
    assert_eq!(traffic.ask_at_once(&good(0)), unknown(10), "a cached token must not outlive its key");
    traffic.publish(&[&CURRENT, &NEXT, &ONLY_V1]);
    traffic.pass(10 * SECOND);
    assert_eq!(traffic.ask(&good(1)), passed(), "recovered");
    assert_eq!(traffic.ask_at_once(&good(0)), passed());
    assert_eq!(traffic.fetches(), 4);
}

/// Two servers of the issuer list different keys, and tokens of both arrive. Without a limit, each token would cause a
/// fetch.
#[test]
fn alternating_key_sets_cause_at_most_four_fetches_in_30_seconds() {
    let mut traffic = Traffic::cold();
    traffic.publish(&[&CURRENT, &NEXT]);
    assert_eq!(traffic.ask(&good(0)), passed());
    let start = traffic.fetches();
    for number in 0..300 {
        let (listed, signer) = if number % 2 == 0 { (&NEXT, &CURRENT) } else { (&CURRENT, &NEXT) };
        traffic.publish(&[listed]);
        drop(traffic.ask(&signed_by(signer, number)));
        drop(traffic.ask(&of_unknown_key(number)));
        traffic.pass(Duration::from_millis(100));
    }
    let fetches = traffic.fetches() - start;
    assert!((1..=4).contains(&fetches), "{fetches} fetches in 30 s");
}

#[test]
fn tokens_of_removed_key_cause_one_fetch_per_cool_down() {
    let mut traffic = Traffic::warm();
    traffic.publish(&[&NEXT]);
    assert_eq!(traffic.ask(&signed_by(&NEXT, 0)), passed());
    let start = traffic.fetches();
    // Requests arrive every 250 ms for five minutes.
    for number in 0..1200 {
        assert!(matches!(traffic.ask(&good(number)), Err(TokenError::UnknownKey { .. })));
        assert!(matches!(traffic.ask(&of_unknown_key(number)), Err(TokenError::UnknownKey { .. })));
        traffic.pass(Duration::from_millis(250));
    }
    assert_eq!(traffic.fetches() - start, 10);
}

#[test]
fn removed_key_is_forgotten_after_one_day() {
    for (passed_time, fetches) in [(24 * HOUR - MINUTE, 1), (24 * HOUR, 0)] {
        let at = |after: Duration| Timestamp::from_seconds(START).plus(after);
        let mut issuer_keys = IssuerKeys::default();
        let set = |kids: &[&str]| Some(kids.iter().map(|kid| ((*kid).to_owned(), ())).collect());
        issuer_keys.begin_fetch(Some("a"), at(Duration::ZERO));
        issuer_keys.end_fetch(at(Duration::ZERO), set(&["a", "b"]), Some("a"), at(Duration::ZERO));
        issuer_keys.begin_fetch(None, at(HOUR));
        issuer_keys.end_fetch(at(HOUR), set(&["b"]), None, at(HOUR));
        let now = HOUR + passed_time;
        issuer_keys.begin_fetch(Some("x"), at(now));
        issuer_keys.end_fetch(at(now), set(&["b"]), Some("x"), at(now));
        let plan = issuer_keys.plan("a", at(now));
        let expected =
            if fetches == 1 { Plan::Fetch } else { Plan::Reject(TokenError::UnknownKey { retry_after: 30 }) };
        assert_eq!(plan, expected, "{passed_time:?}");
    }
}

/// An attacker can write any claims, so claims that do not match must be rejected before a fetch.
#[test]
fn token_with_invalid_claims_causes_no_fetch() {
    let mut traffic = Traffic::warm();
    let stranger = |draft: Draft| draft.header("kid", "unknown").signature([1; 256]).token();
    for (token, error) in [
        (stranger(Draft::v2().claim("aud", "api://other")), TokenError::Audience),
        (stranger(Draft::v2().claim("tid", crate::tests::support::OTHER_TENANT)), TokenError::Tenant),
        (stranger(Draft::v2().claim("iss", "https://evil.example/")), TokenError::Issuer),
        (stranger(Draft::v2().claim("exp", START - 400)), TokenError::Expired),
        (stranger(Draft::v2().claim("nbf", START + 400)), TokenError::NotYetValid),
        (stranger(Draft::v2().claim("cnf", json!({ "kid": "x" }))), TokenError::Bound),
    ] {
        assert_eq!(traffic.ask_at_once(&token), Err(error));
    }
    assert_eq!(traffic.fetches(), 1);
    // An expired token with a removed key causes no fetch either.
    let old = good(1);
    assert_eq!(traffic.ask_at_once(&old), passed());
    traffic.publish(&[&NEXT]);
    traffic.pass(8 * 24 * HOUR);
    let fetches = traffic.fetches();
    assert_eq!(traffic.ask_at_once(&old), Err(TokenError::Expired));
    assert_eq!(traffic.fetches(), fetches);
}

#[test]
fn token_that_expires_during_key_fetch_is_rejected() {
    let mut traffic = Traffic::cold();
    traffic.upstream().hold(KEYS_V2);
    let token = Draft::v2().claim("exp", START - 298).token();
    let waiting = traffic.arrive(&token);
    traffic.pass(5 * SECOND);
    traffic.upstream().release(KEYS_V2);
    assert_eq!(traffic.gateway.stage.finish(waiting), Err(TokenError::Expired));
}
