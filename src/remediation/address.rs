//! Recipient addresses: the plain form that every mailbox in Exchange Online has, `local@domain`.
//!
//! The text after the `@` decides a caller's permissions. So the rules are narrower than those of RFC 5321 and 6531:
//! they reject each address that two readers could resolve to different domains.
//!
//! - Exactly one `@`. No quoted local parts, comments, display names, angle brackets or lists.
//! - The local part has the characters of RFC 5321's atom (section 4.1.2) and dots. Some providers have mailboxes with
//!   dots at the ends or in a row (`a..b.@docomo.ne.jp`). `%` and `!` are rejected, because old mailers use them as a
//!   route to another domain (RFC 5321, appendix C). An encapsulated address (`IMCEASMTP-user+40evil+2Ecom@…`) is
//!   rejected, because Exchange resolves it to the inner address.
//! - The local part contains neither `=?` nor `?=`, which delimit an encoded word (RFC 2047). No address may contain an
//!   encoded word (section 5), but several readers decode it and read the result as an address:
//!   `=?utf-8?q?user=40evil.example=3e=00?=@contoso.com` (`PortSwigger`, "Splitting the Email Atom", 2024; cpython
//!   issue 152519). Readers decode UTF-7 only inside an encoded word, so a plus tag that could be UTF-7 is accepted.
//! - The local part contains no `@` in the notation of HTML (`&#64`) or of encoded XML names (`_x0040_`).
//! - The local part is neither a rewritten sender (`SRS0=…=evil.example=user`), which its forwarder sends on to the
//!   inner domain, nor an X.400 address behind a gateway (`/C=US/O=evil/S=user/`, RFC 2156).
//! - Other forms with `=` are accepted: the return paths `prvs=tag=user@…` (BATV) and `bounce+user=evil.example@…`
//!   (VERP) end at their own domain, and no reader takes the `=` for an `@`. A guest's
//!   `user_fabrikam.com#EXT#@contoso.onmicrosoft.com` is also accepted: it is a name in this tenant's directory.
//! - The domain has at least two labels of letters, digits, inner hyphens and underscores, and the last label is not
//!   a number. RFC 1123 has no underscores, but hosts that receive mail have them. Address literals, a dot at the end,
//!   and a character in the notation of encoded XML names (`_x002e_`) are rejected.
//! - Non-ASCII letters are accepted on both sides (RFC 6531), except variants of another letter, such as raised,
//!   full-width or mathematical letters, because readers map them differently (UTS 46). In the domain, letters with
//!   more than one mapping (`ß`, `ς`) and letters that become ASCII when their case changes (the Turkish dotted `İ`)
//!   are rejected, too. Combining marks are rejected, except those that Unicode counts as letters: the vowel signs of
//!   India's scripts. A caller can write a rejected domain in its ASCII form, `xn--…`.

use super::limits::{MAX_ADDRESS, MAX_DOMAIN, MAX_LOCAL_PART};
use super::sanitize::{InvisibleCharacter, is_invisible, starts_with_ignoring_case};
use crate::dns::MAX_DOMAIN_LABEL;

