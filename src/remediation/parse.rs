//! Parses the bytes of a body into a [`Remediation`], or into all its errors.
//!
//! The parser walks the body once and collects the errors of the payload. An error of the JSON ends the walk and is the
//! only one in the response, wherever it occurs. So a body is validated as a remediation only if all of it is JSON.

use std::borrow::Cow;

use super::collector::ErrorCollector;
use super::duplicates::remove_duplicates;
use super::error::{JsonError, Location, ParseError};
use super::fields::Checked;
use super::limits::{MAX_ANALYZED_EMAILS, MAX_DESCRIPTION, MAX_DISPLAY_NAME, MAX_MESSAGES};
use super::model::{Action, AnalyzedEmail, MessagesRemediation, Remediation, Severity, StatusQuery};
use super::reader::{Json, Kind};
use super::suggestions::{ACCEPTED_AT, Level, MAX_RECIPIENTS, MESSAGE_IDS, RECEIVED_AFTER};
use super::{declared, fields, format};
use crate::guid::Guid;
use crate::time::Timestamp;

/// Parses a request body. The result borrows from the body except for texts with escapes.
///
/// # Errors
///
/// [`ParseError::NotJson`] if the body is not JSON or is ambiguous, [`ParseError::Invalid`] if it is JSON and not a
/// remediation.
pub fn parse(body: &[u8]) -> Result<Remediation<'_>, ParseError> {
    read_body(body, Level::Body, |partial, _| partial.finish())
}

/// Parses the body of a status request: a remediation with an optional `acceptedAt`, and with a limited number of
/// messages.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_status(body: &[u8]) -> Result<StatusQuery<'_>, ParseError> {
    read_body(body, Level::StatusBody, PartialRemediation::finish_status)
}

/// Reads the body of a remediation of messages, which has messages and a limit instead of emails.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_messages(body: &[u8]) -> Result<MessagesRemediation<'_>, ParseError> {
    read_body(body, Level::MessagesBody, |partial, _| partial.finish_messages())
}

/// Parses a body, in which every part must be valid. `finish` returns the result, or adds an error.
fn read_body<'a, T>(
    body: &'a [u8],
    level: Level,
    finish: impl FnOnce(PartialRemediation<'a>, &mut ErrorCollector) -> Option<T>,
) -> Result<T, ParseError> {
    let (partial, mut errors) = walk_body(body, level)?;
    // Without an error, every required member has been read, and is valid.
    let value = if errors.is_empty() { finish(partial, &mut errors) } else { None };
    value.ok_or_else(|| errors.finish().into())
}

/// Walks a body, and returns its valid members and the errors of the others.
fn walk_body(body: &[u8], level: Level) -> Result<(PartialRemediation<'_>, ErrorCollector), JsonError> {
    let mut json = Json::new(body)?;
    let mut partial = PartialRemediation::default();
    match json.kind()? {
        Kind::Object => {
            let mut object = ObjectMembers::new(level, Location::default());
            json.object(|json, name| partial.read_member(json, &mut object, name))?;
            if partial.is_wrapped {
                // All other errors are about Logic Apps' wrapper and not about the remediation in it.
                json.errors = ErrorCollector::default();
                json.errors.add(
                    Location::default().member("$content"),
                    "is a body in base64, because Logic Apps treated the body as binary; send the decoded JSON: \
                     json(base64ToString(…?['$content']))"
                        .to_owned(),
                );
            } else {
                object.require_all(&mut json.errors);
            }
        }
        Kind::Text => {
            let text = json.string("a string is expected")?;
            json.expect_end()?;
            if text.trim_start().starts_with('{') {
                return Err(JsonError::EncodedTwice);
            }
            if format::is_base64_json(&text) {
                return Err(JsonError::Base64);
            }
            json.errors.add(Location::default(), "the body must be an object, not a string".to_owned());
        }
        other => {
            json.errors.add(Location::default(), format!("the body must be an object, not {other}"));
            json.skip()?;
        }
    }
    json.expect_end()?;
    Ok((partial, json.errors))
}

