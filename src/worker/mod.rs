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

use std::panic;
use std::rc::Rc;
use std::time::Duration;

use js_sys::Promise;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CryptoKey, Request, Response as JsResponse};
use worker::worker_sys::Context;

use self::convert::now;
use crate::caches::{Environment, IsolateCaches};
use crate::config::Jurisdiction;
use crate::deadline::LEDGER_GRACE;
use crate::gateway::{self, Handled, handover};
use crate::ledger::LedgerError;
use crate::log;
use crate::runtime::{Background, Clock, Domains, Guids, Log, Timers};
use crate::time::{Timestamp, millis_of};
use env::Bindings;
use tasks::Run;
use timers::SharedTimer;

thread_local! {
    /// What this isolate keeps between requests. An isolate has one thread, so this is its one instance.
    static ISOLATE: Rc<IsolateCaches<Bindings, CryptoKey>> = Rc::default();
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
    /// A random GUID.
    #[wasm_bindgen(js_name = randomUuid)]
    fn random_uuid() -> String;
    /// What the caller's object `name` in `jurisdiction` answers within `patience` milliseconds to a message of these two parts: a response. The first line of `head` is
    /// the format that the response must name in the header `format_header`.
    fn pass(
        env: &JsValue,
        name: &str,
        jurisdiction: Option<&str>,
        head: &[u8],
        body: &[u8],
        format_header: &str,
        patience: u32,
    ) -> Promise;
}

/// The fetch event: every request to the Worker comes in here. Gives a response, or the promise of one.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "what wasm_bindgen exports has to be public")]
pub fn fetch(request: Request, env: JsValue, context: JsValue) -> JsValue {
    let (runtime, env) = (Workers::new(Some(context.unchecked_into())), Bindings(env));
    tasks::run(async move {
        let caches = ISOLATE.with(Rc::clone);
        let (request, body) = incoming::split(request)?;
        match gateway::handle_request(&runtime, &caches, &env, &request, body).await {
            Handled::Response(response) => Ok(convert::response(&response)?.into()),
            Handled::Job(job, head, graph_request) => {
                let patience = u32::try_from(millis_of(job.left().saturating_add(LEDGER_GRACE))).unwrap_or(u32::MAX);
                let name = job.ledger_name();
                let (head, body) = (head.expose(), graph_request.as_bytes());
                let jurisdiction = job.jurisdiction.map(Jurisdiction::as_str);
                Ok(pass(&env.0, &name, jurisdiction, head, body, handover::FORMAT_HEADER, patience).into())
            }
        }
    })
    .into()
}

/// The scheduled event: the Cron trigger starts the daily check.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "what wasm_bindgen exports has to be public")]
pub fn scheduled(env: JsValue) {
    gateway::daily::check(&Workers::new(None), &Bindings(env).variables());
}

/// The answer for an object that did not answer the job of this `head`, as [`pass`] had it. The flags are what the platform says of the failure: that the object has too
/// many requests, that the platform has reset it, and that the object's own code threw.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "what wasm_bindgen exports has to be public")]
pub fn unanswered(head: &[u8], overloaded: bool, reset: bool, remote: bool) -> Result<JsResponse, JsValue> {
    let error = match (overloaded, reset, remote) {
        (true, ..) => LedgerError::Overloaded,
        (false, true, _) => LedgerError::Reset,
        (false, false, true) => LedgerError::Failed,
        (false, false, false) => LedgerError::Unreachable,
    };
    unanswered_as(head, error)
}

/// The answer for an object that answered the job of this `head` in another format.
#[wasm_bindgen(js_name = otherFormat)]
#[expect(unreachable_pub, reason = "what wasm_bindgen exports has to be public")]
pub fn other_format(head: &[u8]) -> Result<JsResponse, JsValue> {
    unanswered_as(head, LedgerError::OtherFormat)
}

fn unanswered_as(head: &[u8], error: LedgerError) -> Result<JsResponse, JsValue> {
    let job = handover::job(head).ok_or("no job")?;
    convert::response(&gateway::unanswered(&Workers::new(None), job, error))
}

/// Replaces the panic hook of the crate `worker`, which prints past [`Log`]. Its recovery needs no replacement, since nothing calls it: see scripts/build.sh.
/// Called once for each instance of the module, before anything else.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "what wasm_bindgen exports has to be public")]
pub fn begin() {
    panic::set_hook(Box::new(|panic| {
        let message = panic.payload().downcast_ref::<&'static str>().copied();
        log_line(&log::panic_line(panic.location(), message));
    }));
}

/// The answer to a request that was being answered when the module was lost.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "what wasm_bindgen exports has to be public")]
pub fn lost(request: Request) -> Result<JsResponse, JsValue> {
    let (request, _) = incoming::split(request)?;
    convert::response(&gateway::lost(&Workers::new(None), &request))
}

impl Clock for Workers {
    fn now(&self) -> Timestamp {
        now()
    }
}

impl Guids for Workers {
    fn new_guid(&self) -> String {
        random_uuid()
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
