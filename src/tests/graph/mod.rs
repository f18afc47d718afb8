//! The call to Graph.

mod script;
mod submit;
