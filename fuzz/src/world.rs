//! Configuration of a gateway, and a platform that responds at once.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use remediation_gateway::caches::Environment;
use remediation_gateway::code::Code;
use remediation_gateway::config::{Config, Variables};
use remediation_gateway::graph::settings::GraphSettings;
use remediation_gateway::http::Response;
use remediation_gateway::ledger::LedgerService;
use remediation_gateway::problem;
use remediation_gateway::problem::error::GatewayError;
use remediation_gateway::runtime::{
    Background, Clock, Domains, Guids, HttpClient, HttpRequest, HttpResponse, Log, SendError, Signer, Timers, Verifier,
};
use remediation_gateway::secret::{Secret, SecretBytes};
use remediation_gateway::time::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::storage::MemoryStorage;

/// Current time: 2027-01-15T08:00:00.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// Tenant of the gateway.
pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// Tenant of the caller "script".
pub(crate) const OTHER_TENANT: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
/// Audiences of the gateway.
pub(crate) const AUDIENCES: [&str; 2] = ["api://remediation-gateway", "00001111-aaaa-2222-bbbb-3333cccc4444"];
/// Object ID of the only caller with tokens.
pub(crate) const OBJECT_ID: &str = "11111111-0000-0000-0000-000000000001";
/// API key of the other caller, "script".
pub(crate) const API_KEY: &str = "rgk_of-the-script";
/// Permitted actions of both callers.
pub(crate) const PERMITTED_ACTIONS: [&str; 2] = ["softDelete", "moveToQuarantine"];
/// Permitted domain of "script", including all subdomains.
pub(crate) const DOMAIN: &str = "contoso.com";
/// The protected domain and, in [`DOMAIN`], the protected local part.
pub(crate) const PROTECTED: &str = "evidence.contoso.com";
pub(crate) const PROTECTED_LOCAL_PART: &str = "journal";
/// Maximum number of emails of "script" in one request.
pub(crate) const MAX_EMAILS: usize = 3;
/// Signature that this platform accepts for any content.
pub(crate) const SIGNATURE: &[u8] = b"signed";
/// Graph's link to the progress of a remediation.
const LOCATION: &str = r#"https://security.microsoft.com/action-center/history?filters={"bulkId":["the-bulk-id"]}&tid=aaaabbbb-0000-cccc-1111-dddd2222eeee"#;
/// ID of the only published key.
const KEY_ID: &str = "the-key";

/// Returns the code and response for an error.
pub(crate) fn error_response(error: &GatewayError) -> (Code, Response) {
    let context = problem::ProblemContext {
        instance: None,
        is_graph_path: false,
        request_id: "id",
        client_request_id: None,
        began: NOW,
    };
    problem::to_response(error, context)
}

/// Returns the configuration's variables.
pub(crate) fn variables() -> Variables {
    let digest = Sha256::digest(API_KEY);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digest: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    Variables::from([
        ("TENANT_ID", json!(TENANT)),
        ("CLIENT_ID", json!("22222222-0000-0000-0000-000000000001")),
        ("CLIENT_SECRET", json!("the~client.secret")),
        ("AUDIENCE", json!(AUDIENCES)),
        ("LEDGER", json!({})),
        ("PROTECTED_RECIPIENTS", json!([PROTECTED, format!("{PROTECTED_LOCAL_PART}@{DOMAIN}")])),
        (
            "CALLERS",
            json!([
                {
                    "name": "playbook", "object_id": OBJECT_ID, "actions": PERMITTED_ACTIONS,
                    "recipient_domains": ["*"], "senders_copy": true,
                },
                {
                    "name": "script", "tenant_id": OTHER_TENANT, "api_key_sha256": [digest],
                    "actions": PERMITTED_ACTIONS, "recipient_domains": [format!("*.{DOMAIN}")], "whole_messages": true,
                    "max_emails_per_request": MAX_EMAILS,
                },
            ]),
        ),
    ])
}

/// Environment of the gateway.
#[derive(Clone)]
pub(crate) struct FixedEnvironment;

impl Environment for FixedEnvironment {
    fn is_same(&self, _: &Self) -> bool {
        true
    }

    fn variables(&self) -> Variables {
        variables()
    }

    async fn count_request(&self, _: &str) -> Option<bool> {
        None
    }
}

/// Returns a ledger without records.
pub(crate) fn ledger() -> LedgerService<MemoryStorage> {
    LedgerService::new(MemoryStorage::default())
}

/// Returns the settings for an object, as one line.
pub(crate) fn settings() -> Secret {
    GraphSettings::line(&CONFIG)
}

/// Validated configuration.
pub(crate) static CONFIG: LazyLock<Config> =
    LazyLock::new(|| Config::check(&variables(), &FakeRuntime::default(), NOW).expect("the configuration is valid"));

