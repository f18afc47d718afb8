//! Expands messages to the emails of a remediation. Graph's list names the recipients, and the caller's permissions
//! decide which of them the remediation has.
//!
//! Reading submits nothing, so nothing was sent if it fails. The list can lack rows that arrive late, so a count may
//! not include every recipient.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{ProtectedRecipients, RecipientAccess, RecipientDomains};
use crate::graph::access::GraphAccess;
use crate::graph::analyzed_emails::{EmailQuery, read_analyzed_emails};
use crate::graph::email_page::AnalyzedEmailRow;
use crate::graph::error::{GraphError, GraphErrorKind, GraphOperation};
use crate::graph::list_limits::MAX_PAIRS;
use crate::guid::Guid;
use crate::remediation::{Action, AnalyzedEmail, GraphVersion, Recipients, digest, is_address, without_case};
use crate::runtime::{Clock, Domains, Guids, HttpClient, Signer, Timers};
use crate::status::DeliveryLocation;
use crate::time::Timestamp;

/// Messages to expand, and the permissions of their caller.
///
/// The plan crosses to the caller's object, whose own environment may be older than the Worker's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpansionPlan<'a> {
    /// The version of Graph.
    pub version: GraphVersion,
    /// The action. Only `moveToInbox` reaches the quarantine.
    pub action: Action,
    /// The messages.
    pub messages: Cow<'a, [Guid]>,
    /// The most emails.
    pub max_recipients: usize,
    /// The time before which no message was received, in milliseconds since the Unix epoch.
    pub received_after: Option<u64>,
    /// The domains that the caller is granted.
    pub recipient_domains: Cow<'a, RecipientDomains>,
    /// The recipients that no caller may touch.
    pub protected_recipients: Cow<'a, ProtectedRecipients>,
}

/// Error of an attempt at a remediation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    /// A call to Graph failed.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The list did not lead to a remediation. Nothing was sent.
    #[error(transparent)]
    Expansion(#[from] ExpansionError),
}

impl AttemptError {
    /// Returns whether it is certain that Graph did not accept the remediation.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        match self {
            Self::Graph(error) => error.is_certain(),
            Self::Expansion(_) => true,
        }
    }
}

/// Reason why a list of recipients does not lead to a remediation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpansionError {
    /// The list is empty.
    #[error("Graph lists no recipient of the messages")]
    NotFound(Recipients),
    /// Listed recipients are outside the granted domains.
    #[error("{outside} of the listed recipients are outside the granted domains")]
    Outside {
        /// Their number.
        outside: u64,
        /// The counts.
        recipients: Recipients,
    },
    /// More emails than the request allows.
    #[error("{} emails, maxRecipients is {most}", recipients.emails())]
    TooMany {
        /// The number that the request allows.
        most: usize,
        /// The counts.
        recipients: Recipients,
    },
    /// Each of the recipients is left out.
    #[error("each of the {} listed recipients is left out", .0.found)]
    NothingLeft(Recipients),
}

impl ExpansionError {
    /// Returns the counts of the listed recipients.
    #[must_use]
    pub const fn recipients(&self) -> Recipients {
        match *self {
            Self::NotFound(recipients)
            | Self::Outside { recipients, .. }
            | Self::TooMany { recipients, .. }
            | Self::NothingLeft(recipients) => recipients,
        }
    }
}

/// Whether a remediation reaches a message in a mailbox. Of several rows of one pair, the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Unreachable,
    Quarantine,
    Reachable,
}

impl Reach {
    fn of(row: &AnalyzedEmailRow<'_>, action: Action) -> Self {
        match DeliveryLocation::parse(&row.location) {
            DeliveryLocation::Unreachable => Self::Unreachable,
            DeliveryLocation::Quarantine if action != Action::MoveToInbox => Self::Quarantine,
            DeliveryLocation::Quarantine
            | DeliveryLocation::Inbox
            | DeliveryLocation::Junk
            | DeliveryLocation::Deleted
            | DeliveryLocation::Unknown => Self::Reachable,
        }
    }
}

