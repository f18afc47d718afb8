//! Permissions of a caller. Everything that the caller's entry does not grant is denied, and one denied recipient
//! rejects the request.

use crate::config::{Caller, Config, RecipientAccess};
use crate::remediation::limits::MAX_POINTERS;
use crate::remediation::{Action, MessagesRemediation, Remediation};
use crate::runtime::Domains;

/// A permission that the caller lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermissionError {
    /// The action is not in `actions`.
    #[error("the action is not granted")]
    Action(Action),
    /// The sender's copy without `senders_copy`.
    #[error("the sender's copy is not granted")]
    SendersCopy,
    /// Recipients outside `recipient_domains`.
    #[error("recipients outside the granted domains: {}", .0.total)]
    Recipients(Positions),
    /// Recipients in `PROTECTED_RECIPIENTS`.
    #[error("protected recipients: {}", .0.total)]
    Protected(Positions),
    /// A remediation of messages, without `whole_messages`.
    #[error("a remediation of messages is not granted (whole_messages)")]
    WholeMessages,
    /// A `maxRecipients` above `max_emails_per_request`.
    #[error("maxRecipients is {max_recipients}; max_emails_per_request is {most}")]
    MaxRecipients {
        /// The requested maximum.
        max_recipients: usize,
        /// The granted maximum.
        most: usize,
    },
    /// More emails than `max_emails_per_request`.
    #[error("the request has {emails} emails; max_emails_per_request is {most}")]
    TooMany {
        /// Number of emails in the request, without repeated pairs.
        emails: usize,
        /// Maximum number for this caller.
        most: usize,
    },
}

/// Positions of recipients in the caller's array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// The first positions, at most [`MAX_POINTERS`].
    pub first: Vec<usize>,
    /// Number of all positions.
    pub total: usize,
}

impl Positions {
    fn add(&mut self, position: usize) {
        self.total += 1;
        if self.first.len() < MAX_POINTERS {
            self.first.push(position);
        }
    }
}

/// Checks the remediation against the caller's permissions and the protected recipients: action, sender's copy,
/// recipients, number.
///
/// # Errors
///
/// The first missing permission; for recipients, all positions.
pub fn check(
    config: &Config,
    caller: &Caller,
    remediation: &Remediation<'_>,
    domains: &impl Domains,
) -> Result<(), PermissionError> {
    check_action(caller, remediation)?;
    let (mut outside, mut protected) = (Positions::default(), Positions::default());
    for email in &remediation.emails {
        match RecipientAccess::of(email, &caller.recipient_domains, &config.protected_recipients, domains) {
            RecipientAccess::Granted => {}
            RecipientAccess::Outside => outside.add(email.index),
            RecipientAccess::Protected => protected.add(email.index),
        }
    }
    if outside.total > 0 {
        return Err(PermissionError::Recipients(outside));
    }
    if protected.total > 0 {
        return Err(PermissionError::Protected(protected));
    }
    let (emails, most) = (remediation.emails.len(), caller.max_emails_per_request);
    if emails > most {
        return Err(PermissionError::TooMany { emails, most });
    }
    Ok(())
}

/// Checks a remediation of messages before their recipients are known: `whole_messages`, action, sender's copy, number.
///
/// # Errors
///
/// The first missing permission.
pub fn check_messages(caller: &Caller, query: &MessagesRemediation<'_>) -> Result<(), PermissionError> {
    if !caller.whole_messages {
        return Err(PermissionError::WholeMessages);
    }
    check_action(caller, &query.remediation)?;
    let (max_recipients, most) = (query.max_recipients, caller.max_emails_per_request);
    if max_recipients > most {
        return Err(PermissionError::MaxRecipients { max_recipients, most });
    }
    Ok(())
}

fn check_action(caller: &Caller, remediation: &Remediation<'_>) -> Result<(), PermissionError> {
    if !caller.actions.contains(&remediation.action) {
        return Err(PermissionError::Action(remediation.action));
    }
    if remediation.remediate_senders_copy && !caller.senders_copy {
        return Err(PermissionError::SendersCopy);
    }
    Ok(())
}
