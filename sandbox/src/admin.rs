//! Admin routes of the sandbox under `/sandbox/`: recorded requests, scripted responses, tokens and keys.

use hyper::Method;
use serde_json::{Value, json};

use crate::{
    mailboxes::Seed,
    object::object,
    received::Received,
    record::{Answer, Recorded},
    script::NextAnswer,
    state::State,
    tokens::TokenRequest,
};

/// Responds to an admin request. Admin requests are not recorded.
pub(crate) fn answer(state: &State, request: &Received) -> Answer {
    let post = request.method == Method::POST;
    let get = request.method == Method::GET;
    match request.path.as_str() {
        "/sandbox/requests" if get => {
            Answer::json(200, &state.look(|all| all.iter().map(Recorded::to_json).collect::<Value>()))
        }
        "/sandbox/requests" if request.method == Method::DELETE => {
            state.clear();
            Answer::new(204)
        }
        "/sandbox/requests" => Answer::method_not_allowed("GET, DELETE"),
        "/sandbox/next" if post => match NextAnswer::from_json(&request.body).and_then(|next| state.script(next)) {
            Ok(()) => Answer::new(204),
            Err(error) => bad(&error.to_string()),
        },
        "/sandbox/messages" if post => {
            match Seed::from_json(&request.body).and_then(|seed| state.mailboxes().seed(&state.settings, seed)) {
                Ok(()) => Answer::new(204),
                Err(error) => bad(&error.to_string()),
            }
        }
        "/sandbox/token" if get => token(state, &TokenRequest::default()),
        "/sandbox/token" if post => match object(&request.body) {
            Ok(asked) => token(state, &asked),
            Err(error) => bad(&error),
        },
        "/sandbox/token" => Answer::method_not_allowed("GET, POST"),
        "/sandbox/keys/rotate" if post => {
            state.keys().rotate();
            Answer::json(200, &json!({ "kid": state.keys().current.kid() }))
        }
        "/sandbox/messages" | "/sandbox/next" | "/sandbox/keys/rotate" => Answer::method_not_allowed("POST"),
        _ => Answer::json(404, &json!({ "error": "the sandbox has no such route" })),
    }
}

fn token(state: &State, asked: &TokenRequest) -> Answer {
    let token = state.issue(asked);
    Answer::json(200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": asked.lifetime() }))
}

fn bad(reason: &str) -> Answer {
    Answer::json(400, &json!({ "error": reason }))
}
