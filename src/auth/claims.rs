//! Step 5: the claims of a token.

use std::time::Duration;

use serde_json::{Map, Value};

use super::issuer::Issuer;
use super::token_error::TokenError;
use crate::config::{Config, is_graph, without_trailing_slash};
use crate::guid::Guid;
use crate::time::Timestamp;

/// Maximum clock difference, equal to that of Microsoft's libraries (facts, section 3).
pub const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// Claims that name a person. Entra puts them only into users' tokens (facts, section 3).
const PERSON: [&str; 7] = ["upn", "unique_name", "preferred_username", "email", "name", "given_name", "family_name"];

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
    pub fn valid_at(&self, now: Timestamp) -> Result<(), TokenError> {
        within(self.expires, self.not_before, now)
    }

    /// Returns the time from which the token is expired, [`CLOCK_SKEW`] included.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
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
pub fn claims(
    claims: &Map<String, Value>,
    config: &Config,
    issuer: Issuer,
    now: Timestamp,
) -> Result<Claims, TokenError> {
    let (expires, not_before) = validity(claims)?;
    within(expires, not_before, now)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let guid = |name: &str| text(name).and_then(|text| text.parse::<Guid>().ok());
    if guid("tid") != Some(config.tenant_id) {
        return Err(TokenError::Tenant);
    }
    match text("aud").map(without_trailing_slash) {
        Some(aud) if config.audience.iter().any(|known| known == aud) => {}
        Some(aud) if is_graph(aud) => return Err(TokenError::GraphAudience),
        _ => return Err(TokenError::Audience),
    }
    // An ID token that a user got for the gateway's application has the same issuer, audience and keys, but no scope.
    // Without this check it would pass as a token that needs no scope (RFC 8725 section 3.12). Entra names the client
    // only in access tokens.
    guid(issuer.client()).ok_or(TokenError::Client)?;
    let object_id = guid("oid").ok_or(TokenError::ObjectId)?;
    if claims.contains_key("cnf") {
        return Err(TokenError::Bound);
    }
    let subject = subject(claims, object_id)?;
    let roles = match claims.get("roles") {
        None => Vec::new(),
        Some(Value::Array(roles)) => roles
            .iter()
            .map(|role| role.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or(TokenError::Grants)?,
        Some(_) => return Err(TokenError::Grants),
    };
    Ok(Claims { object_id, subject, roles, expires, not_before })
}

/// Returns the kind of subject.
///
/// Entra writes `idtyp` only if the resource application requests the claim, so its absence proves nothing. In that
/// case Microsoft's own test decides: `sub` equals `oid` in an application's token, and differs in a user's token
/// (facts, section 3). Tokens of managed identities pass the test. A token with a claim that names a person always
/// needs the scope.
fn subject(claims: &Map<String, Value>, object_id: Guid) -> Result<Subject, TokenError> {
    let text = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(TokenError::Grants),
    };
    match (text("scp")?, text("idtyp")?) {
        (Some(_), Some("app")) => Err(TokenError::Contradictory),
        (Some(scopes), _) => Ok(Subject::User(scopes.split(' ').map(str::to_owned).collect())),
        (None, Some("app")) => Ok(Subject::Application),
        (None, Some(_)) => Ok(Subject::Undetermined),
        (None, None) => {
            let sub = claims.get("sub").and_then(Value::as_str).and_then(|sub| sub.parse::<Guid>().ok());
            let names_person = PERSON.iter().any(|claim| claims.contains_key(*claim));
            let is_application = sub == Some(object_id) && !names_person;
            Ok(if is_application { Subject::Application } else { Subject::Undetermined })
        }
    }
}

/// Reads `exp`, or `nbf` if present: whole seconds (RFC 7519 section 2, `NumericDate`). Entra writes no fractions.
fn validity(claims: &Map<String, Value>) -> Result<(Timestamp, Option<Timestamp>), TokenError> {
    let moment = |value: &Value| value.as_u64().map(Timestamp::from_seconds);
    let expires = claims.get("exp").and_then(moment).ok_or(TokenError::ExpiryMalformed)?;
    let not_before = claims.get("nbf").map(|value| moment(value).ok_or(TokenError::NotBeforeMalformed)).transpose()?;
    Ok((expires, not_before))
}

fn within(expires: Timestamp, not_before: Option<Timestamp>, now: Timestamp) -> Result<(), TokenError> {
    if now >= expires.plus(CLOCK_SKEW) {
        return Err(TokenError::Expired);
    }
    if not_before.is_some_and(|not_before| now.plus(CLOCK_SKEW) < not_before) {
        return Err(TokenError::NotYetValid);
    }
    Ok(())
}
