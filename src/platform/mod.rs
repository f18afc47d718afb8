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
use web_sys::{CryptoKey, Request, WorkerGlobalScope};
use worker::Delay;
use worker::worker_sys::Context;

use crate::gateway;
use crate::isolate::Isolate;
use crate::ports::{Background, Clock, Domains, Guids, Log, Timers};
use crate::time::Timestamp;

thread_local! {
    /// What this isolate keeps between requests. An isolate has one thread, so this is its one instance.
    static ISOLATE: Rc<Isolate<CryptoKey>> = Rc::default();
}

/// Workers as the pipeline's platform. `E` is what the event at hand brings: more for a request to the Worker than for one to the object.
#[derive(Clone)]
struct Workers<E> {
    event: E,
}

/// What a request to the Worker brings.
#[derive(Clone)]
struct Fetched {
    context: Rc<Context>,
    env: Rc<JsValue>,
}

/// The fetch event: every request to the Worker comes in here.
///
/// The platform cancels what only the answer waits for when the caller disconnects. Its remediation goes on then, so its line in the log must be
/// written all the same: scripts/build.sh has the entry point hand this promise to `waitUntil`.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "what wasm_bindgen exports has to be public")]
pub fn fetch(request: Request, env: JsValue, context: JsValue) -> Promise {
    tasks::run(async move {
        let env = Rc::new(env);
        let event = Fetched { context: Rc::new(context.unchecked_into()), env: Rc::clone(&env) };
        let platform = Workers { event };
        let isolate = ISOLATE.with(Rc::clone);
        let (request, body) = incoming::split(request);
        let answer = gateway::handle(&platform, &isolate, || env::variables(&env), &request, body).await;
        Ok(convert::response(&answer)?.into())
    })
}

#[wasm_bindgen(module = "/src/platform/glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = log)]
    fn log_line(line: &str);
    #[wasm_bindgen(js_name = logError)]
    fn log_error(line: &str);
}

/// The global scope of the Worker.
fn global() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

impl<E> Clock for Workers<E> {
    fn now(&self) -> Timestamp {
        convert::timestamp(js_sys::Date::now())
    }
}

impl<E> Guids for Workers<E> {
    fn new_guid(&self) -> String {
        crypto::random_uuid()
    }
}

impl<E> Log for Workers<E> {
    fn log(&self, line: &str) {
        log_line(line);
    }
}

impl<E> Domains for Workers<E> {
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
        Some(web_sys::Url::new(&format!("https://{domain}")).ok()?.hostname())
    }
}

impl Timers for Workers<Fetched> {
    async fn sleep(&self, duration: Duration) {
        Delay::from(duration).await;
    }
}

impl Background for Workers<Fetched> {
    fn defer(&self, task: impl Future<Output = ()> + 'static) {
        let task = tasks::run(async move {
            task.await;
            Ok(JsValue::UNDEFINED)
        });
        // Where the platform does not wait, it goes on as long as the request does.
        let _ = self.event.context.wait_until(&task);
    }
}
