//! Calls to Microsoft and the meaning of the responses.

mod assertion;
mod response;
mod script;
mod submit;
