//! Isolate and callers with tokens, second by second, for tests of the key and token caches.

use std::rc::Rc;
use std::time::Duration;

use crate::auth::token_error::TokenError;
use crate::auth::{AuthError, authenticate};
use crate::config::Config;
use crate::tests::support::KEYS_V2;
use crate::tests::support::entra::{CURRENT, Draft, Key, key_set};
use crate::tests::support::gateway::{Gateway, authorization};
use crate::tests::support::runtime::START;
use crate::tests::support::stage::Started;
use crate::tests::support::upstream::Upstream;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_mins(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);

pub(super) type Outcome = Result<String, TokenError>;

/// Isolate with its callers.
pub(super) struct Traffic {
    pub(super) gateway: Gateway,
    pub(super) config: Rc<Config>,
}

impl Traffic {
    /// Returns an isolate without requests so far. The issuer publishes [`CURRENT`].
    pub(super) fn cold() -> Self {
        let gateway = Gateway::default();
        let traffic = Self { config: gateway.config(), gateway };
        traffic.publish(&[&CURRENT]);
        traffic
    }

    /// Returns an isolate that has just fetched the keys.
    pub(super) fn warm() -> Self {
        let mut traffic = Self::cold();
        assert_eq!(traffic.ask(&good(0)), passed());
        assert_eq!(traffic.fetches(), 1);
        traffic
    }

    pub(super) fn upstream(&self) -> &Upstream {
        self.gateway.stage.runtime.upstream()
    }

    pub(super) fn publish(&self, keys: &[&Key]) {
        self.upstream().respond(KEYS_V2, key_set(keys));
    }

    pub(super) fn fetches(&self) -> usize {
        self.upstream().count(KEYS_V2)
    }

    /// Starts a request with this token.
    pub(super) fn arrive(&mut self, token: &str) -> Started<Outcome> {
        let (runtime, configured) = (self.gateway.stage.runtime.clone(), self.gateway.configured());
        let (config, headers) = (Rc::clone(&self.config), authorization(&format!("Bearer {token}")));
        self.gateway.stage.start(async move {
            match authenticate(&runtime, &configured.tokens, &config, &headers).await {
                Ok(caller) => Ok(caller.name.clone()),
                Err(AuthError::Token(error)) => Err(error),
                Err(other) => panic!("{other}"),
            }
        })
    }

    pub(super) fn ask(&mut self, token: &str) -> Outcome {
        let started = self.arrive(token);
        self.gateway.stage.finish(started)
    }

    /// Sends a request that must be answered without any wait.
    pub(super) fn ask_at_once(&mut self, token: &str) -> Outcome {
        self.arrive(token).result()
    }

    pub(super) fn pass(&mut self, duration: Duration) {
        self.gateway.stage.pass(duration);
    }
}

/// Returns a valid token. The number makes it different from cached tokens.
pub(super) fn good(number: usize) -> String {
    signed_by(&CURRENT, number)
}

/// Returns a token that is valid for a week before and after the start of a test.
pub(super) fn signed_by(key: &'static Key, number: usize) -> String {
    let exp = START + 7 * 86_400;
    Draft::v2().by(key).without_claim("nbf").claim("exp", exp).claim("uti", number).token()
}

/// Returns a token with an unknown `kid`. Its signature is never checked.
pub(super) fn of_unknown_key(number: usize) -> String {
    Draft::v2().header("kid", format!("unknown-{number}")).signature([1; 256]).token()
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with outcomes")]
pub(super) fn passed() -> Outcome {
    Ok("playbook".to_owned())
}
