//! Headers and API keys that are not valid credentials (contract, section 5).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{BEARER, check_rejection, invalid_credentials, without_ids};
use crate::auth::AuthError;
use crate::auth::AuthError::{Credentials, NotTheOwner, UnknownApiKey};
use crate::auth::credentials::CredentialsError::{
    Absent, EmptyToken, MalformedBasic, Repeated, Several, UnknownScheme,
};
use crate::http::RequestHeaders;
use crate::secret::Secret;
use crate::tests::support::entra::Draft;
use crate::tests::support::gateway::{Gateway, api_key, authorization};
use crate::tests::support::upstream::Reply;
use crate::tests::support::{CRON_KEY, SCRIPT_KEYS, entra, sha256, variables, variables_with};

fn basic(name: &str, key: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{key}")))
}

/// Returns values of `Authorization` with the reason that the log must contain.
fn authorizations() -> Vec<(String, AuthError)> {
    let token = Draft::v2().token();
    let [old, new] = SCRIPT_KEYS;
    let good = basic("script", new);
    let encoded = good.trim_start_matches("Basic ");
    let raw = |bytes: &[u8]| format!("Basic {}", BASE64_STANDARD.encode(bytes));
    let scheme = |text: &str| (text.to_owned(), Credentials(UnknownScheme));
    let malformed = |text: String| (text, Credentials(MalformedBasic));
    [
        vec![
            scheme(""),
            scheme(" "),
            ("Bearer".to_owned(), Credentials(EmptyToken)),
            ("Bearer ".to_owned(), Credentials(EmptyToken)),
            ("bEARER   ".to_owned(), Credentials(EmptyToken)),
            scheme("Basic"),
            scheme(&token),
            scheme(old),
            scheme(&format!("Bearer:{token}")),
            scheme(&format!("Bearer={token}")),
            scheme(&format!("Bearer\t{token}")),
            scheme(&format!("Bearer\u{a0}{token}")),
            scheme(&format!("\"Bearer\" {token}")),
            scheme(&format!("Bearer\0 {token}")),
            scheme(&format!("\u{ff22}earer {token}")),
            scheme(&format!("BearerToken {token}")),
            scheme(&format!("JWT {token}")),
            scheme(&format!("DPoP {token}")),
            scheme(&format!("Token {token}")),
            scheme(&format!("ApiKey {old}")),
            scheme(&format!("X-API-Key {old}")),
            scheme("Digest username=\"script\""),
            scheme("Negotiate YII="),
            scheme("SharedKey account:signature"),
            scheme(&format!("Basic:{encoded}")),
            malformed("Basic !".to_owned()),
            malformed(format!("Basic {}", encoded.trim_end_matches('='))),
            malformed(format!("Basic {encoded}=")),
            malformed(format!("Basic {encoded} {encoded}")),
            malformed(format!("Basic {}", BASE64_STANDARD.encode("script"))),
            malformed(format!("Basic script:{new}")),
            malformed(format!("Basic {}", BASE64_STANDARD.encode(encoded))),
            malformed(format!("Basic {}", "_-".repeat(4))),
            malformed(raw(b"script:\xff\xfe")),
            malformed(raw(b"\xfescript:key")),
        ],
        [
            (basic("script", ""), UnknownApiKey),
            (basic("", ""), UnknownApiKey),
            (basic("script", "x"), UnknownApiKey),
            (basic("nobody", "x"), UnknownApiKey),
            (basic("script", &format!("{new} ")), UnknownApiKey),
            (basic("script", &format!(" {new}")), UnknownApiKey),
            (basic("script", &format!("{new}\n")), UnknownApiKey),
            (basic("script", &format!("{new}\0")), UnknownApiKey),
            (basic("script", &new.to_uppercase()), UnknownApiKey),
            (basic("script", &sha256(new)), UnknownApiKey),
            (basic("script:", new), UnknownApiKey),
            (basic(new, "script"), UnknownApiKey),
            (basic("cron", new), NotTheOwner),
            (basic("script", CRON_KEY), NotTheOwner),
            (basic("playbook", new), NotTheOwner),
            (basic("", new), NotTheOwner),
            (basic("Script", new), NotTheOwner),
            (basic("script ", new), NotTheOwner),
            (basic(" script", new), NotTheOwner),
            (basic("script\0", new), NotTheOwner),
            (basic("\u{ff53}cript", new), NotTheOwner),
            (basic(old, new), NotTheOwner),
        ]
        .to_vec(),
    ]
    .concat()
}

/// Returns values of `X-API-Key` without a caller.
fn keys() -> Vec<String> {
    let [old, new] = SCRIPT_KEYS;
    vec![
        " ".to_owned(),
        "x".to_owned(),
        "k".repeat(256),
        "k".repeat(257),
        "k".repeat(100_000),
        // The configuration has the hash and not the key, so reading the configuration does not allow calls.
        sha256(new),
        sha256(new).to_uppercase(),
        sha256(&sha256(new)),
        format!("sha256:{}", sha256(new)),
        new.to_uppercase(),
        format!("{new} "),
        format!(" {new}"),
        format!("\"{new}\""),
        format!("{new}\0"),
        format!("{new}\u{ad}"),
        new[..new.len() - 1].to_owned(),
        format!("{new}x"),
        format!("{old}{new}"),
        format!("Bearer {new}"),
        format!("script:{new}"),
        BASE64_STANDARD.encode(format!("script:{new}")),
        Draft::v2().token(),
    ]
}

