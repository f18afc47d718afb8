//! Complete gateway that tests call as its callers do.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};

use super::runtime::TestRuntime;
use super::stage::{Stage, Started};
use super::storage::MemoryStorage;
use super::upstream::Reply;
use super::{FixedEnvironment, TENANT, description, entra, variables};
use crate::caches::{Configured, Environment, IsolateCaches};
use crate::config::{Config, Variables};
use crate::gateway::handover::{FORMAT, FORMAT_HEADER};
use crate::gateway::{self, Handled};
use crate::http::{DeclaredBody, Request, RequestBody, RequestBodyError, RequestHeaders, Response};
use crate::ledger::LedgerService;
use crate::runtime::Verifier;
use crate::secret::Secret;

/// URLs of the gateway's token and of Graph's remediation action.
pub(crate) const TOKEN_URL: &str =
    "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/oauth2/v2.0/token";
pub(crate) const GRAPH_URL: &str = "https://graph.microsoft.com/beta/security/collaboration/analyzedEmails/remediate";

/// Gateway on a stage. Microsoft responds successfully by default.
pub(crate) struct Gateway {
    pub(crate) stage: Stage,
    pub(crate) caches: Rc<IsolateCaches<FixedEnvironment, <TestRuntime as Verifier>::Key>>,
    /// Environment of the next request.
    pub(crate) environment: FixedEnvironment,
    /// Caches of the objects' isolate. The objects receive only the message.
    objects: Rc<IsolateCaches<FixedEnvironment, ()>>,
    /// Ledgers by their names.
    ledgers: Rc<RefCell<BTreeMap<String, StoredLedgerService>>>,
}

/// Ledger and its storage.
type StoredLedgerService = (MemoryStorage, Rc<LedgerService<MemoryStorage>>);

/// Body that arrives completely.
struct CompleteBody(Vec<u8>);

impl RequestBody for CompleteBody {
    async fn read(self, declared: DeclaredBody, cap: usize) -> Result<Vec<u8>, RequestBodyError> {
        assert!(!declared.is_gzip, "only the platform decompresses");
        if self.0.len() > cap { Err(RequestBodyError::TooLarge) } else { Ok(self.0) }
    }
}

/// Returns a remediation of one email for each recipient.
pub(crate) fn payload(action: &str, recipients: &[&str]) -> Value {
    let emails: Vec<Value> = recipients
        .iter()
        .map(|recipient| {
            json!({ "networkMessageId": "73ca4154-58d8-43d0-a890-08dc18c52e6d", "recipientEmailAddress": recipient })
        })
        .collect();
    json!({
        "displayName": "Clean up", "description": "Delete email", "severity": "medium", "action": action,
        "remediateSendersCopy": false, "analyzedEmails": emails,
    })
}

/// Returns a POST over HTTPS.
pub(crate) fn post(path: &str, query: &str, headers: RequestHeaders) -> Request {
    let [method, scheme, host, path, query] = ["POST", "https", "gateway.example", path, query].map(str::to_owned);
    Request { method, scheme, host, path, query, headers }
}

/// Returns the headers of a JSON POST with this `Authorization`.
pub(crate) fn authorization(value: &str) -> RequestHeaders {
    RequestHeaders {
        authorization: Some(Secret::new(value.to_owned())),
        content_type: Some("application/json".to_owned()),
        ..RequestHeaders::default()
    }
}

/// Returns the headers of a JSON POST with this `X-API-Key`.
pub(crate) fn api_key(value: &str) -> RequestHeaders {
    RequestHeaders { authorization: None, api_key: Some(Secret::new(value.to_owned())), ..authorization("") }
}

/// Returns the public code of a response, or `accepted` if it has none.
pub(crate) fn code(response: &Response) -> String {
    let body: Value = serde_json::from_str(&response.body).unwrap();
    body.pointer("/error/code").and_then(Value::as_str).unwrap_or("accepted").to_owned()
}

fn on_storage(storage: MemoryStorage) -> StoredLedgerService {
    (storage.clone(), Rc::new(LedgerService::new(storage)))
}

impl Default for Gateway {
    fn default() -> Self {
        Self::new(variables())
    }
}

