//! The sandbox's own routes, under `/sandbox/`: what it was sent, what it shall do next, tokens and keys.

use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    entra::method_not_allowed, record::Answer, script::NextAnswer, state::State, tokens::TokenRequest, wire::Received,
};

/// The answer to an admin request. None of these is recorded.
pub(crate) fn answer(state: &State, request: &Received) -> Answer {
    let post = request.method == Method::POST;
    let get = request.method == Method::GET;
    match request.path.as_str() {
        "/sandbox/requests" if get => {
            Answer::json(200, &state.look(|all| all.iter().map(crate::Recorded::to_json).collect::<Value>()))
        }
        "/sandbox/requests" if request.method == Method::DELETE => {
            state.clear();
            Answer::new(204)
        }
        "/sandbox/requests" => method_not_allowed("GET, DELETE"),
        "/sandbox/next" if post => match NextAnswer::from_json(&request.body).and_then(|next| state.script(next)) {
            Ok(()) => Answer::new(204),
            Err(error) => bad(&error.to_string()),
        },
        "/sandbox/token" if get => token(state, &TokenRequest::default()),
        "/sandbox/token" if post => match object(&request.body) {
            Ok(asked) => token(state, &asked),
            Err(error) => bad(&error),
        },
        "/sandbox/token" => method_not_allowed("GET, POST"),
        "/sandbox/keys/rotate" if post => {
            state.keys().rotate();
            Answer::json(200, &json!({ "kid": state.keys().current.kid() }))
        }
        "/sandbox/next" | "/sandbox/keys/rotate" => method_not_allowed("POST"),
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

/// Reads an object; nothing at all is the empty one. Without this, serde would take an array for it.
pub(crate) fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let body = body.trim_ascii();
    let body = if body.is_empty() { b"{}" } else { body };
    if !body.starts_with(b"{") {
        return Err("the body is not a JSON object".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
