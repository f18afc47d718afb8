//! Who calls, and what they may do.

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

/// The delegated scope that a user's token needs (contract, section 5).
pub const SCOPE: &str = "Remediation.Submit";

/// What is kept of callers' tokens. `K` is the platform's imported public key.
pub struct TokenCaches<K> {
    /// The issuers' keys.
    pub keys: Rc<KeyCache<K>>,
    /// Tokens that were verified.
    pub verified: TokenCache,
}

impl<K> Default for TokenCaches<K> {
    fn default() -> Self {
        Self { keys: Rc::default(), verified: TokenCache::default() }
    }
}

/// Why a request is nobody's. The caller learns less than this: see [`crate::problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no credential to check.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A bearer token that is no good.
    #[error("bearer token refused: {0}")]
    Token(#[from] TokenError),
    /// An API key that is nobody's.
    #[error("unknown API key")]
    UnknownKey,
    /// No caller has this `X-API-Key`, and the value contains a comma and a space. The platform joins a repeated header so.
    #[error("X-API-Key given more than once")]
    RepeatedKey,
    /// Basic credentials whose name is not the key's owner's.
    #[error("Basic credentials whose name does not own the key")]
    NotTheOwner,
    /// A good token of nobody in `CALLERS`.
    #[error("a valid token whose oid is no caller's")]
    UnknownObjectId,
    /// A delegated token without [`SCOPE`].
    #[error("a delegated token without the scope {SCOPE}")]
    MissingScope,
    /// A token without `scp` that is no application's either.
    #[error("a token with neither scp nor the claims of an application")]
    NotAnApplication,
    /// A token without the role that its caller is configured with.
    #[error("a token without the caller's role")]
    MissingRole,
}

/// Finds the caller that the request's credential stands for.
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
        Credentials::ApiKey(key) => api_key::find_caller(&config.callers, &key)
            .ok_or_else(|| if key.expose().contains(", ") { AuthError::RepeatedKey } else { AuthError::UnknownKey }),
        Credentials::Basic { name, key } => match api_key::find_caller(&config.callers, &key) {
            Some(owner) if owner.name == name => Ok(owner),
            Some(_) => Err(AuthError::NotTheOwner),
            None => Err(AuthError::UnknownKey),
        },
        Credentials::Bearer(token) => {
            let claims = verify(runtime, caches, config, &token).await?;
            find_caller(&config.callers, &claims)
        }
    }
}

/// Steps 1 to 7 of [`token`]. A token that was verified before is only held against the clock and the issuer's present keys.
async fn verify<P: Runtime>(
    runtime: &P,
    caches: &TokenCaches<P::Key>,
    config: &Rc<Config>,
    token: &Secret,
) -> Result<Claims, TokenError> {
    if config.audience.is_empty() {
        return Err(TokenError::NotAccepted);
    }
    token::size(token.expose())?;
    let digest = token_cache::digest(token);
    let remembered = caches.verified.get(&digest);
    if let Some(remembered) = remembered {
        remembered.claims.valid_at(runtime.now())?;
        caches.keys.find(runtime, config, remembered.issuer, &remembered.kid).await?;
        remembered.claims.valid_at(runtime.now())?;
        return Ok(remembered.claims);
    }

    let parts = token::split(token.expose())?;
    if token::is_for_graph(&parts) {
        return Err(TokenError::GraphAudience);
    }
    let kid = token::header(&parts)?;
    let (issuer, claims) = token::issuer(&parts, config)?;
    let claims = claims::claims(&claims, config, issuer, runtime.now())?;
    let key = caches.keys.find(runtime, config, issuer, &kid).await?;
    if !runtime.verify_rs256(&key, parts.signed(), parts.signature()).await {
        return Err(TokenError::Signature);
    }
    // The key may have taken seconds to come.
    let now = runtime.now();
    claims.valid_at(now)?;
    caches.verified.insert(digest, token_cache::CachedToken { issuer, kid, claims: claims.clone() }, now);
    Ok(claims)
}

/// Step 8: the caller whose `object_id` is the token's `oid`, with what else the token must carry.
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
