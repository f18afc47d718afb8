//! The credential of a request: exactly one, of one kind.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::http::RequestHeaders;
use crate::secret::Secret;

/// A credential that is not yet verified.
#[derive(Debug)]
pub enum Credentials {
    /// `Authorization: Bearer`: an Entra access token (RFC 6750 section 2.1).
    Bearer(Secret),
    /// `X-API-Key`.
    ApiKey(Secret),
    /// `Authorization: Basic` (RFC 7617): the caller's name and the caller's API key.
    Basic {
        /// Name of the caller.
        name: String,
        /// API key of the caller.
        key: Secret,
    },
}

/// Reason why a request has no credential that can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// No credential.
    #[error("no credentials")]
    Absent,
    /// `Authorization` and `X-API-Key` together.
    #[error("more than one kind of credential")]
    Several,
    /// `Authorization` more than once. The platform joins the values into a list.
    #[error("Authorization given more than once")]
    Repeated,
    /// `Bearer` without a token.
    #[error("an empty bearer token")]
    EmptyToken,
    /// A scheme other than Bearer and Basic, or a scheme without credentials.
    #[error("an authorization scheme other than Bearer and Basic, or one without credentials")]
    UnknownScheme,
    /// Basic credentials that are not `name:key` in base64.
    #[error("malformed Basic credentials")]
    MalformedBasic,
}

/// Returns the one credential of the headers.
///
/// # Errors
///
/// [`CredentialsError`]. [`crate::problem`] decides which of the errors the caller sees.
pub fn find(headers: &RequestHeaders) -> Result<Credentials, CredentialsError> {
    // Connectors send an empty header for an empty field of a form, so an empty header is not a credential.
    let api_key = headers.api_key.as_ref().filter(|key| !key.expose().is_empty());
    match (&headers.authorization, api_key) {
        (None, None) => Err(CredentialsError::Absent),
        (Some(_), Some(_)) => Err(CredentialsError::Several),
        (None, Some(key)) => Ok(Credentials::ApiKey(key.clone())),
        (Some(authorization), None) => from_authorization(authorization.expose()),
    }
}

/// Returns each text of the headers that is, or may be, a credential. The log and the response must never contain one
/// of them.
#[must_use]
pub fn possible_credentials(headers: &RequestHeaders) -> Vec<Secret> {
    let mut all: Vec<Secret> = headers.api_key.iter().filter(|key| !key.expose().is_empty()).cloned().collect();
    // The platform joins a repeated header into a list.
    let given = headers.authorization.as_ref().map_or("", Secret::expose);
    for one in given.split(',').map(str::trim) {
        let after_scheme = one.split_once(' ').map_or("", |(_, rest)| rest.trim_start());
        all.extend(
            [one, after_scheme].iter().filter(|text| !text.is_empty()).map(|text| Secret::new((*text).to_owned())),
        );
        if let Some(Credentials::Basic { key, .. }) = parse_basic(after_scheme)
            && !key.expose().is_empty()
        {
            all.push(key);
        }
    }
    all
}

fn from_authorization(authorization: &str) -> Result<Credentials, CredentialsError> {
    // Neither a JWT nor base64 contains a comma, and the gateway accepts no scheme with parameters.
    if authorization.contains(',') {
        return Err(CredentialsError::Repeated);
    }
    if authorization.trim().eq_ignore_ascii_case("bearer") {
        return Err(CredentialsError::EmptyToken);
    }
    let (scheme, credentials) = authorization.trim().split_once(' ').ok_or(CredentialsError::UnknownScheme)?;
    let credentials = credentials.trim_start_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Credentials::Bearer(Secret::new(credentials.to_owned())))
    } else if scheme.eq_ignore_ascii_case("basic") {
        parse_basic(credentials).ok_or(CredentialsError::MalformedBasic)
    } else {
        Err(CredentialsError::UnknownScheme)
    }
}

fn parse_basic(credentials: &str) -> Option<Credentials> {
    let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
    let (name, key) = decoded.split_once(':')?;
    Some(Credentials::Basic { name: name.to_owned(), key: Secret::new(key.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: Option<&str>, api_key: Option<&str>) -> RequestHeaders {
        let secret = |text: &str| Secret::new(text.to_owned());
        RequestHeaders { authorization: authorization.map(secret), api_key: api_key.map(secret), ..Default::default() }
    }

    fn describe(found: Result<Credentials, CredentialsError>) -> String {
        match found {
            Ok(Credentials::Bearer(token)) => format!("bearer {}", token.expose()),
            Ok(Credentials::ApiKey(key)) => format!("key {}", key.expose()),
            Ok(Credentials::Basic { name, key }) => format!("basic {name} {}", key.expose()),
            Err(reason) => format!("{reason:?}"),
        }
    }

    #[test]
    fn credential_is_accepted_only_if_single_and_well_formed() {
        for (authorization, api_key, expected) in [
            (None, None, "Absent"),
            (Some("Bearer a.b.c"), None, "bearer a.b.c"),
            (Some("bEARER   a.b.c "), None, "bearer a.b.c"),
            (None, Some("k"), "key k"),
            (None, Some(""), "Absent"),
            (Some("Basic bmFtZTprZXk="), None, "basic name key"),
            (Some("basic bmFtZTprOmU6eQ=="), None, "basic name k:e:y"),
            (Some("Bearer a.b.c"), Some("k"), "Several"),
            (Some("Bearer a.b.c"), Some(""), "bearer a.b.c"),
            (Some(""), Some("k"), "Several"),
            (Some("Bearer a.b.c, Bearer a.b.c"), None, "Repeated"),
            (Some("Bearer a.b.c,Basic bmFtZTprZXk="), None, "Repeated"),
            (Some(""), None, "UnknownScheme"),
            (Some("Bearer"), None, "EmptyToken"),
            (Some(" bearer  "), None, "EmptyToken"),
            (Some("a.b.c"), None, "UnknownScheme"),
            (Some("Digest x"), None, "UnknownScheme"),
            (Some("Bearer\ta.b.c"), None, "UnknownScheme"),
            (Some("Basic bmFtZQ=="), None, "MalformedBasic"),
            (Some("Basic !!!"), None, "MalformedBasic"),
            (Some("Basic bmFtZTprZXk"), None, "MalformedBasic"),
            (Some("Basic /zp4"), None, "MalformedBasic"),
        ] {
            assert_eq!(describe(find(&headers(authorization, api_key))), expected, "{authorization:?} {api_key:?}");
        }
    }

    #[test]
    fn every_possible_credential_in_headers_is_listed() {
        for (authorization, api_key, expected) in [
            (None, None, &[][..]),
            (None, Some(""), &[]),
            (None, Some("k"), &["k"]),
            (Some("Bearer a.b.c"), None, &["Bearer a.b.c", "a.b.c"]),
            (Some("a.b.c"), None, &["a.b.c"]),
            (Some("Digest  x"), Some("k"), &["k", "Digest  x", "x"]),
            (Some("Basic bmFtZTprZXk="), None, &["Basic bmFtZTprZXk=", "bmFtZTprZXk=", "key"]),
            (Some("basic bmFtZTo="), None, &["basic bmFtZTo=", "bmFtZTo="]),
            (
                Some("Bearer a, Basic bmFtZTprZXk="),
                None,
                &["Bearer a", "a", "Basic bmFtZTprZXk=", "bmFtZTprZXk=", "key"],
            ),
        ] {
            let found = possible_credentials(&headers(authorization, api_key));
            let found: Vec<&str> = found.iter().map(Secret::expose).collect();
            assert_eq!(found, expected, "{authorization:?} {api_key:?}");
        }
    }
}
