//! Remediations that are new to the ledger, so that no test receives another test's replay.

use serde_json::{Value, json};
use uuid::Uuid;

/// Returns a new GUID in lower case.
#[must_use]
pub fn guid() -> String {
    Uuid::new_v4().to_string()
}

/// Returns an email in the development caller's domain.
#[must_use]
pub fn email() -> Value {
    json!({ "networkMessageId": guid(), "recipientEmailAddress": "hannah.jarvis@contoso.com" })
}

/// Returns Graph's documented remediation with one new email and the boolean of the schema.
#[must_use]
pub fn payload() -> Value {
    payload_of(1)
}

/// Returns a remediation of this number of new emails.
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

/// Returns a new remediation with one member changed.
#[must_use]
pub fn payload_with(member: &str, value: impl Into<Value>) -> Value {
    let mut payload = payload();
    if let Some(members) = payload.as_object_mut() {
        members.insert(member.to_owned(), value.into());
    }
    payload
}
