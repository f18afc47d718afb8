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
//! - [`config`]: the variables, checked once per environment;
//! - [`caller`]: who calls (token, API key), and what they may do;
//! - [`remediation`]: the payload, read with a pointer to each fault, and written anew for Graph;
//! - [`ledger`]: that it happens once, and where the work is done;
//! - [`graph`]: the gateway's own token, the call, and the meaning of the answer;
//! - [`problem`]: what the caller learns of a refusal.
//!
//! All of it as a caller sees it is described by [`openapi`].
//!
//! [`gateway`] is the pipeline itself, of which the Worker takes the first steps and the caller's Durable Object the others. It and all of the above are pure but for the ports in [`ports`], which `platform`, the only folder that
//! knows of Workers, implements. [`isolate`] holds what is kept between requests.

pub mod caller;
pub mod config;
pub mod gateway;
pub mod graph;
pub mod http;
pub mod intake;
pub mod isolate;
pub mod json;
pub mod ledger;
pub mod log;
pub mod openapi;
pub mod percent;
#[cfg(target_arch = "wasm32")]
mod platform;
pub mod ports;
pub mod problem;
pub mod remediation;
pub mod secret;
#[cfg(test)]
mod testing;
pub mod time;

/// How the gateway names itself to Microsoft (contract, section 8).
pub const USER_AGENT: &str = concat!("remediation-gateway/", env!("CARGO_PKG_VERSION"));
