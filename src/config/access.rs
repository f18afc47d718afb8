//! Whether a caller may remediate a recipient's email.

use super::domains::{RecipientDomains, to_ascii};
use super::protected::ProtectedRecipients;
use crate::remediation::AnalyzedEmail;
use crate::runtime::Domains;

/// Access of a caller to a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientAccess {
    /// The caller may remediate the recipient's email.
    Granted,
    /// The recipient is in no granted domain.
    Outside,
    /// The recipient is in a granted domain, and `PROTECTED_RECIPIENTS` covers it.
    Protected,
}

impl RecipientAccess {
    /// Returns the access to an email's recipient, by the caller's domains and the protected recipients.
    #[must_use]
    pub fn of(
        email: &AnalyzedEmail<'_>,
        granted: &RecipientDomains,
        protected: &ProtectedRecipients,
        domains: &impl Domains,
    ) -> Self {
        match to_ascii(email.domain(), domains) {
            Some(domain) if granted.covers(&domain) => {
                if protected.covers(email.local_part(), &domain) {
                    Self::Protected
                } else {
                    Self::Granted
                }
            }
            _ => Self::Outside,
        }
    }
}
