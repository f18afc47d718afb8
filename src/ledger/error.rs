//! Errors of a ledger.

/// The storage failed, or contains data that this code does not write. The storage's text is not logged, because it may
/// contain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageError;

impl From<StorageError> for LedgerError {
    fn from(_: StorageError) -> Self {
        Self::Storage
    }
}

/// Reason why a caller's ledger did not respond to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The caller's object cannot be reached.
    #[error("the caller's ledger cannot be reached")]
    Unreachable,
    /// The caller's object is overloaded, so the platform rejected the request.
    #[error("the caller's ledger is overloaded")]
    Overloaded,
    /// The platform has reset the caller's object, for example for a new deployment.
    #[error("the caller's ledger was reset")]
    Reset,
    /// The object's code failed: a defect.
    #[error("the caller's ledger failed")]
    Failed,
    /// The ledger's storage failed before anything was sent.
    #[error("the storage of the caller's ledger failed")]
    Storage,
    /// The Worker and the caller's object have different job formats, for example during a rollout. Nothing was sent.
    #[error("the caller's ledger has another format of a job")]
    OtherFormat,
}
