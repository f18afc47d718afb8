//! What has been registered for remediation, and what is a duplicate of it.

use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime},
};

use uuid::Uuid;

use crate::remediation::{Action, Remediation};

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

/// One email under one action. GUIDs and addresses compare without case.
#[derive(Eq, Hash, PartialEq)]
struct Message {
    network_message_id: String,
    recipient: String,
    action: Action,
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
                action: remediation.action,
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
