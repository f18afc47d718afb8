//! Calls to Microsoft, and what their responses mean.

mod response;
mod script;
mod submit;
