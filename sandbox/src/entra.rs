//! Entra ID's token endpoint and published keys (facts, sections 2 and 3).

use std::collections::BTreeMap;

use hyper::Method;
use serde_json::{Map, json};
use uuid::Uuid;

use crate::{
    assertion::{self, ASSERTION_TYPE, Expected},
    clock,
    received::Received,
    record::Response,
    settings::TENANT_WITHOUT_CONSENT,
    state::State,
    tokens::{GRAPH_AUDIENCE, GRAPH_ROLE, TokenRequest, TokenVersion, v2_issuer},
};

/// Only scope that client credentials can request for Graph.
const SCOPE: &str = "https://graph.microsoft.com/.default";

/// Object ID of the service principal of the gateway's application.
const GATEWAY_OBJECT_ID: &str = "bbbbbbbb-cccc-dddd-2222-333333333333";

/// Bounds of the lifetime of app tokens: 60 to 90 minutes, different for each token (facts, section 2).
const MIN_LIFETIME: i64 = 3_600;
const LIFETIME_SPREAD: u16 = 1_800;

/// Error of the token endpoint: Entra ID's number, the OAuth error code, and the text.
struct TokenError {
    status: u16,
    error: &'static str,
    number: u32,
    message: String,
}

fn reject<T>(status: u16, error: &'static str, number: u32, message: impl Into<String>) -> Result<T, TokenError> {
    Err(TokenError { status, error, number, message: message.into() })
}

/// Responds to `POST /{tenant}/oauth2/v2.0/token`.
pub(crate) fn respond_with_token(state: &State, tenant: &str, request: &Received) -> Response {
    if request.method != Method::POST {
        return Response::method_not_allowed("POST");
    }
    let granted = find_tenant(state, tenant).and_then(|tenant| {
        check_grant(state, request)?;
        check_consent(state, tenant)
    });
    let response = match granted {
        Ok(tenant) => {
            let lifetime = MIN_LIFETIME.saturating_add(i64::from(random_below(LIFETIME_SPREAD)));
            let token = state.issue(&graph_token(state, tenant, lifetime));
            Response::json(200, &json!({ "token_type": "Bearer", "expires_in": lifetime, "access_token": token }))
        }
        Err(error) => error.to_response(request),
    };
    response.header("Cache-Control", "no-store, no-cache").header("Pragma", "no-cache")
}

/// Responds to `GET /{tenant}/discovery/v2.0/keys`. Without `v2.0`, the path serves the same keys for version 1 tokens.
pub(crate) fn respond_with_keys(state: &State, tenant: &str, v2: bool, request: &Received) -> Response {
    if request.method != Method::GET {
        return Response::method_not_allowed("GET");
    }
    let tenant = match find_tenant(state, tenant) {
        Ok(tenant) => tenant,
        Err(error) => return error.to_response(request),
    };
    // A key may name its issuer (facts, section 3). The v1 keys here do not, so that clients are tested with both
    // kinds.
    let issuer = v2.then(|| v2_issuer(&state.base_url, tenant));
    Response::json(200, &state.keys().published(issuer.as_deref())).header("Cache-Control", "max-age=86400, private")
}

fn find_tenant<'a>(state: &'a State, tenant: &str) -> Result<&'a str, TokenError> {
    state.settings.tenant(tenant).map_or_else(
        || {
            let message = format!("Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.");
            reject(400, "invalid_request", 90002, message)
        },
        Ok,
    )
}

/// Checks that the tenant has consented to the gateway's application.
fn check_consent<'a>(state: &State, tenant: &'a str) -> Result<&'a str, TokenError> {
    if tenant != TENANT_WITHOUT_CONSENT {
        return Ok(tenant);
    }
    let client_id = &state.settings.client_id;
    let message = format!("The client application {client_id} is missing service principal in the tenant {tenant}.");
    reject(401, "invalid_client", 7_000_229, message)
}

