//! Access tokens.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use remediation_gateway::auth::claims::{self, Claims, Subject};
use remediation_gateway::auth::token;
use remediation_gateway::auth::token::MAX_TOKEN_BYTES;
use remediation_gateway::auth::token_error::TokenError;
use remediation_gateway::config::{Config, GRAPH_AUDIENCES};
use remediation_gateway::json;
use remediation_gateway::time::Timestamp;
use serde_json::{Map, Value};

use crate::world::{AUDIENCES, CONFIG, NOW, TENANT, string_member};

/// Maximum clock difference, in seconds.
const SKEW: u64 = 300;

/// Checks a token, or its header and claims as JSON separated by a line with one dot.
///
/// The gateway accepts a token if and only if it satisfies every rule of the contract, checked by other code. The
/// platform checks the signature, so it is ignored here.
///
/// Returns whether the gateway accepts the token.
///
/// # Panics
///
/// Panics if a property does not hold.
#[must_use]
pub fn token(bytes: &[u8]) -> bool {
    let token = to_compact(bytes);
    let found = validate(&token, &CONFIG);
    let expected = expected_members(&token);
    match (&found, &expected) {
        (Ok(claims), Some((header, members))) => check_claims(claims, header, members),
        (Ok(_), None) => panic!("a token that violates a rule is accepted"),
        (Err(_), None) => {}
        (Err(error), Some(_)) => panic!("a token that satisfies all rules is rejected: {error}"),
    }
    if let Err(error) = &found {
        assert!(error.to_string().is_ascii());
    }
    found.is_ok()
}

/// Returns the token that `bytes` describe.
fn to_compact(bytes: &[u8]) -> String {
    match bytes.windows(3).position(|line| line == b"\n.\n").and_then(|at| bytes.split_at_checked(at)) {
        Some((header, rest)) => {
            let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
            format!("{}.{}.c2lnbmVk", part(header), part(rest.get(3..).unwrap_or_default()))
        }
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Performs the gateway's checks except those of the key and the signature.
fn validate(token: &str, config: &Config) -> Result<Claims, TokenError> {
    token::check_size(token)?;
    let parts = token::split(token)?;
    assert_eq!(Some(parts.signed), token.rsplit_once('.').map(|(signed, _)| signed));
    assert!(!parts.signature.is_empty());
    token::validate_header(&parts)?;
    let members = parts.claims()?;
    let issuer = token::find_issuer(&members, config)?;
    claims::validate_claims(&members, config, issuer, NOW)
}

/// Returns header and claims of a token that satisfies every rule.
fn expected_members(token: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return None };
    let decoded = |part: &str| Some(BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).filter(|bytes| !bytes.is_empty());
    decoded(signature)?;
    let (header, claims) = (json::read(&decoded(header)?)?, json::read(&decoded(claims)?)?);
    let holds = token.len() <= MAX_TOKEN_BYTES && is_valid_header(&header) && evaluate_claims(&claims)?;
    holds.then_some((header, claims))
}

fn is_valid_header(header: &Map<String, Value>) -> bool {
    string_member(header, "alg") == Some("RS256")
        && string_member(header, "kid").is_some_and(|kid| !kid.is_empty() && kid.len() <= 256)
        && header.get("typ").is_none_or(|typ| typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("JWT")))
        && !["jwk", "jku", "x5u", "x5c", "crit", "zip"].iter().any(|member| header.contains_key(*member))
}

/// Returns whether the claims satisfy every rule, or `None` if a required claim is missing or has another type.
fn evaluate_claims(claims: &Map<String, Value>) -> Option<bool> {
    let client = match (string_member(claims, "iss")?, string_member(claims, "ver")?) {
        (iss, "1.0") if iss == format!("https://sts.windows.net/{TENANT}/") => "appid",
        (iss, "2.0") if iss == format!("https://login.microsoftonline.com/{TENANT}/v2.0") => "azp",
        _ => return None,
    };
    let audience = string_member(claims, "aud")?;
    let now = NOW.millis() / 1000;
    let exp = claims.get("exp")?.as_u64()?;
    let nbf = claims.get("nbf").map_or(Some(0), Value::as_u64)?;
    Some(
        now < exp.saturating_add(SKEW)
            && nbf <= now + SKEW
            && string_member(claims, "tid")?.eq_ignore_ascii_case(TENANT)
            && AUDIENCES.iter().any(|known| audience == *known || audience.strip_suffix('/') == Some(*known))
            && !GRAPH_AUDIENCES.contains(&audience)
            && is_guid(string_member(claims, client)?)
            && is_guid(string_member(claims, "oid")?)
            && !claims.contains_key("cnf")
            && claims.get("scp").is_none_or(Value::is_string)
            && claims.get("idtyp").is_none_or(Value::is_string)
            && !(claims.contains_key("scp") && string_member(claims, "idtyp") == Some("app"))
            && claims
                .get("roles")
                .is_none_or(|roles| roles.as_array().is_some_and(|all| all.iter().all(Value::is_string))),
    )
}

fn is_guid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Checks that the gateway's claims are those of the token.
fn check_claims(claims: &Claims, header: &Map<String, Value>, members: &Map<String, Value>) {
    assert_eq!(string_member(header, "alg"), Some("RS256"));
    assert_eq!(string_member(members, "oid").map(str::to_ascii_lowercase), Some(claims.object_id.to_string()));
    let scopes = match &claims.subject {
        Subject::User(scopes) => Some(scopes.join(" ")),
        Subject::Application | Subject::Undetermined => None,
    };
    assert_eq!(scopes.as_deref(), string_member(members, "scp"));
    let is_own_subject = string_member(members, "sub")
        .is_some_and(|sub| is_guid(sub) && sub.eq_ignore_ascii_case(&claims.object_id.to_string()));
    let names = ["upn", "unique_name", "preferred_username", "email", "name", "given_name", "family_name"];
    let is_nameless = names.iter().all(|name| !members.contains_key(*name));
    let is_application =
        scopes.is_none() && string_member(members, "idtyp").map_or(is_own_subject && is_nameless, |of| of == "app");
    assert_eq!(claims.subject == Subject::Application, is_application);
    let roles = members.get("roles").and_then(Value::as_array).cloned().unwrap_or_default();
    assert_eq!(roles, claims.roles);
    assert_eq!(claims.check_validity(NOW), Ok(()));
    if claims.expiry_with_skew() < Timestamp::from_seconds(u64::MAX) {
        assert_eq!(claims.check_validity(claims.expiry_with_skew()), Err(TokenError::Expired));
        assert_ne!(
            claims.check_validity(claims.expiry_with_skew().minus(Duration::from_millis(1))),
            Err(TokenError::Expired)
        );
    }
}
