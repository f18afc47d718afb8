//! The rules for each member's value. Every function here reads exactly one value: what is wrong with it becomes a fault, and
//! only what is not JSON ends the reading.

use std::borrow::Cow;

use super::address::{self, AddressFault, has_more_characters};
use super::echo::is_unseen;
use super::fault::{Faults, JsonFault, Place};
use super::guid::Guid;
use super::hints;
use super::model::{Action, Severity};
use super::reader::{Json, Kind};

/// What has become of a required member.
#[derive(Debug, Default)]
pub(super) enum Member<T> {
    /// Its name has not come up.
    #[default]
    Missing,
    /// Its value is wrong, and a fault says so.
    Faulty,
    /// Its value is right.
    Read(T),
}

impl<T> Member<T> {
    /// The value, if it is there and right.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Missing | Self::Faulty => None,
        }
    }

    /// Notes a fault if the name has not come up by the end of its object.
    pub(super) fn require(&self, faults: &mut Faults, place: Place<'_>) {
        if matches!(self, Self::Missing) {
            faults.add(place, || "is required, and missing".to_owned());
        }
    }
}

/// What is wrong with a string. Its text is made when it is listed and not before: thousands may be counted only.
enum Wrong<'a> {
    Blank,
    LongerThan(usize),
    NotInEnum(Cow<'a, str>, &'static [&'static str]),
    NotABoolean,
    NotAGuid(Cow<'a, str>),
    NotAnAddress(AddressFault),
}

impl Wrong<'_> {
    fn detail(&self) -> String {
        match self {
            Self::Blank => "must not be empty or blank".to_owned(),
            Self::LongerThan(limit) => format!("must have at most {limit} characters"),
            Self::NotInEnum(text, members) => hints::not_in_enum(text, members),
            Self::NotABoolean => BOOLEAN.to_owned(),
            Self::NotAGuid(text) => hints::not_a_guid(text),
            Self::NotAnAddress(fault) => fault.to_string(),
        }
    }
}

const BOOLEAN: &str = "must be true or false";

/// Reads a text of 1 to `limit` characters with something to see in it.
pub(super) fn caption<'a>(
    json: &mut Json<'a>,
    faults: &mut Faults,
    place: Place<'_>,
    limit: usize,
) -> Result<Member<Cow<'a, str>>, JsonFault> {
    text(json, faults, place, |text| {
        if text.chars().all(|c| c.is_whitespace() || is_unseen(c)) {
            Err(Wrong::Blank)
        } else if has_more_characters(&text, limit) {
            Err(Wrong::LongerThan(limit))
        } else {
            Ok(text)
        }
    })
}

/// Reads a member of `remediationSeverity`.
pub(super) fn severity(
    json: &mut Json<'_>,
    faults: &mut Faults,
    place: Place<'_>,
) -> Result<Member<Severity>, JsonFault> {
    text(json, faults, place, |name| Severity::parse(&name).ok_or(Wrong::NotInEnum(name, &Severity::NAMES)))
}

/// Reads a member of `remediationAction`.
pub(super) fn action(json: &mut Json<'_>, faults: &mut Faults, place: Place<'_>) -> Result<Member<Action>, JsonFault> {
    text(json, faults, place, |name| Action::parse(&name).ok_or(Wrong::NotInEnum(name, &Action::NAMES)))
}

/// Reads a boolean, or its name as a string: Microsoft's own example sends `"false"`.
pub(super) fn boolean(json: &mut Json<'_>, faults: &mut Faults, place: Place<'_>) -> Result<Member<bool>, JsonFault> {
    match json.kind()? {
        Kind::Boolean => Ok(Member::Read(json.boolean()?)),
        Kind::Text => text(json, faults, place, |name| match name.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Wrong::NotABoolean),
        }),
        other => refuse(json, faults, place, other, BOOLEAN),
    }
}

/// Reads a GUID.
pub(super) fn guid(json: &mut Json<'_>, faults: &mut Faults, place: Place<'_>) -> Result<Member<Guid>, JsonFault> {
    text(json, faults, place, |guid| guid.parse().map_err(|_| Wrong::NotAGuid(guid)))
}

/// Reads an address.
pub(super) fn recipient<'a>(
    json: &mut Json<'a>,
    faults: &mut Faults,
    place: Place<'_>,
) -> Result<Member<Cow<'a, str>>, JsonFault> {
    text(json, faults, place, |recipient| match address::check(&recipient) {
        Ok(()) => Ok(recipient),
        Err(fault) => Err(Wrong::NotAnAddress(fault)),
    })
}

/// Passes over a value of the wrong kind.
pub(super) fn refuse<T>(
    json: &mut Json<'_>,
    faults: &mut Faults,
    place: Place<'_>,
    found: Kind,
    expected: &str,
) -> Result<Member<T>, JsonFault> {
    faults.add(place, || match found {
        Kind::Null => format!("is required, and null counts as missing; {expected}"),
        other => format!("{expected}, not {other}"),
    });
    json.skip()?;
    Ok(Member::Faulty)
}

/// Reads a string that `check` accepts.
fn text<'a, T>(
    json: &mut Json<'a>,
    faults: &mut Faults,
    place: Place<'_>,
    check: impl FnOnce(Cow<'a, str>) -> Result<T, Wrong<'a>>,
) -> Result<Member<T>, JsonFault> {
    let found = json.kind()?;
    if found != Kind::Text {
        return refuse(json, faults, place, found, "must be a string");
    }
    match check(json.string("a string is expected")?) {
        Ok(value) => Ok(Member::Read(value)),
        Err(wrong) => {
            faults.add(place, || wrong.detail());
            Ok(Member::Faulty)
        }
    }
}
