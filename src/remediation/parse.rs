//! Parses the bytes of a body into a [`Remediation`], or into all its errors.
//!
//! The parser walks the body once and collects the errors of the payload. An error of the JSON ends the walk and is the
//! only one in the response, wherever it occurs. So a body is validated as a remediation only if all of it is JSON.

use std::borrow::Cow;

use super::collector::ErrorCollector;
use super::duplicates::remove_duplicates;
use super::error::{JsonError, Location, ParseError, PayloadErrors};
use super::fields::Field;
use super::limits::{MAX_ANALYZED_EMAILS, MAX_DESCRIPTION, MAX_DISPLAY_NAME, MAX_MESSAGES};
use super::model::{Action, AnalyzedEmail, MessagesRemediation, Remediation, Severity, StatusQuery};
use super::reader::{Json, Kind};
use super::suggestions::{ACCEPTED_AT, ITEM_MEMBERS, Level, MAX_RECIPIENTS, MESSAGE_IDS, RECEIVED_AFTER};
use super::{declared, fields, format};
use crate::guid::Guid;
use crate::time::Timestamp;

/// Parses a request body. The result borrows from the body except for texts with escapes.
///
/// # Errors
///
/// [`ParseError::NotJson`] if the body is no JSON or ambiguous, [`ParseError::Invalid`] if it is JSON and no
/// remediation.
pub fn parse(body: &[u8]) -> Result<Remediation<'_>, ParseError> {
    let partial = read_body(body, Level::Body)?;
    // Without an error, every member has been read.
    partial.finish().ok_or_else(|| PayloadErrors::new(Vec::new(), 0).into())
}

/// Parses the body of a status request: a remediation with an optional `acceptedAt`, and with a limited number of
/// messages.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_status(body: &[u8]) -> Result<StatusQuery<'_>, ParseError> {
    let partial = read_body(body, Level::StatusBody)?;
    let accepted_at = partial.time;
    let mut errors = ErrorCollector::default();
    let mut messages = Vec::with_capacity(MAX_MESSAGES);
    let remediation = partial.finish();
    for email in remediation.iter().flat_map(|remediation| &remediation.emails) {
        if messages.contains(&email.network_message_id) {
            continue;
        }
        if messages.len() == MAX_MESSAGES {
            let detail = format!("must name at most {MAX_MESSAGES} different messages; split the request by message");
            errors.add(Location::Field("analyzedEmails"), detail);
            break;
        }
        messages.push(email.network_message_id);
    }
    match (errors.finish(), remediation) {
        (None, Some(remediation)) => Ok(StatusQuery { remediation, accepted_at, messages }),
        (errors, _) => Err(errors.unwrap_or_else(|| PayloadErrors::new(Vec::new(), 0)).into()),
    }
}

/// Reads the body of a remediation of messages, which has messages and a limit instead of emails.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_messages(body: &[u8]) -> Result<MessagesRemediation<'_>, ParseError> {
    let partial = read_body(body, Level::MessagesBody)?;
    partial.finish_messages().ok_or_else(|| PayloadErrors::new(Vec::new(), 0).into())
}

/// Walks a body, which must be right as a whole.
fn read_body(body: &[u8], level: Level) -> Result<PartialRemediation<'_>, ParseError> {
    let mut json = Json::new(body)?;
    let mut partial = PartialRemediation::default();
    let mut errors = ErrorCollector::default();
    match json.kind()? {
        Kind::Object => {
            json.object(|json, name| partial.member(json, &mut errors, level, name))?;
            if partial.is_wrapped {
                // All other errors are about Logic Apps' wrapper and not about the remediation in it.
                errors = ErrorCollector::default();
                errors.add(
                    Location::Field("$content"),
                    "is base64 in which Logic Apps wraps a body that it takes for binary; send the JSON in it, by \
                     json(base64ToString(…?['$content']))"
                        .to_owned(),
                );
            } else {
                partial.require_all(&mut errors, level);
            }
        }
        Kind::Text => {
            let text = json.string("a string is expected")?;
            json.end()?;
            if text.trim_start().starts_with('{') {
                return Err(JsonError::EncodedTwice.into());
            }
            if format::holds_base64_json(&text) {
                return Err(JsonError::Base64.into());
            }
            errors.add(Location::Body, "the body must be an object, not a string".to_owned());
        }
        other => {
            errors.add(Location::Body, format!("the body must be an object, not {other}"));
            json.skip()?;
        }
    }
    json.end()?;
    match errors.finish() {
        Some(errors) => Err(errors.into()),
        None => Ok(partial),
    }
}

