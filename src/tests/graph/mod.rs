//! Calls to Microsoft, and what their responses mean.

mod assertion;
mod response;
mod script;
mod submit;
