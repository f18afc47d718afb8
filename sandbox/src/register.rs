//! What has been registered for remediation, and what is a duplicate of it.
//!
//! All that is known is that a remediation of a registered message is one, for 30 minutes (facts, section 1). The rest is assumed, and so that the sandbox
//! refuses rather more than Graph may: a message is its id and its recipient, whatever is to be done to it; and one that is registered makes the whole
//! request a duplicate.

use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime},
};

use uuid::Uuid;

use crate::remediation::Remediation;

/// How long a message stays registered (facts, section 1: duplicates within a 30-minute window).
const WINDOW: Duration = Duration::from_mins(30);

/// A remediation that Graph accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its id, as in the `Location`.
    pub bulk_id: String,
    /// `beta` or `v1.0`, as in the path.
    pub version: String,
    /// When.
    pub at: SystemTime,
    /// What was asked.
    pub remediation: Remediation,
}

/// One email. GUIDs and addresses compare without case.
#[derive(Eq, Hash, PartialEq)]
struct Message {
    network_message_id: String,
    recipient: String,
}

/// Every remediation accepted, and when each message was last registered.
#[derive(Default)]
pub(crate) struct Register {
    accepted: Vec<Accepted>,
    seen: HashMap<Message, Instant>,
}

/// A message of the request is registered already.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Duplicate;

impl Register {
    /// Registers a remediation and gives its bulk id. One registered message makes the whole request a duplicate, and
    /// then nothing of it is registered. Whoever holds the register is alone, so of two at once only one gets in.
    pub(crate) fn register(
        &mut self,
        now: Instant,
        version: &str,
        remediation: Remediation,
    ) -> Result<String, Duplicate> {
        let messages: Vec<Message> = remediation
            .analyzed_emails
            .iter()
            .map(|email| Message {
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
    fn a_message_is_a_duplicate_for_thirty_minutes() {
        let start = Instant::now();
        for (seconds, duplicate) in [(0, true), (1, true), (1_799, true), (1_800, false), (9_000, false)] {
            let mut register = Register::default();
            let one = remediation(Action::SoftDelete, &[("id", "a@x")]);
            register.register(start, "beta", one.clone()).unwrap();
            let again = register.register(start + Duration::from_secs(seconds), "beta", one);
            assert_eq!(again.is_err(), duplicate, "after {seconds} s");
        }
    }

    #[test]
    fn a_message_is_its_id_and_its_recipient_under_any_action() {
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
            register.register(now, "beta", remediation(Action::SoftDelete, &[("id", "a@x")])).unwrap();
            let second = register.register(now, "v1.0", remediation(*action, emails));
            assert_eq!(second.is_err(), *duplicate, "{action:?} {emails:?}");
            assert_eq!(register.accepted().len(), if *duplicate { 1 } else { 2 });
        }
    }

    #[test]
    fn a_duplicate_registers_nothing_of_its_request() {
        let mut register = Register::default();
        let now = Instant::now();
        let both = remediation(Action::SoftDelete, &[("id", "a@x"), ("new", "b@x")]);
        register.register(now, "beta", remediation(Action::SoftDelete, &[("id", "a@x")])).unwrap();
        assert_eq!(register.register(now, "beta", both), Err(Duplicate));
        assert!(register.register(now, "beta", remediation(Action::SoftDelete, &[("new", "b@x")])).is_ok());
    }
}
