//! An Entra access token, checked as a flat list of pure steps (facts, section 3; RFC 7515, 7519 and 8725):
//!
//! 1. size: [`size`]
//! 2. shape: [`split`]
//! 3. header: [`header`]
//! 4. issuer: [`issuer`]
//! 5. claims: [`claims()`] and [`Claims::valid_at`]
//! 6. key: [`super::keys`]
//! 7. signature: the platform, over [`Parts::signed`]
//! 8. caller: [`super::identify`]
//!
//! The claims come before the key, so that a token that would be rejected anyway makes nobody fetch keys, and an unknown key under claims that fit
//! can be told from it. Nothing of the claims is used before step 7 has verified them.
//!
//! Parsing is ours, on `serde_json` and `base64`, because each refusal needs its own reason and each rule its own line; the crates for JWTs
//! bring their own cryptography, which WebCrypto already has, in constant time and outside the Wasm. WebCrypto verifies the signature;
//! everything it does not know (which key, which algorithm, whose token) is decided here before it is asked.

mod claims;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

pub use claims::{CLOCK_SKEW, Claims, Subject, claims};

use crate::config::Config;
use crate::json;

/// The largest token that is looked at, in bytes. Entra keeps tokens well under the 8 to 16 KiB that servers take for all headers together,
/// by leaving out groups beyond 200; Workers take 128 KiB of headers, too much to hash and parse for anyone who asks.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// The longest `kid` that is looked up. Entra's have 27 or 43 characters.
const MAX_KEY_ID_BYTES: usize = 256;
/// Members of the header that name a key or demand an extension. Entra sends none; none is ever honoured (RFC 8725 section 3.10).
const FORBIDDEN_HEADER: [&str; 6] = ["crit", "jku", "jwk", "x5c", "x5u", "zip"];

/// Why a token is rejected. For the log alone: the caller gets one response for all of them but [`Self::UnknownKey`] and
/// [`Self::KeysUnavailable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// No caller is known by a token: `AUDIENCE` is not configured.
    #[error("tokens are not accepted: AUDIENCE is not configured")]
    NotAccepted,
    /// Above [`MAX_TOKEN_BYTES`].
    #[error("the token is too large")]
    TooLarge,
    /// Not three parts of base64url without padding.
    #[error("the token is not three parts of base64url")]
    Shape,
    /// The header is not one JSON object without repeated members.
    #[error("the header is not one JSON object")]
    HeaderNotObject,
    /// `alg` is not exactly `RS256`.
    #[error("alg is not RS256")]
    Algorithm,
    /// `typ` is there and not `JWT`.
    #[error("typ is not JWT")]
    Type,
    /// A member of the header that names a key or demands an extension.
    #[error("the header holds a member that is never honoured")]
    ForbiddenHeader,
    /// `kid` is missing, empty, too long or not a text.
    #[error("kid is missing or malformed")]
    KeyId,
    /// The claims are not one JSON object without repeated members.
    #[error("the claims are not one JSON object")]
    ClaimsNotObject,
    /// `iss` is not an issuer of the configured tenant.
    #[error("iss is not the tenant's issuer")]
    Issuer,
    /// `ver` does not belong to the issuer.
    #[error("ver does not belong to the issuer")]
    Version,
    /// The issuer's latest key set has no key of that `kid`. Another may have it: keys roll, and one response may lag behind.
    #[error("kid is not one of the issuer's keys")]
    UnknownKey {
        /// In how many seconds the issuer may be asked again.
        retry_after: u32,
    },
    /// The issuer's keys could not be had.
    #[error("the issuer's keys could not be fetched")]
    KeysUnavailable,
    /// The signature is not the key's.
    #[error("the signature does not verify")]
    Signature,
    /// `exp` is missing or not a `NumericDate`.
    #[error("exp is missing or malformed")]
    ExpiryMalformed,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is there and not a `NumericDate`.
    #[error("nbf is malformed")]
    NotBeforeMalformed,
    /// `nbf` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `tid` is not the configured tenant.
    #[error("tid is not the configured tenant")]
    Tenant,
    /// `aud` is Graph: the client asked for the wrong scope.
    #[error(
        "aud is Microsoft Graph: the client must ask for a token for the gateway's audience, such as <audience>/.default"
    )]
    GraphAudience,
    /// `aud` is not one of `AUDIENCE`.
    #[error("aud is not in AUDIENCE")]
    Audience,
    /// The client's id is missing: no access token lacks it, an ID token has none.
    #[error("appid (version 1.0) or azp (version 2.0) is missing or malformed: not an access token")]
    Client,
    /// `oid` is missing or not a GUID.
    #[error("oid is missing or malformed")]
    ObjectId,
    /// `cnf` is there: the token is bound to a key that its bearer would have to prove (RFC 7800), so it is no bearer token.
    #[error("cnf binds the token to a key: not a bearer token")]
    Bound,
    /// `scp`, `roles` or `idtyp` is there and malformed.
    #[error("scp, roles or idtyp is malformed")]
    Grants,
    /// `idtyp` says that the token is an application's, and `scp` that it is a user's.
    #[error("idtyp is app, but the token has scp")]
    Contradictory,
}

