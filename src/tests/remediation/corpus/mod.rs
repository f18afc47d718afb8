//! Valid, invalid and unusual bodies, each with its expected result.

mod addresses;
mod claims;
mod items;
mod json;
mod members;
mod repeated;
mod wild;

use crate::remediation::limits::MAX_EXCERPT;
use crate::remediation::{JsonError, ParseError, parse};
use crate::tests::support::description::{description, with_boolean};

/// The request of Microsoft's own page for the action.
pub(super) const SEED: &str = r#"{
    "displayName": "Clean up Phish email",
    "description": "Delete email",
    "severity": "medium",
    "action": "softDelete",
    "remediateSendersCopy": "false",
    "analyzedEmails": [
      {
        "networkMessageId": "73ca4154-58d8-43d0-a890-08dc18c52e6d",
        "recipientEmailAddress": "hannah.jarvis@contoso.com"
      },
      {
        "networkMessageId": "73ca4154-58d8-43d0-a890-08dc18c52e6d",
        "recipientEmailAddress": "preston.morales@contoso.com"
      }
    ]
}"#;

/// A valid item.
pub(super) const ITEM: &str =
    r#"{"networkMessageId":"73ca4154-58d8-43d0-a890-08dc18c52e6d","recipientEmailAddress":"a@contoso.com"}"#;

/// One row of a table: its name, the body and the expected result.
struct Case(&'static str, Vec<u8>, Expected);

enum Expected {
    /// A remediation with this number of emails, and this number of removed duplicates.
    Valid(usize, usize),
    /// Not JSON, with this in the text.
    NotJson(&'static str),
    /// Exactly these pointers in this order, each with this in its detail.
    Errors(Vec<(String, &'static str)>),
}
use Expected::{NotJson, Valid};

fn errors(expected: &[(&str, &'static str)]) -> Expected {
    Expected::Errors(expected.iter().map(|&(pointer, detail)| (pointer.to_owned(), detail)).collect())
}

fn error(pointer: &str, detail: &'static str) -> Expected {
    errors(&[(pointer, detail)])
}

/// Returns a valid body in Graph's order in which one member has this value, given as JSON.
fn set(name: &str, value: &str) -> Vec<u8> {
    with(|member, right| Some(if member == name { value.to_owned() } else { right.to_owned() }))
}

/// Returns a valid body without one member.
fn unset(name: &str) -> Vec<u8> {
    with(|member, right| (member != name).then(|| right.to_owned()))
}

/// Returns a valid body with more members at its end, given as JSON.
fn and(more: &str) -> Vec<u8> {
    let mut body = with(|_, right| Some(right.to_owned()));
    body.pop();
    [body, b",".to_vec(), more.as_bytes().to_vec(), b"}".to_vec()].concat()
}

/// Returns a valid body of these items, given as JSON without the brackets.
fn items(items: &str) -> Vec<u8> {
    set("analyzedEmails", &format!("[{items}]"))
}

/// Returns a valid body of one item with this `networkMessageId`, given as JSON.
fn id(value: &str) -> Vec<u8> {
    items(&format!(r#"{{"networkMessageId":{value},"recipientEmailAddress":"a@contoso.com"}}"#))
}

/// Returns a valid body of one item to this address.
fn to(address: &str) -> Vec<u8> {
    let address = serde_json::to_string(address).unwrap();
    items(&format!(
        r#"{{"networkMessageId":"73ca4154-58d8-43d0-a890-08dc18c52e6d","recipientEmailAddress":{address}}}"#
    ))
}

fn with(value: impl Fn(&str, &str) -> Option<String>) -> Vec<u8> {
    let emails = format!("[{ITEM}]");
    let members: Vec<String> = [
        ("displayName", r#""Clean up""#),
        ("description", r#""Phish""#),
        ("severity", r#""high""#),
        ("action", r#""hardDelete""#),
        ("remediateSendersCopy", "true"),
        ("analyzedEmails", &emails),
    ]
    .into_iter()
    .filter_map(|(name, right)| Some(format!(r#""{name}":{}"#, value(name, right)?)))
    .collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

/// Returns this number of different items.
fn different_items(count: usize) -> String {
    let items: Vec<String> = (0..count).map(|n| ITEM.replace("\"a@", &format!("\"a{n}@"))).collect();
    items.join(",")
}

/// Parses each body, and reports every row with another result by its name.
fn run(cases: Vec<Case>) {
    let wrong: Vec<String> = cases
        .into_iter()
        .filter_map(|Case(name, body, expected)| compare(&body, &expected).err().map(|why| format!("{name}: {why}")))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn compare(body: &[u8], expected: &Expected) -> Result<(), String> {
    let found = parse(body);
    if let Err(error) = &found {
        check_excerpts(error)?;
    }
    claims::check(body, &found)?;
    match (&found, expected) {
        (Ok(remediation), Valid(emails, removed)) => {
            // A dropped member may contain numbers that only the strict reader accepts.
            if let Ok(payload) = serde_json::from_slice(body) {
                description().check_payload(&with_boolean(payload))?;
            }
            let counts = (remediation.emails.len(), remediation.duplicates_removed);
            if counts == (*emails, *removed) { Ok(()) } else { Err(format!("{counts:?}")) }
        }
        (Err(ParseError::NotJson(error)), NotJson(fragment)) if error.to_string().contains(fragment) => Ok(()),
        (Err(ParseError::Invalid(errors)), Expected::Errors(expected)) => {
            let found: Vec<_> = errors.listed().iter().map(|f| (f.pointer.as_str(), f.detail.as_str())).collect();
            let same = found.len() == expected.len()
                && found.iter().zip(expected).all(|(f, (pointer, detail))| f.0 == pointer && f.1.contains(detail));
            if same { Ok(()) } else { Err(format!("{found:#?}")) }
        }
        _ => Err(format!("{found:?}")),
    }
}

/// No text may carry more of the input than the limit, nor anything that a terminal or a log viewer would obey.
fn check_excerpts(error: &ParseError) -> Result<(), String> {
    let texts: Vec<String> = match error {
        ParseError::NotJson(JsonError::Repeated { pointer }) => vec![pointer.clone()],
        ParseError::NotJson(other) => vec![other.to_string()],
        ParseError::Invalid(errors) => {
            errors.listed().iter().flat_map(|error| [error.pointer.clone(), error.detail.clone()]).collect()
        }
    };
    // Our own part of a pointer is at most "/analyzedEmails/9999/", and each "~" or "/" of a name takes two characters.
    let longest = MAX_EXCERPT * 2 + 21;
    for text in texts {
        if text.chars().any(char::is_control) {
            return Err(format!("a control character in {text:?}"));
        }
        if text.starts_with('/') && text.chars().count() > longest {
            return Err(format!("a long pointer: {text}"));
        }
        if text.chars().count() > 300 {
            return Err(format!("a long text: {text}"));
        }
    }
    Ok(())
}
