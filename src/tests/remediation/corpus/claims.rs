//! Each error's text names the true cause: it is true of the rejected value, and false of every accepted value.
//!
//! The predicates here share no code with the rules. A text without one fails the test.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::repeated::repeated_members;
use crate::remediation::declared::DECLARED;
use crate::remediation::limits::MAX_DEPTH;
use crate::remediation::suggestions::{BODY_MEMBERS, ITEM_MEMBERS};
use crate::remediation::{Action, JsonError, ParseError, PayloadErrors, Remediation, Severity};

/// A part of a text, and whether the text is true of a value or a body.
type Claim<T = str> = (&'static str, fn(&T) -> bool);

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
    ("another notation: write it", |text| {
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
    ("enclosed in quotes", |text| is_around(text, "'\"`\u{2018}\u{201c}\u{ab}", "'\"`\u{2019}\u{201d}\u{bb}")),
    ("enclosed in angle brackets", |text| is_around(text, "<", ">")),
    ("enclosed in parentheses", |text| is_around(text, "(", ")")),
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

/// Claims about a body, with the texts of [`JsonError`] that make them.
const BODIES: [Claim<[u8]>; 9] = [
    ("the body is empty", |body| body.trim_ascii().is_empty()),
    ("the body is in UTF-16", |body| body.chunks_exact(2).any(|unit| unit[0] == 0 || unit[1] == 0)),
    ("the body is not UTF-8", |body| std::str::from_utf8(body).is_err()),
    ("the body is gzip", |body| body.starts_with(b"\x1f\x8b")),
    ("the body looks form-encoded", |body| {
        let is_form = |text: &str| text.contains('=') || text.starts_with("%7") || text.starts_with("--");
        is_form(String::from_utf8_lossy(body).trim_start()) && serde_json::from_slice::<IgnoredAny>(body).is_err()
    }),
    ("the body looks like base64 of JSON", |body| {
        let text = serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned());
        BASE64_STANDARD.decode(text.trim()).is_ok_and(|json| json.trim_ascii().starts_with(b"{"))
    }),
    ("the body is a string", |body| {
        serde_json::from_slice(body).is_ok_and(|text: String| text.trim().starts_with('{'))
    }),
    ("not JSON", |body| serde_json::from_slice::<IgnoredAny>(body).is_err()),
    ("nested deeper", |body| depth(body) > MAX_DEPTH),
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
            match BODIES.iter().find(|(_, is_true)| is_true(body)) {
                Some((claim, _)) => Err(format!("{claim:?} is true of an accepted body")),
                None if repeated_members(body).is_empty() => Ok(()),
                None => Err("an accepted body repeats a member".to_owned()),
            }
        }
        (Err(ParseError::Invalid(errors)), Ok(tree)) => all_hold(errors, &tree),
        (Err(ParseError::Invalid(_)), Err(_)) => Ok(()),
        (Err(ParseError::NotJson(error)), tree) => match is_true_of_body(error, body, tree.is_ok()) {
            Some(true) => Ok(()),
            Some(false) => Err(format!("false: {error}")),
            None => Err(format!("no claim for: {error}")),
        },
    }
}

/// Returns whether the text is true of the body, including its location; `None` if no predicate is known.
fn is_true_of_body(error: &JsonError, body: &[u8], has_tree: bool) -> Option<bool> {
    let is_located = match error {
        JsonError::Repeated { pointer } => {
            let is_cut = pointer.contains(['…', '\u{fffd}']);
            return Some(repeated_members(body).iter().any(|repeated| is_cut || repeated == pointer));
        }
        // A surrogate without its other half has a grammar, and no text.
        JsonError::Syntax { problem, .. } if problem.contains("surrogate") => return Some(!has_tree),
        JsonError::Syntax { line, column, .. } => is_start_of_json(before(body, *line, *column)),
        JsonError::TooDeep { line, column } => depth(before(body, *line, *column)) == MAX_DEPTH,
        JsonError::NotUtf8 { offset } => std::str::from_utf8(body).err()?.valid_up_to() == *offset,
        _ => true,
    };
    let text = error.to_string();
    let (_, is_true) = BODIES.iter().find(|(claim, _)| text.contains(claim))?;
    Some(is_located && is_true(body))
}

/// Returns the text before a location.
fn before(body: &[u8], line: usize, column: usize) -> &[u8] {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let length: usize = text.get(start..).unwrap_or_default().chars().take(column - 1).map(char::len_utf8).sum();
    &body[..start + length]
}

/// Returns whether the text is JSON, or lacks only its end.
fn is_start_of_json(text: &[u8]) -> bool {
    let is_start =
        |text: &[u8]| serde_json::from_slice::<IgnoredAny>(text).map_or_else(|error| error.is_eof(), |_| true);
    // A number such as "1." ends with its own error in `serde_json`.
    is_start(text) || is_start(&[text, b"0"].concat())
}

/// Returns the number of levels at the deepest place of a text.
fn depth(text: &[u8]) -> usize {
    let (mut open, mut deepest, mut is_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            b'{' | b'[' if !is_string => open += 1,
            b'}' | b']' if !is_string => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

fn none_holds(claims: &[Claim], accepted: &str) -> Result<(), String> {
    match UNSEEN.iter().chain(claims).find(|(_, is_true)| is_true(accepted)) {
        None => Ok(()),
        Some((claim, _)) => Err(format!("{claim:?} is true of {accepted:?}, which is accepted")),
    }
}

fn all_hold(errors: &PayloadErrors, tree: &Value) -> Result<(), String> {
    for error in errors.listed() {
        // A name that was cut, or that has invisible characters, is not repeated as it is.
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

/// Returns whether the text is true of the value at this pointer; `None` if no predicate is known.
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
    if detail.contains("is a body in base64, because Logic Apps") {
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

/// Returns whether no member has the name at the end of the pointer, and the suggested one is a member where it is
/// suggested.
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