/// A token taken apart.
#[derive(Debug)]
pub struct Parts<'a> {
    header: Vec<u8>,
    claims: Vec<u8>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl Parts<'_> {
    /// What the signature is of (RFC 7515 section 5.2).
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
/// [`TokenFault::TooLarge`].
pub const fn size(token: &str) -> Result<(), TokenFault> {
    if token.len() > MAX_TOKEN_BYTES { Err(TokenFault::TooLarge) } else { Ok(()) }
}

/// Step 2: three non-empty parts of strict base64url (no padding, no stray bits at the end).
///
/// # Errors
///
/// [`TokenFault::Shape`].
pub fn split(token: &str) -> Result<Parts<'_>, TokenFault> {
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Shape)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenFault::Shape)?;
    let decode = |part: &str| match BASE64_URL_SAFE_NO_PAD.decode(part) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        Ok(_) | Err(_) => Err(TokenFault::Shape),
    };
    Ok(Parts { header: decode(header)?, claims: decode(claims)?, signed, signature: decode(signature)? })
}

/// Step 3: the header names RS256 and a key, and nothing that would change what is checked. Gives the `kid`.
///
/// # Errors
///
/// The first of its rules that does not hold.
pub fn header(parts: &Parts<'_>) -> Result<String, TokenFault> {
    let header = json::object(&parts.header).ok_or(TokenFault::HeaderNotObject)?;
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(TokenFault::Algorithm);
    }
    if header.get("typ").is_some_and(|typ| !typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("JWT"))) {
        return Err(TokenFault::Type);
    }
    if FORBIDDEN_HEADER.iter().any(|member| header.contains_key(*member)) {
        return Err(TokenFault::ForbiddenHeader);
    }
    match header.get("kid").and_then(Value::as_str) {
        Some(kid) if (1..=MAX_KEY_ID_BYTES).contains(&kid.len()) => Ok(kid.to_owned()),
        _ => Err(TokenFault::KeyId),
    }
}

/// Who issued a token. The resource application's `accessTokenAcceptedVersion` decides which (facts, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// Tokens of version 1.0, from `sts.windows.net`.
    V1,
    /// Tokens of version 2.0, from the login endpoint.
    V2,
}

impl Issuer {
    /// The exact `iss` of the issuer's tokens.
    #[must_use]
    pub fn name(self, config: &Config) -> String {
        match self {
            Self::V1 => format!("https://sts.windows.net/{}/", config.tenant_id),
            Self::V2 => format!("{}/{}/v2.0", config.login_url, config.tenant_id),
        }
    }

    /// Where the issuer publishes its keys.
    #[must_use]
    pub fn keys_url(self, config: &Config) -> String {
        let path = match self {
            Self::V1 => "discovery/keys",
            Self::V2 => "discovery/v2.0/keys",
        };
        format!("{}/{}/{path}", config.login_url, config.tenant_id)
    }

    const fn version(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }

    /// The claim that names the client (facts, section 3).
    const fn client(self) -> &'static str {
        match self {
            Self::V1 => "appid",
            Self::V2 => "azp",
        }
    }
}

/// Step 4: `iss` is exactly one of the tenant's two issuers, and `ver` its version. Gives the claims along, not verified yet.
///
/// # Errors
///
/// [`TokenFault::ClaimsNotObject`], [`TokenFault::Issuer`], [`TokenFault::Version`].
pub fn issuer(parts: &Parts<'_>, config: &Config) -> Result<(Issuer, Map<String, Value>), TokenFault> {
    let claims = json::object(&parts.claims).ok_or(TokenFault::ClaimsNotObject)?;
    let iss = claims.get("iss").and_then(Value::as_str).ok_or(TokenFault::Issuer)?;
    let issuer =
        [Issuer::V1, Issuer::V2].into_iter().find(|issuer| issuer.name(config) == iss).ok_or(TokenFault::Issuer)?;
    if claims.get("ver").and_then(Value::as_str) != Some(issuer.version()) {
        return Err(TokenFault::Version);
    }
    Ok((issuer, claims))
}
