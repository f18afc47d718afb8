//! Section 8 of the contract, second by second: what is sent again, when, and what never is.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::json;

use super::*;
use crate::config::Variables;
use crate::graph::answer::GraphFault;
use crate::graph::app_token::TokenEndpointFault;
use crate::ports::{Domains, Signing, Unread};
use crate::secret::SecretBytes;
use crate::time::millis_of;

/// Answers as a test says, on a clock that moves only with calls and waits.
struct Script {
    now: Cell<Timestamp>,
    answers: RefCell<VecDeque<Played>>,
    /// The second at which each thing was asked or waited for.
    seen: RefCell<Vec<String>>,
    guids: Cell<u32>,
    client_request_ids: RefCell<Vec<String>>,
}

/// What happens to a call.
#[derive(Clone)]
enum Played {
    /// The token endpoint gives a token, good for an hour, after this many seconds.
    Token(u64),
    /// This answer comes.
    Answer(u16, Option<&'static str>),
    /// The same, but its body does not come whole.
    Cut(u16),
    /// The connection fails after this many seconds.
    Fails(u64),
    /// No answer comes.
    Hangs,
}
use Played::{Answer, Cut, Fails, Hangs, Token};

impl Script {
    fn new(answers: &[Played]) -> Self {
        Self {
            now: Cell::new(Timestamp::from_seconds(1000)),
            answers: RefCell::new(answers.iter().cloned().collect()),
            seen: RefCell::default(),
            guids: Cell::default(),
            client_request_ids: RefCell::default(),
        }
    }

    fn pass(&self, time: Duration) {
        self.now.set(self.now.get().plus(time));
    }

    fn see(&self, what: &str) {
        let second = self.now.get().since(Timestamp::from_seconds(1000)).as_secs();
        self.seen.borrow_mut().push(format!("{second} {what}"));
    }
}

impl Clock for Script {
    fn now(&self) -> Timestamp {
        self.now.get()
    }
}

impl Guids for Script {
    fn new_guid(&self) -> String {
        self.guids.set(self.guids.get() + 1);
        format!("guid-{}", self.guids.get())
    }
}

impl Timers for Script {
    async fn sleep(&self, duration: Duration) {
        self.see("wait");
        self.pass(duration);
    }
}

impl Http for Script {
    async fn send(&self, call: Call<'_>) -> Result<Received, SendFailure> {
        let is_token = call.url.ends_with("/oauth2/v2.0/token");
        let header = |name| call.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        if is_token {
            self.see("token");
        } else {
            assert!(call.url.ends_with("/beta/security/collaboration/analyzedEmails/remediate"), "{}", call.url);
            assert_eq!(call.body, Some(&b"the remediation"[..]));
            self.see(header("Authorization").unwrap());
            self.client_request_ids.borrow_mut().push(header("client-request-id").unwrap().to_owned());
        }
        let played = self.answers.borrow_mut().pop_front().expect("a call that the script does not know");
        assert!(is_token || !matches!(played, Token(_)), "Graph gives no tokens");
        let answered = |status, retry_after: Option<&str>, body| Received {
            status,
            headers: retry_after.map(|seconds| ("retry-after", seconds.to_owned())).into_iter().collect(),
            body,
        };
        let took = match played {
            Token(seconds) | Fails(seconds) => Duration::from_secs(seconds),
            Hangs => Duration::MAX,
            Answer(..) | Cut(_) => Duration::ZERO,
        };
        self.pass(took.min(call.deadline));
        if took >= call.deadline {
            return Err(SendFailure::Deadline);
        }
        match played {
            Token(_) => {
                let token = format!("t{}", self.seen.borrow().len());
                let body = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token });
                Ok(answered(200, None, Ok(body.to_string().into_bytes())))
            }
            Answer(409, _) => Ok(answered(409, None, Ok(b"Duplicate remediation".to_vec()))),
            Answer(status, retry_after) => Ok(answered(status, retry_after, Ok(Vec::new()))),
            Cut(status) => Ok(answered(status, None, Err(Unread::Failed(SendFailure::Connection)))),
            Fails(_) | Hangs => Err(SendFailure::Connection),
        }
    }
}

/// Never asked: the credential of these tests is a secret.
impl Signing for Script {
    async fn sign_ps256(&self, _: &SecretBytes, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

impl Domains for Script {
    fn to_ascii(&self, domain: &str) -> Option<String> {
        Some(domain.to_owned())
    }
}

fn config(script: &Script) -> Config {
    let variables = Variables::from([
        ("TENANT_ID", json!("aaaabbbb-0000-cccc-1111-dddd2222eeee")),
        ("CLIENT_ID", json!("00001111-aaaa-2222-bbbb-3333cccc4444")),
        ("CLIENT_SECRET", json!("a-secret")),
        ("CALLERS", json!([{ "name": "a", "api_key_sha256": ["0".repeat(64)], "actions": ["softDelete"] }])),
        ("LEDGER", json!({})),
    ]);
    Config::check(&variables, script, script.now()).unwrap()
}

/// Runs a future that never waits for anything but this script, which answers at once.
fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the script answers at once"),
    }
}

