//! The remediation gateway: a Cloudflare Worker between security playbooks and Graph's `analyzedEmail: remediate`.
//!
//! A playbook with the Graph permission can delete any mail of the tenant. A playbook that calls the gateway has only a
//! credential for the gateway. This credential permits only the actions and recipients that the caller's entry grants.
//!
//! `docs/contract.md` states the gateway's promises to callers and operators. `docs/facts.md` collects the known facts
//! about Graph, Entra ID, Logic Apps and Workers. Comments cite sections of both documents.
//!
//! # The pipeline
//!
//! A request passes these modules, mostly in this order; [`gateway`] has the steps with their status codes:
//!
//! 1. `worker`: converts the platform's request to plain values ([`http`]). Only this module names the platform.
//! 2. [`route`]: the path selects the route.
//! 3. [`preconditions`]: headers and query are checked before the body is read.
//! 4. [`config`]: variables and secrets become a configuration, or a list of errors.
//! 5. [`auth`]: the credential identifies the caller; the caller's permissions limit the remediation.
//! 6. [`remediation`]: the payload is parsed, with a pointer to each error, and serialized for Graph.
//! 7. [`ledger`]: the caller's Durable Object submits the remediation, and replays its outcome for retries.
//! 8. [`graph`]: the gateway fetches its own token, submits, and reads the response.
//! 9. [`expansion`]: for messages that a caller names without recipients, the recipients are read from Graph.
//!    [`status`]: for a caller that asks for effects, each pair gets the state that Graph's list shows.
//! 10. [`problem`]: each error becomes a status, a public code and a text; [`log`] writes the entry.
//!
//! # The layout
//!
//! A module uses only modules below it, and no files import each other in a cycle. `src/tests/layering.rs` has the
//! table and enforces it. All modules except `worker` are pure: they take the time as a value and do I/O through the
//! ports in [`runtime`] and [`ledger`], so that native tests and fuzzing run them. [`caches`] holds an isolate's values
//! between requests, [`deadline`] every deadline, and [`openapi`] the description for the callers' tools. [`code`],
//! [`dns`], [`guid`], [`gzip`], [`percent`], [`secret`] and [`time`] import no other module.

// The fuzz targets also compile the tests' storage, so that file imports from `remediation_gateway`, not from `crate`.
#[cfg(test)]
extern crate self as remediation_gateway;

pub mod auth;
pub mod caches;
pub mod code;
pub mod config;
pub mod deadline;
pub mod dns;
pub mod expansion;
pub mod gateway;
pub mod graph;
pub mod guid;
pub mod gzip;
pub mod http;
pub mod json;
pub mod ledger;
pub mod log;
pub mod openapi;
pub mod percent;
pub mod preconditions;
pub mod problem;
pub mod remediation;
pub mod route;
pub mod runtime;
pub mod secret;
pub mod status;
#[cfg(test)]
mod tests;
pub mod time;
#[cfg(all(target_arch = "wasm32", feature = "worker"))]
mod worker;
