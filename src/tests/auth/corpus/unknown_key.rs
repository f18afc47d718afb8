//! Tokens with matching claims and a `kid` that the issuer does not list. Their validity is unknown.

use serde_json::{Value, json};

use super::check_rejection;
use crate::auth::token_error::TokenError::UnknownKey;
use crate::tests::support::entra::{CURRENT, Draft, FOREIGN, NEXT, ONLY_V1, WEAK};
use crate::tests::support::gateway::{authorization, code};

fn cases() -> Vec<(&'static str, String)> {
    let header = |name: &str, value: Value| Draft::v2().header(name, value).token();
    vec![
        ("kid of 256 bytes", header("kid", json!("k".repeat(256)))),
        ("an unknown kid", Draft::v2().by(&FOREIGN).token()),
        ("kid in another case", header("kid", json!(CURRENT.kid.to_uppercase()))),
        ("kid with a blank", header("kid", json!(format!("{} ", CURRENT.kid)))),
        ("kid cut short", header("kid", json!(&CURRENT.kid[1..]))),
        ("kid a path", header("kid", json!("../../dev/null"))),
        ("kid a URL", header("kid", json!("https://evil.example/key"))),
        ("kid a query of a database", header("kid", json!("' OR 1=1 --"))),
        ("kid of a key that is too weak", Draft::v2().by(&WEAK).token()),
        ("kid of a key for encryption", header("kid", json!("for-encryption"))),
        ("kid of an elliptic key", header("kid", json!("elliptic"))),
        ("kid of another issuer's key", header("kid", json!("of-another-issuer"))),
        ("of an attacker's key under its own kid", Draft::v2().by(&FOREIGN).token()),
        ("of a key that is not published yet", Draft::v2().by(&NEXT).token()),
        ("of version 1.0's key in version 2.0", Draft::v2().by(&ONLY_V1).token()),
    ]
}

#[test]
fn unknown_key_returns_503_with_retry_after() {
    for (what, token) in cases() {
        let error = UnknownKey { retry_after: 30 };
        let rejection = check_rejection(what, authorization(&format!("Bearer {token}")), &token, error.into());
        assert_eq!(
            (rejection.response.status, code(&rejection.response).as_str()),
            (503, "graphUnavailable"),
            "{what}"
        );
        assert!(rejection.response.headers.contains(&("Retry-After", "30".to_owned())), "{what}");
    }
}
