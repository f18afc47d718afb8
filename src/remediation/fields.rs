//! Rules for each member's value. Every function reads exactly one value. An invalid value is recorded in the
//! [`ErrorCollector`](super::collector::ErrorCollector). Only invalid JSON ends the parsing.

use std::borrow::Cow;

use super::address::has_more_characters;
use super::error::{JsonError, Location};
use super::model::{Action, Severity};
use super::reader::{Json, Kind};
use super::sanitize::is_invisible;
use super::{address, suggestions};
use crate::guid::Guid;
use crate::time::Timestamp;

/// A value, or `None` if it is invalid and its error is recorded.
pub(super) type Checked<T> = Result<Option<T>, JsonError>;

const BOOLEAN: &str = "must be true or false";

/// Reads a text of 1 to `limit` characters, at least one of them visible.
pub(super) fn visible_text<'a>(json: &mut Json<'a>, location: Location<'_>, limit: usize) -> Checked<Cow<'a, str>> {
    text(json, location, |text| {
        if text.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
            return Err("must not be empty or blank".to_owned());
        }
        check_length(limit, text)
    })
}

/// Reads a text of at most `limit` characters, which may be empty: Graph documents only its type.
pub(super) fn any_text<'a>(json: &mut Json<'a>, location: Location<'_>, limit: usize) -> Checked<Cow<'a, str>> {
    text(json, location, |text| check_length(limit, text))
}

fn check_length(limit: usize, text: Cow<'_, str>) -> Result<Cow<'_, str>, String> {
    if has_more_characters(&text, limit) { Err(format!("must have at most {limit} characters")) } else { Ok(text) }
}

/// Reads a member of `remediationSeverity`.
pub(super) fn severity(json: &mut Json<'_>, location: Location<'_>) -> Checked<Severity> {
    text(json, location, |name| Severity::parse(&name).ok_or_else(|| suggestions::not_in_enum(&name, &Severity::NAMES)))
}

/// Reads a member of `remediationAction`.
pub(super) fn action(json: &mut Json<'_>, location: Location<'_>) -> Checked<Action> {
    text(json, location, |name| Action::parse(&name).ok_or_else(|| suggestions::not_in_enum(&name, &Action::NAMES)))
}

/// Reads a boolean, or its name as a string: Microsoft's own example sends `"false"`.
pub(super) fn boolean(json: &mut Json<'_>, location: Location<'_>) -> Checked<bool> {
    match json.kind()? {
        Kind::Boolean => json.boolean().map(Some),
        Kind::Text => text(json, location, |name| match name.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(BOOLEAN.to_owned()),
        }),
        other => reject_type(json, location, other, BOOLEAN),
    }
}

/// Reads a date and time, or `null` for none.
pub(super) fn optional_time(json: &mut Json<'_>, location: Location<'_>) -> Checked<Timestamp> {
    if json.kind()? == Kind::Null {
        json.skip()?;
        return Ok(None);
    }
    text(json, location, |text| {
        let expected = "must be a date and time of RFC 3339, such as \"2026-10-02T09:30:00Z\"";
        Timestamp::parse_rfc3339(&text).ok_or_else(|| expected.to_owned())
    })
}

/// Reads a whole number from 1 to `most`.
pub(super) fn count(json: &mut Json<'_>, location: Location<'_>, most: usize) -> Checked<usize> {
    let expected = format!("must be a whole number from 1 to {most}");
    let found = json.kind()?;
    if found != Kind::Number {
        return reject_type(json, location, found, &expected);
    }
    let count = json.number()?.parse().ok().filter(|count| (1..=most).contains(count));
    if count.is_none() {
        json.errors.add(location, expected);
    }
    Ok(count)
}

pub(super) fn guid(json: &mut Json<'_>, location: Location<'_>) -> Checked<Guid> {
    text(json, location, |guid| guid.parse().map_err(|_| suggestions::not_a_guid(&guid)))
}

pub(super) fn recipient<'a>(json: &mut Json<'a>, location: Location<'_>) -> Checked<Cow<'a, str>> {
    text(json, location, |recipient| match address::check(&recipient) {
        Ok(()) => Ok(recipient),
        Err(error) => Err(error.to_string()),
    })
}

/// Records an error for a value of the wrong type, and skips the value.
pub(super) fn reject_type<T>(json: &mut Json<'_>, location: Location<'_>, found: Kind, expected: &str) -> Checked<T> {
    let detail = match found {
        Kind::Null => format!("is required, and null counts as missing; {expected}"),
        other => format!("{expected}, not {other}"),
    };
    json.errors.add(location, detail);
    json.skip()?;
    Ok(None)
}

/// Reads a string that `check` accepts. The error of `check` is the detail for the caller.
fn text<'a, T>(
    json: &mut Json<'a>,
    location: Location<'_>,
    check: impl FnOnce(Cow<'a, str>) -> Result<T, String>,
) -> Checked<T> {
    let found = json.kind()?;
    if found != Kind::Text {
        return reject_type(json, location, found, "must be a string");
    }
    let value = check(json.string("a string is expected")?);
    Ok(value.map_err(|detail| json.errors.add(location, detail)).ok())
}
