//! The payload: what a caller asks for, read from JSON and written for Graph.
//!
//! `reading` walks the body once (`reader`), judges each value (`members`, `address`, `guid`) and collects every fault with a
//! pointer (`fault`, `hints`, `echo`). What it returns is a [`Remediation`] (`model`) without repetitions (`duplicates`),
//! which can be written as Graph's request (`graph_json`). All figures are in [`limits`].

mod address;
mod duplicates;
mod echo;
mod fault;
mod fingerprint;
mod graph_json;
mod guid;
mod hints;
pub mod limits;
mod members;
mod model;
mod reader;
mod reading;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod properties;

pub use fault::{Fault, Faults, JsonFault, Unreadable};
pub use guid::{Guid, NotAGuid};
pub use model::{Action, AnalyzedEmail, Remediation, Severity};
pub use reading::read;
