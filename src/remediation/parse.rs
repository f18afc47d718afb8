//! From the bytes of a body to a [`Remediation`], or to everything that is wrong with them.
//!
//! One walk over the body. Errors of the payload are collected on the way; an error of the JSON ends the walk and is the only
//! answer, wherever it stands. So a body is only ever judged as a remediation when all of it is JSON.

use std::borrow::Cow;

use super::duplicates::remove_duplicates;
use super::error::{JsonError, Location, ParseError, PayloadErrors};
use super::fields::Field;
use super::limits::{MAX_ANALYZED_EMAILS, MAX_DESCRIPTION, MAX_DISPLAY_NAME, MAX_STATUS_MESSAGES};
use super::model::{Action, AnalyzedEmail, Remediation, Severity, StatusQuery};
use super::reader::{Json, Kind};
use super::suggestions::{ACCEPTED_AT, Level};
use super::{fields, format, suggestions};
use crate::time::Timestamp;

/// Reads a request body. What it returns borrows from the body wherever that has no escapes.
///
/// # Errors
///
/// [`ParseError::NotJson`] if the body is not JSON or is ambiguous, [`ParseError::Invalid`] if it is JSON and not a remediation.
pub fn parse(body: &[u8]) -> Result<Remediation<'_>, ParseError> {
    let (partial, errors) = read(body, Level::Body)?;
    // Without an error, every member has been read.
    partial.finish().ok_or_else(|| errors.into())
}

/// Reads the body of a status request: that of a remediation, with an optional `acceptedAt`, and with few enough messages.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_status(body: &[u8]) -> Result<StatusQuery<'_>, ParseError> {
    let (partial, mut errors) = read(body, Level::StatusBody)?;
    let accepted_at = partial.accepted_at;
    let Some(remediation) = partial.finish() else { return Err(errors.into()) };
    let mut messages = Vec::with_capacity(MAX_STATUS_MESSAGES);
    for email in &remediation.emails {
        if !messages.contains(&email.network_message_id) {
            if messages.len() == MAX_STATUS_MESSAGES {
                errors.add(Location::Field("analyzedEmails"), || {
                    format!("must name at most {MAX_STATUS_MESSAGES} different messages; split the request by message")
                });
                return Err(errors.into());
            }
            messages.push(email.network_message_id);
        }
    }
    Ok(StatusQuery { remediation, accepted_at, messages })
}

/// Walks the body, which must be right as a whole.
fn read(body: &[u8], level: Level) -> Result<(PartialRemediation<'_>, PayloadErrors), ParseError> {
    let mut json = Json::new(body)?;
    let mut partial = PartialRemediation::default();
    let mut errors = PayloadErrors::default();
    match json.kind()? {
        Kind::Object => {
            json.object(|json, name| partial.member(json, &mut errors, level, name))?;
            if partial.is_wrapped {
                // All other errors are about Logic Apps' wrapper, not about the remediation in it.
                errors = PayloadErrors::default();
                errors.add(Location::Field("$content"), || {
                    "is base64 in which Logic Apps wraps a body that it takes for binary; send the JSON in it, by \
                     json(base64ToString(…?['$content']))"
                        .to_owned()
                });
            } else {
                partial.require_all(&mut errors);
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
            errors.add(Location::Body, || "the body must be an object, not a string".to_owned());
        }
        other => {
            errors.add(Location::Body, || format!("the body must be an object, not {other}"));
            json.skip()?;
        }
    }
    json.end()?;
    if errors.total() > 0 {
        return Err(errors.into());
    }
    Ok((partial, errors))
}

/// The members of the body as far as they are read.
#[derive(Default)]
struct PartialRemediation<'a> {
    display_name: Field<Cow<'a, str>>,
    description: Field<Cow<'a, str>>,
    severity: Field<Severity>,
    action: Field<Action>,
    remediate_senders_copy: Field<bool>,
    emails: Field<Vec<AnalyzedEmail<'a>>>,
    accepted_at: Option<Timestamp>,
    /// Whether the body is Logic Apps' object around a binary body.
    is_wrapped: bool,
}

