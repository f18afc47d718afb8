//! The remediation gateway: a Cloudflare Worker between security playbooks and Microsoft Graph's `analyzedEmail: remediate`.
//!
//! A playbook that holds the Graph permission itself can delete any mail of the tenant. With the gateway in between it holds a credential of
//! its own that is good for the actions and recipients that it was granted, and for nothing else.
//!
//! What it promises to callers and to those who deploy it stands in `docs/contract.md`, and what is known of Graph, Entra ID, Logic Apps and Workers in
//! `docs/facts.md`: comments name their sections.
//!
//! A request passes, in this order:
//!
//! - [`http`]: the request as plain values, and its route;
//! - [`intake`]: what is judged before the body is read;
//! - [`config`]: the variables, checked once per isolate;
//! - [`caller`]: who calls (token, API key), and what they may do;
//! - [`remediation`]: the payload, read with a pointer to each error, and written anew for Graph;
//! - [`ledger`]: that it happens once, and where the work is done;
//! - [`graph`]: the gateway's own token, the call, and the meaning of the answer;
//! - [`problem`]: what the caller learns of an error.
//!
//! All of it as a caller sees it is described by [`openapi`].
//!
//! [`gateway`] is the pipeline itself, of which the Worker takes the first steps and the caller's Durable Object the others. It and all of the above are pure but for the ports in [`ports`], which `runtime`, the only folder that
//! knows of Workers, implements. [`caches`] holds what is kept between requests.

pub mod auth;
pub mod caches;
pub mod code;
pub mod config;
pub mod deadline;
pub mod dns;
pub mod gateway;
pub mod graph;
pub mod guid;
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
#[cfg(test)]
mod tests;
pub mod time;
#[cfg(target_arch = "wasm32")]
mod worker;
