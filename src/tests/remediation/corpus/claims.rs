//! Each error's text names the true cause: it is true of the rejected value, and false of every accepted value.
//!
//! The predicates here share no code with the rules. A text without one fails the test.

use serde_json::Value;

use crate::remediation::declared::DECLARED;
use crate::remediation::suggestions::{BODY_MEMBERS, ITEM_MEMBERS};
use crate::remediation::{Action, ParseError, PayloadErrors, Remediation, Severity};

/// A part of a text, and whether the text is true of a value.
type Claim = (&'static str, fn(&str) -> bool);

const UNSEEN: [Claim; 3] = [
    ("starts with U+", |text| text.chars().next().is_some_and(shows_nothing)),
    ("ends with U+", |text| text.chars().next_back().is_some_and(shows_nothing)),
    ("contains U+", |text| text.chars().any(shows_nothing)),
];

const IDS: [Claim; 5] = [
    ("the id of an analyzedEmail", |text| {
        let (guid, rest) = text.split_at_checked(36).unwrap_or_default();
        is_guid(guid) && !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '-')
    }),
    ("another spelling", |text| {
        let bare = text.to_lowercase().replace("urn:uuid:", "");
        !is_guid(text) && bare.chars().filter(char::is_ascii_hexdigit).count() == 32
    }),
    ("an internet message id", |text| text.contains('@') || text.starts_with('<')),
    ("an Exchange or Graph message id", |text| text.len() > 36 && !is_guid(text.get(..36).unwrap_or_default())),
    ("must be a GUID", |text| !is_guid(text)),
];

const ADDRESSES: [Claim; 24] = [
    ("is empty", str::is_empty),
    ("more than 320 characters", |text| text.chars().count() > 320),
    ("with an '@'", |text| !text.contains('@')),
    ("with a single '@'", |text| text.matches('@').count() > 1),
    ("is a list of addresses", |text| {
        text.matches('@').count() > 1 && text.contains(|c: char| c.is_whitespace() || c == ',' || c == ';')
    }),
    ("has a display name", |text| !text.starts_with('<') && text.contains('<') && text.ends_with('>')),
    ("not accepted in an address", |text| text.contains(|c: char| c.is_whitespace() || "<>,;:\"()".contains(c))),
    ("starts with the prefix", |text| text.split('@').next().is_some_and(|before| before.contains(':'))),
    ("stands in quotes", |text| is_around(text, "'\"`\u{2018}\u{201c}\u{ab}", "'\"`\u{2019}\u{201d}\u{bb}")),
    ("stands in angle brackets", |text| is_around(text, "<", ">")),
    ("stands in parentheses", |text| is_around(text, "(", ")")),
    ("1 to 64 characters before", |text| !(1..=64).contains(&local_part(text).chars().count())),
    ("before the '@' that is not accepted there", |text| {
        local_part(text).contains(|c: char| !is_letter(c) && !"0123456789.#$&'*+-/=?^_`{|}~".contains(c))
    }),
    ("route through another domain", |text| local_part(text).contains(['%', '!'])),
    ("encapsulated", |text| text.to_lowercase().starts_with("imcea") && local_part(text).contains('-')),
    ("encoded word", |text| text.contains("=?") || text.contains("?=")),
    ("write an '@' in another notation", |text| {
        text.contains("&#") || text.to_lowercase().contains("_x0040_") || text.to_lowercase().contains("_x00000040_")
    }),
    ("character of the domain in another notation", |text| {
        let parts: Vec<_> = domain(text).split('_').collect();
        let is_hexadecimal = |code: &str| u32::from_str_radix(code, 16).is_ok();
        let is_code = |part: &&str| part.strip_prefix(['x', 'X']).is_some_and(is_hexadecimal);
        parts.len() > 2 && parts[1..parts.len() - 1].iter().any(|part| is_code(part) && [5, 9].contains(&part.len()))
    }),
    ("rewritten sender", |text| {
        let text = text.to_lowercase();
        text.starts_with("srs") && text.get(4..5).is_some_and(|mark| "=+-".contains(mark))
    }),
    ("X.400", |text| text.starts_with('/') && local_part(text).contains('=')),
    ("1 to 255 characters after", |text| !(1..=255).contains(&domain(text).chars().count())),
    ("between single dots", |text| {
        let labels: Vec<_> = domain(text).split('.').map(|label| label.chars().count()).collect();
        labels.len() < 2 || labels.iter().any(|length| !(1..=63).contains(length))
    }),
    ("letters, digits, inner hyphens and underscores", |text| {
        let is_wrong = |c: char| !is_letter(c) && !c.is_ascii_digit() && c != '-' && c != '_' && !shows_nothing(c);
        let domain = domain(text);
        // Letters that only together are others to a reader of domains.
        let is_mapped = !domain.contains("xn--") && idna::domain_to_unicode(domain).0 != domain.to_lowercase();
        let is_at_an_end = |label: &str| label.starts_with('-') || label.ends_with('-');
        domain.replace('.', "").contains(is_wrong)
            || domain.contains(['ß', 'ẞ', 'ς', 'İ'])
            || domain.split('.').any(is_at_an_end)
            || is_mapped && !domain.contains(shows_nothing)
    }),
    ("not an IP address", |text| {
        let domain = domain(text);
        domain.starts_with('[') || domain.rsplit('.').next().is_some_and(|top| top.parse::<u64>().is_ok())
    }),
];