/// Members of the body that have been read so far.
#[derive(Default)]
struct PartialRemediation<'a> {
    display_name: Field<Cow<'a, str>>,
    description: Field<Cow<'a, str>>,
    severity: Field<Severity>,
    action: Field<Action>,
    remediate_senders_copy: Field<bool>,
    emails: Field<Vec<AnalyzedEmail<'a>>>,
    messages: Field<Vec<Guid>>,
    max_recipients: Field<usize>,
    /// `acceptedAt` or `receivedAfter`. No body has both.
    time: Option<Timestamp>,
    /// Whether the body has the time, or a misspelt name for it.
    has_time: bool,
    /// Whether the body is Logic Apps' object around a binary body.
    is_wrapped: bool,
}

impl<'a> PartialRemediation<'a> {
    /// Reads the value of the member with this name. A misspelt name is an error, and its value is validated as that of
    /// the intended member.
    fn member(
        &mut self,
        json: &mut Json<'a>,
        errors: &mut ErrorCollector,
        level: Level,
        name: &str,
    ) -> Result<(), JsonError> {
        if name == "$content" {
            self.is_wrapped = true;
            return json.skip();
        }
        if level.members().contains(&name) {
            return self.read(json, errors, name, name);
        }
        match misspelt(errors, level, Location::Field(name), name) {
            Some(member) if self.is_missing(member) => self.read(json, errors, member, name),
            _ => json.skip(),
        }
    }

    /// Reads the value of `member`, whose name in the body is `name`.
    fn read(
        &mut self,
        json: &mut Json<'a>,
        errors: &mut ErrorCollector,
        member: &str,
        name: &str,
    ) -> Result<(), JsonError> {
        let location = Location::Field(name);
        match member {
            "displayName" => self.display_name = fields::caption(json, errors, location, MAX_DISPLAY_NAME)?,
            "description" => self.description = fields::note(json, errors, location, MAX_DESCRIPTION)?,
            "severity" => self.severity = fields::severity(json, errors, location)?,
            "action" => self.action = fields::action(json, errors, location)?,
            "remediateSendersCopy" => self.remediate_senders_copy = fields::boolean(json, errors, location)?,
            ACCEPTED_AT | RECEIVED_AFTER => {
                self.has_time = true;
                self.time = fields::optional_time(json, errors, location)?;
            }
            MESSAGE_IDS => self.messages = message_ids(json, errors, name)?,
            MAX_RECIPIENTS => self.max_recipients = fields::count(json, errors, location, MAX_ANALYZED_EMAILS)?,
            _ => self.emails = analyzed_emails(json, errors, name)?,
        }
        Ok(())
    }

    /// Returns whether the body has neither the member nor a misspelt name for it.
    fn is_missing(&self, member: &str) -> bool {
        match member {
            "displayName" => self.display_name.is_missing(),
            "description" => self.description.is_missing(),
            "severity" => self.severity.is_missing(),
            "action" => self.action.is_missing(),
            "remediateSendersCopy" => self.remediate_senders_copy.is_missing(),
            ACCEPTED_AT | RECEIVED_AFTER => !self.has_time,
            MESSAGE_IDS => self.messages.is_missing(),
            MAX_RECIPIENTS => self.max_recipients.is_missing(),
            _ => self.emails.is_missing(),
        }
    }

    /// Records the missing members.
    fn require_all(&self, errors: &mut ErrorCollector, level: Level) {
        self.display_name.require(errors, Location::Field("displayName"));
        self.description.require(errors, Location::Field("description"));
        self.severity.require(errors, Location::Field("severity"));
        self.action.require(errors, Location::Field("action"));
        self.remediate_senders_copy.require(errors, Location::Field("remediateSendersCopy"));
        if level == Level::MessagesBody {
            self.messages.require(errors, Location::Field(MESSAGE_IDS));
            self.max_recipients.require(errors, Location::Field(MAX_RECIPIENTS));
        } else {
            self.emails.require(errors, Location::Field("analyzedEmails"));
        }
    }

    /// Returns the remediation if every member is valid.
    fn finish(mut self) -> Option<Remediation<'a>> {
        let mut emails = std::mem::take(&mut self.emails).value()?;
        let duplicates_removed = remove_duplicates(&mut emails);
        self.remediation(emails, duplicates_removed)
    }

    /// The remediation of messages, if every member is right.
    fn finish_messages(mut self) -> Option<MessagesRemediation<'a>> {
        let mut messages = std::mem::take(&mut self.messages).value()?;
        let given = messages.len();
        messages.sort_unstable();
        messages.dedup();
        let (duplicates_removed, received_after) = (given - messages.len(), self.time);
        let max_recipients = std::mem::take(&mut self.max_recipients).value()?;
        let remediation = self.remediation(Vec::new(), duplicates_removed)?;
        Some(MessagesRemediation { remediation, messages, max_recipients, received_after })
    }

    fn remediation(self, emails: Vec<AnalyzedEmail<'a>>, duplicates_removed: usize) -> Option<Remediation<'a>> {
        Some(Remediation {
            display_name: self.display_name.value()?,
            description: self.description.value()?,
            severity: self.severity.value()?,
            action: self.action.value()?,
            remediate_senders_copy: self.remediate_senders_copy.value()?,
            emails,
            duplicates_removed,
        })
    }
}