/// Reason why a text is not accepted as an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressError {
    #[error("is empty; it must be an address such as \"user@contoso.com\"")]
    Empty,
    #[error("has more than {MAX_ADDRESS} characters")]
    TooLong,
    #[error("must be an address with an '@', such as \"user@contoso.com\"")]
    NoAt,
    #[error("must be one address with a single '@'")]
    ManyAts,
    #[error("{0}, which is invisible; remove it")]
    Invisible(InvisibleCharacter),
    #[error("{0}, which is not accepted in an address")]
    Blank(InvisibleCharacter),
    #[error("starts with the prefix \"{0}\"; send the address without it")]
    Prefix(&'static str),
    #[error("is enclosed in {0}; send the address without them")]
    Wrapped(&'static str),
    #[error("is a list of addresses; send an item for each")]
    List,
    #[error("has a display name; send the address between the angle brackets alone")]
    DisplayName,
    #[error("contains '{0}', which is not accepted in an address")]
    NotAccepted(char),
    #[error("must have 1 to {MAX_LOCAL_PART} characters before the '@'")]
    LocalPartLength,
    #[error("has a character before the '@' that is not accepted there")]
    LocalPartCharacter,
    #[error("must not route through another domain ('%' and '!' are not accepted before the '@')")]
    Routed,
    #[error("is an encapsulated address (IMCEA…); send the address inside it")]
    Encapsulated,
    #[error("must not contain an encoded word (\"=?\" and \"?=\" are not accepted before the '@')")]
    EncodedWord,
    #[error("must not write an '@' in another notation (\"&#\" and \"_x0040_\" are not accepted)")]
    EncodedAt,
    #[error("must not write a character of the domain in another notation (\"_x002e_\" is not accepted)")]
    EncodedDomain,
    #[error("is a rewritten sender (SRS) that names another domain; send the address of the mailbox")]
    RewrittenSender,
    #[error("is an X.400 address behind a gateway; send the address of the mailbox")]
    X400,
    #[error("must have 1 to {MAX_DOMAIN} characters after the '@'")]
    DomainLength,
    #[error("must have a domain of two or more parts between single dots, each of 1 to {MAX_DOMAIN_LABEL} characters")]
    DomainLabels,
    #[error("must have a domain of letters, digits, inner hyphens and underscores (an internationalized one as xn--…)")]
    DomainCharacter,
    #[error("must have a domain name after the '@', not an IP address")]
    IpAddress,
}

/// Checks that the rules of this file accept the text.
pub(super) fn check(address: &str) -> Result<(), AddressError> {
    if is_plain(address) { Ok(()) } else { check_rules(address) }
}

fn check_rules(address: &str) -> Result<(), AddressError> {
    if address.is_empty() {
        return Err(AddressError::Empty);
    }
    if has_more_characters(address, MAX_ADDRESS) {
        return Err(AddressError::TooLong);
    }
    let (local_part, domain) = address.split_once('@').unwrap_or((address, ""));
    // Display names, lists and a second `@` make one of the two parts invalid, so they are searched for only then.
    check_local_part(local_part).and_then(|()| check_domain(domain)).map_err(|error| {
        let has_more_ats = || domain.contains('@').then_some(AddressError::ManyAts);
        find_outer_error(address).or_else(has_more_ats).unwrap_or(error)
    })
}

/// Returns whether the text is an address of letters, digits, dots and hyphens that [`check`] accepts.
///
/// Nearly all addresses are, and one pass over their bytes costs a fraction of the rules below. Each form that the
/// rules reject has another character, or has a hyphen and begins with the first letter of `IMCEA` or `SRS0`.
fn is_plain(address: &str) -> bool {
    let is_letter_or_digit = |byte: &u8| byte.is_ascii_alphanumeric();
    let bytes = address.as_bytes();
    let local_part = bytes.iter().take_while(|byte| is_letter_or_digit(byte) || matches!(byte, b'.' | b'-')).count();
    let may_be_encapsulated = matches!(bytes.first(), Some(b'I' | b'i' | b'S' | b's'));
    if !(1..=MAX_LOCAL_PART).contains(&local_part)
        || may_be_encapsulated && bytes.iter().take(local_part).any(|&byte| byte == b'-')
        || bytes.get(local_part) != Some(&b'@')
        || bytes.len() - local_part > MAX_DOMAIN
    {
        return false;
    }
    let (mut labels, mut length, mut has_letter, mut last) = (1, 0, false, b'.');
    for byte in bytes.iter().skip(local_part + 1) {
        match byte {
            b'.' if length > 0 && last != b'-' => (labels, length, has_letter) = (labels + 1, 0, false),
            b'-' if length > 0 => length += 1,
            _ if is_letter_or_digit(byte) => {
                length += 1;
                has_letter |= byte.is_ascii_alphabetic();
            }
            _ => return false,
        }
        if length > MAX_DOMAIN_LABEL {
            return false;
        }
        last = *byte;
    }
    labels > 1 && length > 0 && last != b'-' && has_letter
}

/// Prefixes that Exchange and URLs write before an address. The first match is reported.
const PREFIXES: [&str; 8] = ["SMTP:", "smtp:", "mailto:", "SIP:", "sip:", "X500:", "EUM:", "SPO:"];

/// Pairs of characters around an address, with their names.
const WRAPPERS: [(char, char, &str); 8] = [
    ('\'', '\'', "quotes"),
    ('"', '"', "quotes"),
    ('`', '`', "quotes"),
    ('\u{2018}', '\u{2019}', "quotes"),
    ('\u{201c}', '\u{201d}', "quotes"),
    ('\u{ab}', '\u{bb}', "quotes"),
    ('<', '>', "angle brackets"),
    ('(', ')', "parentheses"),
];

/// Returns the error of a text around or inside the address, if the address itself is not the cause.
fn find_outer_error(text: &str) -> Option<AddressError> {
    let ats = text.bytes().filter(|&byte| byte == b'@').count();
    if ats == 0 {
        return Some(AddressError::NoAt);
    }
    if let Some(invisible) = InvisibleCharacter::find_at_ends(text) {
        return Some(AddressError::Invisible(invisible));
    }
    let exact = PREFIXES.iter().find(|prefix| text.starts_with(**prefix));
    if let Some(prefix) = exact.or_else(|| PREFIXES.iter().find(|prefix| starts_with_ignoring_case(text, prefix))) {
        return Some(AddressError::Prefix(prefix));
    }
    let inside = |first: char, last: char| text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    let wraps = |first, last| inside(first, last).is_some_and(|text| !text.contains([first, last]));
    if let Some((_, _, name)) = WRAPPERS.iter().find(|(first, last, _)| wraps(*first, *last)) {
        return Some(AddressError::Wrapped(name));
    }
    // A route begins with an `@` and also separates domains.
    if ats > 1 && !text.starts_with('@') && text.contains(|c: char| matches!(c, ',' | ';') || c.is_whitespace()) {
        return Some(AddressError::List);
    }
    if text.ends_with('>') && text.contains('<') {
        return Some(AddressError::DisplayName);
    }
    if let Some(c) = text.chars().find(|&c| is_of_another_form(c)) {
        return Some(AddressError::NotAccepted(c));
    }
    let invisible = InvisibleCharacter::find(text)?;
    Some(if invisible.is_blank() { AddressError::Blank(invisible) } else { AddressError::Invisible(invisible) })
}

fn check_local_part(local_part: &str) -> Result<(), AddressError> {
    if local_part.is_empty() || has_more_characters(local_part, MAX_LOCAL_PART) {
        return Err(AddressError::LocalPartLength);
    }
    let mut last = '.';
    let mut may_have_escape = false;
    for c in local_part.chars() {
        match (last, c) {
            (_, '%' | '!') => return Err(AddressError::Routed),
            ('=', '?') | ('?', '=') => return Err(AddressError::EncodedWord),
            ('&', '#') => return Err(AddressError::EncodedAt),
            _ if !is_local_part_character(c) => return Err(AddressError::LocalPartCharacter),
            _ => may_have_escape |= matches!((last, c), ('_', 'x' | 'X')),
        }
        last = c;
    }
    if may_have_escape && has_escaped_at(local_part) {
        return Err(AddressError::EncodedAt);
    }
    check_start(local_part)
}

/// Rejects addresses of other systems, which have a known prefix.
fn check_start(local_part: &str) -> Result<(), AddressError> {
    let starts_with = |start| starts_with_ignoring_case(local_part, start);
    if starts_with("IMCEA") && local_part.contains('-') {
        return Err(AddressError::Encapsulated);
    }
    if (starts_with("SRS0") || starts_with("SRS1")) && matches!(local_part.as_bytes().get(4), Some(b'=' | b'+' | b'-'))
    {
        return Err(AddressError::RewrittenSender);
    }
    if starts_with("/") && local_part.contains('=') {
        return Err(AddressError::X400);
    }
    Ok(())
}

/// Returns whether the text contains an `@` in the notation of encoded XML names: `_x0040_` or `_x00000040_`.
fn has_escaped_at(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("_x0040_") || text.contains("_x00000040_")
}

/// Returns whether the text contains any character in the notation of encoded XML names.
fn has_escape(text: &str) -> bool {
    let is_code = |part: &str| {
        part.strip_prefix(['x', 'X'])
            .is_some_and(|code| matches!(code.len(), 4 | 8) && code.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    // An encoded character is between two underscores, so the first and the last part are not encoded characters.
    let mut parts = text.split('_').skip(1).peekable();
    std::iter::from_fn(|| parts.next().filter(|_| parts.peek().is_some())).any(is_code)
}

fn check_domain(domain: &str) -> Result<(), AddressError> {
    if domain.is_empty() || has_more_characters(domain, MAX_DOMAIN) {
        return Err(AddressError::DomainLength);
    }
    if domain.starts_with('[') {
        return Err(AddressError::IpAddress);
    }
    let mut last = domain;
    while let Some((label, rest)) = last.split_once('.') {
        check_label(label)?;
        last = rest;
    }
    check_label(last)?;
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressError::IpAddress);
    }
    if has_escape(domain) {
        return Err(AddressError::EncodedDomain);
    }
    if last.len() == domain.len() { Err(AddressError::DomainLabels) } else { Ok(()) }
}

fn check_label(label: &str) -> Result<(), AddressError> {
    if label.is_empty() || has_more_characters(label, MAX_DOMAIN_LABEL) {
        return Err(AddressError::DomainLabels);
    }
    if label.starts_with('-') || label.ends_with('-') || !label.chars().all(is_domain_character) {
        return Err(AddressError::DomainCharacter);
    }
    Ok(())
}

/// Returns whether the character is punctuation of RFC 5322's longer forms, which shows that the text is more than an
/// address.
fn is_of_another_form(c: char) -> bool {
    matches!(c, '<' | '>' | ',' | ';' | ':' | '"' | '(' | ')')
}

/// Returns whether the local part may contain the character: `atext` of RFC 5322 without `%` and `!`, the dot, and
/// non-ASCII letters.
fn is_local_part_character(c: char) -> bool {
    matches!(c,
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '#' | '$' | '&' | '\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^' | '_'
        | '`' | '{' | '|' | '}' | '~')
        || is_non_ascii_letter(c)
}

fn is_domain_character(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => true,
        'ς' | 'ẞ' => false,
        _ => is_non_ascii_letter(c) && !c.to_lowercase().chain(c.to_uppercase()).any(|mapped| mapped.is_ascii()),
    }
}

