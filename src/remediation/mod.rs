//! The payload: what a caller asks for, read from JSON and written for Graph.
//!
//! `reading` walks the body once (`reader`), judges each value (`members`, `address`, `guid`) and collects every error with a
//! pointer (`error`, `hints`, `echo`). What it returns is a [`Remediation`] (`model`) without repetitions (`duplicates`),
//! which can be written as Graph's request (`graph_json`). All figures are in [`limits`].

mod address;
mod duplicates;
mod error;
mod fields;
mod format;
mod graph_json;
mod hash;
pub mod limits;
mod model;
mod parse;
pub(crate) mod reader;
mod sanitize;
pub(crate) mod suggestions;

pub use crate::guid::{Guid, NotAGuid};
pub use duplicates::PairIndex;
pub use error::{JsonError, ParseError, PayloadError, PayloadErrors};
pub use model::{Action, AnalyzedEmail, GraphVersion, Remediation, Severity, StatusQuery};
pub use parse::{parse, parse_status};
