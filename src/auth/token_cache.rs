//! The cache of verified tokens, which saves the next request of a caller a signature verification.
//!
//! The cache holds claims and never permissions: each request looks these up. Its key is the SHA-256 of the token, so a
//! dump of the memory contains no credential.

use std::cell::RefCell;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::claims::Claims;
use super::issuer::Issuer;
use crate::secret::Secret;
use crate::time::Timestamp;

/// Maximum number of cached tokens. A tenant has tens of playbooks with one token each per hour or day. 1,024 entries
/// of about 300 bytes are 300 KiB of an isolate's 128 MiB.
pub(crate) const MAX_TOKENS: usize = 1024;

/// A cached token.
#[derive(Clone, Debug)]
pub struct CachedToken {
    /// Issuer of the token.
    pub issuer: Issuer,
    /// Key that signed the token. When the issuer no longer lists the key, the entry no longer counts.
    pub kid: String,
    /// Claims of the token.
    pub claims: Claims,
}

/// Verified tokens by digest.
#[derive(Debug, Default)]
pub struct TokenCache(pub(crate) RefCell<BTreeMap<[u8; 32], CachedToken>>);

/// Returns the digest of a token.
#[must_use]
pub fn digest(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose().as_bytes()).into()
}

impl TokenCache {
    /// Returns the token with `digest`.
    #[must_use]
    pub fn get(&self, digest: &[u8; 32]) -> Option<CachedToken> {
        self.0.borrow().get(digest).cloned()
    }

    /// Stores a token. If the cache is full, removes the expired tokens and those in the first half of the range of
    /// expiries: if it removed a single one, each further token would search the cache again.
    pub fn insert(&self, digest: [u8; 32], verified: CachedToken, now: Timestamp) {
        let mut tokens = self.0.borrow_mut();
        // Two requests with one token may both have verified it.
        if let Some(known) = tokens.get_mut(&digest) {
            *known = verified;
            return;
        }
        if tokens.len() >= MAX_TOKENS {
            let expiries = || tokens.values().map(|known| known.claims.expiry_with_skew());
            let (first, last) = (expiries().min().unwrap_or_default(), expiries().max().unwrap_or_default());
            let middle = first.plus(last.since(first) / 2).max(now);
            tokens.retain(|_, known| known.claims.expiry_with_skew() > middle);
        }
        tokens.insert(digest, verified);
    }
}