/// Valid members of the body that have been read so far.
#[derive(Default)]
struct PartialRemediation<'a> {
    display_name: Option<Cow<'a, str>>,
    description: Option<Cow<'a, str>>,
    severity: Option<Severity>,
    action: Option<Action>,
    remediate_senders_copy: Option<bool>,
    emails: Option<Vec<AnalyzedEmail<'a>>>,
    messages: Option<Vec<Guid>>,
    max_recipients: Option<usize>,
    /// `acceptedAt` or `receivedAfter`. No body has both.
    time: Option<Timestamp>,
    /// Whether the body is Logic Apps' object around a binary body.
    is_wrapped: bool,
}

impl<'a> PartialRemediation<'a> {
    /// Reads the value of the member with this name.
    fn read_member(
        &mut self,
        json: &mut Json<'a>,
        object: &mut ObjectMembers<'_>,
        name: &str,
    ) -> Result<(), JsonError> {
        if name == "$content" {
            self.is_wrapped = true;
            return json.skip();
        }
        let Some(member) = object.find_member(json, name) else { return json.skip() };
        let location = object.location.member(name);
        match member {
            "displayName" => self.display_name = fields::visible_text(json, location, MAX_DISPLAY_NAME)?,
            "description" => self.description = fields::any_text(json, location, MAX_DESCRIPTION)?,
            "severity" => self.severity = fields::severity(json, location)?,
            "action" => self.action = fields::action(json, location)?,
            "remediateSendersCopy" => self.remediate_senders_copy = fields::boolean(json, location)?,
            ACCEPTED_AT | RECEIVED_AFTER => self.time = fields::optional_time(json, location)?,
            MESSAGE_IDS => {
                self.messages = read_items(json, name, "must be an array of GUIDs", MAX_MESSAGES, |json, index| {
                    fields::guid(json, Location::item(name, index))
                })?;
            }
            MAX_RECIPIENTS => self.max_recipients = fields::count(json, location, MAX_ANALYZED_EMAILS)?,
            _ => {
                self.emails =
                    read_items(json, name, "must be an array of emails", MAX_ANALYZED_EMAILS, |json, index| {
                        read_analyzed_email(json, Location::item(name, index), index)
                    })?;
            }
        }
        Ok(())
    }

    /// Returns the remediation if every member is valid.
    fn finish(mut self) -> Option<Remediation<'a>> {
        let mut emails = self.emails.take()?;
        let duplicates_removed = remove_duplicates(&mut emails);
        self.remediation(emails, duplicates_removed)
    }

    /// Returns the remediation with its messages, of which it may have a limited number.
    fn finish_status(self, errors: &mut ErrorCollector) -> Option<StatusQuery<'a>> {
        let accepted_at = self.time;
        let remediation = self.finish()?;
        let mut messages = Vec::with_capacity(MAX_MESSAGES);
        for email in &remediation.emails {
            if messages.contains(&email.network_message_id) {
                continue;
            }
            if messages.len() == MAX_MESSAGES {
                let detail =
                    format!("must name at most {MAX_MESSAGES} different messages; split the request by message");
                errors.add(Location::default().member("analyzedEmails"), detail);
                return None;
            }
            messages.push(email.network_message_id);
        }
        Some(StatusQuery { remediation, accepted_at, messages })
    }

    /// Returns the remediation of messages if every member is valid.
    fn finish_messages(mut self) -> Option<MessagesRemediation<'a>> {
        let mut messages = self.messages.take()?;
        let given = messages.len();
        messages.sort_unstable();
        messages.dedup();
        let (max_recipients, received_after) = (self.max_recipients?, self.time);
        let remediation = self.remediation(Vec::new(), given - messages.len())?;
        Some(MessagesRemediation { remediation, messages, max_recipients, received_after })
    }

    fn remediation(self, emails: Vec<AnalyzedEmail<'a>>, duplicates_removed: usize) -> Option<Remediation<'a>> {
        Some(Remediation {
            display_name: self.display_name?,
            description: self.description?,
            severity: self.severity?,
            action: self.action?,
            remediate_senders_copy: self.remediate_senders_copy?,
            emails,
            duplicates_removed,
        })
    }
}