impl<'a> PartialRemediation<'a> {
    /// Reads the value of the member of this name.
    fn member(
        &mut self,
        json: &mut Json<'a>,
        errors: &mut PayloadErrors,
        level: Level,
        name: &str,
    ) -> Result<(), JsonError> {
        let location = Location::Field(name);
        match name {
            "displayName" => self.display_name = fields::caption(json, errors, location, MAX_DISPLAY_NAME)?,
            "description" => self.description = fields::note(json, errors, location, MAX_DESCRIPTION)?,
            "severity" => self.severity = fields::severity(json, errors, location)?,
            "action" => self.action = fields::action(json, errors, location)?,
            "remediateSendersCopy" => self.remediate_senders_copy = fields::boolean(json, errors, location)?,
            "analyzedEmails" => self.emails = analyzed_emails(json, errors, location)?,
            ACCEPTED_AT if level == Level::StatusBody => {
                self.accepted_at = fields::optional_time(json, errors, location)?;
            }
            "$content" => {
                self.is_wrapped = true;
                json.skip()?;
            }
            _ => other_member(json, errors, level, location, name)?,
        }
        Ok(())
    }

    /// Notes what the body lacks.
    fn require_all(&self, errors: &mut PayloadErrors) {
        self.display_name.require(errors, Location::Field("displayName"));
        self.description.require(errors, Location::Field("description"));
        self.severity.require(errors, Location::Field("severity"));
        self.action.require(errors, Location::Field("action"));
        self.remediate_senders_copy.require(errors, Location::Field("remediateSendersCopy"));
        self.emails.require(errors, Location::Field("analyzedEmails"));
    }

    /// The remediation, if every member is right.
    fn finish(self) -> Option<Remediation<'a>> {
        let mut emails = self.emails.value()?;
        let duplicates_removed = remove_duplicates(&mut emails);
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

/// Reads the emails. Items beyond the limit are only read as JSON and counted.
fn analyzed_emails<'a>(
    json: &mut Json<'a>,
    errors: &mut PayloadErrors,
    location: Location<'_>,
) -> Result<Field<Vec<AnalyzedEmail<'a>>>, JsonError> {
    let found = json.kind()?;
    if found != Kind::Array {
        return fields::refuse(json, errors, location, found, "must be an array of emails");
    }
    // What is wrong with the array itself is told before what is wrong inside it.
    let listed_before = errors.listed().len();
    let mut emails = Vec::new();
    let count = json.array(|json, index| {
        if index >= MAX_ANALYZED_EMAILS {
            return json.skip();
        }
        emails.extend(analyzed_email(json, errors, index)?);
        Ok(())
    })?;
    if count == 0 || count > MAX_ANALYZED_EMAILS {
        errors
            .insert(listed_before, location, || format!("must have 1 to {MAX_ANALYZED_EMAILS} items, and has {count}"));
        return Ok(Field::Invalid);
    }
    Ok(Field::Read(emails))
}

/// Reads an item; `None` if something is wrong with it.
fn analyzed_email<'a>(
    json: &mut Json<'a>,
    errors: &mut PayloadErrors,
    index: usize,
) -> Result<Option<AnalyzedEmail<'a>>, JsonError> {
    let found = json.kind()?;
    if found != Kind::Object {
        errors.add(Location::Item(index), || {
            format!("must be an object of \"networkMessageId\" and \"recipientEmailAddress\", not {found}")
        });
        json.skip()?;
        return Ok(None);
    }
    let mut network_message_id = Field::Missing;
    let mut recipient = Field::Missing;
    json.object(|json, name| {
        let location = Location::ItemMember(index, name);
        match name {
            "networkMessageId" => network_message_id = fields::guid(json, errors, location)?,
            "recipientEmailAddress" => recipient = fields::recipient(json, errors, location)?,
            _ => other_member(json, errors, Level::Item, location, name)?,
        }
        Ok(())
    })?;
    network_message_id.require(errors, Location::ItemMember(index, "networkMessageId"));
    recipient.require(errors, Location::ItemMember(index, "recipientEmailAddress"));
    let pair = network_message_id.value().zip(recipient.value());
    Ok(pair.map(|(network_message_id, recipient)| AnalyzedEmail { network_message_id, recipient, index }))
}

/// Passes over a member that is none of Graph's. Annotations, which the typed SDKs add, are dropped (`OData` JSON Format 4.01,
/// section 4.6: a name with `@odata.`); anything else is refused, since a misspelt member would silently do nothing.
fn other_member(
    json: &mut Json<'_>,
    errors: &mut PayloadErrors,
    level: Level,
    location: Location<'_>,
    name: &str,
) -> Result<(), JsonError> {
    if !name.contains("@odata.") {
        errors.add(location, || suggestions::unknown_member(level, name));
    }
    json.skip()
}
