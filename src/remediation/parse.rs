//! From the bytes of a body to a [`Remediation`], or to everything that is wrong with them.
//!
//! One walk over the body. Faults of the payload are collected on the way; a fault of the JSON ends the walk and is the only
//! answer, wherever it stands. So a body is only ever judged as a remediation when all of it is JSON.

use std::borrow::Cow;

use super::duplicates::remove_duplicates;
use super::fault::{Faults, JsonFault, Place, Unreadable};
use super::hints::{self, Level};
use super::limits::{MAX_ANALYZED_EMAILS, MAX_DESCRIPTION, MAX_DISPLAY_NAME};
use super::members::{self, Member};
use super::model::{Action, AnalyzedEmail, Remediation, Severity};
use super::reader::{Json, Kind};

/// Reads a request body. What it returns borrows from the body wherever that has no escapes.
///
/// # Errors
///
/// [`Unreadable::NotJson`] if the body is not JSON or is ambiguous, [`Unreadable::Faulty`] if it is JSON and not a remediation.
pub fn read(body: &[u8]) -> Result<Remediation<'_>, Unreadable> {
    let mut json = Json::new(body)?;
    let mut draft = Draft::default();
    let mut faults = Faults::default();
    match json.kind()? {
        Kind::Object => {
            json.object(|json, name| draft.member(json, &mut faults, name))?;
            draft.require_all(&mut faults);
        }
        other => {
            faults.add(Place::Body, || format!("the body must be an object, not {other}"));
            json.skip()?;
        }
    }
    json.end()?;
    if faults.total() > 0 {
        return Err(faults.into());
    }
    // Without a fault, every member has been read.
    draft.finish().ok_or_else(|| faults.into())
}

/// The members of the body as far as they are read.
#[derive(Default)]
struct Draft<'a> {
    display_name: Member<Cow<'a, str>>,
    description: Member<Cow<'a, str>>,
    severity: Member<Severity>,
    action: Member<Action>,
    remediate_senders_copy: Member<bool>,
    emails: Member<Vec<AnalyzedEmail<'a>>>,
}

impl<'a> Draft<'a> {
    /// Reads the value of the member of this name.
    fn member(&mut self, json: &mut Json<'a>, faults: &mut Faults, name: &str) -> Result<(), JsonFault> {
        let place = Place::Member(name);
        match name {
            "displayName" => self.display_name = members::caption(json, faults, place, MAX_DISPLAY_NAME)?,
            "description" => self.description = members::caption(json, faults, place, MAX_DESCRIPTION)?,
            "severity" => self.severity = members::severity(json, faults, place)?,
            "action" => self.action = members::action(json, faults, place)?,
            "remediateSendersCopy" => self.remediate_senders_copy = members::boolean(json, faults, place)?,
            "analyzedEmails" => self.emails = analyzed_emails(json, faults, place)?,
            _ => other_member(json, faults, Level::Body, place, name)?,
        }
        Ok(())
    }

    /// Notes what the body lacks.
    fn require_all(&self, faults: &mut Faults) {
        self.display_name.require(faults, Place::Member("displayName"));
        self.description.require(faults, Place::Member("description"));
        self.severity.require(faults, Place::Member("severity"));
        self.action.require(faults, Place::Member("action"));
        self.remediate_senders_copy.require(faults, Place::Member("remediateSendersCopy"));
        self.emails.require(faults, Place::Member("analyzedEmails"));
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
    faults: &mut Faults,
    place: Place<'_>,
) -> Result<Member<Vec<AnalyzedEmail<'a>>>, JsonFault> {
    let found = json.kind()?;
    if found != Kind::Array {
        return members::refuse(json, faults, place, found, "must be an array of emails");
    }
    // What is wrong with the array itself is told before what is wrong inside it.
    let listed_before = faults.listed().len();
    let mut emails = Vec::new();
    let count = json.array(|json, index| {
        if index >= MAX_ANALYZED_EMAILS {
            return json.skip();
        }
        emails.extend(analyzed_email(json, faults, index)?);
        Ok(())
    })?;
    if count == 0 || count > MAX_ANALYZED_EMAILS {
        faults.insert(listed_before, place, || format!("must have 1 to {MAX_ANALYZED_EMAILS} items, and has {count}"));
        return Ok(Member::Faulty);
    }
    Ok(Member::Read(emails))
}

/// Reads an item; `None` if something is wrong with it.
fn analyzed_email<'a>(
    json: &mut Json<'a>,
    faults: &mut Faults,
    index: usize,
) -> Result<Option<AnalyzedEmail<'a>>, JsonFault> {
    let found = json.kind()?;
    if found != Kind::Object {
        faults.add(Place::Item(index), || {
            format!("must be an object of \"networkMessageId\" and \"recipientEmailAddress\", not {found}")
        });
        json.skip()?;
        return Ok(None);
    }
    let mut network_message_id = Member::Missing;
    let mut recipient = Member::Missing;
    json.object(|json, name| {
        let place = Place::ItemMember(index, name);
        match name {
            "networkMessageId" => network_message_id = members::guid(json, faults, place)?,
            "recipientEmailAddress" => recipient = members::recipient(json, faults, place)?,
            _ => other_member(json, faults, Level::Item, place, name)?,
        }
        Ok(())
    })?;
    network_message_id.require(faults, Place::ItemMember(index, "networkMessageId"));
    recipient.require(faults, Place::ItemMember(index, "recipientEmailAddress"));
    let pair = network_message_id.value().zip(recipient.value());
    Ok(pair.map(|(network_message_id, recipient)| AnalyzedEmail { network_message_id, recipient, index }))
}

/// Passes over a member that is none of Graph's. Annotations, which the typed SDKs add, are dropped (`OData` JSON Format 4.01,
/// section 4.6: a name with `@odata.`); anything else is refused, since a misspelt member would silently do nothing.
fn other_member(
    json: &mut Json<'_>,
    faults: &mut Faults,
    level: Level,
    place: Place<'_>,
    name: &str,
) -> Result<(), JsonFault> {
    if !name.contains("@odata.") {
        faults.add(place, || hints::unknown_member(level, name));
    }
    json.skip()
}