/// Reads the emails, which the body has under `list`.
fn analyzed_emails<'a>(
    json: &mut Json<'a>,
    errors: &mut ErrorCollector,
    list: &str,
) -> Result<Field<Vec<AnalyzedEmail<'a>>>, JsonError> {
    let location = Location::Field(list);
    let found = json.kind()?;
    if found != Kind::Array {
        return fields::refuse(json, errors, location, found, "must be an array of emails");
    }
    items(json, errors, location, MAX_ANALYZED_EMAILS, |json, errors, index| analyzed_email(json, errors, list, index))
}

/// Reads the IDs of messages, which the body has under `list`.
fn message_ids(json: &mut Json<'_>, errors: &mut ErrorCollector, list: &str) -> Result<Field<Vec<Guid>>, JsonError> {
    let location = Location::Field(list);
    let found = json.kind()?;
    if found != Kind::Array {
        return fields::refuse(json, errors, location, found, "must be an array of GUIDs");
    }
    items(json, errors, location, MAX_MESSAGES, |json, errors, index| {
        Ok(fields::guid(json, errors, Location::Item { list, index })?.value())
    })
}

/// Reads an array of 1 to `most` items. Items beyond the limit are only checked to be JSON and counted.
fn items<'a, T>(
    json: &mut Json<'a>,
    errors: &mut ErrorCollector,
    location: Location<'_>,
    most: usize,
    mut item: impl FnMut(&mut Json<'a>, &mut ErrorCollector, usize) -> Result<Option<T>, JsonError>,
) -> Result<Field<Vec<T>>, JsonError> {
    // The array's own error comes before the errors of its items.
    let listed_before = errors.listed_values();
    let mut read = Vec::new();
    let count = json.array(|json, index| {
        if index >= most {
            return json.skip();
        }
        read.extend(item(json, errors, index)?);
        Ok(())
    })?;
    if count == 0 || count > most {
        errors.insert(listed_before, location, format!("must have 1 to {most} items, and has {count}"));
        return Ok(Field::Invalid);
    }
    Ok(Field::Read(read))
}

/// Reads an item; `None` if it has an error.
fn analyzed_email<'a>(
    json: &mut Json<'a>,
    errors: &mut ErrorCollector,
    list: &str,
    index: usize,
) -> Result<Option<AnalyzedEmail<'a>>, JsonError> {
    let found = json.kind()?;
    if found != Kind::Object {
        let detail = format!("must be an object of \"networkMessageId\" and \"recipientEmailAddress\", not {found}");
        errors.add(Location::Item { list, index }, detail);
        json.skip()?;
        return Ok(None);
    }
    let mut network_message_id = Field::Missing;
    let mut recipient = Field::Missing;
    json.object(|json, name| {
        let location = Location::ItemMember { list, index, name };
        let is_missing = |member: &str| match member {
            "networkMessageId" => network_message_id.is_missing(),
            _ => recipient.is_missing(),
        };
        let member = if ITEM_MEMBERS.contains(&name) {
            Some(name)
        } else if declared::is_declared(name) {
            None
        } else {
            misspelt(errors, Level::Item, location, name).filter(|member| is_missing(member))
        };
        match member {
            Some("networkMessageId") => network_message_id = fields::guid(json, errors, location)?,
            Some(_) => recipient = fields::recipient(json, errors, location)?,
            None => json.skip()?,
        }
        Ok(())
    })?;
    network_message_id.require(errors, Location::ItemMember { list, index, name: "networkMessageId" });
    recipient.require(errors, Location::ItemMember { list, index, name: "recipientEmailAddress" });
    let pair = network_message_id.value().zip(recipient.value());
    Ok(pair.map(|(network_message_id, recipient)| AnalyzedEmail { network_message_id, recipient, index }))
}

/// Records an unknown member. Returns the member that the name probably means.
///
/// Annotations, which typed SDKs add, are dropped (`OData` JSON Format 4.01, section 4.6: a name with `@odata.`). Other
/// unknown members are rejected, because a misspelt member would have no effect.
fn misspelt(errors: &mut ErrorCollector, level: Level, location: Location<'_>, name: &str) -> Option<&'static str> {
    if name.contains("@odata.") { None } else { errors.add_unknown(level, location, name) }
}
