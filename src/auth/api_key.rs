//! API keys. The configuration holds only their SHA-256.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::config::Caller;
use crate::secret::Secret;

/// Maximum length of a key in bytes. `make key` creates keys of 47 bytes. The limit prevents hashing a header of many
/// KiB.
const MAX_KEY_BYTES: usize = 256;

/// Returns the caller who owns `key`. Returns `None` if no caller does, or if the key has more than 256 bytes.
///
/// Compares all digests of all callers, each in constant time. So the duration reveals neither whether the key exists
/// nor who owns it.
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
