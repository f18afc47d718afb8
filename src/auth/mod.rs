//! Authentication of callers, and their permissions.

pub mod api_key;
pub mod claims;
pub mod credentials;
pub mod issuer;
pub mod jwks;
pub mod keys;
pub mod permissions;
pub mod token;
pub mod token_cache;
pub mod token_error;

use std::rc::Rc;

use crate::config::{Caller, Config};
use crate::http::RequestHeaders;
use crate::runtime::Runtime;
use crate::secret::Secret;
use claims::{Claims, Subject};
use credentials::{Credentials, CredentialsError};
use keys::KeyCache;
use token_cache::TokenCache;
use token_error::TokenError;

/// The delegated scope that a user's token must have (contract, section 5).
pub const SCOPE: &str = "Remediation.Submit";

/// Caches for callers' tokens. `K` is the platform's imported public key.
pub struct TokenCaches<K> {
    /// Keys of the issuers.
    pub keys: Rc<KeyCache<K>>,
    /// Verified tokens.
    pub verified: TokenCache,
}

impl<K> Default for TokenCaches<K> {
    fn default() -> Self {
        Self { keys: Rc::default(), verified: TokenCache::default() }
    }
}

/// Reason why authentication failed. [`crate::problem`] decides which part of it the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No credential that can be verified.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// An invalid bearer token.
    #[error("bearer token refused: {0}")]
    Token(#[from] TokenError),
    /// An API key that no caller owns.
    #[error("unknown API key")]
    UnknownApiKey,
    /// No caller owns this `X-API-Key`, and the value contains a comma and a space: the form in which the platform
    /// joins a repeated header.
    #[error("X-API-Key given more than once")]
    RepeatedApiKey,
    /// Basic credentials in which the name is not the key owner's.
    #[error("the name in the Basic credentials is not the key owner's")]
    NotTheOwner,
    /// A valid token whose `oid` is in no entry of `CALLERS`.
    #[error("the token is valid, but no caller in CALLERS has its oid")]
    UnknownObjectId,
    /// A delegated token without [`SCOPE`].
    #[error("a delegated token without the scope {SCOPE}")]
    MissingScope,
    /// A token without `scp` that does not identify an application.
    #[error("a token with neither scp nor the claims of an application")]
    NotAnApplication,
    /// A token without the role that the caller's entry requires.
    #[error("a token without the caller's role")]
    MissingRole,
}

/// Returns the caller whom the request's credential identifies.
///
/// # Errors
///
/// [`AuthError`].
pub async fn authenticate<'c, P: Runtime>(
    runtime: &P,
    caches: &TokenCaches<P::Key>,
    config: &'c Rc<Config>,
    headers: &RequestHeaders,
) -> Result<&'c Caller, AuthError> {
    match credentials::find(headers)? {
        Credentials::ApiKey(key) => api_key::find_caller(&config.callers, &key).ok_or_else(|| {
            if key.expose().contains(", ") { AuthError::RepeatedApiKey } else { AuthError::UnknownApiKey }
        }),
        Credentials::Basic { name, key } => match api_key::find_caller(&config.callers, &key) {
            Some(owner) if owner.name == name => Ok(owner),
            Some(_) => Err(AuthError::NotTheOwner),
            None => Err(AuthError::UnknownApiKey),
        },
        Credentials::Bearer(token) => {
            let claims = verify(runtime, caches, config, &token).await?;
            find_caller(&config.callers, &claims)
        }
    }
}

/// Runs steps 1 to 7 of [`token`]. For a cached token, checks only its size, the time, and that the issuer still lists
/// its key.
async fn verify<P: Runtime>(
    runtime: &P,
    caches: &TokenCaches<P::Key>,
    config: &Rc<Config>,
    token: &Secret,
) -> Result<Claims, TokenError> {
    if config.audience.is_empty() {
        return Err(TokenError::NotAccepted);
    }
    token::check_size(token.expose())?;
    let digest = token_cache::digest(token);
    let remembered = caches.verified.get(&digest);
    if let Some(remembered) = remembered {
        remembered.claims.check_validity(runtime.now())?;
        caches.keys.find(runtime, config, remembered.issuer, &remembered.kid).await?;
        remembered.claims.check_validity(runtime.now())?;
        return Ok(remembered.claims);
    }

    let parts = token::split(token.expose())?;
    let claims = parts.claims();
    if claims.as_ref().is_ok_and(token::is_for_graph) {
        return Err(TokenError::GraphAudience);
    }
    let kid = token::validate_header(&parts)?;
    let claims = claims?;
    let issuer = token::find_issuer(&claims, config)?;
    let claims = claims::validate_claims(&claims, config, issuer, runtime.now())?;
    let key = caches.keys.find(runtime, config, issuer, &kid).await?;
    if !runtime.verify_rs256(&key, parts.signed.as_bytes(), &parts.signature).await {
        return Err(TokenError::Signature);
    }
    // Fetching the key may have taken seconds.
    let now = runtime.now();
    claims.check_validity(now)?;
    caches.verified.insert(digest, token_cache::CachedToken { issuer, kid, claims: claims.clone() }, now);
    Ok(claims)
}

/// Step 8: returns the caller whose `object_id` is the token's `oid`, and checks the scope or role that the caller
/// needs.
fn find_caller<'c>(callers: &'c [Caller], claims: &Claims) -> Result<&'c Caller, AuthError> {
    let caller =
        callers.iter().find(|caller| caller.object_id == Some(claims.object_id)).ok_or(AuthError::UnknownObjectId)?;
    match &claims.subject {
        Subject::User(scopes) if !scopes.iter().any(|scope| scope == SCOPE) => return Err(AuthError::MissingScope),
        Subject::User(_) => {}
        Subject::Undetermined => return Err(AuthError::NotAnApplication),
        Subject::Application => {
            if caller.role.as_ref().is_some_and(|role| !claims.roles.contains(role)) {
                return Err(AuthError::MissingRole);
            }
        }
    }
    Ok(caller)
}
