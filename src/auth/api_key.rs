//! API keys, of which only the SHA-256 is configured.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::config::Caller;
use crate::secret::Secret;

/// The longest key that is looked at, in bytes. `make key` makes keys of 47; the bound keeps a header of many KiB from being hashed.
const MAX_KEY_BYTES: usize = 256;

/// The caller who owns `key`. All digests of all callers are compared, each in constant time, so that the time taken tells neither
/// whether the key exists nor whose it is; and digests are compared, so that the time could tell nothing about a key anyway.
#[must_use]
pub fn find_caller<'a>(callers: &'a [Caller], key: &Secret) -> Option<&'a Caller> {
    if key.expose().len() > MAX_KEY_BYTES {
        return None;
    }
    let digest = Sha256::digest(key.expose().as_bytes());
    let mut owner = u32::MAX;
    for (index, caller) in (0_u32..).zip(callers) {
        let mut owns = Choice::from(0);
        for known in &caller.api_key_sha256 {
            owns |= known.as_slice().ct_eq(digest.as_slice());
        }
        owner.conditional_assign(&index, owns);
    }
    callers.get(usize::try_from(owner).ok()?)
}
