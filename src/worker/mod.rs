//! The gateway on Cloudflare Workers: the only folder that names `worker`, `js_sys`, `wasm_bindgen` or `web_sys`.

mod convert;
mod crypto;
mod env;
mod fetch;
mod incoming;
mod ledger;
mod storage;
mod tasks;
mod timers;

use std::rc::Rc;
use std::time::Duration;

use js_sys::Promise;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CryptoKey, Request, Response, WorkerGlobalScope};
use worker::worker_sys::Context;

use self::tasks::Run;
use self::timers::SharedTimer;
use crate::gateway::{self, Received};
use crate::isolate::Isolate;
use crate::ports::{Background, Clock, Domains, Guids, LedgerFailure, Log, Timers};
use crate::time::{Timestamp, millis_of};

/// How long after the caller's time an object that has not answered is given up. It answers by then where the platform lets it; with this the whole is still
/// below the 100 s of the SDKs (facts, section 5).
const LOST: Duration = Duration::from_secs(4);

thread_local! {
    /// What this isolate keeps between requests. An isolate has one thread, so this is its one instance.
    static ISOLATE: Rc<Isolate<CryptoKey>> = Rc::default();
}

/// Workers as the pipeline's platform.
#[derive(Clone)]
struct Workers {
    timer: Rc<SharedTimer>,
    /// What waits, for a request to the Worker, for what goes on when the answer is sent. An object's work needs nobody to wait for it.
    context: Option<Rc<Context>>,
}

impl Workers {
    fn new(context: Option<Context>) -> Self {
        Self { timer: Rc::default(), context: context.map(Rc::new) }
    }

    /// Has the runtime go on with `promise` when the answer is sent, or the caller gone. Where it does not, it goes on as long as the request does.
    fn go_on(&self, promise: &Promise) {
        if let Some(context) = &self.context {
            let _ = context.wait_until(promise);
        }
    }
}

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = log)]
    fn log_line(line: &str);
    /// What a caller's object answers within `patience` milliseconds to `message`, its name and the errand on a line each, and `body`, the one for Graph: a
    /// response.
    fn pass(env: &JsValue, message: &str, body: &[u8], patience: u32) -> Promise;
}

/// The fetch event: every request to the Worker comes in here. Gives a response, or the promise of one.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "what wasm_bindgen exports has to be public")]
pub fn fetch(request: Request, env: JsValue, context: JsValue) -> JsValue {
    let platform = Workers::new(Some(context.unchecked_into()));
    tasks::run(async move {
        let isolate = ISOLATE.with(Rc::clone);
        let (request, body) = incoming::split(request);
        match gateway::receive(&platform, &isolate, || env::variables(&env), &request, body).await {
            Received::Answer(answer) => Ok(convert::response(&answer)?.into()),
            Received::Errand(errand, graph_request) => {
                let message = serde_json::to_string(&errand).map_err(|_| "an errand that is no JSON")?;
                let patience = u32::try_from(millis_of(errand.left().saturating_add(LOST))).unwrap_or(u32::MAX);
                // One ledger for each name, whatever the case: `CALLERS` takes no two names that differ in case alone.
                let name = errand.caller.to_ascii_lowercase();
                Ok(pass(&env, &format!("{name}\n{message}"), graph_request.as_bytes(), patience).into())
            }
        }
    })
    .into()
}

/// The answer for an object that did not answer `errand`, as [`pass`] had it. The flags are what the platform says of the failure: that the object has too
/// many requests, that the platform has reset it, and that the object's own code threw.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "what wasm_bindgen exports has to be public")]
pub fn unanswered(errand: &str, overloaded: bool, reset: bool, remote: bool) -> Result<Response, JsValue> {
    let failure = match (overloaded, reset, remote) {
        (true, ..) => LedgerFailure::Overloaded,
        (false, true, _) => LedgerFailure::Reset,
        (false, false, true) => LedgerFailure::Failed,
        (false, false, false) => LedgerFailure::Unreachable,
    };
    let errand = serde_json::from_str(errand).map_err(|_| "an errand that is no JSON")?;
    convert::response(&gateway::unanswered(&Workers::new(None), errand, failure))
}

/// The answer to a request that was being answered when the module was lost.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "what wasm_bindgen exports has to be public")]
pub fn lost(request: Request) -> Result<Response, JsValue> {
    let (request, _) = incoming::split(request);
    convert::response(&gateway::lost(&Workers::new(None), &request))
}

/// The global scope of the Worker.
fn global() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// The time. It stands still between I/O operations, and so within a turn.
fn now() -> Timestamp {
    tasks::once_per_turn(|| convert::timestamp(js_sys::Date::now()))
}

impl Clock for Workers {
    fn now(&self) -> Timestamp {
        now()
    }
}

impl Guids for Workers {
    fn new_guid(&self) -> String {
        crypto::random_uuid()
    }
}

impl Log for Workers {
    fn log(&self, line: &str) {
        log_line(line);
    }
}

impl Domains for Workers {
    fn to_ascii(&self, domain: &str) -> Option<String> {
        // The URL parser does the work (WHATWG URL, "domain to ASCII"); what would end the host, or vanish from it, must not reach the parser.
        let ends_or_vanishes = |character: char| {
            character.is_control()
                || character.is_whitespace()
                || character.is_ascii() && "/\\?#@:[]%<>^|".contains(character)
        };
        if domain.contains(ends_or_vanishes) {
            return None;
        }
        let hostname = |host: &str| Some(web_sys::Url::new(&format!("https://{host}")).ok()?.hostname());
        if domain.is_ascii() {
            // The parser takes a host of ASCII as it is. Beside a label beyond ASCII it decodes each `xn--` label, and
            // rejects an invalid one.
            return hostname(&format!("\u{fc}.{domain}"))?.strip_prefix("xn--tda.").map(str::to_owned);
        }
        hostname(domain)
    }
}

impl Timers for Workers {
    async fn sleep(&self, duration: Duration) {
        self.timer.sleep(duration).await;
    }
}

impl Background for Workers {
    fn defer(&self, task: impl Future<Output = ()> + 'static) {
        let run = tasks::run(async move {
            task.await;
            Ok(JsValue::UNDEFINED)
        });
        if let Run::Waits(promise) = run {
            self.go_on(&promise);
        }
    }
}
