//! The gateway on Cloudflare Workers: the only folder that names `worker`, `js_sys`, `wasm_bindgen` or `web_sys`.

mod convert;
mod crypto;
mod env;
mod fetch;
mod incoming;

use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::JsCast;
use web_sys::{CryptoKey, WorkerGlobalScope};
use worker::{Context, Delay, Env, event};

use crate::gateway;
use crate::isolate::Isolate;
use crate::ports::{Background, Clock, Domains, Guids, Log};
use crate::time::Timestamp;

thread_local! {
    /// What this isolate keeps between requests. An isolate has one thread, so this is its one instance.
    static ISOLATE: Rc<Isolate<CryptoKey>> = Rc::default();
}

/// Workers as the pipeline's platform, for one request.
#[derive(Clone)]
struct Workers {
    context: Rc<Context>,
}

/// The fetch event: every request to the Worker comes in here.
#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> worker::Result<web_sys::Response> {
    let platform = Workers { context: Rc::new(context) };
    let isolate = ISOLATE.with(Rc::clone);
    let (request, body) = incoming::split(request);
    let answer = gateway::handle(&platform, &isolate, || env::variables(&env), &request, body).await;
    Ok(convert::response(&answer)?)
}

/// The global scope of the Worker.
fn global() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

impl Clock for Workers {
    fn now(&self) -> Timestamp {
        convert::timestamp(js_sys::Date::now())
    }
}

impl Guids for Workers {
    fn new_guid(&self) -> String {
        crypto::random_uuid()
    }
}

impl Log for Workers {
    fn log(&self, line: &str) {
        worker::console_log!("{line}");
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
        Some(web_sys::Url::new(&format!("https://{domain}")).ok()?.hostname())
    }
}

impl Background for Workers {
    async fn sleep(&self, duration: Duration) {
        Delay::from(duration).await;
    }

    fn defer(&self, task: impl Future<Output = ()> + 'static) {
        self.context.wait_until(task);
    }
}
