//! Messages in Graph's list of analyzed emails, and the effects of remediations on them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    clock,
    object::parse_object,
    remediation::{Action, Remediation},
    settings::Settings,
};

/// Maximum number of rows on a page and largest `$top` that is known to work (facts, section 1).
pub(crate) const MAX_PAGE_SIZE: usize = 1000;

/// Value of [`Message::shows`] for a remediation that changes no location.
const NOTHING: &str = "nothing";

/// Message with one row for each recipient's mailbox.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Message {
    /// GUID of the message.
    pub network_message_id: String,
    /// Addresses of the recipients.
    pub recipients: Vec<String>,
    /// Tenant of the mailboxes. The default is the sandbox's first tenant.
    pub tenant_id: Option<String>,
    /// Value of `latestDelivery.location`, in any spelling.
    #[serde(default = "inbox")]
    pub location: String,
    /// Value of `latestDelivery.action`, in any spelling.
    #[serde(default = "delivered")]
    pub action: String,
    /// Age of the message when it is added, in seconds.
    #[serde(default)]
    pub age_seconds: u64,
    /// Delay until the rows appear, in milliseconds.
    #[serde(default)]
    pub appears_after_ms: u64,
    /// Delay between an accepted remediation and its effect on the rows, in milliseconds.
    #[serde(default)]
    pub effect_after_ms: u64,
    /// Location after a remediation, or `nothing` if it does not change.
    ///
    /// By default, the location is the action's target, and `deletedFolder` for a soft or hard delete.
    pub shows: Option<String>,
    /// `eventResult` of the rows' `admin` event after a remediation. By default, the rows have no event.
    pub event: Option<String>,
}

fn inbox() -> String {
    "inbox_folder".to_owned()
}

fn delivered() -> String {
    "delivered".to_owned()
}

impl Message {
    /// Creates a message in the inbox of each recipient, received now. A remediation takes effect at once.
    pub fn new(network_message_id: &str, recipients: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            network_message_id: network_message_id.to_owned(),
            recipients: recipients.into_iter().map(Into::into).collect(),
            tenant_id: None,
            location: inbox(),
            action: delivered(),
            age_seconds: 0,
            appears_after_ms: 0,
            effect_after_ms: 0,
            shows: None,
            event: None,
        }
    }
}

/// Error for messages that cannot be added to mailboxes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSeed(String);

/// JSON body of `POST /sandbox/messages`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Seed {
    messages: Vec<Message>,
    /// New maximum number of rows on a page. The maximum does not change if it is absent.
    page_size: Option<usize>,
}

impl Seed {
    pub(crate) fn new(messages: Vec<Message>, page_size: Option<usize>) -> Self {
        Self { messages, page_size }
    }

    pub(crate) fn from_json(body: &[u8]) -> Result<Self, InvalidSeed> {
        parse_object(body).map_err(InvalidSeed)
    }
}

/// Tenant, message ID and address in lower case.
type Key = (String, String, String);

/// Row of one recipient.
struct Row {
    network_message_id: String,
    recipient: String,
    message: Message,
    received: SystemTime,
    appears: Instant,
    remediated: Option<RowRemediation>,
}

/// Last remediation of a row.
struct RowRemediation {
    action: Action,
    shown_from: Instant,
    shown_at: SystemTime,
}

/// All rows, in a stable order for paging.
pub(crate) struct Mailboxes {
    rows: BTreeMap<Key, Row>,
    page_size: usize,
}

impl Default for Mailboxes {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), page_size: MAX_PAGE_SIZE }
    }
}

/// Page of the list: its rows, and the start of the next page.
pub(crate) struct Page {
    pub(crate) rows: Vec<Value>,
    pub(crate) next: Option<usize>,
}

