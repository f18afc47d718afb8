//! Microsoft Graph's remediation action (facts, section 1).

use std::time::Instant;

use hyper::Method;
use serde_json::json;
use uuid::Uuid;

use crate::{
    clock,
    received::Received,
    record::Answer,
    register::Duplicate,
    remediation::Remediation,
    settings::TENANT_WITHOUT_CONSENT,
    state::State,
    tokens::{GRAPH_APPLICATION_ID, GRAPH_AUDIENCE, GRAPH_ROLE, Issued},
};

/// IDs that identify a response of Graph.
pub(crate) struct Ids {
    request: String,
    client: Option<String>,
}

/// Error response without its IDs.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    code: &'static str,
    message: String,
}

pub(crate) fn refuse<T>(status: u16, code: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { status, code, message: message.into() })
}

/// Responds to `POST /{version}/security/collaboration/analyzedEmails/remediate`, under either of its names.
pub(crate) fn remediate(state: &State, version: &str, request: &Received) -> Answer {
    let ids = Ids::of(request);
    match accept(state, version, request) {
        Ok((bulk_id, tenant)) => ids
            .on(Answer::new(202))
            .header("Content-Type", "application/json;text/plain")
            .header("Location", location(&bulk_id, &tenant)),
        Err(refusal) if refusal.status == 405 => ids.refusal(&refusal).header("Allow", "POST"),
        Err(refusal) => ids.refusal(&refusal),
    }
}

/// Returns the link in Graph's form: `{`, `"`, `[` and `]` are not percent-encoded, so it is not a valid URI.
fn location(bulk_id: &str, tenant: &str) -> String {
    format!(r#"https://security.microsoft.com/action-center/history?filters={{"bulkId":["{bulk_id}"]}}&tid={tenant}"#)
}

/// Returns the remediation's ID and its tenant.
fn accept(state: &State, version: &str, request: &Received) -> Result<(String, String), Refusal> {
    if request.method != Method::POST {
        return refuse(405, "Request_MethodNotAllowed", "The action takes POST.");
    }
    let tenant = authorise(state, request, &[GRAPH_ROLE])?;
    framing(request)?;
    let mut preferences = request.header_values("prefer").flat_map(|value| value.split(','));
    let open = preferences.any(|one| one.trim().eq_ignore_ascii_case("include-unknown-enum-members"));
    let remediation = match Remediation::read(&request.body, open) {
        Ok(remediation) => remediation,
        Err(reason) => return refuse(400, "BadRequest", reason),
    };
    let registered = state.register().register(Instant::now(), &tenant, version, remediation.clone());
    match registered {
        Ok(bulk_id) => {
            state.mailboxes().remediate(&tenant, &remediation);
            Ok((bulk_id, tenant))
        }
        Err(Duplicate) => refuse(409, "Conflict", "Duplicate remediation"),
    }
}

/// Checks the bearer token: Entra ID issued it for Graph, it is valid, and it has one of the application permissions.
/// Returns its tenant, the only one whose mailboxes it opens.
///
/// Graph does not support delegated permissions for this action, so `scp` has no effect.
pub(crate) fn authorise(state: &State, request: &Received, roles: &[&str]) -> Result<String, Refusal> {
    let invalid = |message: &str| refuse(401, "InvalidAuthenticationToken", message);
    let given: Vec<&str> = request.header_values("authorization").collect();
    let token = match given.as_slice() {
        [] => return invalid("Access token is empty."),
        [one] => match one.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
            _ => return invalid("The authorization scheme is not Bearer."),
        },
        _ => return invalid("More than one Authorization header."),
    };
    let Some(issued) = state.issued(token).filter(|issued| !issued.tampered) else {
        return invalid("Signing key is invalid.");
    };
    if ![GRAPH_AUDIENCE, GRAPH_APPLICATION_ID].contains(&issued.text("aud")) {
        return invalid("Access token validation failure. Invalid audience.");
    }
    let tenant = issued.text("tid");
    if tenant == TENANT_WITHOUT_CONSENT || state.settings.tenant(tenant) != Some(tenant) {
        return invalid("Access token validation failure. Invalid tenant.");
    }
    if !is_alive(&issued) {
        return invalid("Lifetime validation failed, the token is expired.");
    }
    if !roles.iter().any(|role| issued.has_role(role)) {
        let message = "Insufficient privileges to complete the operation.";
        return refuse(403, "Authorization_RequestDenied", message);
    }
    Ok(tenant.to_owned())
}

fn is_alive(issued: &Issued) -> bool {
    let now = clock::unix_now();
    issued.second("exp").is_some_and(|end| now < end) && issued.second("nbf").is_none_or(|start| start <= now)
}

fn framing(request: &Received) -> Result<(), Refusal> {
    // A 415 makes the Go SDK retry its request without gzip (facts, section 5).
    if request.header_values("content-encoding").any(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return refuse(415, "UnsupportedMediaType", "The body is encoded.");
    }
    if !request.has_media_type("application/json") {
        return refuse(400, "BadRequest", "Content-Type is not application/json.");
    }
    if request.query.is_some() {
        return refuse(400, "BadRequest", "The action takes no query.");
    }
    Ok(())
}

impl Ids {
    pub(crate) fn of(request: &Received) -> Self {
        Self { request: Uuid::new_v4().to_string(), client: request.header("client-request-id").map(str::to_owned) }
    }

    pub(crate) fn on(&self, answer: Answer) -> Answer {
        let answer = answer.header("request-id", &self.request);
        match &self.client {
            Some(client) => answer.header("client-request-id", client),
            None => answer,
        }
    }

    pub(crate) fn refusal(&self, refusal: &Refusal) -> Answer {
        let body = json!({ "error": {
            "code": refusal.code,
            "message": refusal.message,
            "innerError": {
                "date": clock::graph_now(),
                "request-id": self.request,
                "client-request-id": self.client.as_ref().unwrap_or(&self.request),
            },
        }});
        let answer = self.on(Answer::json(refusal.status, &body));
        match refusal.status {
            401 => answer.header(
                "WWW-Authenticate",
                format!(
                    "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                     client_id=\"{GRAPH_APPLICATION_ID}\""
                ),
            ),
            _ => answer,
        }
    }
}

/// Returns the error for a path that the emulated Graph does not have.
pub(crate) fn not_found() -> Answer {
    let ids = Ids { request: Uuid::new_v4().to_string(), client: None };
    ids.refusal(&Refusal {
        status: 404,
        code: "ResourceNotFound",
        message: "There is nothing at this path.".to_owned(),
    })
}
