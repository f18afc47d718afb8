//! Towards Microsoft: the gateway's own token, the call to Graph, and what its answer means.

pub mod answer;
pub mod app_token;
mod assertion;
pub mod request;
pub mod tracking;
