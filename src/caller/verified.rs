//! The memory of tokens whose signature and claims were found good, so that a caller's next request costs no signature check.
//!
//! What is remembered is what the token says, never what its caller may do: rights are looked up each time. A token is known by its
//! SHA-256, so that a dump of the memory gives no credential.

use std::cell::RefCell;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::token::{Claims, Issuer};
use crate::secret::Secret;
use crate::time::Timestamp;

/// The most tokens that are remembered. A tenant has tens of playbooks with a token each per day or hour; 1,024 entries of
/// about 300 bytes are 300 KiB of an isolate's 128 MiB.
const MAX_TOKENS: usize = 1024;

/// What is remembered of a token.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Who issued it.
    pub issuer: Issuer,
    /// The key that signed it. Once the issuer publishes it no longer, the memory counts for nothing.
    pub kid: String,
    /// What it says.
    pub claims: Claims,
}

/// Tokens found good, by digest.
#[derive(Debug, Default)]
pub struct VerifiedTokens(RefCell<BTreeMap<[u8; 32], Verified>>);

/// The name under which a token is remembered.
#[must_use]
pub fn digest(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose().as_bytes()).into()
}

impl VerifiedTokens {
    /// What is remembered under `digest`.
    #[must_use]
    pub fn get(&self, digest: &[u8; 32]) -> Option<Verified> {
        self.0.borrow().get(digest).cloned()
    }

    /// Remembers a token. Where there is no room, those that have ended go, and if none has, the one that ends first.
    pub fn insert(&self, digest: [u8; 32], verified: Verified, now: Timestamp) {
        let mut tokens = self.0.borrow_mut();
        // Two requests with one token may both have had it verified.
        if let Some(known) = tokens.get_mut(&digest) {
            *known = verified;
            return;
        }
        if tokens.len() >= MAX_TOKENS {
            tokens.retain(|_, known| known.claims.ends() > now);
        }
        if tokens.len() >= MAX_TOKENS
            && let Some(first) = tokens.iter().min_by_key(|(_, known)| known.claims.ends()).map(|(digest, _)| *digest)
        {
            tokens.remove(&first);
        }
        tokens.insert(digest, verified);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::caller::token::CLOCK_SKEW;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn ending_in(seconds: u64) -> Verified {
        let end = NOW.plus(Duration::from_secs(seconds));
        Verified { issuer: Issuer::V2, kid: "k".to_owned(), claims: Claims::for_test(end) }
    }

    fn number(number: usize) -> [u8; 32] {
        digest(&Secret::new(number.to_string()))
    }

    #[test]
    fn no_more_than_1024_tokens_are_remembered_and_the_one_that_ends_first_makes_room() {
        let tokens = VerifiedTokens::default();
        for at in 0..MAX_TOKENS {
            tokens.insert(number(at), ending_in(if at == 500 { 60 } else { 3600 }), NOW);
        }
        assert!(tokens.get(&number(500)).is_some());
        tokens.insert(number(MAX_TOKENS), ending_in(3600), NOW);
        assert_eq!(tokens.0.borrow().len(), MAX_TOKENS);
        assert!(tokens.get(&number(500)).is_none());
        assert!(tokens.get(&number(MAX_TOKENS)).is_some());
    }

    #[test]
    fn tokens_that_have_ended_make_room_together() {
        let tokens = VerifiedTokens::default();
        for at in 0..MAX_TOKENS {
            tokens.insert(number(at), ending_in(if at < 1000 { 60 } else { 3600 }), NOW);
        }
        let later = NOW.plus(Duration::from_mins(1)).plus(CLOCK_SKEW);
        tokens.insert(number(MAX_TOKENS), ending_in(3600), later);
        assert_eq!(tokens.0.borrow().len(), 25);
    }

    #[test]
    fn the_same_token_again_takes_no_other_ones_place() {
        let tokens = VerifiedTokens::default();
        for at in 0..MAX_TOKENS {
            tokens.insert(number(at), ending_in(3600), NOW);
        }
        tokens.insert(number(0), ending_in(3600), NOW);
        assert_eq!(tokens.0.borrow().len(), MAX_TOKENS);
    }

    #[test]
    fn what_is_kept_of_a_token_is_its_digest() {
        let tokens = VerifiedTokens::default();
        tokens.insert(digest(&Secret::new("the.token.itself".to_owned())), ending_in(60), NOW);
        assert!(!format!("{tokens:?}").contains("the.token"));
    }
}