/// Checks the texts of a rejected body, or the claims against the values of an accepted one. Bodies with numbers
/// outside of `f64` have no tree.
pub(super) fn check(body: &[u8], found: &Result<Remediation<'_>, ParseError>) -> Result<(), String> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    match (found, serde_json::from_slice::<Value>(body)) {
        (Ok(remediation), _) => {
            for email in &remediation.emails {
                none_holds(&ADDRESSES, &email.recipient)?;
                none_holds(&IDS, &email.network_message_id.to_string())?;
            }
            Ok(())
        }
        (Err(ParseError::Invalid(errors)), Ok(tree)) => all_hold(errors, &tree),
        (Err(_), _) => Ok(()),
    }
}

fn none_holds(claims: &[Claim], accepted: &str) -> Result<(), String> {
    match UNSEEN.iter().chain(claims).find(|(_, is_true)| is_true(accepted)) {
        None => Ok(()),
        Some((claim, _)) => Err(format!("{claim:?} is true of {accepted:?}, which is accepted")),
    }
}

fn all_hold(errors: &PayloadErrors, tree: &Value) -> Result<(), String> {
    for error in errors.listed() {
        // Names that were cut or hold what does not show are not repeated as they are.
        let pointers = error.pointers.iter().filter(|pointer| !pointer.contains(['…', '\u{fffd}']));
        for pointer in pointers {
            match holds(pointer, &error.detail, tree.pointer(pointer)) {
                Some(true) => {}
                Some(false) => return Err(format!("false at {pointer}: {}", error.detail)),
                None => return Err(format!("no claim for {pointer}: {}", error.detail)),
            }
        }
    }
    Ok(())
}

/// Whether the text is true of the value at this pointer; `None` if no predicate is known.
fn holds(pointer: &str, detail: &str, value: Option<&Value>) -> Option<bool> {
    if detail.starts_with("unknown member") {
        return Some(value.is_some() && is_unknown(pointer, detail));
    }
    let Some(value) = value else { return Some(detail == "is required, and missing") };
    if value.is_null() {
        return Some(detail.contains("null"));
    }
    if let Some((_, kind)) = detail.rsplit_once(", not ").filter(|(_, kind)| *kind != "an IP address") {
        return Some(kind == kind_of(value));
    }
    if let Some(items) = value.as_array() {
        return Some(detail.rsplit_once("and has ")?.1 == items.len().to_string());
    }
    let text = value.as_str()?;
    if detail.contains("is base64 in which Logic Apps") {
        return Some(pointer == "/$content");
    }
    if detail.contains("must not be empty or blank") {
        return Some(text.chars().all(shows_nothing));
    }
    if let Some((_, limit)) = detail.split_once("must have at most ") {
        let limit: usize = limit.strip_suffix(" characters")?.parse().ok()?;
        return Some(text.chars().count() > limit);
    }
    if detail.contains("must be true or false") {
        return Some(!["true", "false"].iter().any(|name| name.eq_ignore_ascii_case(text)));
    }
    if detail.contains("must be one of") {
        let is_member = Action::NAMES
            .iter()
            .chain(&Severity::NAMES)
            .any(|name| detail.contains(&format!("\"{name}\"")) && *name == text);
        return Some(!is_member && detail.contains("placeholder") == text.eq_ignore_ascii_case("unknownFutureValue"));
    }
    let is_address = pointer.to_lowercase().contains("/recipient");
    let claims: &[Claim] = if is_address { &ADDRESSES } else { &IDS };
    let (_, is_true) = UNSEEN.iter().chain(claims).find(|(claim, _)| detail.contains(claim))?;
    let code = detail.split_once("U+").and_then(|(_, code)| u32::from_str_radix(code.get(..4)?, 16).ok());
    let is_named = code.and_then(char::from_u32).is_none_or(|named| text.contains(named));
    Some(is_true(text) && is_named)
}

/// Whether no member has the name at the end of the pointer, and the suggested one is a member where it is suggested.
fn is_unknown(pointer: &str, detail: &str) -> bool {
    let name = pointer.rsplit('/').next().unwrap_or_default();
    let item: Vec<&str> = ITEM_MEMBERS.iter().chain(&DECLARED).copied().collect();
    let (here, elsewhere) =
        if pointer.matches('/').count() == 1 { (BODY_MEMBERS.to_vec(), item) } else { (item, BODY_MEMBERS.to_vec()) };
    let quoted = |before: &str, after: &str| Some(detail.split_once(before)?.1.split_once(after)?.0.to_owned());
    let is_right = match (quoted("did you mean \"", "\"?"), quoted("here; \"", "\" belongs")) {
        (Some(meant), _) => here.contains(&meant.as_str()),
        (None, Some(meant)) => elsewhere.contains(&meant.as_str()),
        (None, None) => true,
    };
    is_right && !here.contains(&name)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

fn local_part(text: &str) -> &str {
    text.split('@').next().unwrap_or_default()
}

fn domain(text: &str) -> &str {
    text.split_once('@').unwrap_or_default().1
}

fn is_around(text: &str, first: &str, last: &str) -> bool {
    let is_of = |of: &str, c: Option<char>| c.is_some_and(|c| of.contains(c));
    is_of(first, text.chars().next()) && is_of(last, text.chars().next_back())
}

/// Returns whether each reader sees the same letter: an ASCII letter, or a non-ASCII letter that a reader of domains
/// does not map.
fn is_letter(c: char) -> bool {
    let given = format!("\u{4e2d}{c}");
    let is_foreign = c.is_alphabetic() && !c.to_lowercase().any(|c| c.is_ascii());
    c.is_ascii_alphabetic() || is_foreign && idna::domain_to_unicode(&given).0 == given.to_lowercase()
}

fn shows_nothing(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\u{ad}\u{200b}\u{200d}\u{202e}\u{3164}\u{feff}".contains(c)
}
