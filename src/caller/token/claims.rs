//! Step 7: what a verified token says, and whether it says it of us, and now.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Issuer, TokenFault};
use crate::config::{Config, is_graph, without_trailing_slash};
use crate::remediation::Guid;
use crate::time::Timestamp;

/// How far clocks may be apart: what Microsoft's libraries allow (facts, section 3).
pub const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// What a verified token says that the gateway goes by. Names and addresses in it are never looked at: `oid` is immutable, they are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `oid`: the immutable object id of the service principal, managed identity or user.
    pub object_id: Guid,
    /// `scp`: the delegated scopes, `None` for a token without it (app-only).
    pub scopes: Option<Vec<String>>,
    /// `roles`: the app roles. Managed identities' tokens may lack them.
    pub roles: Vec<String>,
    expires: Timestamp,
    not_before: Option<Timestamp>,
}

impl Claims {
    /// Step 7, the part that time changes: `exp` and `nbf`, with [`CLOCK_SKEW`].
    ///
    /// # Errors
    ///
    /// [`TokenFault::Expired`], [`TokenFault::NotYetValid`].
    pub fn valid_at(&self, now: Timestamp) -> Result<(), TokenFault> {
        within(self.expires, self.not_before, now)
    }

    /// The claims of a token that ends at `expires` and says nothing else, for tests of what keeps them.
    #[cfg(test)]
    pub(in crate::caller) fn for_test(expires: Timestamp) -> Self {
        let object_id = crate::testing::PLAYBOOK.parse().unwrap();
        Self { object_id, scopes: None, roles: Vec::new(), expires, not_before: None }
    }

    /// When the token is of no use any more.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.expires.plus(CLOCK_SKEW)
    }
}

/// Step 7: the verified claims are for us, of our tenant, in time, and say who.
///
/// # Errors
///
/// The first rule that does not hold: `exp`, `nbf`, `tid`, `aud`, the client, `oid`, `scp` and `roles`, in this order.
pub fn claims(
    claims: &Map<String, Value>,
    config: &Config,
    issuer: Issuer,
    now: Timestamp,
) -> Result<Claims, TokenFault> {
    let (expires, not_before) = validity(claims)?;
    within(expires, not_before, now)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let guid = |name: &str| text(name).and_then(|text| text.parse::<Guid>().ok());
    if guid("tid") != Some(config.tenant_id) {
        return Err(TokenFault::Tenant);
    }
    match text("aud").map(without_trailing_slash) {
        Some(aud) if config.audience.iter().any(|known| known == aud) => {}
        Some(aud) if is_graph(aud) => return Err(TokenFault::GraphAudience),
        _ => return Err(TokenFault::Audience),
    }
    // An ID token that a user got for the gateway's own application has the same issuer, audience and keys, but no scope: without this it
    // would count as one that needs none (RFC 8725 section 3.12). Entra names the client in access tokens alone.
    guid(issuer.client()).ok_or(TokenFault::Client)?;
    let object_id = guid("oid").ok_or(TokenFault::ObjectId)?;
    let scopes = match claims.get("scp") {
        None => None,
        Some(Value::String(scopes)) => Some(scopes.split(' ').map(str::to_owned).collect()),
        Some(_) => return Err(TokenFault::Grants),
    };
    let roles = match claims.get("roles") {
        None => Vec::new(),
        Some(Value::Array(roles)) => roles
            .iter()
            .map(|role| role.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or(TokenFault::Grants)?,
        Some(_) => return Err(TokenFault::Grants),
    };
    Ok(Claims { object_id, scopes, roles, expires, not_before })
}

/// `exp`, and `nbf` where it is there: whole seconds (RFC 7519 section 2, `NumericDate`; Entra writes no fractions).
fn validity(claims: &Map<String, Value>) -> Result<(Timestamp, Option<Timestamp>), TokenFault> {
    let moment = |value: &Value| value.as_u64().map(Timestamp::from_seconds);
    let expires = claims.get("exp").and_then(moment).ok_or(TokenFault::ExpiryMalformed)?;
    let not_before = claims.get("nbf").map(|value| moment(value).ok_or(TokenFault::NotBeforeMalformed)).transpose()?;
    Ok((expires, not_before))
}

fn within(expires: Timestamp, not_before: Option<Timestamp>, now: Timestamp) -> Result<(), TokenFault> {
    if now >= expires.plus(CLOCK_SKEW) {
        return Err(TokenFault::Expired);
    }
    if not_before.is_some_and(|not_before| now.plus(CLOCK_SKEW) < not_before) {
        return Err(TokenFault::NotYetValid);
    }
    Ok(())
}
