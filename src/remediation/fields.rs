//! Rules for each member's value. Every function reads exactly one value. An invalid value becomes an error of the
//! list; only invalid JSON ends the reading.

use std::borrow::Cow;

use super::address::{AddressError, has_more_characters};
use super::collector::ErrorCollector;
use super::error::{JsonError, Location};
use super::model::{Action, Severity};
use super::reader::{Json, Kind};
use super::sanitize::is_unseen;
use super::{address, suggestions};
use crate::guid::Guid;
use crate::time::Timestamp;

/// State of a required member.
#[derive(Debug, Default)]
pub(super) enum Field<T> {
    /// The object does not have it so far.
    #[default]
    Missing,
    /// The value is invalid, and the list has its error.
    Invalid,
    /// The value is valid.
    Read(T),
}

impl<T> Field<T> {
    /// Returns the value if it is present and valid.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Missing | Self::Invalid => None,
        }
    }

    /// Returns whether the member is missing so far.
    pub(super) const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// Records an error if the object ends without the member.
    pub(super) fn require(&self, errors: &mut ErrorCollector, location: Location<'_>) {
        if self.is_missing() {
            errors.add(location, "is required, and missing".to_owned());
        }
    }
}

/// Error of a string.
enum Wrong<'a> {
    Blank,
    LongerThan(usize),
    NotInEnum(Cow<'a, str>, &'static [&'static str]),
    NotABoolean,
    NotAGuid(Cow<'a, str>),
    NotATime,
    NotAnAddress(AddressError),
}

impl Wrong<'_> {
    fn detail(&self) -> String {
        match self {
            Self::Blank => "must not be empty or blank".to_owned(),
            Self::LongerThan(limit) => format!("must have at most {limit} characters"),
            Self::NotInEnum(text, members) => suggestions::not_in_enum(text, members),
            Self::NotABoolean => BOOLEAN.to_owned(),
            Self::NotAGuid(text) => suggestions::not_a_guid(text),
            Self::NotATime => "must be a date and time of RFC 3339, such as \"2026-10-02T09:30:00Z\"".to_owned(),
            Self::NotAnAddress(error) => error.to_string(),
        }
    }
}

const BOOLEAN: &str = "must be true or false";

/// Reads a text of 1 to `limit` characters, at least one of them visible.
pub(super) fn caption<'a>(
    json: &mut Json<'a>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
    limit: usize,
) -> Result<Field<Cow<'a, str>>, JsonError> {
    text(json, errors, location, |text| {
        if text.chars().all(|c| c.is_whitespace() || is_unseen(c)) {
            Err(Wrong::Blank)
        } else if has_more_characters(&text, limit) {
            Err(Wrong::LongerThan(limit))
        } else {
            Ok(text)
        }
    })
}

/// Reads a text of at most `limit` characters, which may be empty: Graph documents only its type.
pub(super) fn note<'a>(
    json: &mut Json<'a>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
    limit: usize,
) -> Result<Field<Cow<'a, str>>, JsonError> {
    text(json, errors, location, |text| {
        if has_more_characters(&text, limit) { Err(Wrong::LongerThan(limit)) } else { Ok(text) }
    })
}

/// Reads a member of `remediationSeverity`.
pub(super) fn severity(
    json: &mut Json<'_>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
) -> Result<Field<Severity>, JsonError> {
    text(json, errors, location, |name| Severity::parse(&name).ok_or(Wrong::NotInEnum(name, &Severity::NAMES)))
}

/// Reads a member of `remediationAction`.
pub(super) fn action(
    json: &mut Json<'_>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
) -> Result<Field<Action>, JsonError> {
    text(json, errors, location, |name| Action::parse(&name).ok_or(Wrong::NotInEnum(name, &Action::NAMES)))
}

/// Reads a boolean, or its name as a string: Microsoft's own example sends `"false"`.
pub(super) fn boolean(
    json: &mut Json<'_>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
) -> Result<Field<bool>, JsonError> {
    match json.kind()? {
        Kind::Boolean => Ok(Field::Read(json.boolean()?)),
        Kind::Text => text(json, errors, location, |name| match name.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Wrong::NotABoolean),
        }),
        other => refuse(json, errors, location, other, BOOLEAN),
    }
}

/// Reads a date and time, or `null` for none.
pub(super) fn optional_time(
    json: &mut Json<'_>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
) -> Result<Option<Timestamp>, JsonError> {
    if json.kind()? == Kind::Null {
        json.skip()?;
        return Ok(None);
    }
    let time = text(json, errors, location, |text| Timestamp::parse_rfc3339(&text).ok_or(Wrong::NotATime))?;
    Ok(time.value())
}

/// Reads a whole number from 1 to `most`.
pub(super) fn count(
    json: &mut Json<'_>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
    most: usize,
) -> Result<Field<usize>, JsonError> {
    let expected = format!("must be a whole number from 1 to {most}");
    let found = json.kind()?;
    if found != Kind::Number {
        return refuse(json, errors, location, found, &expected);
    }
    let count = json.number()?.parse().ok().filter(|count| (1..=most).contains(count));
    if count.is_none() {
        errors.add(location, expected);
    }
    Ok(count.map_or(Field::Invalid, Field::Read))
}

/// Reads a GUID.
pub(super) fn guid(
    json: &mut Json<'_>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
) -> Result<Field<Guid>, JsonError> {
    text(json, errors, location, |guid| guid.parse().map_err(|_| Wrong::NotAGuid(guid)))
}

/// Reads an address.
pub(super) fn recipient<'a>(
    json: &mut Json<'a>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
) -> Result<Field<Cow<'a, str>>, JsonError> {
    text(json, errors, location, |recipient| match address::check(&recipient) {
        Ok(()) => Ok(recipient),
        Err(error) => Err(Wrong::NotAnAddress(error)),
    })
}

/// Skips a value of the wrong type.
pub(super) fn refuse<T>(
    json: &mut Json<'_>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
    found: Kind,
    expected: &str,
) -> Result<Field<T>, JsonError> {
    let detail = match found {
        Kind::Null => format!("is required, and null counts as missing; {expected}"),
        other => format!("{expected}, not {other}"),
    };
    errors.add(location, detail);
    json.skip()?;
    Ok(Field::Invalid)
}

/// Reads a string that `check` accepts.
fn text<'a, T>(
    json: &mut Json<'a>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
    check: impl FnOnce(Cow<'a, str>) -> Result<T, Wrong<'a>>,
) -> Result<Field<T>, JsonError> {
    let found = json.kind()?;
    if found != Kind::Text {
        return refuse(json, errors, location, found, "must be a string");
    }
    match check(json.string("a string is expected")?) {
        Ok(value) => Ok(Field::Read(value)),
        Err(wrong) => {
            errors.add(location, wrong.detail());
            Ok(Field::Invalid)
        }
    }
}
