//! Cache of validated tokens: its size, its lifetime and its content.

use crate::auth::claims::Subject;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;

use super::traffic::{HOUR, MINUTE, SECOND, Traffic, passed};
use crate::auth::claims::{CLOCK_SKEW, Claims};
use crate::auth::issuer::Issuer;
use crate::auth::token_cache::{MAX_TOKENS, *};
use crate::auth::token_error::TokenError;
use crate::secret::Secret;
use crate::tests::support::entra::Draft;
use crate::tests::support::{PLAYBOOK, ROLE_BEARER};
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Returns claims that contain only this expiry.
fn claims_until(expires: Timestamp) -> Claims {
    let object_id = PLAYBOOK.parse().unwrap();
    Claims { object_id, subject: Subject::Application, roles: Vec::new(), expires, not_before: None }
}

fn ending_in(seconds: u64) -> CachedToken {
    let end = NOW.plus(Duration::from_secs(seconds));
    CachedToken { issuer: Issuer::V2, kid: "k".to_owned(), claims: claims_until(end) }
}

fn numbered_digest(number: usize) -> [u8; 32] {
    digest(&Secret::new(number.to_string()))
}

#[test]
fn full_token_cache_evicts_tokens_that_expire_first() {
    let tokens = TokenCache::default();
    for at in 0..MAX_TOKENS {
        tokens.insert(numbered_digest(at), ending_in(if at == 500 { 60 } else { 3600 }), NOW);
    }
    assert!(tokens.get(&numbered_digest(500)).is_some());
    tokens.insert(numbered_digest(MAX_TOKENS), ending_in(3600), NOW);
    assert_eq!(tokens.0.borrow().len(), MAX_TOKENS);
    assert!(tokens.get(&numbered_digest(500)).is_none());
    assert!(tokens.get(&numbered_digest(MAX_TOKENS)).is_some());

    // Tokens that all end at the same time make room too.
    tokens.insert(numbered_digest(MAX_TOKENS + 1), ending_in(3600), NOW);
    assert_eq!(tokens.0.borrow().len(), 1);
}

#[test]
fn expired_tokens_are_evicted_together_if_token_cache_is_full() {
    let tokens = TokenCache::default();
    for at in 0..MAX_TOKENS {
        tokens.insert(numbered_digest(at), ending_in(if at < 1000 { 60 } else { 3600 }), NOW);
    }
    let later = NOW.plus(Duration::from_mins(1)).plus(CLOCK_SKEW);
    tokens.insert(numbered_digest(MAX_TOKENS), ending_in(3600), later);
    assert_eq!(tokens.0.borrow().len(), 25);
}

#[test]
fn cached_token_inserted_again_evicts_no_other_token() {
    let tokens = TokenCache::default();
    for at in 0..MAX_TOKENS {
        tokens.insert(numbered_digest(at), ending_in(3600), NOW);
    }
    tokens.insert(numbered_digest(0), ending_in(3600), NOW);
    assert_eq!(tokens.0.borrow().len(), MAX_TOKENS);
}

#[test]
fn token_cache_debug_output_contains_no_token() {
    let tokens = TokenCache::default();
    tokens.insert(digest(&Secret::new("the.token.itself".to_owned())), ending_in(60), NOW);
    assert!(!format!("{tokens:?}").contains("the.token"));
}

#[test]
fn cached_token_is_verified_once_and_its_caller_is_found_each_time() {
    let mut traffic = Traffic::warm();
    let checks = |traffic: &Traffic| traffic.gateway.stage.runtime.signature_checks();
    let token = Draft::v2().claim("oid", PLAYBOOK).token();
    let before = checks(&traffic);
    for _ in 0..10 {
        assert_eq!(traffic.ask_at_once(&token), passed());
    }
    assert_eq!(checks(&traffic), before + 1);
    // The same isolate with another configuration: the cache has no permissions of the caller.
    let mut callers = crate::tests::support::variables()["CALLERS"].clone();
    callers[0]["object_id"] = json!(ROLE_BEARER);
    callers[1]["object_id"] = json!(PLAYBOOK);
    callers[1].as_object_mut().unwrap().remove("role");
    let variables = crate::tests::support::variables_with("CALLERS", callers);
    traffic.config = Rc::new(traffic.gateway.stage.runtime.check(&variables).unwrap());
    assert_eq!(traffic.ask_at_once(&token), Ok("role-bearer".to_owned()));
    assert_eq!(checks(&traffic), before + 1);
}

#[test]
fn cached_token_is_rejected_after_its_expiry_and_clock_skew() {
    let mut traffic = Traffic::warm();
    let token = Draft::v2().token();
    assert_eq!(traffic.ask(&token), passed());
    traffic.pass(HOUR + 5 * MINUTE - SECOND);
    assert_eq!(traffic.ask(&token), passed(), "within the skew");
    traffic.pass(SECOND);
    assert_eq!(traffic.ask(&token), Err(TokenError::Expired));
    assert_eq!(traffic.ask(&token), Err(TokenError::Expired));
}

#[test]
fn rejected_token_is_not_cached() {
    let mut traffic = Traffic::warm();
    let checks = traffic.gateway.stage.runtime.signature_checks();
    for refused in [Draft::v2().signature([1; 256]).token(), Draft::v2().claim("aud", "api://other").token()] {
        for _ in 0..3 {
            assert!(traffic.ask(&refused).is_err());
        }
    }
    assert_eq!(
        traffic.gateway.stage.runtime.signature_checks(),
        checks + 3,
        "claims that do not match caused a signature check"
    );
}

#[test]
fn scope_of_cached_token_is_checked_on_every_request() {
    let mut gateway = crate::tests::support::gateway::Gateway::default();
    for (token, status) in [
        (Draft::v2().of_user().token(), 403),
        (Draft::v2().delegated("User.Read").token(), 403),
        (Draft::v2().delegated("Remediation.Submit").token(), 200),
        (Draft::v2().of_managed_identity().token(), 200),
    ] {
        let before = gateway.stage.runtime.signature_checks();
        for _ in 0..3 {
            let response = gateway.validate(crate::tests::support::gateway::authorization(&format!("Bearer {token}")));
            assert_eq!(response.status, status, "{}", response.body);
        }
        assert_eq!(gateway.stage.runtime.signature_checks(), before + 1, "the other tokens must come from the cache");
    }
}
