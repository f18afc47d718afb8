//! The payload: a remediation, read from the caller's JSON and written for Graph.
//!
//! `parse` walks the body once (`reader`), validates each value (`fields`, `address`) and collects every error with its
//! pointers (`collector`, `error`, `suggestions`, `sanitize`). It returns a [`Remediation`] (`model`) without
//! duplicates (`duplicates`), from which `graph_json` serializes Graph's request. All limits are in [`limits`].

mod address;
mod collector;
pub(crate) mod declared;
mod digest;
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

pub use digest::digest;
pub use duplicates::PairIndex;
pub(crate) use duplicates::without_case;
pub use error::{JsonError, ParseError, PayloadError, PayloadErrors};
pub use graph_json::{add_emails, before_emails};
pub use model::{
    Action, AnalyzedEmail, GraphVersion, LeftOut, MessagesRemediation, Recipients, Remediation, Severity, StatusQuery,
};
pub use parse::{parse, parse_messages, parse_status};

/// Returns whether `text` is an address that a recipient can have.
#[must_use]
pub fn is_address(text: &str) -> bool {
    address::check(text).is_ok()
}
