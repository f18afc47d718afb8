//! The rate limit of a client's network, with each verdict of the binding.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::entra::Draft;
use super::support::gateway::{Gateway, api_key, authorization, code, payload, post};
use super::support::{CRON_KEY, Verdict, variables, variables_with};
use crate::config::RATE_LIMITER;
use crate::http::{Request, RequestHeaders};
use crate::secret::Secret;

const ADDRESS: &str = "203.0.113.7";

fn limited(verdict: Verdict) -> Gateway {
    let gateway = Gateway::new(variables_with(RATE_LIMITER, json!(true)));
    gateway.environment.limiter.verdict.set(verdict);
    gateway
}

fn from(address: &str, headers: RequestHeaders) -> RequestHeaders {
    RequestHeaders { client_address: Some(Secret::new(address.to_owned())), ..headers }
}

/// Headers of a valid token that the gateway has not seen, from [`ADDRESS`].
fn bearer() -> RequestHeaders {
    from(ADDRESS, authorization(&format!("Bearer {}", Draft::v2().token())))
}

#[test]
fn request_beyond_the_rate_limit_is_rejected_before_authentication() {
    let mut gateway = limited(Verdict::Beyond);
    for (path, headers) in [
        ("/remediate", bearer()),
        ("/remediate/status", bearer()),
        ("/v1.0/security/collaboration/analyzedEmails/remediate", from(ADDRESS, api_key(CRON_KEY))),
        ("/remediate", from(ADDRESS, api_key("rgk_of-nobody"))),
        ("/remediate", from(ADDRESS, RequestHeaders { api_key: None, ..api_key("") })),
    ] {
        let response = gateway.ask(post(path, "", headers), b"{".to_vec());
        assert_eq!((response.status, code(&response).as_str()), (429, "tooManyRequests"), "{path}");
        assert!(response.headers.contains(&("Retry-After", "60".to_owned())), "{:?}", response.headers);
        assert!(response.body.contains("Nothing was sent."), "{}", response.body);
        let line = gateway.logged();
        assert_eq!((&line["code"], &line["caller"]), (&json!("tooManyRequests"), &Value::Null));
        assert_eq!(line["reason"], "the rate limit of the client's address is exceeded");
        assert!(!format!("{line}{}", response.body).contains(ADDRESS), "{line}");
    }
    assert_eq!(gateway.stage.runtime.signature_checks(), 0);
    assert_eq!(gateway.stage.runtime.upstream().calls().len(), 0, "Entra's keys were fetched");
}

#[test]
fn request_within_the_rate_limit_is_accepted() {
    let good = payload("softDelete", &["hannah@contoso.com"]);
    let mut gateway = limited(Verdict::Within);
    assert_eq!(gateway.remediate(bearer(), &good).status, 202);
    assert_eq!(*gateway.environment.limiter.keys.borrow(), [ADDRESS]);
    assert_eq!(gateway.logged()["code"], Value::Null);
}

/// Routes without credentials, and requests that fail earlier, are not counted.
#[test]
fn request_that_does_not_reach_authentication_is_not_rate_limited() {
    let mut gateway = limited(Verdict::Beyond);
    let get = |path| Request { method: "GET".to_owned(), ..post(path, "", from(ADDRESS, RequestHeaders::default())) };
    for (request, status) in [
        (get("/healthz"), 200),
        (get("/openapi.json"), 200),
        (get("/remediate"), 405),
        (post("/nowhere", "", bearer()), 404),
        (Request { scheme: "http".to_owned(), ..post("/remediate", "", bearer()) }, 403),
        (post("/remediate", "", RequestHeaders { content_type: None, ..bearer() }), 415),
    ] {
        assert_eq!(gateway.ask(request, Vec::new()).status, status);
    }
    assert!(gateway.environment.limiter.keys.borrow().is_empty());
}

#[test]
fn missing_rate_limiter_counts_and_rejects_nothing() {
    let mut gateway = Gateway::new(variables());
    gateway.environment.limiter.verdict.set(Verdict::Beyond);
    assert_eq!(gateway.validate(from(ADDRESS, api_key(CRON_KEY))).status, 200);
    assert!(gateway.environment.limiter.keys.borrow().is_empty());
}

/// A failing limiter must not stop remediations. Credentials are verified as usual.
#[test]
fn failing_or_hanging_rate_limiter_passes_requests_and_is_logged() {
    for (verdict, waited) in [(Verdict::Fails, Duration::ZERO), (Verdict::Hangs, Duration::from_secs(1))] {
        for (key, status) in [(CRON_KEY, 200), ("rgk_of-nobody", 401)] {
            let mut gateway = limited(verdict);
            assert_eq!(gateway.validate(from(ADDRESS, api_key(key))).status, status, "{verdict:?}");
            let lines = gateway.stage.runtime.take_log();
            let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
            let problem = "the binding failed, so a request passed uncounted";
            let warning = json!({ "warning": "rateLimiterFailed", "variable": RATE_LIMITER, "problem": problem });
            assert_eq!((lines.len(), &lines[0]), (2, &warning), "{lines:?}");
            assert_eq!(lines[1]["durationMs"], json!(u64::try_from(waited.as_millis()).unwrap()));
        }
    }
}

/// A client usually has a whole /64, whose addresses would otherwise count separately.
#[test]
fn ipv6_address_is_counted_as_its_64_bit_prefix() {
    for (address, key) in [
        (Some("203.0.113.7"), "203.0.113.7"),
        (Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::"),
        (Some("2001:db8:1:2::"), "2001:db8:1:2::"),
        (Some("2001:DB8:1:3::1"), "2001:db8:1:3::"),
        (Some("2001:db8::1"), "2001:db8::"),
        (Some("unknown"), "unknown"),
        (None, ""),
    ] {
        let mut gateway = limited(Verdict::Within);
        let headers = address.map_or_else(|| api_key(CRON_KEY), |address| from(address, api_key(CRON_KEY)));
        assert_eq!(gateway.validate(headers).status, 200);
        assert_eq!(*gateway.environment.limiter.keys.borrow(), [key], "{address:?}");
    }
}
