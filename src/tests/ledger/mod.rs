//! Ledger service and its rules, on a storage in memory.

pub(crate) mod memory;
mod properties;
mod reservations;
mod scenarios;
mod service;
