//! The ledger as the pipeline uses it.
#![expect(async_fn_in_trait, reason = "an isolate is single-threaded: no caller could want `Send` futures")]

use super::types::{LedgerRequest, LedgerResponse};
use crate::config::Config;
use crate::time::Timestamp;

/// One caller's ledger.
pub trait Ledger {
    /// Settles `request` before `until`: `graph_request` is sent to Graph, unless it was before. It is dropped as soon as it is
    /// certain that it is not needed: requests that wait for the outcome of another hold no body.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    async fn submit_once(
        &self,
        config: &Config,
        request: &LedgerRequest,
        graph_request: Vec<u8>,
        until: Timestamp,
    ) -> Result<LedgerResponse, LedgerError>;
}

/// Why a caller's ledger does not settle a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The caller's object cannot be reached.
    #[error("the caller's ledger cannot be reached")]
    Unreachable,
    /// The platform keeps requests from the caller's object, which has too many.
    #[error("the caller's ledger is overloaded")]
    Overloaded,
    /// The platform has reset the caller's object, as with a new deployment.
    #[error("the caller's ledger was reset")]
    Reset,
    /// The code of the caller's object has failed: a defect.
    #[error("the caller's ledger failed")]
    Failed,
    /// The ledger's storage has failed before anything was sent.
    #[error("the storage of the caller's ledger failed")]
    Storage,
}
