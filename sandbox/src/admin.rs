//! Admin routes of the sandbox under `/sandbox/`: recorded requests, scripted responses, tokens and keys.

use hyper::Method;
use serde_json::{Value, json};

use crate::{
    mailboxes::Seed,
    object::parse_object,
    received::Received,
    record::{Recorded, Response},
    script::ScriptedResponse,
    state::State,
    tokens::TokenRequest,
};

/// Responds to an admin request. Admin requests are not recorded.
pub(crate) fn respond(state: &State, request: &Received) -> Response {
    let post = request.method == Method::POST;
    let get = request.method == Method::GET;
    match request.path.as_str() {
        "/sandbox/requests" if get => {
            Response::json(200, &state.with_recorded(|all| all.iter().map(Recorded::to_json).collect::<Value>()))
        }
        "/sandbox/requests" if request.method == Method::DELETE => {
            state.clear();
            Response::new(204)
        }
        "/sandbox/requests" => Response::method_not_allowed("GET, DELETE"),
        "/sandbox/next" if post => match ScriptedResponse::from_json(&request.body).and_then(|next| state.script(next))
        {
            Ok(()) => Response::new(204),
            Err(error) => bad_request(&error.to_string()),
        },
        "/sandbox/messages" if post => {
            match Seed::from_json(&request.body).and_then(|seed| state.mailboxes().seed(&state.settings, seed)) {
                Ok(()) => Response::new(204),
                Err(error) => bad_request(&error.to_string()),
            }
        }
        "/sandbox/token" if get => issue_token(state, &TokenRequest::default()),
        "/sandbox/token" if post => match parse_object(&request.body) {
            Ok(wanted) => issue_token(state, &wanted),
            Err(error) => bad_request(&error),
        },
        "/sandbox/token" => Response::method_not_allowed("GET, POST"),
        "/sandbox/keys/rotate" if post => {
            state.keys().rotate();
            Response::json(200, &json!({ "kid": state.keys().current.kid() }))
        }
        "/sandbox/messages" | "/sandbox/next" | "/sandbox/keys/rotate" => Response::method_not_allowed("POST"),
        _ => Response::json(404, &json!({ "error": "the sandbox has no such route" })),
    }
}

fn issue_token(state: &State, request: &TokenRequest) -> Response {
    let token = state.issue(request);
    Response::json(200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": request.lifetime() }))
}

fn bad_request(reason: &str) -> Response {
    Response::json(400, &json!({ "error": reason }))
}
