//! The rules of the ledger, on a storage in memory.

pub(crate) mod memory;
mod properties;
mod scenarios;