/// The emails of a remediation, and the counts of the recipients that Graph lists.
#[derive(Debug)]
pub struct ExpandedEmails {
    /// The emails, each once.
    pub emails: Vec<AnalyzedEmail<'static>>,
    /// The counts.
    pub recipients: Recipients,
}

/// Reads the recipients of the messages, and returns the emails of the remediation. The read ends before `until`.
///
/// # Errors
///
/// [`AttemptError`]; nothing was sent then.
pub async fn expand(
    runtime: &(impl HttpClient + Clock + Guids + Signer + Timers + Domains),
    access: &GraphAccess,
    plan: &ExpansionPlan<'_>,
    until: Timestamp,
) -> Result<ExpandedEmails, AttemptError> {
    let received_after = plan.received_after.map(Timestamp::from_millis);
    let query = EmailQuery { version: plan.version, messages: &plan.messages, received_after, until };
    let mut found = ListedPairs::new();
    read_analyzed_emails(runtime, access, query, |row| {
        let Some(message) = row.network_message_id.filter(|_| found.len() <= MAX_PAIRS) else { return };
        // A remediation names only recipients whose address has one meaning.
        let is_address = is_address(&row.recipient);
        let reach = if is_address { Reach::of(row, plan.action) } else { Reach::Unreachable };
        let recipient =
            if is_address { without_case(&row.recipient).collect() } else { digest(&row.recipient).to_string() };
        let spelling = (is_address && recipient != row.recipient).then(|| row.recipient.clone().into_owned());
        let (_, best) = found.entry((message, recipient)).or_insert((spelling, reach));
        *best = reach.max(*best);
    })
    .await?;
    if found.len() > MAX_PAIRS {
        return Err(GraphOperation::List.error(GraphErrorKind::ListTooLong).into());
    }
    Ok(select(found, plan, runtime)?)
}

/// Listed pairs of message and recipient, each with Graph's spelling of the recipient if the spelling differs.
///
/// The recipient is an address without case. A text that is no address can be as long as a page, so the pair has
/// the text's [`digest`], and is only counted.
type ListedPairs = BTreeMap<(Guid, String), (Option<String>, Reach)>;

/// Returns whether a message has a listed recipient.
fn is_listed(found: &ListedPairs, message: Guid) -> bool {
    found.range((message, String::new())..).next().is_some_and(|((listed, _), _)| *listed == message)
}

/// Leaves out the recipients that no remediation reaches, and the protected ones.
fn select(
    found: ListedPairs,
    plan: &ExpansionPlan<'_>,
    domains: &impl Domains,
) -> Result<ExpandedEmails, ExpansionError> {
    let messages_not_found = plan.messages.iter().filter(|message| !is_listed(&found, **message)).count();
    let mut recipients = Recipients {
        messages_not_found: u64::try_from(messages_not_found).unwrap_or(u64::MAX),
        ..Recipients::default()
    };
    let (mut emails, mut outside) = (Vec::new(), 0);
    for ((network_message_id, recipient), (spelling, reach)) in found {
        recipients.found += 1;
        let left_out = &mut recipients.left_out;
        let email =
            AnalyzedEmail { network_message_id, recipient: spelling.unwrap_or(recipient).into(), index: emails.len() };
        let access = || RecipientAccess::of(&email, &plan.recipient_domains, &plan.protected_recipients, domains);
        match reach {
            Reach::Unreachable => left_out.unreachable += 1,
            Reach::Quarantine => left_out.quarantine += 1,
            Reach::Reachable => match access() {
                RecipientAccess::Outside => outside += 1,
                RecipientAccess::Protected => left_out.protected += 1,
                RecipientAccess::Granted => emails.push(email),
            },
        }
    }
    if recipients.found == 0 {
        return Err(ExpansionError::NotFound(recipients));
    }
    if outside > 0 {
        return Err(ExpansionError::Outside { outside, recipients });
    }
    if emails.len() > plan.max_recipients {
        return Err(ExpansionError::TooMany { most: plan.max_recipients, recipients });
    }
    if emails.is_empty() {
        return Err(ExpansionError::NothingLeft(recipients));
    }
    Ok(ExpandedEmails { emails, recipients })
}
