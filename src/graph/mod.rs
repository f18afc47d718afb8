//! Towards Microsoft: the gateway's own token, the call to Graph, and what its answer means.

pub mod access;
pub mod analyzed_emails;
pub mod app_token;
pub mod assertion;
pub mod email_page;
pub mod error;
mod list_limits;
pub mod response;
pub mod settings;
pub mod submit;
pub mod tracking;

/// Whether `text` is of the kind that Microsoft's codes and ids are: of 1 to `longest` characters that can hold neither an address nor a line, so
/// that it may be logged.
fn is_plain(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