impl Mailboxes {
    /// Adds messages. A row with the same tenant, message and recipient is replaced.
    pub(crate) fn seed(&mut self, settings: &Settings, seed: Seed) -> Result<(), InvalidSeed> {
        for message in &seed.messages {
            if message.network_message_id.len() != 36 || Uuid::try_parse(&message.network_message_id).is_err() {
                return Err(InvalidSeed("networkMessageId must be a GUID".to_owned()));
            }
            if message.tenant_id.as_deref().is_some_and(|id| settings.tenant(id).is_none()) {
                return Err(InvalidSeed("tenantId must be a tenant of the sandbox".to_owned()));
            }
        }
        if let Some(size) = seed.page_size {
            if !(1..=MAX_PAGE_SIZE).contains(&size) {
                return Err(InvalidSeed(format!("pageSize must be 1 to {MAX_PAGE_SIZE}")));
            }
            self.page_size = size;
        }
        let (now, time) = (Instant::now(), SystemTime::now());
        for mut message in seed.messages {
            let id = message.network_message_id.to_lowercase();
            let tenant = message.tenant_id.as_deref().and_then(|id| settings.tenant(id)).unwrap_or(&settings.tenant_id);
            let tenant = tenant.to_owned();
            let recipients = std::mem::take(&mut message.recipients);
            for recipient in recipients {
                let row = Row {
                    network_message_id: id.clone(),
                    recipient: recipient.clone(),
                    received: time.checked_sub(Duration::from_secs(message.age_seconds)).unwrap_or(time),
                    appears: now + Duration::from_millis(message.appears_after_ms),
                    message: message.clone(),
                    remediated: None,
                };
                self.rows.insert((tenant.clone(), id.clone(), recipient.to_lowercase()), row);
            }
        }
        Ok(())
    }

    /// Applies a remediation that was accepted in a tenant to its rows, after each row's delay.
    pub(crate) fn remediate(&mut self, tenant: &str, remediation: &Remediation) {
        if self.rows.is_empty() {
            return;
        }
        let (now, time) = (Instant::now(), SystemTime::now());
        for email in &remediation.analyzed_emails {
            let (id, recipient) =
                (email.network_message_id.to_lowercase(), email.recipient_email_address.to_lowercase());
            let key = (tenant.to_owned(), id, recipient);
            if let Some(row) = self.rows.get_mut(&key) {
                let delay = Duration::from_millis(row.message.effect_after_ms);
                row.remediated = Some(RowRemediation {
                    action: remediation.action,
                    shown_from: now + delay,
                    shown_at: time + delay,
                });
            }
        }
    }

    /// Returns at most `top` rows of a tenant's message, received between these times, starting with row number `skip`.
    pub(crate) fn page(
        &self,
        (tenant, network_message_id): (&str, &str),
        (start, end): (SystemTime, SystemTime),
        top: usize,
        skip: usize,
    ) -> Page {
        let now = Instant::now();
        let id = network_message_id.to_lowercase();
        let size = top.min(self.page_size);
        let rows = self.rows.range((tenant.to_owned(), id.clone(), String::new())..);
        let mut rows = rows
            .take_while(|((of, message, _), _)| of == tenant && *message == id)
            .map(|(_, row)| row)
            .filter(|row| row.appears <= now && (start..=end).contains(&row.received))
            .skip(skip);
        let page: Vec<Value> = rows.by_ref().take(size).map(|row| row.to_json(now)).collect();
        let next = rows.next().map(|_| skip.saturating_add(page.len()));
        Page { rows: page, next }
    }
}

impl Row {
    fn to_json(&self, now: Instant) -> Value {
        let shown = self.remediated.as_ref().filter(|remediated| remediated.shown_from <= now);
        let location = shown.map_or(self.message.location.as_str(), |remediated| match self.message.shows.as_deref() {
            Some(NOTHING) => &self.message.location,
            Some(location) => location,
            None => target(remediated.action),
        });
        let events: Vec<Value> = shown
            .zip(self.message.event.as_ref())
            .map(|(remediated, result)| {
                json!({
                    "eventDateTime": clock::format_rfc3339(remediated.shown_at),
                    "eventSource": "admin",
                    "eventResult": result,
                })
            })
            .into_iter()
            .collect();
        json!({
            "networkMessageId": self.network_message_id,
            "recipientEmailAddress": self.recipient,
            "latestDelivery": { "action": self.message.action, "location": location },
            "timelineEvents": events,
        })
    }
}

/// Returns the target location of an action (facts, section 1). For deletes, it is the first of several possible
/// targets.
fn target(action: Action) -> &'static str {
    match action {
        Action::MoveToJunk => "junkFolder",
        Action::MoveToInbox => "inbox_folder",
        Action::MoveToQuarantine => "quarantine",
        Action::HardDelete | Action::SoftDelete | Action::MoveToDeletedItems => "deletedFolder",
    }
}
