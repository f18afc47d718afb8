//! What counts as a recipient's address: the plain form that every mailbox in Exchange Online has, `local@domain`.
//!
//! A caller's rights are decided by the text after the `@`. So the rule is narrower than RFC 5321 and 6531: whatever one
//! reader could take for another domain than the next one does is refused, however well-formed.
//!
//! - Exactly one `@`. No quoted local parts, comments, display names, angle brackets or lists.
//! - The local part is a dot-string (RFC 5321, section 4.1.2) without `%` and `!`, by which old mailers route on to another
//!   domain (RFC 5321, appendix C), and it does not start an encapsulated address (`IMCEASMTP-user+40evil+2Ecom@…`), in which
//!   Exchange sees the address inside.
//! - The domain has two labels or more, of letters, digits and inner hyphens, the last one not a number. No address
//!   literals, no dot at the end.
//! - Beyond ASCII, letters are allowed on both sides (RFC 6531), but none that is a variant of another one, such as full-width
//!   or mathematical letters: mapping them is left to each reader (UTS 46). Nor, in the domain, those that readers map differently
//!   (`ß`, `ς`) or that become ASCII when their case changes (`ſ`, the Kelvin sign). Marks that combine are refused with them;
//!   such a domain can be written in its ASCII form, `xn--…`.

use super::limits::{MAX_ADDRESS, MAX_DOMAIN, MAX_DOMAIN_LABEL, MAX_LOCAL_PART};

/// Why a text is no address that can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressFault {
    #[error("is empty; it must be an address such as \"user@contoso.com\"")]
    Empty,
    #[error("has more than {MAX_ADDRESS} characters")]
    TooLong,
    #[error("must be an address with an '@', such as \"user@contoso.com\"")]
    NoAt,
    #[error("must be one address with a single '@'")]
    ManyAts,
    #[error("must be the bare address, without a display name, angle brackets, quotes or a list of others")]
    NotBare,
    #[error("must have 1 to {MAX_LOCAL_PART} characters before the '@'")]
    LocalPartLength,
    #[error("must not have a dot at either end of the part before the '@', nor two in a row")]
    LocalPartDots,
    #[error("has a character before the '@' that is not accepted there")]
    LocalPartCharacter,
    #[error("must not route through another domain ('%' and '!' are not accepted before the '@')")]
    Routed,
    #[error("is an encapsulated address (IMCEA…); send the address inside it")]
    Encapsulated,
    #[error("must have 1 to {MAX_DOMAIN} characters after the '@'")]
    DomainLength,
    #[error("must have a domain of two or more parts between single dots, each of 1 to {MAX_DOMAIN_LABEL} characters")]
    DomainLabels,
    #[error("must have a domain of letters, digits and inner hyphens (an internationalised one as xn--…)")]
    DomainCharacter,
    #[error("must have a domain name after the '@', not an IP address")]
    IpAddress,
}

/// Whether the text is an address by the rules of this file.
pub(super) fn check(address: &str) -> Result<(), AddressFault> {
    if address.is_empty() {
        return Err(AddressFault::Empty);
    }
    if has_more_characters(address, MAX_ADDRESS) {
        return Err(AddressFault::TooLong);
    }
    let (local_part, domain) = address.split_once('@').unwrap_or((address, ""));
    // Display names, lists and a second '@' make nonsense of the two parts, and are only looked for when one of these is wrong.
    check_local_part(local_part).and_then(|()| check_domain(domain)).map_err(|fault| {
        match address.bytes().filter(|&byte| byte == b'@').count() {
            _ if address.contains(is_of_another_form) => AddressFault::NotBare,
            0 => AddressFault::NoAt,
            1 => fault,
            _ => AddressFault::ManyAts,
        }
    })
}