fn submitted(script: &Script, cache: &AppTokenCache, budget: u64) -> Result<Accepted, SubmitFault> {
    let order = Order {
        key: None,
        payload: [0; 32],
        emails: 1,
        emails_per_hour: 1,
        version: crate::config::GraphVersion::Beta,
        patience: 0,
        newer_member: false,
    };
    let until = script.now().plus(Duration::from_secs(budget));
    let result = run(submit(script, cache, &config(script), &order, b"the remediation", until));
    assert!(script.now() <= until, "the budget is kept: {} ms over", millis_of(script.now().since(until)));
    assert!(script.answers.borrow().is_empty(), "left over");
    result
}

fn is_certain(fault: &SubmitFault) -> &'static str {
    if fault.is_certain() { "certain" } else { "unknown" }
}

/// The outcome in short.
fn short(result: &Result<Accepted, SubmitFault>) -> String {
    match result {
        Ok(accepted) => format!("{} duplicate={}", accepted.status, accepted.duplicate),
        Err(fault @ SubmitFault::AppToken(token)) => {
            let what = match token {
                TokenEndpointFault::Rejected { .. } => "rejected",
                TokenEndpointFault::CertificateExpired | TokenEndpointFault::NotSigned => "no assertion",
                TokenEndpointFault::Throttled { .. } => "throttled",
                TokenEndpointFault::Unavailable { .. } => "unavailable",
                TokenEndpointFault::Unexpected { .. } => "unexpected",
                TokenEndpointFault::Send(SendFailure::Deadline) => "deadline",
                TokenEndpointFault::Send(SendFailure::Connection) => "connection",
            };
            format!("token {what}, {}", is_certain(fault))
        }
        Err(fault @ SubmitFault::Graph(GraphFault { kind, status, .. })) => {
            let what = match kind {
                GraphFaultKind::Send(SendFailure::Deadline) => "deadline".to_owned(),
                GraphFaultKind::Send(SendFailure::Connection) => "connection".to_owned(),
                _ => status.unwrap_or_default().to_string(),
            };
            format!("{what}, {}", is_certain(fault))
        }
    }
}

#[test]
fn what_is_sent_again_and_what_is_not() {
    const T1: &str = "0 token";
    const B1: &str = "0 Bearer t1";
    for (played, expected, seen) in [
        // Success, and the duplicate that is one.
        (vec![Token(0), Answer(202, None)], "202 duplicate=false", vec![T1, B1]),
        (vec![Token(0), Answer(204, None)], "204 duplicate=false", vec![T1, B1]),
        (vec![Token(0), Cut(202)], "202 duplicate=false", vec![T1, B1]),
        (vec![Token(0), Answer(409, None)], "409 duplicate=true", vec![T1, B1]),
        // A 409 that was cut off may have spoken of a duplicate.
        (vec![Token(0), Cut(409)], "connection, unknown", vec![T1, B1]),
        // 401: once more, with a new token.
        (
            vec![Token(0), Answer(401, None), Token(0), Answer(202, None)],
            "202 duplicate=false",
            vec![T1, B1, T1, "0 Bearer t3"],
        ),
        (
            vec![Token(0), Answer(401, None), Token(0), Answer(401, None)],
            "401, certain",
            vec![T1, B1, T1, "0 Bearer t3"],
        ),
        (vec![Token(0), Answer(401, None), Answer(400, None)], "token rejected, certain", vec![T1, B1, T1]),
        (vec![Token(0), Answer(401, None), Token(0), Fails(0)], "connection, unknown", vec![T1, B1, T1, "0 Bearer t3"]),
        // A short Retry-After: waited out, at most twice.
        (
            vec![Token(0), Answer(429, Some("10")), Answer(202, None)],
            "202 duplicate=false",
            vec![T1, B1, "0 wait", "10 Bearer t1"],
        ),
        (
            vec![Token(0), Answer(503, Some("3")), Answer(429, Some("4")), Answer(202, None)],
            "202 duplicate=false",
            vec![T1, B1, "0 wait", "3 Bearer t1", "3 wait", "7 Bearer t1"],
        ),
        (
            vec![Token(0), Answer(503, Some("0")), Answer(503, Some("0")), Answer(503, Some("0"))],
            "503, certain",
            vec![T1, B1, "0 wait", B1, "0 wait", B1],
        ),
        (
            vec![
                Token(0),
                Answer(429, Some("1")),
                Answer(401, None),
                Token(0),
                Answer(429, Some("1")),
                Answer(202, None),
            ],
            "202 duplicate=false",
            vec![T1, B1, "0 wait", "1 Bearer t1", "1 token", "1 Bearer t5", "1 wait", "2 Bearer t5"],
        ),
        (vec![Token(0), Answer(429, Some("11"))], "429, certain", vec![T1, B1]),
        (vec![Token(0), Answer(429, None)], "429, certain", vec![T1, B1]),
        (vec![Token(0), Answer(503, None)], "503, certain", vec![T1, B1]),
        (vec![Token(0), Answer(503, Some("Wed, 21 Oct 2026 07:28:00 GMT"))], "503, certain", vec![T1, B1]),
        (vec![Token(0), Answer(500, Some("1"))], "500, unknown", vec![T1, B1]),
        // Nothing ambiguous is repeated.
        (vec![Token(0), Answer(502, None)], "502, unknown", vec![T1, B1]),
        (vec![Token(0), Answer(504, None)], "504, unknown", vec![T1, B1]),
        (vec![Token(0), Fails(0)], "connection, unknown", vec![T1, B1]),
        (vec![Token(0), Hangs], "deadline, unknown", vec![T1, B1]),
        (vec![Token(0), Answer(503, Some("1")), Hangs], "deadline, unknown", vec![T1, B1, "0 wait", "1 Bearer t1"]),
        // What refuses is certain.
        (vec![Token(0), Answer(301, None)], "301, certain", vec![T1, B1]),
        (vec![Token(0), Answer(400, None)], "400, certain", vec![T1, B1]),
        (vec![Token(0), Answer(403, None)], "403, certain", vec![T1, B1]),
        (vec![Token(0), Answer(404, None)], "404, certain", vec![T1, B1]),
        // The token endpoint: once more on a 5xx or where the connection fails, be it in the middle of the token.
        (vec![Answer(500, None), Token(0), Answer(202, None)], "202 duplicate=false", vec![T1, T1, "0 Bearer t2"]),
        (vec![Fails(2), Token(0), Answer(202, None)], "202 duplicate=false", vec![T1, "2 token", "2 Bearer t2"]),
        (vec![Cut(200), Token(0), Answer(202, None)], "202 duplicate=false", vec![T1, T1, "0 Bearer t2"]),
        (vec![Answer(503, None), Answer(503, None)], "token unavailable, certain", vec![T1, T1]),
        (vec![Fails(0), Fails(0)], "token connection, certain", vec![T1, T1]),
        (vec![Fails(0), Answer(500, None)], "token unavailable, certain", vec![T1, T1]),
        (vec![Hangs], "token deadline, certain", vec![T1]),
        (vec![Answer(401, None)], "token rejected, certain", vec![T1]),
        (vec![Answer(429, Some("1"))], "token throttled, certain", vec![T1]),
        (vec![Answer(200, None)], "token unexpected, certain", vec![T1]),
        (vec![Answer(302, None)], "token unexpected, certain", vec![T1]),
    ] {
        let script = Script::new(&played);
        let result = submitted(&script, &AppTokenCache::default(), 90);
        assert_eq!(short(&result), expected, "{seen:?}");
        assert_eq!(*script.seen.borrow(), seen, "{expected}");
        let ids = script.client_request_ids.borrow();
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "a fresh client-request-id for each call");
    }
}

