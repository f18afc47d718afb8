//! Remediations that no test made before: the ledger replays what it knows, also from one test to the next.

use serde_json::{Value, json};
use uuid::Uuid;

/// A new GUID, in lower case.
#[must_use]
pub fn guid() -> String {
    Uuid::new_v4().to_string()
}

/// One email of the development caller's domain.
#[must_use]
pub fn email() -> Value {
    json!({ "networkMessageId": guid(), "recipientEmailAddress": "hannah.jarvis@contoso.com" })
}

/// Graph's documented remediation, of one new email, with the boolean as the schema has it.
#[must_use]
pub fn payload() -> Value {
    payload_of(1)
}

/// The same of so many new emails.
#[must_use]
pub fn payload_of(emails: usize) -> Value {
    json!({
        "displayName": "Clean up Phish email",
        "description": "Delete email",
        "severity": "medium",
        "action": "softDelete",
        "remediateSendersCopy": false,
        "analyzedEmails": (0..emails).map(|_| email()).collect::<Vec<_>>(),
    })
}

/// A new remediation with one member set to another value.
#[must_use]
pub fn payload_with(member: &str, value: impl Into<Value>) -> Value {
    let mut payload = payload();
    if let Some(members) = payload.as_object_mut() {
        members.insert(member.to_owned(), value.into());
    }
    payload
}