impl Gateway {
    /// Returns a gateway with this configuration.
    pub(crate) fn new(variables: Variables) -> Self {
        let stage = Stage::default();
        let upstream = stage.runtime.upstream();
        for (url, keys) in entra::key_sets() {
            upstream.respond(url, keys);
        }
        upstream.respond(
            TOKEN_URL,
            Reply::json(&json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "graph.token" })),
        );
        let location = format!(
            r#"https://security.microsoft.com/action-center/history?filters={{"bulkId":["00000000-0000-0000-0000-0000000000b1"]}}&tid={TENANT}"#
        );
        upstream.respond(GRAPH_URL, Reply::Response(202, vec![("location", location)], Vec::new()));
        let environment = FixedEnvironment::new(variables);
        Self { stage, caches: Rc::default(), environment, objects: Rc::default(), ledgers: Rc::default() }
    }

    /// Returns the configuration, which must be valid.
    pub(crate) fn config(&self) -> Rc<Config> {
        Rc::new(self.stage.runtime.check(&self.environment.variables()).unwrap())
    }

    /// Returns the isolate's state for the environment, which must be valid.
    pub(crate) fn configured(&self) -> Rc<Configured<<TestRuntime as Verifier>::Key>> {
        self.caches.configured(&self.stage.runtime, &self.environment).unwrap()
    }

    /// Starts an exchange. The description must cover its response.
    pub(crate) fn start(&mut self, request: Request, body: Vec<u8>) -> Started<Response> {
        let (runtime, caches) = (self.stage.runtime.clone(), Rc::clone(&self.caches));
        let (environment, objects) = (self.environment.clone(), Rc::clone(&self.objects));
        let ledgers = Rc::clone(&self.ledgers);
        self.stage.start(async move {
            let handled = gateway::handle_request(&runtime, &caches, &environment, &request, CompleteBody(body)).await;
            let response = match handled {
                Handled::Response(response) => response,
                Handled::Job(job, head, graph_request) => {
                    let new = || on_storage(MemoryStorage::default());
                    let ledger = Rc::clone(&ledgers.borrow_mut().entry(job.ledger_name()).or_insert_with(new).1);
                    let message = [head.expose(), graph_request.as_bytes()].concat();
                    let mut response = gateway::execute(&runtime, &objects, false, &ledger, message).await;
                    assert_eq!(response.headers.pop(), Some((FORMAT_HEADER, FORMAT.to_owned())));
                    response
                }
            };
            description::check_response(&request.method, &request.path, &response).unwrap();
            response
        })
    }

    /// Replaces each object by a new one on its storage. Drop what has started before: it was in the old one.
    pub(crate) fn crash(&mut self) {
        self.stage.run_until_stalled();
        for ledger in self.ledgers.borrow_mut().values_mut() {
            *ledger = on_storage(ledger.0.clone());
        }
    }

    /// Runs an exchange from start to end.
    pub(crate) fn ask(&mut self, request: Request, body: Vec<u8>) -> Response {
        let started = self.start(request, body);
        self.stage.finish(started)
    }

    /// Sends `POST /remediate` with these headers and this payload.
    pub(crate) fn remediate(&mut self, headers: RequestHeaders, payload: &Value) -> Response {
        self.ask(Self::post("", headers), payload.to_string().into_bytes())
    }

    /// Sends `POST /remediate?validateOnly=true` with these headers and a payload that all callers of [`variables`] may
    /// send.
    pub(crate) fn validate(&mut self, headers: RequestHeaders) -> Response {
        let payload = payload("softDelete", &["hannah@contoso.com"]);
        self.ask(Self::post("validateOnly=true", headers), payload.to_string().into_bytes())
    }

    fn post(query: &str, headers: RequestHeaders) -> Request {
        post("/remediate", query, headers)
    }

    /// Removes and returns the only logged line.
    pub(crate) fn logged(&self) -> Value {
        let lines = self.stage.runtime.take_log();
        assert_eq!(lines.len(), 1, "{lines:?}");
        serde_json::from_str(&lines[0]).unwrap()
    }
}
