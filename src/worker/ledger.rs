//! The Durable Object `Ledger`: the platform's events for one [`LedgerService`].

use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Request;
use worker::worker_sys::DurableObjectState;

use super::convert::now;
use super::env::Bindings;
use super::storage::ObjectStorage;
use super::{ISOLATE, Workers, convert, incoming, tasks};
use crate::gateway;
use crate::ledger::{LedgerService, StorageError};

/// One caller's ledger: the Durable Object's class, as entry.js has it.
#[wasm_bindgen(js_name = Ledger)]
pub struct LedgerClass(Rc<LedgerObject>);

/// What an object is while it is in memory.
struct LedgerObject {
    runtime: Workers,
    env: Bindings,
    service: LedgerService<ObjectStorage>,
}

#[wasm_bindgen(js_class = Ledger)]
impl LedgerClass {
    /// The platform has begun to need this object.
    #[wasm_bindgen(constructor)]
    pub fn new(state: &DurableObjectState, env: JsValue) -> Result<Self, JsValue> {
        let service = LedgerService::new(ObjectStorage(state.storage()?));
        Ok(Self(Rc::new(LedgerObject { runtime: Workers::new(None), env: Bindings(env), service })))
    }

    /// A job of the Worker's, answered as its caller is.
    pub fn fetch(&self, request: Request) -> JsValue {
        let object = Rc::clone(&self.0);
        tasks::run(async move {
            let message = incoming::message(&request).await?;
            let caches = ISOLATE.with(Rc::clone);
            // Read for each job: an object may live longer than the value.
            let stopped = object.env.is_stopped();
            let response = gateway::execute(&object.runtime, &caches, stopped, &object.service, message).await;
            Ok(convert::response(&response)?.into())
        })
        .into()
    }

    /// Removes expired records. The platform repeats an alarm that fails.
    pub fn alarm(&self) -> JsValue {
        let object = Rc::clone(&self.0);
        tasks::run(async move {
            let swept = object.service.sweep(now()).await;
            swept.map(|()| JsValue::UNDEFINED).map_err(|StorageError| "the ledger was not swept".into())
        })
        .into()
    }
}
