//! The Durable Object `Ledger`: passes the platform's events to one [`LedgerService`].

use std::rc::Rc;

use worker::{DurableObject, Env, Request, Response, State, durable_object};

use super::env::Bindings;
use super::storage::ObjectStorage;
use super::{ISOLATE, Workers, convert, incoming, turn};
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

    /// Executes a job of the Worker. The response is the caller's.
    async fn fetch(&self, request: Request) -> worker::Result<Response> {
        turn::run(async {
            let message = incoming::message(request.inner()).await?;
            let caches = ISOLATE.with(Rc::clone);
            // The value is read for each job, because it can change while the object runs.
            let stopped = self.env.is_stopped();
            let response = gateway::execute(&self.runtime, &caches, stopped, &self.service, message).await;
            Ok(convert::object_response(response)?)
        })
        .await
    }

    /// Removes expired records. The platform repeats an alarm that fails.
    async fn alarm(&self) -> worker::Result<Response> {
        let swept = turn::run(self.service.sweep(turn::now())).await;
        swept.map_err(|StorageError| worker::Error::from("the ledger was not swept"))?;
        Response::empty()
    }
}
