//! The description of the gateway for its callers' tools: OpenAPI 3.1, written by hand, and held by its tests to the code's own routes, types,
//! limits and errors.

/// The document. It is sent as it stands: packed with the Worker, its white space weighs next to nothing.
pub const DESCRIPTION: &str = include_str!("openapi.json");
