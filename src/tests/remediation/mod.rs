//! The payload.

mod corpus;
mod properties;
