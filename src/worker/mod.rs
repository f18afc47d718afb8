//! The gateway on Cloudflare Workers: the only folder that names `worker`, `js_sys`, `wasm_bindgen` or `web_sys`.

mod convert;
mod crypto;
mod env;
mod fetch;
mod incoming;
mod ledger;
mod promise;
mod storage;
mod timers;
mod turn;

use std::convert::Infallible;
use std::panic;
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{CryptoKey, Request, Response as JsResponse};
use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

use crate::caches::{Environment, IsolateCaches};
use crate::deadline::LEDGER_GRACE;
use crate::gateway::job::RemediationJob;
use crate::gateway::{self, Handled, handover};
use crate::ledger::LedgerError;
use crate::log;
use crate::runtime::{Background, Clock, Domains, Guids, Log, Timers};
use crate::secret::SecretBytes;
use crate::time::{Timestamp, millis_of};
use env::Bindings;
use promise::Settled;
use timers::SharedTimer;

thread_local! {
    /// Caches of this isolate. An isolate has one thread, so there is one instance.
    static ISOLATE: Rc<IsolateCaches<Bindings, CryptoKey>> = Rc::default();
}

/// Implementation of [`crate::runtime`] on Workers.
#[derive(Clone)]
struct Workers {
    timer: Rc<SharedTimer>,
    /// Context of a request to the Worker. An object has none: its work continues without a caller.
    context: Option<Rc<Context>>,
}

impl Workers {
    fn new(context: Option<Context>) -> Self {
        Self { timer: Rc::default(), context: context.map(Rc::new) }
    }
}

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = log)]
    fn log_line(line: &str);
    /// Returns a random GUID.
    #[wasm_bindgen(js_name = randomUuid)]
    fn random_uuid() -> String;
    #[wasm_bindgen(js_name = sendToObject)]
    fn send_to_object(
        promise_id: u32,
        env: &Env,
        name: &str,
        jurisdiction: Option<&str>,
        head: &[u8],
        body: &[u8],
        format: &str,
        format_header: &str,
        timeout: u32,
    );
}

/// Sets the panic hook. It replaces the hook of the crate `worker`, which bypasses [`Log`].
///
/// recovery.js calls this function for each instance of the module. A start function of this crate would run before the
/// start function of the crate `worker`, which sets that hook.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "wasm_bindgen exports only what is public")]
pub fn start() {
    panic::set_hook(Box::new(|panic| {
        let message = panic.payload().downcast_ref::<&'static str>().copied();
        log_line(&log::panic_line(panic.location(), message));
    }));
}

/// The fetch event: every request to the Worker.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<JsResponse, Infallible> {
    let runtime = Workers::new(Some(context));
    let response = turn::run(respond(&runtime, &request, Bindings(env))).await;
    Ok(response.or_else(|_| respond_after_loss(&request)).unwrap_or_else(|_| JsResponse::error()))
}

async fn respond(runtime: &Workers, request: &Request, env: Bindings) -> Result<JsResponse, JsValue> {
    let caches = ISOLATE.with(Rc::clone);
    let (head, body) = incoming::split(request)?;
    match gateway::handle_request(runtime, &caches, &env, &head, body).await {
        Handled::Response(response) => convert::response(&response),
        Handled::Job(job, first_lines, work) => {
            let response = send_job(&env, &job, &first_lines, &work);
            // Many requests can wait for their objects at the same time, so each keeps only its job.
            drop((head, first_lines, work));
            match response.await {
                Ok(response) => Ok(response.unchecked_into()),
                Err(error) => convert::response(&gateway::respond_without_ledger(runtime, *job, ledger_error(&error))),
            }
        }
    }
}

/// Sends a job to the caller's object. Returns the object's response.
fn send_job(env: &Bindings, job: &RemediationJob, first_lines: &SecretBytes, work: &str) -> Settled {
    let timeout = u32::try_from(millis_of(job.time_left().saturating_add(LEDGER_GRACE))).unwrap_or(u32::MAX);
    promise::start(|promise_id| {
        send_to_object(
            promise_id,
            &env.0,
            &job.ledger_name(),
            job.jurisdiction,
            first_lines.expose(),
            work.as_bytes(),
            handover::format(),
            handover::FORMAT_HEADER,
            timeout,
        );
    })
}

/// Converts the reason for which an object's response is missing.
fn ledger_error(reason: &JsValue) -> LedgerError {
    match reason.as_string().as_deref() {
        Some("Overloaded") => LedgerError::Overloaded,
        Some("Reset") => LedgerError::Reset,
        Some("Failed") => LedgerError::Failed,
        Some("OtherFormat") => LedgerError::OtherFormat,
        _ => LedgerError::Unreachable,
    }
}

/// The scheduled event: the Cron trigger starts the daily check.
#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    turn::run(async { gateway::daily::check(&Workers::new(None), &Bindings(env).variables()) }).await;
}

/// Responds to a request that was in flight when the module was lost, or to which the module failed to respond.
#[wasm_bindgen(js_name = respondAfterLoss)]
#[expect(unreachable_pub, reason = "wasm_bindgen exports only what is public")]
pub fn respond_after_loss(request: &Request) -> Result<JsResponse, JsValue> {
    let (head, _) = incoming::split(request)?;
    convert::response(&gateway::respond_after_loss(&Workers::new(None), &head))
}

impl Clock for Workers {
    fn now(&self) -> Timestamp {
        turn::now()
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
        // The URL parser converts the domain (WHATWG URL, "domain to ASCII"). The parser must not get characters that
        // end the host, or that it removes.
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
            // The parser does not check an ASCII host. Beside a non-ASCII label it decodes each `xn--` label, and
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
        let task = turn::run(task);
        match &self.context {
            Some(context) => context.wait_until(task),
            None => spawn_local(task),
        }
    }
}