/// Returns a set with the only published key. Its parameters are strong, and it has no known private key.
pub(crate) fn key_set() -> Value {
    json!({ "keys": [{ "kty": "RSA", "use": "sig", "kid": KEY_ID, "n": "w".repeat(342), "e": "AQAB" }] })
}

/// Returns the output of `future`, which must be ready at once, as everything is on this platform.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits for an event that never happens"),
    }
}

/// Platform on which only sleeping takes time.
#[derive(Clone, Default)]
pub(crate) struct FakeRuntime(Rc<Inner>);

#[derive(Default)]
struct Inner {
    slept: Cell<Duration>,
    guids: Cell<u64>,
    lines: RefCell<Vec<String>>,
    responses: RefCell<VecDeque<Result<HttpResponse, SendError>>>,
    calls: RefCell<Vec<String>>,
    submitted: RefCell<Vec<Vec<u8>>>,
}

impl FakeRuntime {
    /// Scripts the response to the next call. Without a script, Microsoft responds successfully.
    pub(crate) fn script_response(&self, response: Result<HttpResponse, SendError>) {
        self.0.responses.borrow_mut().push_back(response);
    }

    /// Returns the logged lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lines.borrow().clone()
    }

    /// Returns URL, headers and body of each call. [`Self::submitted`] has the bodies for Graph.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.0.calls.borrow().clone()
    }

    /// Returns the bodies that Graph received.
    pub(crate) fn submitted(&self) -> Vec<Vec<u8>> {
        self.0.submitted.borrow().clone()
    }
}

impl Clock for FakeRuntime {
    fn now(&self) -> Timestamp {
        NOW.plus(self.0.slept.get())
    }
}

impl Guids for FakeRuntime {
    fn new_guid(&self) -> String {
        self.0.guids.set(self.0.guids.get() + 1);
        format!("99999999-0000-4000-8000-{:012x}", self.0.guids.get())
    }
}

impl Log for FakeRuntime {
    fn log(&self, line: &str) {
        self.0.lines.borrow_mut().push(line.to_owned());
    }
}

/// Maps characters to other characters and to dots, with results as surprising as those of UTS #46.
impl Domains for FakeRuntime {
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

impl Timers for FakeRuntime {
    async fn sleep(&self, duration: Duration) {
        self.0.slept.set(self.0.slept.get().saturating_add(duration));
    }
}

impl Background for FakeRuntime {
    fn defer(&self, task: impl Future<Output = ()> + 'static) {
        run(task);
    }
}

impl Verifier for FakeRuntime {
    type Key = ();

    async fn import_rs256(&self, _: &str, _: &str) -> Option<()> {
        Some(())
    }

    async fn verify_rs256(&self, (): &(), _: &[u8], signature: &[u8]) -> bool {
        signature == SIGNATURE
    }
}

impl Signer for FakeRuntime {
    async fn sign_ps256(&self, _: &SecretBytes, _: &[u8]) -> Option<Vec<u8>> {
        Some(SIGNATURE.to_vec())
    }
}

impl HttpClient for FakeRuntime {
    async fn send(&self, call: HttpRequest<'_>) -> Result<HttpResponse, SendError> {
        let mut body = call.body.unwrap_or_default();
        let (status, headers, response_body) = match call.url {
            url if url.ends_with("/oauth2/v2.0/token") => {
                (200, Vec::new(), json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "t" }))
            }
            url if url.starts_with("https://graph.microsoft.com/") && call.body.is_none() => {
                (200, Vec::new(), message_list(url))
            }
            url if url.starts_with("https://graph.microsoft.com/") => {
                self.0.submitted.borrow_mut().push(std::mem::take(&mut body).to_vec());
                (202, vec![("location", LOCATION.to_owned())], Value::Null)
            }
            _ => (200, Vec::new(), key_set()),
        };
        let body = String::from_utf8_lossy(body);
        self.0.calls.borrow_mut().push(format!("{} {:?} {body}", call.url, call.headers));
        let good = || Ok(HttpResponse { status, headers, body: Ok(response_body.to_string().into_bytes()) });
        self.0.responses.borrow_mut().pop_front().unwrap_or_else(good)
    }
}

/// Returns the list of the message in a URL: one recipient to remediate, one that is protected, and one in quarantine.
fn message_list(url: &str) -> Value {
    let message = url.split('\'').nth(1).unwrap_or_default();
    let row = |recipient: &str, location: &str| {
        json!({
            "networkMessageId": message, "recipientEmailAddress": format!("{recipient}@{DOMAIN}"),
            "latestDelivery": { "location": location },
        })
    };
    json!({ "value": [row("a", "inbox_folder"), row(PROTECTED_LOCAL_PART, "junkFolder"), row("b", "quarantine")] })
}

/// Returns a member's value if it is a string.
pub(crate) fn string_member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}
