//! What a caller may do. What is not granted is denied, and one refused recipient refuses the request.

use std::borrow::Cow;

use crate::config::Caller;
use crate::remediation::limits::MAX_POINTERS;
use crate::remediation::{Action, Remediation};
use crate::runtime::Domains;

/// A right that the caller lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermissionError {
    /// The action is not in `actions`.
    #[error("the action is not granted")]
    Action(Action),
    /// Recipients outside `recipient_domains`.
    #[error("{total} recipients are outside the granted domains")]
    Recipients {
        /// The places of the first of them in the caller's array.
        first: Vec<usize>,
        /// How many they are.
        total: usize,
    },
    /// More emails than `max_emails_per_request`.
    #[error("{emails} emails, {most} are granted per request")]
    TooMany {
        /// How many the request has, without repeated pairs.
        emails: usize,
        /// How many the caller may have.
        most: usize,
    },
}

/// Holds the remediation against the caller's rights: action, recipients, number.
///
/// # Errors
///
/// The first right that is lacking; for recipients, all places of it.
pub fn check(caller: &Caller, remediation: &Remediation<'_>, domains: &impl Domains) -> Result<(), PermissionError> {
    if !caller.actions.contains(&remediation.action) {
        return Err(PermissionError::Action(remediation.action));
    }
    if let Some(rules) = &caller.recipient_domains {
        let mut first = Vec::new();
        let mut total = 0;
        for email in &remediation.emails {
            let covered =
                ascii(email.domain(), domains).is_some_and(|domain| rules.iter().any(|rule| rule.covers(&domain)));
            if !covered {
                total += 1;
                if first.len() < MAX_POINTERS {
                    first.push(email.index);
                }
            }
        }
        if total > 0 {
            return Err(PermissionError::Recipients { first, total });
        }
    }
    let (emails, most) = (remediation.emails.len(), caller.max_emails_per_request);
    if emails > most {
        return Err(PermissionError::TooMany { emails, most });
    }
    Ok(())
}

/// A recipient's domain in the form in which rules are kept; `None` where it has no such form, and no rule covers it.
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
