//! An Entra access token, checked as a flat list of pure steps (facts, section 3; RFC 7515, 7519 and 8725):
//!
//! 1. size: [`size`]
//! 2. shape: [`split`]
//! 3. header: [`header`]
//! 4. issuer: [`issuer`]
//! 5. claims: [`claims()`] and [`Claims::valid_at`]
//! 6. key: [`crate::auth::keys`]
//! 7. signature: the platform, over [`Parts::signed`]
//! 8. caller: [`crate::auth::authenticate`]
//!
//! The claims are checked before the key, so that an invalid token causes no fetch of keys, and so that an unknown key
//! under valid claims is recognised. The gateway uses no claim before step 7 has verified the signature.
//!
//! The parser is the project's own, on `serde_json` and `base64`, because each error has its own reason. The crates for
//! JWTs bring their own cryptography, which WebCrypto already has: in constant time and outside the Wasm. WebCrypto
//! only verifies the signature; the steps decide which key, algorithm and tenant are valid.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::issuer::Issuer;
use super::token_error::TokenError;
use crate::config::{Config, is_graph};
use crate::json;

/// Maximum size of a token in bytes. Entra leaves out groups beyond 200, so that a token fits into the 8 to 16 KiB that
/// servers accept for all headers. Workers accept 128 KiB of headers, which is too much to hash and parse for an
/// unauthenticated client.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Maximum length of a `kid` in bytes. Entra's have 27 or 43.
const MAX_KEY_ID_BYTES: usize = 256;
/// Members of the header that name a key or require an extension. Entra sends none, and the gateway rejects each (RFC
/// 8725 section 3.10).
const FORBIDDEN_HEADER: [&str; 6] = ["crit", "jku", "jwk", "x5c", "x5u", "zip"];

/// The parts of a token.
#[derive(Debug)]
pub struct Parts<'a> {
    header: Vec<u8>,
    claims: Vec<u8>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl Parts<'_> {
    /// The text that is signed (RFC 7515 section 5.2).
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// Step 1: at most [`MAX_TOKEN_BYTES`].
///
/// # Errors
///
/// [`TokenError::TooLarge`].
pub const fn size(token: &str) -> Result<(), TokenError> {
    if token.len() > MAX_TOKEN_BYTES { Err(TokenError::TooLarge) } else { Ok(()) }
}

/// Step 2: three non-empty parts of strict base64url (no padding, no stray bits at the end).
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

/// Returns whether the claims, not verified yet, name Microsoft Graph as the audience.
///
/// Microsoft signs a Graph token over the hash of the `nonce` in its header, so only Graph can verify the token. The
/// result only selects the log's reason: a token for Graph is invalid here in both cases.
pub fn is_for_graph(parts: &Parts<'_>) -> bool {
    let claims = json::object(&parts.claims);
    claims.as_ref().and_then(|claims| claims.get("aud")).and_then(Value::as_str).is_some_and(is_graph)
}

/// Step 3: checks that the header names RS256 and a key, and has no member that would change the verification. Returns
/// the `kid`.
///
/// # Errors
///
/// The first rule that the header violates.
pub fn header(parts: &Parts<'_>) -> Result<String, TokenError> {
    let header = json::object(&parts.header).ok_or(TokenError::HeaderNotObject)?;
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(TokenError::Algorithm);
    }
    if header.get("typ").is_some_and(|typ| !typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("JWT"))) {
        return Err(TokenError::Type);
    }
    if FORBIDDEN_HEADER.iter().any(|member| header.contains_key(*member)) {
        return Err(TokenError::ForbiddenHeader);
    }
    match header.get("kid").and_then(Value::as_str) {
        Some(kid) if (1..=MAX_KEY_ID_BYTES).contains(&kid.len()) => Ok(kid.to_owned()),
        _ => Err(TokenError::KeyId),
    }
}

/// Step 4: checks that `iss` is exactly one of the tenant's two issuers, and `ver` the issuer's version. Returns the
/// claims, which are not verified yet.
///
/// # Errors
///
/// [`TokenError::ClaimsNotObject`], [`TokenError::Issuer`], [`TokenError::Version`].
pub fn issuer(parts: &Parts<'_>, config: &Config) -> Result<(Issuer, Map<String, Value>), TokenError> {
    let claims = json::object(&parts.claims).ok_or(TokenError::ClaimsNotObject)?;
    let iss = claims.get("iss").and_then(Value::as_str).ok_or(TokenError::Issuer)?;
    let issuer =
        [Issuer::V1, Issuer::V2].into_iter().find(|issuer| issuer.name(config) == iss).ok_or(TokenError::Issuer)?;
    if claims.get("ver").and_then(Value::as_str) != Some(issuer.version()) {
        return Err(TokenError::Version);
    }
    Ok((issuer, claims))
}
