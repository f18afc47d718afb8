//! Why a ledger does not answer.

/// The storage failed, or holds what this code does not write. The storage's own text goes nowhere, since it may hold values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageError;

impl From<StorageError> for LedgerError {
    fn from(_: StorageError) -> Self {
        Self::Storage
    }
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
    /// The Worker and the caller's object have different formats of a job, as while a deployment spreads. Nothing was sent.
    #[error("the caller's ledger has another format of a job")]
    OtherFormat,
}
