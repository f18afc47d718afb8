//! Calls to Microsoft: the gateway's own token, the calls to Graph, and their responses.

pub mod access;
pub mod analyzed_emails;
pub mod app_token;
pub mod assertion;
pub mod email_page;
pub mod error;
pub mod list_limits;
pub mod page_reads;
pub mod response;
pub mod settings;
pub mod submit;
pub mod timeline_event;
pub mod tracking;

/// Returns whether `text` has the form of Microsoft's codes and IDs: 1 to `longest` characters that allow neither an
/// address nor a line break. Such a text may be logged.
fn is_plain(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
