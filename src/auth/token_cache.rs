//! The memory of tokens whose signature and claims were found good, so that a caller's next request costs no signature check.
//!
//! What is remembered is what the token says, never what its caller may do: rights are looked up each time. A token is known by its
//! SHA-256, so that a dump of the memory gives no credential.

use std::cell::RefCell;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::claims::Claims;
use super::issuer::Issuer;
use crate::secret::Secret;
use crate::time::Timestamp;

/// The most tokens that are remembered. A tenant has tens of playbooks with a token each per day or hour; 1,024 entries of
/// about 300 bytes are 300 KiB of an isolate's 128 MiB.
pub(crate) const MAX_TOKENS: usize = 1024;

/// What is remembered of a token.
#[derive(Clone, Debug)]
pub struct CachedToken {
    /// Who issued it.
    pub issuer: Issuer,
    /// The key that signed it. Once the issuer publishes it no longer, the memory counts for nothing.
    pub kid: String,
    /// What it says.
    pub claims: Claims,
}

/// Tokens found good, by digest.
#[derive(Debug, Default)]
pub struct TokenCache(pub(crate) RefCell<BTreeMap<[u8; 32], CachedToken>>);

/// The name under which a token is remembered.
#[must_use]
pub fn digest(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose().as_bytes()).into()
}

impl TokenCache {
    /// What is remembered under `digest`.
    #[must_use]
    pub fn get(&self, digest: &[u8; 32]) -> Option<CachedToken> {
        self.0.borrow().get(digest).cloned()
    }

    /// Remembers a token. Where there is no room, those that have ended go, and if none has, the one that ends first.
    pub fn insert(&self, digest: [u8; 32], verified: CachedToken, now: Timestamp) {
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
