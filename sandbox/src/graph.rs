//! Microsoft Graph's remediation action (facts, section 1).

use std::time::Instant;

use hyper::Method;
use serde_json::json;
use uuid::Uuid;

use crate::{
    clock,
    received::Received,
    record::Response,
    register::Duplicate,
    remediation::Remediation,
    settings::TENANT_WITHOUT_CONSENT,
    state::State,
    tokens::{GRAPH_APPLICATION_ID, GRAPH_AUDIENCE, GRAPH_ROLE, IssuedToken},
};

/// IDs that identify a response of Graph.
pub(crate) struct Ids {
    request: String,
    client: Option<String>,
}

/// Error response without its IDs.
pub(crate) struct GraphError {
    pub(crate) status: u16,
    code: &'static str,
    message: String,
}

pub(crate) fn reject<T>(status: u16, code: &'static str, message: impl Into<String>) -> Result<T, GraphError> {
    Err(GraphError { status, code, message: message.into() })
}

/// Responds to `POST /{version}/security/collaboration/analyzedEmails/remediate`, under either of its names.
pub(crate) fn remediate(state: &State, version: &str, request: &Received) -> Response {
    let ids = Ids::of(request);
    match accept(state, version, request) {
        Ok((bulk_id, tenant)) => ids
            .add_to(Response::new(202))
            .header("Content-Type", "application/json;text/plain")
            .header("Location", location(&bulk_id, &tenant)),
        Err(error) if error.status == 405 => ids.error_response(&error).header("Allow", "POST"),
        Err(error) => ids.error_response(&error),
    }
}

/// Returns the link in Graph's form: `{`, `"`, `[` and `]` are not percent-encoded, so it is not a valid URI.
fn location(bulk_id: &str, tenant: &str) -> String {
    format!(r#"https://security.microsoft.com/action-center/history?filters={{"bulkId":["{bulk_id}"]}}&tid={tenant}"#)
}

/// Returns the remediation's ID and its tenant.
fn accept(state: &State, version: &str, request: &Received) -> Result<(String, String), GraphError> {
    if request.method != Method::POST {
        return reject(405, "Request_MethodNotAllowed", "The action takes POST.");
    }
    let tenant = authorize(state, request, &[GRAPH_ROLE])?;
    check_format(request)?;
    let mut preferences = request.header_values("prefer").flat_map(|value| value.split(','));
    let newer_actions_allowed = preferences.any(|one| one.trim().eq_ignore_ascii_case("include-unknown-enum-members"));
    let remediation = match Remediation::read(&request.body, newer_actions_allowed) {
        Ok(remediation) => remediation,
        Err(reason) => return reject(400, "BadRequest", reason),
    };
    let registered = state.register().register(Instant::now(), &tenant, version, remediation.clone());
    match registered {
        Ok(bulk_id) => {
            state.mailboxes().remediate(&tenant, &remediation);
            Ok((bulk_id, tenant))
        }
        Err(Duplicate) => reject(409, "Conflict", "Duplicate remediation"),
    }
}

/// Checks that Entra ID issued the bearer token for Graph, that the token is valid, and that it has one of these
/// application permissions. Returns the token's tenant: the token gives access to no other mailboxes.
///
/// Graph does not support delegated permissions for this action, so `scp` has no effect.
pub(crate) fn authorize(state: &State, request: &Received, roles: &[&str]) -> Result<String, GraphError> {
    let invalid = |message: &str| reject(401, "InvalidAuthenticationToken", message);
    let given: Vec<&str> = request.header_values("authorization").collect();
    let token = match given.as_slice() {
        [] => return invalid("Access token is empty."),
        [one] => match one.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
            _ => return invalid("The authorization scheme is not Bearer."),
        },
        _ => return invalid("More than one Authorization header."),
    };
    let Some(issued) = state.find_issued(token).filter(|issued| !issued.tampered) else {
        return invalid("Signing key is invalid.");
    };
    if ![GRAPH_AUDIENCE, GRAPH_APPLICATION_ID].contains(&issued.text("aud")) {
        return invalid("Access token validation failure. Invalid audience.");
    }
    let tenant = issued.text("tid");
    if tenant == TENANT_WITHOUT_CONSENT || state.settings.tenant(tenant) != Some(tenant) {
        return invalid("Access token validation failure. Invalid tenant.");
    }
    if !is_valid_now(&issued) {
        return invalid("Lifetime validation failed, the token is expired.");
    }
    if !roles.iter().any(|role| issued.has_role(role)) {
        let message = "Insufficient privileges to complete the operation.";
        return reject(403, "Authorization_RequestDenied", message);
    }
    Ok(tenant.to_owned())
}

fn is_valid_now(issued: &IssuedToken) -> bool {
    let now = clock::unix_now();
    issued.second("exp").is_some_and(|end| now < end) && issued.second("nbf").is_none_or(|start| start <= now)
}

fn check_format(request: &Received) -> Result<(), GraphError> {
    // A 415 makes the Go SDK retry its request without gzip (facts, section 5).
    if request.header_values("content-encoding").any(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return reject(415, "UnsupportedMediaType", "The body is encoded.");
    }
    if !request.has_media_type("application/json") {
        return reject(400, "BadRequest", "Content-Type is not application/json.");
    }
    if request.query.is_some() {
        return reject(400, "BadRequest", "The action takes no query.");
    }
    Ok(())
}

impl Ids {
    pub(crate) fn of(request: &Received) -> Self {
        Self { request: Uuid::new_v4().to_string(), client: request.header("client-request-id").map(str::to_owned) }
    }

    pub(crate) fn add_to(&self, response: Response) -> Response {
        let response = response.header("request-id", &self.request);
        match &self.client {
            Some(client) => response.header("client-request-id", client),
            None => response,
        }
    }

    pub(crate) fn error_response(&self, error: &GraphError) -> Response {
        let body = json!({ "error": {
            "code": error.code,
            "message": error.message,
            "innerError": {
                "date": clock::graph_now(),
                "request-id": self.request,
                "client-request-id": self.client.as_ref().unwrap_or(&self.request),
            },
        }});
        let response = self.add_to(Response::json(error.status, &body));
        match error.status {
            401 => response.header(
                "WWW-Authenticate",
                format!(
                    "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                     client_id=\"{GRAPH_APPLICATION_ID}\""
                ),
            ),
            _ => response,
        }
    }
}

/// Returns the error for a path that the emulated Graph does not have.
pub(crate) fn not_found() -> Response {
    let ids = Ids { request: Uuid::new_v4().to_string(), client: None };
    ids.error_response(&GraphError {
        status: 404,
        code: "ResourceNotFound",
        message: "There is nothing at this path.".to_owned(),
    })
}
