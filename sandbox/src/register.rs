//! Register of accepted remediations, and detection of duplicates.
//!
//! Graph rejects a second remediation of a message for 30 minutes (facts, section 1). The rest is assumed.
//!
//! The sandbox assumes the strictest case: message ID and recipient identify a message regardless of the action, and
//! one registered message makes the request a duplicate.

use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime},
};

use uuid::Uuid;

use crate::remediation::Remediation;

/// Time that a message stays registered (facts, section 1: duplicates within a 30-minute window).
const WINDOW: Duration = Duration::from_mins(30);

/// Remediation that Graph accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// ID of the remediation, as in the `Location`.
    pub bulk_id: String,
    /// Tenant whose mailboxes it reaches.
    pub tenant_id: String,
    /// Version in the path: `beta` or `v1.0`.
    pub version: String,
    /// Time of acceptance.
    pub at: SystemTime,
    /// Content of the request.
    pub remediation: Remediation,
}

/// Email in a tenant, with GUID and address in lower case for comparison.
#[derive(Eq, Hash, PartialEq)]
struct RegisteredEmail {
    tenant_id: String,
    network_message_id: String,
    recipient: String,
}

/// All accepted remediations, and the time of each message's last registration.
#[derive(Default)]
pub(crate) struct Register {
    accepted: Vec<Accepted>,
    seen: HashMap<RegisteredEmail, Instant>,
}

/// Error for a request with a message that is already registered.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Duplicate;

impl Register {
    /// Registers a remediation and returns its bulk ID.
    ///
    /// A duplicate registers nothing. The register is locked, so only one of two concurrent requests succeeds.
    pub(crate) fn register(
        &mut self,
        now: Instant,
        tenant_id: &str,
        version: &str,
        remediation: Remediation,
    ) -> Result<String, Duplicate> {
        let messages: Vec<RegisteredEmail> = remediation
            .analyzed_emails
            .iter()
            .map(|email| RegisteredEmail {
                tenant_id: tenant_id.to_owned(),
                network_message_id: email.network_message_id.to_lowercase(),
                recipient: email.recipient_email_address.to_lowercase(),
            })
            .collect();
        let fresh = |at: &Instant| now.saturating_duration_since(*at) < WINDOW;
        if messages.iter().any(|message| self.seen.get(message).is_some_and(fresh)) {
            return Err(Duplicate);
        }
        self.seen.extend(messages.into_iter().map(|message| (message, now)));
        let bulk_id = Uuid::new_v4().to_string();
        self.accepted.push(Accepted {
            bulk_id: bulk_id.clone(),
            tenant_id: tenant_id.to_owned(),
            version: version.to_owned(),
            at: SystemTime::now(),
            remediation,
        });
        Ok(bulk_id)
    }

    pub(crate) fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, AnalyzedEmail, Severity};

    fn remediation(action: Action, emails: &[(&str, &str)]) -> Remediation {
        let email = |&(id, recipient): &(&str, &str)| AnalyzedEmail {
            odata_type: None,
            network_message_id: id.to_owned(),
            recipient_email_address: recipient.to_owned(),
        };
        Remediation {
            odata_type: None,
            display_name: "name".to_owned(),
            description: "what for".to_owned(),
            severity: Severity::Low,
            action,
            remediate_senders_copy: false,
            analyzed_emails: emails.iter().map(email).collect(),
        }
    }

    #[test]
    fn repeated_remediation_is_duplicate_for_thirty_minutes() {
        let start = Instant::now();
        for (seconds, duplicate) in [(0, true), (1, true), (1_799, true), (1_800, false), (9_000, false)] {
            let mut register = Register::default();
            let one = remediation(Action::SoftDelete, &[("id", "a@x")]);
            register.register(start, "tenant", "beta", one.clone()).unwrap();
            let again = register.register(start + Duration::from_secs(seconds), "tenant", "beta", one);
            assert_eq!(again.is_err(), duplicate, "after {seconds} s");
        }
    }

    #[test]
    fn remediation_with_a_registered_pair_is_duplicate_under_any_action() {
        type Emails = &'static [(&'static str, &'static str)];
        let table: &[(Action, Emails, bool)] = &[
            (Action::SoftDelete, &[("id", "a@x")], true),
            (Action::SoftDelete, &[("ID", "A@X")], true),
            (Action::SoftDelete, &[("other", "b@x"), ("id", "a@x")], true),
            (Action::HardDelete, &[("id", "a@x")], true),
            (Action::SoftDelete, &[("id", "b@x")], false),
            (Action::SoftDelete, &[("other", "a@x")], false),
            (Action::SoftDelete, &[("other", "c@x"), ("other", "c@x")], false),
        ];
        for (action, emails, duplicate) in table {
            let mut register = Register::default();
            let now = Instant::now();
            register.register(now, "tenant", "beta", remediation(Action::SoftDelete, &[("id", "a@x")])).unwrap();
            let second = register.register(now, "tenant", "v1.0", remediation(*action, emails));
            assert_eq!(second.is_err(), *duplicate, "{action:?} {emails:?}");
            assert_eq!(register.accepted().len(), if *duplicate { 1 } else { 2 });
        }
    }

    #[test]
    fn pair_of_another_tenant_is_no_duplicate() {
        let mut register = Register::default();
        let now = Instant::now();
        let one = remediation(Action::SoftDelete, &[("id", "a@x")]);
        for (tenant, duplicate) in [("one", false), ("other", false), ("one", true), ("other", true)] {
            assert_eq!(register.register(now, tenant, "beta", one.clone()).is_err(), duplicate, "{tenant}");
        }
        assert_eq!(register.accepted()[1].tenant_id, "other");
    }

    #[test]
    fn duplicate_registers_no_pair_of_its_request() {
        let mut register = Register::default();
        let now = Instant::now();
        let both = remediation(Action::SoftDelete, &[("id", "a@x"), ("new", "b@x")]);
        register.register(now, "tenant", "beta", remediation(Action::SoftDelete, &[("id", "a@x")])).unwrap();
        assert_eq!(register.register(now, "tenant", "beta", both), Err(Duplicate));
        assert!(register.register(now, "tenant", "beta", remediation(Action::SoftDelete, &[("new", "b@x")])).is_ok());
    }
}
