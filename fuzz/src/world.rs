//! A gateway's configuration, and a platform that answers at once.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use remediation_gateway::config::{Config, Variables};
use remediation_gateway::graph::answer::Accepted;
use remediation_gateway::graph::settings::{GraphAccess, GraphSettings};
use remediation_gateway::http::Answer;
use remediation_gateway::isolate::Environment;
use remediation_gateway::ledger::{Order, Quota, Settled, Settlement};
use remediation_gateway::ports::{
    Background, Call, Clock, Domains, Guids, Http, Ledger, LedgerFailure, Log, Received, SendFailure, Signatures,
    Signing, Timers,
};
use remediation_gateway::problem::{self, Code, Refusal};
use remediation_gateway::secret::{Secret, SecretBytes};
use remediation_gateway::time::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Now: 2027-01-15T08:00:00.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// The tenant.
pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// The audiences.
pub(crate) const AUDIENCES: [&str; 2] = ["api://remediation-gateway", "00001111-aaaa-2222-bbbb-3333cccc4444"];
/// The object id of the one caller that is known by a token.
pub(crate) const OBJECT_ID: &str = "11111111-0000-0000-0000-000000000001";
/// The API key of the other caller, "script".
pub(crate) const API_KEY: &str = "rgk_of-the-script";
/// The actions that both callers are granted.
pub(crate) const GRANTED: [&str; 2] = ["softDelete", "moveToQuarantine"];
/// The domain that "script" is granted, with all below it.
pub(crate) const DOMAIN: &str = "contoso.com";
/// How many emails "script" may send in one request.
pub(crate) const MOST_EMAILS: usize = 3;
/// The signature that this platform takes for good, whatever was signed.
pub(crate) const SIGNATURE: &[u8] = b"signed";
/// The id of the one key that the issuers publish.
const KEY_ID: &str = "the-key";

/// What a refusal answers.
pub(crate) fn refused(refusal: &Refusal) -> (Code, Answer) {
    let context = problem::Context { instance: None, request_id: "id", client_request_id: None, now: NOW };
    problem::answer(refusal, context)
}

/// The configuration of the gateway.
pub(crate) fn variables() -> Variables {
    let digest: String = Sha256::digest(API_KEY).iter().map(|byte| format!("{byte:02x}")).collect();
    Variables::from([
        ("TENANT_ID", json!(TENANT)),
        ("CLIENT_ID", json!("22222222-0000-0000-0000-000000000001")),
        ("CLIENT_SECRET", json!("the~client.secret")),
        ("AUDIENCE", json!(AUDIENCES)),
        ("LEDGER", json!({})),
        (
            "CALLERS",
            json!([
                { "name": "playbook", "object_id": OBJECT_ID, "actions": GRANTED },
                {
                    "name": "script", "api_key_sha256": [digest], "actions": GRANTED,
                    "recipient_domains": [format!("*.{DOMAIN}")], "max_emails_per_request": MOST_EMAILS,
                },
            ]),
        ),
    ])
}

/// The environment of the gateway.
#[derive(Clone)]
pub(crate) struct Fixed;

impl Environment for Fixed {
    fn is_same(&self, _: &Self) -> bool {
        true
    }

    fn variables(&self) -> Variables {
        variables()
    }
}

/// The settings for an object, as one line.
pub(crate) fn settings() -> Secret {
    GraphSettings::line(&CONFIG)
}

/// The configuration, checked.
pub(crate) static CONFIG: LazyLock<Config> =
    LazyLock::new(|| Config::check(&variables(), &StillPlatform::default(), NOW).expect("the configuration is whole"));

/// A set of the one key that the issuers publish: strong by its figures, and nobody's.
pub(crate) fn key_set() -> Value {
    json!({ "keys": [{ "kty": "RSA", "use": "sig", "kid": KEY_ID, "n": "w".repeat(342), "e": "AQAB" }] })
}

/// What `future` gives. It must be done at once, as everything is on this platform.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for something that never happens"),
    }
}

/// A platform on which nothing takes time but sleeping.
#[derive(Clone, Default)]
pub(crate) struct StillPlatform(Rc<Inner>);

