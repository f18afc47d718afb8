//! Native tests that need more than one file, and their shared code.

mod auth;
mod caches;
mod config;
mod gateway;
mod graph;
mod layering;
pub(crate) mod ledger;
mod log;
mod openapi;
mod problem;
mod remediation;
mod status;
pub(crate) mod support;
mod tenants;
