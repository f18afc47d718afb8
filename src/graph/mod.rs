//! Towards Microsoft: the gateway's own token, the call to Graph, and what its answer means.

pub mod answer;
pub mod app_token;
pub mod request;
pub mod tracking;