#[test]
fn graph_has_a_minute_and_the_whole_has_its_budget() {
    for (played, budget, expected, ended) in [
        (vec![Token(0), Hangs], 90, "deadline, unknown", 60),
        (vec![Token(9), Hangs], 90, "deadline, unknown", 69),
        (vec![Fails(9), Token(9), Hangs], 90, "deadline, unknown", 78),
        (
            vec![Fails(9), Token(9), Answer(429, Some("10")), Answer(429, Some("10")), Hangs],
            90,
            "deadline, unknown",
            90,
        ),
        (vec![Token(0), Hangs], 25, "deadline, unknown", 25),
        (vec![Hangs], 7, "token deadline, certain", 7),
        // There is no use in a wait that leaves too little for an answer: what is certain would become unknown.
        (vec![Token(0), Answer(429, Some("10"))], 10, "429, certain", 0),
        (vec![Token(0), Answer(429, Some("10"))], 15, "429, certain", 0),
        (vec![Token(0), Answer(429, Some("10")), Answer(202, None)], 16, "202 duplicate=false", 10),
        (vec![Token(0), Answer(503, Some("9")), Answer(503, Some("1"))], 15, "503, certain", 9),
    ] {
        let script = Script::new(&played);
        let result = submitted(&script, &AppTokenCache::default(), budget);
        assert_eq!(short(&result), expected);
        assert_eq!(script.now().since(Timestamp::from_seconds(1000)).as_secs(), ended, "{expected}");
    }
}

#[test]
fn a_token_is_kept_until_five_minutes_before_its_end_and_a_failure_never() {
    let cache = AppTokenCache::default();
    let script = Script::new(&[Answer(401, None)]);
    assert!(submitted(&script, &cache, 90).is_err());
    let script = Script::new(&[Token(5), Answer(202, None)]);
    assert!(submitted(&script, &cache, 90).is_ok());
    for (second, fetches) in [(1000, 0), (1000 + 3300 - 1, 0), (1000 + 3300, 1)] {
        let script = Script::new(if fetches == 0 { &[Answer(202, None)] } else { &[Token(0), Answer(202, None)] });
        script.now.set(Timestamp::from_seconds(second));
        assert!(submitted(&script, &cache, 90).is_ok());
        assert_eq!(script.seen.borrow().iter().filter(|what| what.ends_with("token")).count(), fetches, "{second}");
    }
}
