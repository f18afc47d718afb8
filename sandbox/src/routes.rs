//! Routes to Entra ID and Graph, and the course of one exchange.

use crate::{
    entra, graph, list,
    received::{Ending, Received},
    record::{Endpoint, Outcome, Response},
    script::Fault,
    state::State,
};

/// Parsed path.
enum Route<'a> {
    Token { tenant: &'a str },
    Keys { tenant: &'a str, v2: bool },
    Remediate { version: &'a str },
    AnalyzedEmails { version: &'a str },
    Unknown,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Self {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match segments.as_slice() {
            [tenant, "oauth2", "v2.0", "token"] => Self::Token { tenant },
            [tenant, "discovery", "v2.0", "keys"] => Self::Keys { tenant, v2: true },
            [tenant, "discovery", "keys"] => Self::Keys { tenant, v2: false },
            // Both the short name and the SDKs' name are valid (facts, section 1).
            [
                version @ ("beta" | "v1.0"),
                "security",
                "collaboration",
                "analyzedEmails",
                "remediate" | "microsoft.graph.security.remediate",
            ] => Self::Remediate { version },
            [version @ ("beta" | "v1.0"), "security", "collaboration", "analyzedEmails"] => {
                Self::AnalyzedEmails { version }
            }
            _ => Self::Unknown,
        }
    }

    fn endpoint(&self) -> Endpoint {
        match self {
            Self::Token { .. } => Endpoint::Token,
            Self::Keys { .. } => Endpoint::Keys,
            Self::Remediate { .. } => Endpoint::Remediate,
            Self::AnalyzedEmails { .. } => Endpoint::AnalyzedEmails,
            Self::Unknown => Endpoint::Other,
        }
    }

    fn respond(&self, state: &State, request: &Received) -> Response {
        match self {
            Self::Token { tenant } => entra::respond_with_token(state, tenant, request),
            Self::Keys { tenant, v2 } => entra::respond_with_keys(state, tenant, *v2, request),
            Self::Remediate { version } => graph::remediate(state, version, request),
            Self::AnalyzedEmails { version } => list::respond_with_list(state, version, request),
            Self::Unknown => graph::not_found(),
        }
    }
}

/// Records the request, and plays its script or calls the service.
pub(crate) async fn handle_exchange(state: &State, request: &Received) -> Ending {
    let route = Route::of(&request.path);
    // This subscription precedes the record of the request, because a test may release the response as soon as the
    // request is recorded.
    let mut released = state.released.subscribe();
    let number = state.record_arrival(route.endpoint(), request);
    let ending = match state.take_script(route.endpoint()) {
        None => Ending::Complete(route.respond(state, request)),
        Some(next) => {
            let mut own = next.accept_first.then(|| route.respond(state, request));
            tokio::time::sleep(next.delay).await;
            if next.held {
                // The sender lives in the state, so this waits and never fails.
                let _ = released.changed().await;
            }
            if own.is_none() && next.is_handled() {
                own = Some(route.respond(state, request));
            }
            match next.fault {
                None => Ending::Complete(next.response(own)),
                Some(Fault::CutAfter(after)) => Ending::Cut(next.response(own), after),
                Some(Fault::Close) => Ending::Close,
                Some(Fault::Hang) => Ending::Hang,
            }
        }
    };
    let outcome = match &ending {
        Ending::Complete(response) => Outcome::Answered(response.clone()),
        Ending::Cut(response, _) => Outcome::Cut(response.clone()),
        Ending::Close => Outcome::Closed,
        Ending::Hang => Outcome::Hung,
    };
    state.record_outcome(number, outcome);
    ending
}
