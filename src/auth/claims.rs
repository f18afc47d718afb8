//! Step 5: the claims of a token.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::issuer::Issuer;
use super::token_error::TokenError;
use crate::config::{Config, without_trailing_slash};
use crate::guid::Guid;
use crate::json::Member;
use crate::time::Timestamp;

/// Maximum clock difference, equal to that of Microsoft's libraries (facts, section 3).
pub const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// The claims that the gateway checks, not verified yet. The gateway ignores all others.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClaimSet {
    pub(super) iss: Member<String>,
    pub(super) ver: Member<String>,
    pub(super) aud: Member<String>,
    exp: Member<u64>,
    nbf: Member<u64>,
    tid: Member<Guid>,
    oid: Member<Guid>,
    sub: Member<Guid>,
    scp: Member<String>,
    idtyp: Member<String>,
    roles: Member<Vec<String>>,
    cnf: Member<IgnoredAny>,
    // The client, in version 1.0 and 2.0 (facts, section 3).
    appid: Member<Guid>,
    azp: Member<Guid>,
    // Claims that name a person. Entra puts them only into users' tokens (facts, section 3).
    upn: Member<IgnoredAny>,
    unique_name: Member<IgnoredAny>,
    preferred_username: Member<IgnoredAny>,
    email: Member<IgnoredAny>,
    name: Member<IgnoredAny>,
    given_name: Member<IgnoredAny>,
    family_name: Member<IgnoredAny>,
}

/// Kind of subject of a token. The kind decides which claims the token must have (contract, section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An application: `idtyp` is `app`; or `idtyp` is absent, `sub` equals `oid`, and no claim names a person.
    Application,
    /// A user, with the delegated scopes in `scp`.
    User(Vec<String>),
    /// A token without `scp` whose claims do not identify an application.
    Undetermined,
}

/// The claims that the gateway uses. It never uses names or addresses, because they can change; `oid` is immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `oid`: the immutable object ID of the service principal, managed identity or user.
    pub object_id: Guid,
    /// Kind of subject.
    pub subject: Subject,
    /// `roles`: the app roles. Tokens of managed identities may lack them.
    pub roles: Vec<String>,
    pub(crate) expires: Timestamp,
    pub(crate) not_before: Option<Timestamp>,
}

impl Claims {
    /// Checks `exp` and `nbf` with [`CLOCK_SKEW`]. This part of step 5 depends on the time.
    ///
    /// # Errors
    ///
    /// [`TokenError::Expired`], [`TokenError::NotYetValid`].
    pub fn check_validity(&self, now: Timestamp) -> Result<(), TokenError> {
        check_time(self.expires, self.not_before, now)
    }

    /// Returns the time from which the token is expired, [`CLOCK_SKEW`] included.
    #[must_use]
    pub fn expiry_with_skew(&self) -> Timestamp {
        self.expires.plus(CLOCK_SKEW)
    }
}

/// Step 5: checks time, tenant, audience, client and subject. The claims are trusted only after step 7 has verified the
/// signature.
///
/// # Errors
///
/// The first rule that the claims violate: `exp`, `nbf`, `tid`, `aud`, the client, `oid`, `cnf`, `scp` and `idtyp`,
/// `roles`, in this order.
pub fn validate_claims(
    claims: &ClaimSet,
    config: &Config,
    issuer: Issuer,
    now: Timestamp,
) -> Result<Claims, TokenError> {
    // Whole seconds (RFC 7519 section 2, `NumericDate`). Entra writes no fractions.
    let moment = |seconds: &u64| Timestamp::from_seconds(*seconds);
    let expires = claims.exp.valid().map(moment).ok_or(TokenError::ExpiryMalformed)?;
    let not_before = claims.nbf.optional(TokenError::NotBeforeMalformed)?.map(moment);
    check_time(expires, not_before, now)?;
    if claims.tid != Member::Valid(config.tenant_id) {
        return Err(TokenError::Tenant);
    }
    match claims.aud.valid().map(|aud| without_trailing_slash(aud)) {
        Some(aud) if config.audience.iter().any(|known| known == aud) => {}
        _ => return Err(TokenError::Audience),
    }
    // An ID token that a user got for the gateway's application has the same issuer, audience and keys, but it is not
    // an access token (RFC 8725 section 3.12). Entra names the client only in access tokens.
    let client = match issuer {
        Issuer::V1 => claims.appid,
        Issuer::V2 => claims.azp,
    };
    client.valid().ok_or(TokenError::Client)?;
    let object_id = *claims.oid.valid().ok_or(TokenError::ObjectId)?;
    if claims.cnf != Member::Absent {
        return Err(TokenError::Bound);
    }
    let subject = subject(claims, object_id)?;
    let roles = claims.roles.optional(TokenError::MalformedGrants)?.cloned().unwrap_or_default();
    Ok(Claims { object_id, subject, roles, expires, not_before })
}

/// Returns the kind of subject.
///
/// Entra writes `idtyp` only if the resource application requests the claim, so its absence proves nothing. In that
/// case Microsoft's own test decides: `sub` equals `oid` in an application's token, and differs in a user's token
/// (facts, section 3). Tokens of managed identities pass the test. A token with a claim that names a person always
/// needs the scope.
fn subject(claims: &ClaimSet, object_id: Guid) -> Result<Subject, TokenError> {
    let idtyp = claims.idtyp.optional(TokenError::MalformedGrants)?.map(String::as_str);
    match (claims.scp.optional(TokenError::MalformedGrants)?, idtyp) {
        (Some(_), Some("app")) => Err(TokenError::Contradictory),
        (Some(scopes), _) => Ok(Subject::User(scopes.split(' ').map(str::to_owned).collect())),
        (None, Some("app")) => Ok(Subject::Application),
        (None, Some(_)) => Ok(Subject::Undetermined),
        (None, None) => {
            let ClaimSet { upn, unique_name, preferred_username, email, name, given_name, family_name, .. } = *claims;
            let person = [upn, unique_name, preferred_username, email, name, given_name, family_name];
            let is_application = claims.sub == Member::Valid(object_id) && person == [Member::Absent; 7];
            Ok(if is_application { Subject::Application } else { Subject::Undetermined })
        }
    }
}

fn check_time(expires: Timestamp, not_before: Option<Timestamp>, now: Timestamp) -> Result<(), TokenError> {
    if now >= expires.plus(CLOCK_SKEW) {
        return Err(TokenError::Expired);
    }
    if not_before.is_some_and(|not_before| now.plus(CLOCK_SKEW) < not_before) {
        return Err(TokenError::NotYetValid);
    }
    Ok(())
}
