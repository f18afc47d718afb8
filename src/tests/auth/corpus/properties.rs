//! Properties of credentials for random bytes.

use std::sync::LazyLock;

use proptest::prelude::*;

use crate::tests::support::entra::Draft;
use crate::tests::support::gateway::{Gateway, api_key, authorization};

static GOOD: LazyLock<String> = LazyLock::new(|| Draft::v2().token());

/// Returns whether a new gateway accepts these credentials. A gateway that cached the valid token could hide a forgery.
fn passes(headers: crate::http::RequestHeaders) -> bool {
    Gateway::default().validate(headers).status == 200
}

fn bearer_passes(token: &str) -> bool {
    passes(authorization(&format!("Bearer {token}")))
}

/// Generates texts from the parts of tokens, so that many pass the first checks.
fn token_like() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[A-Za-z0-9_=-]{0,40}",
        Just(GOOD.split('.').next().unwrap().to_owned()),
        Just(GOOD.split('.').nth(1).unwrap().to_owned()),
        Just(GOOD.split('.').nth(2).unwrap().to_owned()),
        r#"\{("(alg|kid|iss|ver)":("RS256"|1|null),?){0,3}\}"#.prop_map(crate::tests::support::entra::base64url),
    ];
    proptest::collection::vec(part, 0..5).prop_map(|parts| parts.join("."))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_token_is_rejected(token in "\\PC*") {
        prop_assert!(!bearer_passes(&token));
    }

    #[test]
    fn token_like_text_is_rejected(token in token_like()) {
        prop_assert!(token == *GOOD || !bearer_passes(&token));
    }

    #[test]
    fn valid_token_with_one_changed_byte_is_rejected(at in any::<prop::sample::Index>(), byte in 0x21_u8..0x7f) {
        let mut token = GOOD.clone().into_bytes();
        let at = at.index(token.len());
        prop_assume!(token[at] != byte);
        token[at] = byte;
        prop_assert!(!bearer_passes(&String::from_utf8(token).unwrap()));
    }

    #[test]
    fn truncated_or_extended_token_is_rejected(at in any::<prop::sample::Index>(), grown in "[A-Za-z0-9_.-]{0,3}") {
        let at = at.index(GOOD.len() + 1);
        let token = format!("{}{grown}{}", &GOOD[..at], &GOOD[at..]);
        prop_assert!(token == *GOOD || !bearer_passes(&token));
        prop_assert!(at == GOOD.len() || !bearer_passes(&GOOD[..at]));
    }

    #[test]
    fn random_authorization_and_api_key_are_rejected(value in "(Bearer|Basic|basic|)[ ]{0,2}\\PC{0,60}") {
        prop_assert!(!passes(authorization(&value)));
        prop_assert!(!passes(api_key(&value)));
    }
}

#[test]
fn valid_token_with_one_flipped_bit_is_rejected() {
    let runtime = crate::tests::support::runtime::TestRuntime::default();
    let gateway = Gateway::default();
    let config = gateway.config();
    let key = futures::executor::block_on(async {
        use crate::runtime::Verifier;
        runtime.import_rs256(&crate::tests::support::entra::CURRENT.n(), "AQAB").await.unwrap()
    });
    let passes = |token: &str| {
        use crate::auth::token;
        use crate::runtime::Verifier;
        let Ok(parts) = token::split(token) else { return false };
        let header = token::validate_header(&parts).is_ok_and(|kid| kid == crate::tests::support::entra::CURRENT.kid);
        let issued = parts.claims().and_then(|claims| token::find_issuer(&claims, &config)).is_ok();
        header
            && issued
            && futures::executor::block_on(runtime.verify_rs256(&key, parts.signed.as_bytes(), &parts.signature))
    };
    assert!(passes(&GOOD));
    for at in 0..GOOD.len() {
        for bit in 0..7 {
            let mut token = GOOD.clone().into_bytes();
            token[at] ^= 1 << bit;
            assert!(!passes(&String::from_utf8(token).unwrap()), "bit {bit} of byte {at}");
        }
    }
}
