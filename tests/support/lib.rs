//! Support for acceptance tests: the built Worker in workerd, the sandbox, and a harness that starts each once.
//!
//! ```no_run
//! use acceptance::{TestResult, World, tests};
//!
//! async fn health_needs_no_credentials(world: &World) -> TestResult {
//!     let response = world.gateway.get("/healthz").send().await?;
//!     assert_eq!(response.status(), 200);
//!     Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     acceptance::run(tests![health_needs_no_credentials])
//! }
//! ```

#![expect(clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a test fails by panicking")]

mod beside;
mod capnp;
pub mod description;
mod gateway;
mod harness;
mod keys;
mod payload;
mod raw;
mod response;
mod upload;
mod usage;
mod worker;
mod workerd;
mod wrangler;

use std::path::Path;

pub use beside::{command, run_beside};
pub use gateway::{Gateway, Memory, Setup};
pub use harness::{Test, TestResult, World, run};
pub use keys::{API_KEY, API_KEY_SHA256, NEXT_API_KEY, NEXT_API_KEY_SHA256};
pub use payload::{email, guid, payload, payload_of, payload_with};
pub use raw::{Raw, message};
pub use response::{Response, assert_members, is_guid};
pub use upload::Upload;
pub use usage::Usage;
pub use worker::Worker;
pub use workerd::NotLogged;
pub use wrangler::Wrangler;

/// All paths of the remediation route (contract, section 1).
pub const PATHS: [&str; 5] = [
    "/remediate",
    "/beta/security/collaboration/analyzedEmails/remediate",
    "/beta/security/collaboration/analyzedEmails/microsoft.graph.security.remediate",
    "/v1.0/security/collaboration/analyzedEmails/remediate",
    "/v1.0/security/collaboration/analyzedEmails/microsoft.graph.security.remediate",
];

/// Variables and secrets as JSON. `env.var` returns the strings, `env.object_var` all other values.
pub type Bindings = serde_json::Map<String, serde_json::Value>;

/// Error of any kind, with its message.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Returns the checkout's root.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