#[derive(Default)]
struct Inner {
    slept: Cell<Duration>,
    guids: Cell<u64>,
    lines: RefCell<Vec<String>>,
    answers: RefCell<VecDeque<Result<Received, SendFailure>>>,
    calls: RefCell<Vec<String>>,
    orders: RefCell<Vec<(Order, Vec<u8>)>>,
}

impl StillPlatform {
    /// Has the next call answered so. Where none is left, the issuers' keys come.
    pub(crate) fn will_answer(&self, answer: Result<Received, SendFailure>) {
        self.0.answers.borrow_mut().push_back(answer);
    }

    /// The lines that were logged.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lines.borrow().clone()
    }

    /// URL, headers and body of each call that was made.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.0.calls.borrow().clone()
    }

    /// The orders that were given, each with the body for Graph.
    pub(crate) fn orders(&self) -> Vec<(Order, Vec<u8>)> {
        self.0.orders.borrow().clone()
    }
}

impl Clock for StillPlatform {
    fn now(&self) -> Timestamp {
        NOW.plus(self.0.slept.get())
    }
}

impl Guids for StillPlatform {
    fn new_guid(&self) -> String {
        self.0.guids.set(self.0.guids.get() + 1);
        format!("99999999-0000-4000-8000-{:012x}", self.0.guids.get())
    }
}

impl Log for StillPlatform {
    fn log(&self, line: &str) {
        self.0.lines.borrow_mut().push(line.to_owned());
    }
}

/// Not what UTS #46 says, but as surprising: characters become others, and dots.
impl Domains for StillPlatform {
    fn to_ascii(&self, domain: &str) -> Option<String> {
        let ascii = |character: char| match character {
            '\u{3002}' => '.',
            '\u{ff0f}' => '/',
            _ if character.is_ascii() => character.to_ascii_lowercase(),
            _ => 'x',
        };
        (!domain.contains('\u{fffd}')).then(|| domain.chars().map(ascii).collect())
    }
}

impl Timers for StillPlatform {
    async fn sleep(&self, duration: Duration) {
        self.0.slept.set(self.0.slept.get().saturating_add(duration));
    }
}

impl Background for StillPlatform {
    fn defer(&self, task: impl Future<Output = ()> + 'static) {
        run(task);
    }
}

impl Signatures for StillPlatform {
    type Key = ();

    async fn import_rs256(&self, _: &str, _: &str) -> Option<()> {
        Some(())
    }

    async fn verify_rs256(&self, (): &(), _: &[u8], signature: &[u8]) -> bool {
        signature == SIGNATURE
    }
}

impl Signing for StillPlatform {
    async fn sign_ps256(&self, _: &SecretBytes, _: &[u8]) -> Option<Vec<u8>> {
        Some(SIGNATURE.to_vec())
    }
}

impl Http for StillPlatform {
    async fn send(&self, call: Call<'_>) -> Result<Received, SendFailure> {
        let body = String::from_utf8_lossy(call.body.unwrap_or_default());
        self.0.calls.borrow_mut().push(format!("{} {:?} {body}", call.url, call.headers));
        self.0.answers.borrow_mut().pop_front().unwrap_or_else(|| {
            Ok(Received { status: 200, headers: Vec::new(), body: Ok(key_set().to_string().into_bytes()) })
        })
    }
}

/// Every order is accepted.
impl Ledger for StillPlatform {
    async fn settle(
        &self,
        _: &GraphAccess,
        order: &Order,
        graph_request: Vec<u8>,
        _: Timestamp,
    ) -> Result<Settled, LedgerFailure> {
        self.0.orders.borrow_mut().push((order.clone(), graph_request));
        let location = format!(
            r#"https://security.microsoft.com/action-center/history?filters={{"bulkId":["the-bulk-id"]}}&tid={TENANT}"#
        );
        let accepted =
            Accepted { location, location_error: None, duplicate: false, graph_request_id: None, status: 202 };
        let limit = order.emails_per_hour;
        Ok(Settled {
            settlement: Settlement::Accepted { accepted, replayed: false },
            quota: Quota { limit, remaining: limit.saturating_sub(order.emails), reset: 0 },
        })
    }
}

/// A claim of a token is looked up like any member.
pub(crate) fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}
