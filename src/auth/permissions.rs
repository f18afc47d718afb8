//! What a caller may do. What is not granted is denied, and one refused recipient refuses the request.

use std::borrow::Cow;

use crate::config::Caller;
use crate::remediation::limits::MAX_ERRORS;
use crate::remediation::{Action, Remediation};
use crate::runtime::Domains;

/// A right that the caller lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermissionError {
    /// The action is not in `actions`.
    #[error("the action is not granted")]
    Action(Action),
    /// The sender's copy, without `senders_copy`.
    #[error("the sender's copy is not granted")]
    SendersCopy,
    /// Recipients outside `recipient_domains`.
    #[error("{} recipients are outside the granted domains", .0.total)]
    Recipients(Places),
    /// More emails than `max_emails_per_request`.
    #[error("{emails} emails, {most} are granted per request")]
    TooMany {
        /// How many the request has, without repeated pairs.
        emails: usize,
        /// How many the caller may have.
        most: usize,
    },
}

/// The places of recipients in the caller's array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The first of them, at most [`MAX_ERRORS`].
    pub first: Vec<usize>,
    /// How many they are.
    pub total: usize,
}

impl Places {
    fn add(&mut self, place: usize) {
        self.total += 1;
        if self.first.len() < MAX_ERRORS {
            self.first.push(place);
        }
    }
}

/// Holds the remediation against the caller's rights: action, sender's copy, recipients, number.
///
/// # Errors
///
/// The first right that is lacking; for recipients, all places of it.
pub fn check(caller: &Caller, remediation: &Remediation<'_>, domains: &impl Domains) -> Result<(), PermissionError> {
    if !caller.actions.contains(&remediation.action) {
        return Err(PermissionError::Action(remediation.action));
    }
    if remediation.remediate_senders_copy && !caller.senders_copy {
        return Err(PermissionError::SendersCopy);
    }
    let mut outside = Places::default();
    for email in &remediation.emails {
        let domain = ascii(email.domain(), domains);
        if !domain.is_some_and(|domain| caller.recipient_domains.covers(&domain)) {
            outside.add(email.index);
        }
    }
    if outside.total > 0 {
        return Err(PermissionError::Recipients(outside));
    }
    let (emails, most) = (remediation.emails.len(), caller.max_emails_per_request);
    if emails > most {
        return Err(PermissionError::TooMany { emails, most });
    }
    Ok(())
}

/// A recipient's domain in the form in which rules are kept; `None` where it has no such form, and no rule covers it, not even `*`.
///
/// A label such as `xn--024` has none: no domain name can have it, and lenient readers decode an `@` out of it
/// (`PortSwigger`, "Splitting the Email Atom", 2024). So the platform reads each domain that has a label with `--`.
fn ascii<'a>(domain: &'a str, domains: &impl Domains) -> Option<Cow<'a, str>> {
    if !domain.is_ascii() || domain.contains("--") {
        domains.to_ascii(domain).map(Cow::Owned)
    } else if domain.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Some(Cow::Owned(domain.to_ascii_lowercase()))
    } else {
        Some(Cow::Borrowed(domain))
    }
}