/// Returns whether the character is a visible non-ASCII letter that is not a variant of another letter.
fn is_non_ascii_letter(c: char) -> bool {
    !c.is_ascii() && c.is_alphabetic() && !is_variant(c) && !is_invisible(c)
}

/// Letters below U+10000 that NFKC or UTS 46 maps to other letters, as sorted ranges of first and last. A range
/// includes whole blocks that have few other letters. The numbers have two bytes to keep the Wasm module small.
#[rustfmt::skip]
const VARIANTS: &[(u16, u16)] = &[
    (0xaa, 0xaa), (0xb5, 0xb5), (0xba, 0xba), // ordinal indicators, the micro sign
    (0x132, 0x133), (0x13f, 0x140), (0x149, 0x149), (0x17f, 0x17f), (0x1c4, 0x1cc), (0x1f1, 0x1f3), // two letters in one, the long s
    (0x2b0, 0x2b8), (0x2e0, 0x2e4), // raised letters
    (0x345, 0x345), (0x374, 0x37a), (0x3d0, 0x3d6), (0x3f0, 0x3f9), (0x587, 0x587), // Greek symbols and archaic letters, Armenian
    (0x675, 0x678), (0x958, 0x95f), (0x9dc, 0x9df), (0xa33, 0xa33), (0xa36, 0xa36), (0xa59, 0xa5b), // Arabic and Indic letters that
    (0xa5e, 0xa5e), (0xb5c, 0xb5d), (0xe33, 0xe33), (0xeb3, 0xeb3), (0xedc, 0xedd), // are two letters, Thai, Lao
    (0xf43, 0xf43), (0xf4d, 0xf4d), (0xf52, 0xf52), (0xf57, 0xf57), (0xf5c, 0xf5c), (0xf69, 0xf69), (0xf73, 0xf73), (0xf75, 0xf79), // Tibetan
    (0xf81, 0xf81), (0xf93, 0xf93), (0xf9d, 0xf9d), (0xfa2, 0xfa2), (0xfa7, 0xfa7), (0xfac, 0xfac), (0xfb9, 0xfb9),
    (0x10fc, 0x10fc), (0x1100, 0x11ff), (0x1c80, 0x1c88), // Georgian; Korean in parts, of which syllables are composed; Cyrillic
    (0x1d2c, 0x1dbf), (0x1e9a, 0x1e9b), (0x1f71, 0x1fff), // phonetic extensions: raised and lowered letters; Greek with several accents
    (0x2070, 0x209f), (0x2100, 0x218f), (0x2460, 0x24ff), // raised and lowered, letter-like symbols (Kelvin sign), Roman numerals, enclosed
    (0x2c7c, 0x2c7d), (0x2d6f, 0x2d6f), (0x3038, 0x303a), (0x309f, 0x309f), (0x30ff, 0x30ff), (0x3131, 0x318e), // Hangzhou numerals, kana, Korean
    (0xa69c, 0xa69d), (0xa770, 0xa770), (0xa7f1, 0xa7f9), (0xa960, 0xa97c), (0xab5c, 0xab5f), (0xab69, 0xab69), (0xd7b0, 0xd7fb),
    (0xf900, 0xfaff), // Chinese, Japanese and Korean compatibility ideographs
    (0xfb00, 0xfdff), (0xfe70, 0xfeff), // presentation forms: ligatures
    (0xff00, 0xffef), // full-width and half-width forms
];

