//! Who calls, and what they may do.

pub mod api_key;
#[cfg(test)]
#[expect(clippy::string_slice, reason = "a test may fail by panicking")]
mod corpus;
pub mod credentials;
pub mod jwks;
pub mod keys;
pub mod rights;
pub mod token;
#[cfg(test)]
mod traffic;
pub mod verified;

use std::rc::Rc;

use crate::config::{Caller, Config};
use crate::http::RequestHeaders;
use crate::isolate::Isolate;
use crate::ports::Platform;
use crate::secret::Secret;
use credentials::{Credentials, CredentialsFault};
use token::{Claims, Subject, TokenFault};

/// The delegated scope that a user's token needs (contract, section 5).
pub const SCOPE: &str = "Remediation.Submit";

/// Why a request is nobody's. The caller learns less than this: see [`crate::problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityFault {
    /// There is no credential to check.
    #[error(transparent)]
    Credentials(#[from] CredentialsFault),
    /// A bearer token that is no good.
    #[error("bearer token refused: {0}")]
    Token(#[from] TokenFault),
    /// An API key that is nobody's.
    #[error("unknown API key")]
    UnknownKey,
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
/// [`IdentityFault`].
pub async fn identify<'c, P: Platform>(
    platform: &P,
    isolate: &Isolate<P::Key>,
    config: &'c Rc<Config>,
    headers: &RequestHeaders,
) -> Result<&'c Caller, IdentityFault> {
    match credentials::find(headers)? {
        Credentials::ApiKey(key) => api_key::owner(&config.callers, &key).ok_or(IdentityFault::UnknownKey),
        Credentials::Basic { name, key } => match api_key::owner(&config.callers, &key) {
            Some(owner) if owner.name == name => Ok(owner),
            Some(_) => Err(IdentityFault::NotTheOwner),
            None => Err(IdentityFault::UnknownKey),
        },
        Credentials::Bearer(token) => {
            let claims = verify(platform, isolate, config, &token).await?;
            owner(&config.callers, &claims)
        }
    }
}

/// Steps 1 to 7 of [`token`]. A token that was verified before is only held against the clock and the issuer's present keys.
async fn verify<P: Platform>(
    platform: &P,
    isolate: &Isolate<P::Key>,
    config: &Rc<Config>,
    token: &Secret,
) -> Result<Claims, TokenFault> {
    if config.audience.is_empty() {
        return Err(TokenFault::NotAccepted);
    }
    token::size(token.expose())?;
    let digest = verified::digest(token);
    let remembered = isolate.verified.get(&digest);
    if let Some(remembered) = remembered {
        remembered.claims.valid_at(platform.now())?;
        isolate.keys.find(platform, config, remembered.issuer, &remembered.kid).await?;
        remembered.claims.valid_at(platform.now())?;
        return Ok(remembered.claims);
    }

    let parts = token::split(token.expose())?;
    let kid = token::header(&parts)?;
    let (issuer, claims) = token::issuer(&parts, config)?;
    let claims = token::claims(&claims, config, issuer, platform.now())?;
    let key = isolate.keys.find(platform, config, issuer, &kid).await?;
    if !platform.verify_rs256(&key, parts.signed(), parts.signature()).await {
        return Err(TokenFault::Signature);
    }
    // The key may have taken seconds to come.
    let now = platform.now();
    claims.valid_at(now)?;
    isolate.verified.insert(digest, verified::Verified { issuer, kid, claims: claims.clone() }, now);
    Ok(claims)
}

/// Step 8: the caller whose `object_id` is the token's `oid`, with what else the token must carry.
fn owner<'c>(callers: &'c [Caller], claims: &Claims) -> Result<&'c Caller, IdentityFault> {
    let caller = callers
        .iter()
        .find(|caller| caller.object_id == Some(claims.object_id))
        .ok_or(IdentityFault::UnknownObjectId)?;
    match &claims.subject {
        Subject::User(scopes) if !scopes.iter().any(|scope| scope == SCOPE) => return Err(IdentityFault::MissingScope),
        Subject::User(_) => {}
        Subject::Undetermined => return Err(IdentityFault::NotAnApplication),
        Subject::Application => {
            if caller.role.as_ref().is_some_and(|role| !claims.roles.contains(role)) {
                return Err(IdentityFault::MissingRole);
            }
        }
    }
    Ok(caller)
}
