//! Native tests that need more than one file, and their shared code.

mod auth;
mod caches;
mod config;
mod daily;
mod gateway;
mod graph;
mod layering;
pub(crate) mod ledger;
mod log;
mod messages;
mod openapi;
mod problem;
mod rate_limit;
mod remediation;
mod status;
pub(crate) mod support;
mod tenants;