/// Returns whether a mapping turns the letter into another one: see [`VARIANTS`].
fn is_variant(c: char) -> bool {
    let Ok(code) = u16::try_from(u32::from(c)) else {
        return matches!(c,
            '\u{10780}'..='\u{107bf}' | '\u{1e030}'..='\u{1e06d}' // raised Latin and Cyrillic letters
            | '\u{1d400}'..='\u{1d7ff}' | '\u{1ee00}'..='\u{1eeff}' // mathematical letters
            | '\u{1f100}'..='\u{1f2ff}' // enclosed letters
            | '\u{2f800}'..='\u{2fa1f}' // compatibility ideographs
        );
    };
    let next = VARIANTS.partition_point(|(first, _)| *first <= code);
    next.checked_sub(1).and_then(|at| VARIANTS.get(at)).is_some_and(|(_, last)| code <= *last)
}

/// Returns whether the text has more than `limit` characters. Bytes are counted first, because a text never has fewer
/// bytes than characters.
pub(super) fn has_more_characters(text: &str, limit: usize) -> bool {
    text.len() > limit && text.chars().nth(limit).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::remediation::duplicates::without_case;

    proptest! {
        /// The fast check accepts nothing that the rules reject.
        #[test]
        fn plain_address_satisfies_every_rule(
            address in "(IMCEA|SRS0|[a-s0-9.-]){0,3}[a-z0-9.-]{0,3}@?([a-c0-9-]{0,3}\\.){0,3}[a-c0-9.-]{0,3}|[a-z]{60,70}@[a-z]{60,70}\\.([a-z]{50}\\.){2,5}[a-z]"
        ) {
            prop_assert!(!is_plain(&address) || check_rules(&address).is_ok(), "{address}");
        }
    }

    #[test]
    fn address_is_plain_only_in_common_form() {
        for (address, plain) in [
            ("o.brien-7@mail-1.contoso.com", true),
            ("a@b.c", true),
            ("imcea-x@contoso.com", false),
            ("a_b@contoso.com", false),
            ("a@contoso", false),
            ("a@1.2", false),
            ("a@x.c2", true),
        ] {
            assert_eq!(is_plain(address), plain, "{address}");
        }
    }

    #[test]
    fn variant_table_is_sorted_and_its_bounds_are_found() {
        assert!(VARIANTS.iter().all(|(first, last)| first <= last));
        assert!(VARIANTS.is_sorted_by(|(_, last), (first, _)| last < first));
        for &(first, last) in VARIANTS {
            assert!([first, last].iter().filter_map(|&code| char::from_u32(code.into())).all(is_variant));
        }
    }

    /// Compares with an independent reader of domains. Each letter is tested alone, after a Latin letter and after a
    /// right-to-left letter, because no label begins with a mark or mixes directions.
    #[test]
    fn accepted_non_ascii_letter_is_unchanged_by_idna() {
        for c in ('\u{80}'..=char::MAX).filter(|&c| is_non_ascii_letter(c)) {
            let is_itself = ["", "\u{4e2d}", "\u{5d0}"].iter().any(|before| {
                let given = format!("{before}{c}");
                let (read, _) = idna::domain_to_unicode(&given);
                without_case(&read).eq(without_case(&given))
            });
            assert!(is_itself, "{c} (U+{:04X})", u32::from(c));
        }
    }
}
