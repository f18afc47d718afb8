//! Rules of the Domain Name System for names.

/// Maximum length of a domain or host in ASCII, in characters: RFC 1035, section 2.3.4, without the root's dot and
/// length byte.
pub const MAX_NAME_LENGTH: usize = 253;

/// Returns whether `label` is a valid label of a domain or host in ASCII: letters, digits and inner hyphens.
#[must_use]
pub fn is_label(label: &str) -> bool {
    (1..=MAX_DOMAIN_LABEL).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Maximum length of a label, in characters (RFC 1035, section 2.3.4).
pub const MAX_DOMAIN_LABEL: usize = 63;