fn check_local_part(local_part: &str) -> Result<(), AddressFault> {
    if local_part.is_empty() || has_more_characters(local_part, MAX_LOCAL_PART) {
        return Err(AddressFault::LocalPartLength);
    }
    // Starts as if behind a dot, so that one at the start counts as a second one.
    let mut last = '.';
    for c in local_part.chars() {
        match c {
            '.' if last == '.' => return Err(AddressFault::LocalPartDots),
            '%' | '!' => return Err(AddressFault::Routed),
            _ if !is_local_part_character(c) => return Err(AddressFault::LocalPartCharacter),
            _ => last = c,
        }
    }
    if last == '.' {
        return Err(AddressFault::LocalPartDots);
    }
    let start = local_part.as_bytes().first_chunk::<5>();
    if start.is_some_and(|start| start.eq_ignore_ascii_case(b"IMCEA")) && local_part.contains('-') {
        return Err(AddressFault::Encapsulated);
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), AddressFault> {
    if domain.is_empty() || has_more_characters(domain, MAX_DOMAIN) {
        return Err(AddressFault::DomainLength);
    }
    if domain.starts_with('[') {
        return Err(AddressFault::IpAddress);
    }
    let mut last = domain;
    while let Some((label, rest)) = last.split_once('.') {
        check_label(label)?;
        last = rest;
    }
    check_label(last)?;
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressFault::IpAddress);
    }
    if last.len() == domain.len() { Err(AddressFault::DomainLabels) } else { Ok(()) }
}

fn check_label(label: &str) -> Result<(), AddressFault> {
    if label.is_empty() || has_more_characters(label, MAX_DOMAIN_LABEL) {
        return Err(AddressFault::DomainLabels);
    }
    if label.starts_with('-') || label.ends_with('-') || !label.chars().all(is_domain_character) {
        return Err(AddressFault::DomainCharacter);
    }
    Ok(())
}

/// What shows that the text is more than an address: blanks, and the punctuation of RFC 5322's longer forms.
fn is_of_another_form(c: char) -> bool {
    matches!(c, ' ' | '<' | '>' | ',' | ';' | ':' | '"' | '(' | ')')
}

/// `atext` of RFC 5322 without `%` and `!`, the dot, and letters beyond ASCII.
fn is_local_part_character(c: char) -> bool {
    match c {
        'a'..='z'
        | 'A'..='Z'
        | '0'..='9'
        | '.'
        | '#'
        | '$'
        | '&'
        | '\''
        | '*'
        | '+'
        | '-'
        | '/'
        | '='
        | '?'
        | '^'
        | '_'
        | '`'
        | '{'
        | '|'
        | '}'
        | '~' => true,
        _ => is_foreign_letter(c),
    }
}

fn is_domain_character(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' => true,
        'ς' => false,
        _ => is_foreign_letter(c) && !c.to_lowercase().chain(c.to_uppercase()).any(|mapped| mapped.is_ascii()),
    }
}

/// A letter beyond ASCII that stands for itself: not in the blocks of Unicode that hold variants of other letters, nor one
/// of the letters that show as nothing.
fn is_foreign_letter(c: char) -> bool {
    !c.is_ascii() && c.is_alphabetic() && !is_variant(c) && !super::echo::is_unseen(c)
}

/// The blocks of compatibility characters that have letters in them; a mapping (NFKC) makes other letters of these.
fn is_variant(c: char) -> bool {
    matches!(c,
        'ª' | 'º' // ordinal indicators
        | '\u{1d2c}'..='\u{1d7f}' | '\u{1d80}'..='\u{1dbf}' // phonetic extensions: raised and lowered letters
        | '\u{2070}'..='\u{209f}' // superscripts and subscripts
        | '\u{2100}'..='\u{218f}' // letter-like symbols (Kelvin sign), Roman numerals
        | '\u{2460}'..='\u{24ff}' // enclosed letters
        | '\u{f900}'..='\u{faff}' // Chinese, Japanese and Korean compatibility ideographs
        | '\u{fb00}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' // presentation forms: ligatures
        | '\u{ff00}'..='\u{ffef}' // full-width and half-width forms
        | '\u{1d400}'..='\u{1d7ff}' | '\u{1ee00}'..='\u{1eeff}' // mathematical letters
        | '\u{1f100}'..='\u{1f2ff}' // enclosed letters, supplement
        | '\u{2f800}'..='\u{2fa1f}' // compatibility ideographs, supplement
    )
}

/// Whether the text has more characters than that. Bytes are counted first: there are never fewer of them.
pub(super) fn has_more_characters(text: &str, limit: usize) -> bool {
    text.len() > limit && text.chars().nth(limit).is_some()
}
