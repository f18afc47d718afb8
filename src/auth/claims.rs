//! Step 5: what a token says, and whether it says it of us, and now.

use std::time::Duration;

use serde_json::{Map, Value};

use super::issuer::Issuer;
use super::token_error::TokenError;
use crate::config::{Config, is_graph, without_trailing_slash};
use crate::guid::Guid;
use crate::time::Timestamp;

/// How far clocks may be apart: what Microsoft's libraries allow (facts, section 3).
pub const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// Claims that name a person. Entra puts them into users' tokens alone (facts, section 3).
const PERSON: [&str; 7] = ["upn", "unique_name", "preferred_username", "email", "name", "given_name", "family_name"];

/// For whom a token was issued, which decides what it must carry (contract, section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An application by itself: `idtyp` is `app`; or `idtyp` is absent, `sub` equals `oid`, and no claim names a person.
    Application,
    /// A user, with the delegated scopes in `scp`.
    User(Vec<String>),
    /// A token without `scp` whose claims do not say that it is an application's.
    Undetermined,
}

/// What a token says that the gateway goes by. Names and addresses in it are never used: `oid` is immutable, they are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `oid`: the immutable object id of the service principal, managed identity or user.
    pub object_id: Guid,
    /// For whom the token was issued.
    pub subject: Subject,
    /// `roles`: the app roles. Managed identities' tokens may lack them.
    pub roles: Vec<String>,
    pub(crate) expires: Timestamp,
    pub(crate) not_before: Option<Timestamp>,
}

impl Claims {
    /// Step 5, the part that time changes: `exp` and `nbf`, with [`CLOCK_SKEW`].
    ///
    /// # Errors
    ///
    /// [`TokenError::Expired`], [`TokenError::NotYetValid`].
    pub fn valid_at(&self, now: Timestamp) -> Result<(), TokenError> {
        within(self.expires, self.not_before, now)
    }

    /// When the token is of no use any more.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.expires.plus(CLOCK_SKEW)
    }
}

/// Step 5: the claims are for us, of our tenant, in time, and say who. They count only when step 7 has verified the signature.
///
/// # Errors
///
/// The first rule that does not hold: `exp`, `nbf`, `tid`, `aud`, the client, `oid`, `cnf`, `scp` and `idtyp`, `roles`, in this order.
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
    // An ID token that a user got for the gateway's own application has the same issuer, audience and keys, but no scope: without this it
    // would count as one that needs none (RFC 8725 section 3.12). Entra names the client in access tokens alone.
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

/// For whom the token was issued.
///
/// Entra writes `idtyp` only if the resource application asks for it, so its absence says nothing. Then Microsoft's own test decides: in an
/// application's token `sub` equals `oid`, in a user's token `sub` differs for each application (facts, section 3). Managed identities' tokens
/// pass it. A claim that names a person contradicts it, so such a token needs the scope.
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

/// `exp`, and `nbf` where it is there: whole seconds (RFC 7519 section 2, `NumericDate`; Entra writes no fractions).
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
