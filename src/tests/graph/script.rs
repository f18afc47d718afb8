//! Platform that plays a script.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::json;

use crate::config::{Config, Variables};
use crate::graph::access::GraphAccess;
use crate::graph::app_token::AppTokenCache;
use crate::graph::error::GraphError;
use crate::graph::response::Accepted;
use crate::graph::settings::GraphSettings;
use crate::graph::submit::{Submission, submit};
use crate::runtime::{
    BodyError, Clock, Domains, Guids, HttpClient, HttpRequest, HttpResponse, SendError, Signer, Timers,
};
use crate::secret::SecretBytes;
use crate::time::{Timestamp, millis_of};

/// Scripted platform. Its clock moves only during calls and waits.
pub(super) struct ScriptedRuntime {
    pub(super) now: Cell<Timestamp>,
    calls: RefCell<VecDeque<ScriptedCall>>,
    /// Calls and waits, each with its time in seconds.
    pub(super) seen: RefCell<Vec<String>>,
    guids: Cell<u32>,
    pub(super) client_request_ids: RefCell<Vec<String>>,
}

/// Scripted event of a call.
#[derive(Clone)]
pub(super) enum ScriptedCall {
    /// Token from the token endpoint, valid for an hour, after this number of seconds.
    Token(u64),
    /// Response.
    Response(u16, Option<&'static str>),
    /// Response with an incomplete body.
    Cut(u16),
    /// Failed connection after this number of seconds.
    Fails(u64),
    /// No response.
    Hangs,
}
use ScriptedCall::{Cut, Fails, Hangs, Response, Token};

impl ScriptedRuntime {
    pub(super) fn new(calls: &[ScriptedCall]) -> Self {
        Self {
            now: Cell::new(Timestamp::from_seconds(1000)),
            calls: RefCell::new(calls.iter().cloned().collect()),
            seen: RefCell::default(),
            guids: Cell::default(),
            client_request_ids: RefCell::default(),
        }
    }

    fn pass(&self, time: Duration) {
        self.now.set(self.now.get().plus(time));
    }

    fn record(&self, what: &str) {
        let second = self.now.get().since(Timestamp::from_seconds(1000)).as_secs();
        self.seen.borrow_mut().push(format!("{second} {what}"));
    }
}

impl Clock for ScriptedRuntime {
    fn now(&self) -> Timestamp {
        self.now.get()
    }
}

impl Guids for ScriptedRuntime {
    fn new_guid(&self) -> String {
        self.guids.set(self.guids.get() + 1);
        format!("guid-{}", self.guids.get())
    }
}

impl Timers for ScriptedRuntime {
    async fn sleep(&self, duration: Duration) {
        self.record("wait");
        self.pass(duration);
    }
}

impl HttpClient for ScriptedRuntime {
    async fn send(&self, request: HttpRequest<'_>) -> Result<HttpResponse, SendError> {
        let is_token = request.url.ends_with("/oauth2/v2.0/token");
        let header = |name| request.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        if is_token {
            self.record("token");
        } else {
            assert!(request.url.ends_with("/beta/security/collaboration/analyzedEmails/remediate"), "{}", request.url);
            assert_eq!(request.body, Some(&b"the remediation"[..]));
            self.record(header("Authorization").unwrap());
            self.client_request_ids.borrow_mut().push(header("client-request-id").unwrap().to_owned());
        }
        let call = self.calls.borrow_mut().pop_front().expect("an unscripted call");
        assert!(is_token || !matches!(call, Token(_)), "Graph has no token endpoint");
        let response = |status, retry_after: Option<&str>, body| HttpResponse {
            status,
            headers: retry_after.map(|seconds| ("retry-after", seconds.to_owned())).into_iter().collect(),
            body,
        };
        let took = match call {
            Token(seconds) | Fails(seconds) => Duration::from_secs(seconds),
            Hangs => Duration::MAX,
            Response(..) | Cut(_) => Duration::ZERO,
        };
        self.pass(took.min(request.deadline));
        if took >= request.deadline {
            return Err(SendError::Deadline);
        }
        match call {
            Token(_) => {
                let token = format!("t{}", self.seen.borrow().len());
                let body = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token });
                Ok(response(200, None, Ok(body.to_string().into_bytes())))
            }
            Response(409, _) => {
                Ok(response(409, None, Ok(br#"{"error":{"message":"Duplicate remediation"}}"#.to_vec())))
            }
            Response(status, retry_after) => Ok(response(status, retry_after, Ok(Vec::new()))),
            Cut(status) => Ok(response(status, None, Err(BodyError::Failed(SendError::Connection)))),
            Fails(_) | Hangs => Err(SendError::Connection),
        }
    }
}

/// Never called, because these tests use a secret as credential.
impl Signer for ScriptedRuntime {
    async fn sign_ps256(&self, _: &SecretBytes, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

impl Domains for ScriptedRuntime {
    fn to_ascii(&self, domain: &str) -> Option<String> {
        Some(domain.to_owned())
    }
}

fn config(script: &ScriptedRuntime) -> Config {
    let variables = Variables::from([
        ("TENANT_ID", json!("aaaabbbb-0000-cccc-1111-dddd2222eeee")),
        ("CLIENT_ID", json!("00001111-aaaa-2222-bbbb-3333cccc4444")),
        ("CLIENT_SECRET", json!("a-secret")),
        (
            "CALLERS",
            json!([{ "name": "a", "api_key_sha256": ["0".repeat(64)], "actions": ["softDelete"], "recipient_domains": ["*"] }]),
        ),
        ("LEDGER", json!({})),
    ]);
    Config::check(&variables, script, script.now()).unwrap()
}

/// Runs a future that waits only for this script, which responds at once.
fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the script never waits"),
    }
}

/// Returns the settings of the gateway that calls this script, without a cached token.
pub(super) fn access(script: &ScriptedRuntime) -> GraphAccess {
    GraphAccess {
        settings: GraphSettings::of(&config(script)),
        app_token: AppTokenCache::default(),
        page_reads: Rc::default(),
    }
}

pub(super) fn run_submit(script: &ScriptedRuntime, access: &GraphAccess, budget: u64) -> Result<Accepted, GraphError> {
    let submission =
        Submission { version: crate::remediation::GraphVersion::Beta, newer_member: false, body: b"the remediation" };
    let until = script.now().plus(Duration::from_secs(budget));
    let result = run(submit(script, access, submission, until));
    assert!(script.now() <= until, "the budget is exceeded by {} ms", millis_of(script.now().since(until)));
    assert!(script.calls.borrow().is_empty(), "left over");
    result
}