/// The members that an object has so far.
struct ObjectMembers<'n> {
    level: Level,
    location: Location<'n>,
    /// A bit for each of the level's members, set if the object has the member or a misspelt name for it.
    present: u8,
}

impl<'n> ObjectMembers<'n> {
    const fn new(level: Level, location: Location<'n>) -> Self {
        Self { level, location, present: 0 }
    }

    /// Returns the member that a name means; `None` if the value after the name is to be skipped.
    ///
    /// An unknown name is an error, because a misspelt member would have no effect. Its value is validated as that of
    /// the intended member, unless the object already has that member. Annotations, which typed SDKs add, are dropped
    /// (`OData` JSON Format 4.01, section 4.6: a name with `@odata.`), and so are the declared properties of an item.
    fn find_member(&mut self, json: &mut Json<'_>, name: &str) -> Option<&'static str> {
        let members = self.level.members();
        let position = |wanted: &str| members.iter().position(|member| *member == wanted);
        let is_dropped = || self.level == Level::Item && declared::is_declared(name) || name.contains("@odata.");
        let index = match position(name) {
            Some(known) => known,
            None if is_dropped() => return None,
            None => {
                let suggestion = json.errors.add_unknown(self.level, self.location.member(name), name)?;
                position(suggestion).filter(|index| self.present & 1 << index == 0)?
            }
        };
        self.present |= 1 << index;
        members.get(index).copied()
    }

    /// Records an error for each required member that the object lacks at its end.
    fn require_all(&self, errors: &mut ErrorCollector) {
        for (index, member) in self.level.members().iter().enumerate() {
            if self.present & 1 << index == 0 && !matches!(*member, ACCEPTED_AT | RECEIVED_AFTER) {
                errors.add(self.location.member(member), "is required, and missing".to_owned());
            }
        }
    }
}

/// Reads an array of 1 to `most` items, which the body has under `list`. Items beyond the limit are only checked to be
/// JSON and counted.
fn read_items<'a, T>(
    json: &mut Json<'a>,
    list: &str,
    expected: &str,
    most: usize,
    mut item: impl FnMut(&mut Json<'a>, usize) -> Checked<T>,
) -> Checked<Vec<T>> {
    let location = Location::default().member(list);
    let found = json.kind()?;
    if found != Kind::Array {
        return fields::reject_type(json, location, found, expected);
    }
    // The array's own error comes before the errors of its items.
    let listed_before = json.errors.listed_values();
    let mut read = Vec::new();
    let count = json.array(|json, index| {
        if index >= most {
            return json.skip();
        }
        read.extend(item(json, index)?);
        Ok(())
    })?;
    if count == 0 || count > most {
        json.errors.insert(listed_before, location, format!("must have 1 to {most} items, and has {count}"));
        return Ok(None);
    }
    Ok(Some(read))
}

/// Reads the item at `index`.
fn read_analyzed_email<'a>(json: &mut Json<'a>, location: Location<'_>, index: usize) -> Checked<AnalyzedEmail<'a>> {
    let found = json.kind()?;
    if found != Kind::Object {
        let detail = format!("must be an object of \"networkMessageId\" and \"recipientEmailAddress\", not {found}");
        json.errors.add(location, detail);
        json.skip()?;
        return Ok(None);
    }
    let (mut network_message_id, mut recipient) = (None, None);
    let mut object = ObjectMembers::new(Level::Item, location);
    json.object(|json, name| {
        match object.find_member(json, name) {
            Some("networkMessageId") => network_message_id = fields::guid(json, location.member(name))?,
            Some(_) => recipient = fields::recipient(json, location.member(name))?,
            None => json.skip()?,
        }
        Ok(())
    })?;
    object.require_all(&mut json.errors);
    let pair = network_message_id.zip(recipient);
    Ok(pair.map(|(network_message_id, recipient)| AnalyzedEmail { network_message_id, recipient, index }))
}
