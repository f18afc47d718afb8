//! The Durable Object `Ledger`: passes the platform's events to one [`LedgerService`].

use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Response as JsResponse;
use worker::{DurableObject, Env, Request, Response, State, durable_object};

use super::env::Bindings;
use super::storage::ObjectStorage;
use super::{ISOLATE, Workers, convert, turn};
use crate::gateway;
use crate::ledger::{LedgerService, StorageError};

/// One caller's ledger.
#[durable_object(alarm)]
pub struct Ledger {
    runtime: Workers,
    env: Bindings,
    service: LedgerService<ObjectStorage>,
}

impl DurableObject for Ledger {
    fn new(state: State, env: Env) -> Self {
        let service = LedgerService::new(ObjectStorage(state.storage()));
        Self { runtime: Workers::new(None), env: Bindings(env), service }
    }

    /// Rejects each request. shim.js reads the body, and calls [`Ledger::execute`]: the crate's request and response
    /// would cost 5 % of a remediation's CPU time.
    async fn fetch(&self, _: Request) -> worker::Result<Response> {
        Err("the ledger executes jobs, and has no other requests".into())
    }

    /// Removes expired records. The platform repeats an alarm that fails.
    async fn alarm(&self) -> worker::Result<Response> {
        let swept = turn::run(self.service.sweep(turn::now())).await;
        swept.map_err(|StorageError| worker::Error::from("the expired records were not removed"))?;
        Response::empty()
    }
}

#[wasm_bindgen]
impl Ledger {
    /// Executes a job of the Worker. The response is the caller's.
    pub async fn execute(&self, message: Vec<u8>) -> Result<JsResponse, JsValue> {
        turn::run(async {
            let caches = ISOLATE.with(Rc::clone);
            // The value is read for each job, because it can change while the object runs.
            let stopped = self.env.is_stopped();
            let response = gateway::execute(&self.runtime, &caches, stopped, &self.service, message).await;
            convert::response(&response)
        })
        .await
    }
}
