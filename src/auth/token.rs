//! An Entra access token, checked as a flat list of steps (facts, section 3; RFC 7515, 7519 and 8725):
//!
//! 1. size: [`check_size`]
//! 2. shape: [`split`]
//! 3. header: [`validate_header`]
//! 4. issuer: [`find_issuer`]
//! 5. claims: [`validate_claims`](super::claims::validate_claims) and
//!    [`Claims::check_validity`](super::claims::Claims::check_validity)
//! 6. key: [`crate::auth::keys`]
//! 7. signature: the platform, over [`Parts::signed`]
//! 8. caller: [`crate::auth::authenticate`]
//!
//! The claims are checked before the key, so that an invalid token causes no fetch of keys. Only a token with valid
//! claims can get the response for an unknown key, which asks the caller to retry. The gateway uses no claim before
//! step 7 has verified the signature.
//!
//! The project has its own parser, so that each error has its own reason. JWT crates bring their own cryptography.
//! WebCrypto already has it, in constant time and outside the Wasm module. WebCrypto only verifies the signature; the
//! steps decide which key, algorithm and tenant are valid.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::claims::ClaimSet;
use super::issuer::Issuer;
use super::token_error::TokenError;
use crate::config::{Config, is_graph};
use crate::json::{self, Member};

/// Maximum size of a token in bytes. Entra leaves out groups beyond 200, so that a token fits into the 8 to 16 KiB that
/// servers accept for all headers. Workers accept 128 KiB of headers, which is too much to hash and parse for an
/// unauthenticated client.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Maximum length of a `kid` in bytes. Entra's have 27 or 43.
const MAX_KEY_ID_BYTES: usize = 256;

/// The members of a header that the gateway checks. The gateway ignores all others.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Header {
    alg: Member<String>,
    typ: Member<String>,
    kid: Member<String>,
    // Members that name a key or require an extension. Entra sends none, and the gateway rejects each (RFC 8725 section
    // 3.10).
    crit: Member<IgnoredAny>,
    jku: Member<IgnoredAny>,
    jwk: Member<IgnoredAny>,
    x5c: Member<IgnoredAny>,
    x5u: Member<IgnoredAny>,
    zip: Member<IgnoredAny>,
}

/// The parts of a token.
#[derive(Debug)]
pub struct Parts<'a> {
    header: Vec<u8>,
    claims: Vec<u8>,
    /// The text that is signed (RFC 7515 section 5.2).
    pub signed: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
}

/// Step 1: checks that the token has at most [`MAX_TOKEN_BYTES`].
///
/// # Errors
///
/// [`TokenError::TooLarge`].
pub const fn check_size(token: &str) -> Result<(), TokenError> {
    if token.len() > MAX_TOKEN_BYTES { Err(TokenError::TooLarge) } else { Ok(()) }
}

/// Step 2: splits the token into three non-empty parts of strict base64url (no padding, no stray bits at the end).
///
/// # Errors
///
/// [`TokenError::Shape`].
pub fn split(token: &str) -> Result<Parts<'_>, TokenError> {
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Shape)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenError::Shape)?;
    let decode = |part: &str| match BASE64_URL_SAFE_NO_PAD.decode(part) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        Ok(_) | Err(_) => Err(TokenError::Shape),
    };
    Ok(Parts { header: decode(header)?, claims: decode(claims)?, signed, signature: decode(signature)? })
}

impl Parts<'_> {
    /// Parses the claims, which are not verified yet.
    ///
    /// # Errors
    ///
    /// [`TokenError::ClaimsNotObject`].
    pub fn claims(&self) -> Result<ClaimSet, TokenError> {
        json::read(&self.claims).ok_or(TokenError::ClaimsNotObject)
    }
}

/// Returns whether the claims, not verified yet, name Microsoft Graph as the audience.
///
/// Microsoft signs a Graph token over the hash of the `nonce` in its header, so only Graph can verify the token. The
/// result only selects the log's reason: the gateway rejects a token for Graph in any case.
#[must_use]
pub fn is_for_graph(claims: &ClaimSet) -> bool {
    claims.aud.valid().is_some_and(|aud| is_graph(aud))
}

/// Step 3: checks that the header names RS256 and a key, and has no member that would change the verification. Returns
/// the `kid`.
///
/// # Errors
///
/// The first rule that the header violates.
pub fn validate_header(parts: &Parts<'_>) -> Result<String, TokenError> {
    let header: Header = json::read(&parts.header).ok_or(TokenError::HeaderNotObject)?;
    if header.alg.valid().is_none_or(|alg| alg != "RS256") {
        return Err(TokenError::Algorithm);
    }
    if header.typ.optional(TokenError::Type)?.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
        return Err(TokenError::Type);
    }
    if [header.crit, header.jku, header.jwk, header.x5c, header.x5u, header.zip] != [Member::Absent; 6] {
        return Err(TokenError::ForbiddenHeader);
    }
    match header.kid {
        Member::Valid(kid) if (1..=MAX_KEY_ID_BYTES).contains(&kid.len()) => Ok(kid),
        _ => Err(TokenError::KeyId),
    }
}

/// Step 4: checks that `iss` is exactly one of the tenant's two issuers, and `ver` the issuer's version.
///
/// # Errors
///
/// [`TokenError::Issuer`], [`TokenError::Version`].
pub fn find_issuer(claims: &ClaimSet, config: &Config) -> Result<Issuer, TokenError> {
    let is_of = |issuer: &Issuer| claims.iss.valid().is_some_and(|iss| *iss == issuer.name(config));
    let issuer = [Issuer::V1, Issuer::V2].into_iter().find(is_of).ok_or(TokenError::Issuer)?;
    if claims.ver.valid().is_none_or(|ver| ver != issuer.version()) {
        return Err(TokenError::Version);
    }
    Ok(issuer)
}
