//! The call to Graph.

mod assertion;
mod script;
mod submit;