#[test]
fn every_invalid_authorization_gets_same_response_and_own_log_reason() {
    for (value, reason) in authorizations() {
        let rejection = check_rejection(&value, authorization(&value), &value, reason);
        let token = matches!(reason, AuthError::Token(_));
        assert!(
            !token && without_ids(&rejection.response) == invalid_credentials(BEARER),
            "{value}: {:?}",
            rejection.response
        );
    }
}

#[test]
fn every_invalid_api_key_gets_same_response() {
    for key in keys() {
        let rejection = check_rejection(&key, api_key(&key), &key, UnknownApiKey);
        assert_eq!(without_ids(&rejection.response), invalid_credentials(BEARER), "{key}");
    }
}

/// The platform joins both with a comma and a space.
#[test]
fn duplicate_api_key_returns_400_and_is_logged_as_repeated() {
    let [old, new] = SCRIPT_KEYS;
    for key in [format!("{new}, {new}"), format!("{new}, {old}"), "x, y".to_owned()] {
        let rejection = check_rejection(&key, api_key(&key), &key, AuthError::RepeatedApiKey);
        assert_eq!(rejection.response.status, 400, "{key}");
        assert!(rejection.log.contains("\"invalidRequest\""), "{}", rejection.log);
    }
}

#[test]
fn multiple_credentials_return_400_even_if_all_are_valid() {
    let token = format!("Bearer {}", Draft::v2().token());
    let [old, new] = SCRIPT_KEYS;
    let both = |authorization_value: &str, key: &str| RequestHeaders {
        api_key: Some(Secret::new(key.to_owned())),
        ..authorization(authorization_value)
    };
    for (headers, reason) in [
        (both(&token, new), Several),
        (both(&basic("script", new), new), Several),
        (both("", new), Several),
        (both(&format!("{token}, {token}"), new), Several),
        (authorization(&format!("{token}, {token}")), Repeated),
        (authorization(&format!("{token},{token}")), Repeated),
        (authorization(&format!("{token}, {}", basic("script", new))), Repeated),
        (authorization(&format!("{}, {}", basic("script", old), basic("script", new))), Repeated),
        (authorization(&format!("{token},")), Repeated),
        (authorization(&format!(", {token}")), Repeated),
        (authorization(","), Repeated),
    ] {
        let secret = headers.authorization.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default();
        let rejection = check_rejection(&secret, headers, &secret, Credentials(reason));
        assert_eq!(rejection.response.status, 400, "{secret}");
        assert!(rejection.log.contains("\"invalidRequest\""), "{}", rejection.log);
    }
}

#[test]
fn missing_credentials_return_401_with_challenge_without_error() {
    // A connector sends an empty header if its key was left empty.
    for headers in [RequestHeaders { authorization: None, ..authorization("") }, api_key("")] {
        let rejection = check_rejection("none", headers, "", Credentials(Absent));
        assert_eq!(rejection.response.status, 401);
        assert!(rejection.response.headers.contains(&("WWW-Authenticate", BEARER.to_owned())));
        assert!(rejection.log.contains("\"unauthenticated\""));
    }
}

#[test]
fn empty_api_key_with_valid_token_is_ignored() {
    let token = format!("Bearer {}", Draft::v2().token());
    let headers = RequestHeaders { api_key: Some(Secret::new(String::new())), ..authorization(&token) };
    assert_eq!(Gateway::default().validate(headers).status, 200);
}

#[test]
fn token_returns_503_with_retry_after_if_key_sets_are_unavailable() {
    let mut gateway = Gateway::default();
    for (url, _) in entra::key_sets() {
        gateway.stage.runtime.upstream().respond(url, Reply::Response(503, Vec::new(), Vec::new()));
    }
    let response = gateway.validate(authorization(&format!("Bearer {}", Draft::v2().token())));
    assert_eq!(response.status, 503);
    assert!(response.headers.iter().any(|(name, _)| *name == "Retry-After"));
    assert_eq!(gateway.logged()["code"], "graphUnavailable");
}

#[test]
fn api_key_authenticates_its_owner_in_either_header() {
    let [old, new] = SCRIPT_KEYS;
    for (headers, caller) in [
        (api_key(old), "script"),
        (api_key(new), "script"),
        (api_key(CRON_KEY), "cron"),
        (authorization(&basic("script", old)), "script"),
        (authorization(&basic("script", new)), "script"),
        (authorization(&basic("cron", CRON_KEY)), "cron"),
        (authorization(&basic("cron", CRON_KEY).replace("Basic", "bAsIc  ")), "cron"),
    ] {
        let mut gateway = Gateway::default();
        assert_eq!(gateway.validate(headers).status, 200, "{caller}");
        assert_eq!(gateway.logged()["caller"], caller);
        assert!(gateway.stage.runtime.upstream().calls().is_empty(), "an API key caused a call to Microsoft");
    }
}

#[test]
fn api_key_of_256_bytes_is_accepted_and_longer_one_is_rejected() {
    for (bytes, status) in [(256, 200), (257, 401)] {
        let key = "k".repeat(bytes);
        let mut callers = variables()["CALLERS"].clone();
        callers[3]["api_key_sha256"][0] = sha256(&key).into();
        let mut gateway = Gateway::new(variables_with("CALLERS", callers));
        assert_eq!(gateway.validate(api_key(&key)).status, status, "{bytes}");
    }
}