/// Returns the token request of the gateway's application. It is version 1 because of Graph's
/// `accessTokenAcceptedVersion`.
fn graph_token(state: &State, tenant: &str, lifetime: i64) -> TokenRequest {
    let mut claims = Map::new();
    claims.insert("appid".to_owned(), state.settings.client_id.clone().into());
    TokenRequest {
        version: TokenVersion::V1,
        audience: Some(GRAPH_AUDIENCE.to_owned()),
        object_id: Some(GATEWAY_OBJECT_ID.to_owned()),
        tenant_id: Some(tenant.to_owned()),
        roles: vec![GRAPH_ROLE.to_owned()],
        expires_in: Some(lifetime),
        claims,
        ..TokenRequest::default()
    }
}

/// Checks a client credentials grant with a secret or an assertion. Each parameter must occur once, and other
/// parameters are rejected.
fn check_grant(state: &State, request: &Received) -> Result<(), TokenError> {
    if !request.has_media_type("application/x-www-form-urlencoded") {
        return reject(400, "invalid_request", 900_144, "The request body must be a form.");
    }
    let mut form = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(&request.body) {
        if form.insert(name.to_string(), value.to_string()).is_some() {
            return reject(400, "invalid_request", 9_000_411, format!("The parameter '{name}' is duplicated."));
        }
    }
    let grant_type = take_required(&mut form, "grant_type")?;
    if grant_type != "client_credentials" {
        let message = format!("The app requested an unsupported grant type '{grant_type}'.");
        return reject(400, "unsupported_grant_type", 70003, message);
    }
    let client_id = take_required(&mut form, "client_id")?;
    let scope = take_required(&mut form, "scope")?;
    let secret = form.remove("client_secret");
    let assertion_type = form.remove("client_assertion_type");
    let assertion = form.remove("client_assertion");
    if let Some(name) = form.keys().next() {
        return reject(400, "invalid_request", 90023, format!("The parameter '{name}' is not part of this grant."));
    }
    if scope != SCOPE {
        let message = format!("The provided value for the input parameter 'scope' is not valid: only {SCOPE} is.");
        return reject(400, "invalid_scope", 70011, message);
    }
    if !client_id.eq_ignore_ascii_case(&state.settings.client_id) {
        let message = format!("Application with identifier '{client_id}' was not found in the directory.");
        return reject(400, "unauthorized_client", 700_016, message);
    }
    match (secret, assertion_type.as_deref(), assertion) {
        (Some(secret), None, None) if secret == state.settings.client_secret => Ok(()),
        (Some(_), None, None) => reject(401, "invalid_client", 7_000_215, "Invalid client secret provided."),
        (None, Some(ASSERTION_TYPE), Some(assertion)) => {
            let expected = Expected {
                certificates: &state.settings.client_certificates,
                audience: &format!("{}{}", state.base_url, request.path),
                client_id: &state.settings.client_id,
                now: clock::unix_now(),
            };
            let verified = assertion::verify(&assertion, &expected, &mut state.assertions());
            verified.or_else(|error| reject(401, "invalid_client", error.0, error.1))
        }
        (None, None, None) => {
            let message = "'client_assertion' or 'client_secret' is required for this grant type.";
            reject(401, "invalid_client", 7_000_216, message)
        }
        _ => {
            reject(400, "invalid_request", 90_023, "One secret, or one assertion with its type, is part of this grant.")
        }
    }
}

fn take_required(form: &mut BTreeMap<String, String>, name: &str) -> Result<String, TokenError> {
    let message = || format!("The request body must contain the following parameter: '{name}'.");
    match form.remove(name) {
        Some(value) => Ok(value),
        None => reject(400, "invalid_request", 900_144, message()),
    }
}

fn random_below(bound: u16) -> u16 {
    let [high, low, ..] = *Uuid::new_v4().as_bytes();
    u16::from_be_bytes([high, low]) % bound
}

impl TokenError {
    fn to_response(&self, request: &Received) -> Response {
        let trace = Uuid::new_v4().to_string();
        let correlation = request.header("client-request-id").map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let timestamp = clock::entra_now();
        let description = format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            self.number, self.message
        );
        Response::json(
            self.status,
            &json!({
                "error": self.error,
                "error_description": description,
                "error_codes": [self.number],
                "timestamp": timestamp,
                "trace_id": trace,
                "correlation_id": correlation,
            }),
        )
    }
}
