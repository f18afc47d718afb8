//! Body of `analyzedEmail: remediate`, parsed as strictly as the facts allow.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// `microsoft.graph.security.remediationSeverity` without the sentinel of the evolvable enum.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are Graph's")]
pub enum Severity {
    Low,
    Medium,
    High,
}

/// `microsoft.graph.security.remediationAction` without the sentinel of the evolvable enum.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are Graph's")]
pub enum Action {
    MoveToJunk,
    MoveToInbox,
    HardDelete,
    SoftDelete,
    MoveToDeletedItems,
    /// Newer action, which requires `Prefer: include-unknown-enum-members`.
    MoveToQuarantine,
}

/// Email to remediate.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AnalyzedEmail {
    /// `@odata.type` annotation that SDKs may send.
    #[serde(rename = "@odata.type", default, skip_serializing_if = "Option::is_none")]
    pub odata_type: Option<String>,
    /// GUID of the message.
    pub network_message_id: String,
    /// Address of the mailbox.
    pub recipient_email_address: String,
}

/// Body of a remediation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Remediation {
    /// `@odata.type` annotation that SDKs may send.
    #[serde(rename = "@odata.type", default, skip_serializing_if = "Option::is_none")]
    pub odata_type: Option<String>,
    /// Name in the Action center.
    pub display_name: String,
    /// Reason for the remediation.
    pub description: String,
    /// Severity of the threat.
    pub severity: Severity,
    /// Requested action.
    pub action: Action,
    /// JSON boolean. Graph's handling of the string in its own example is unknown, so a string is rejected.
    pub remediate_senders_copy: bool,
    /// Emails to remediate.
    pub analyzed_emails: Vec<AnalyzedEmail>,
}

impl Remediation {
    /// Parses the body. The error names the part that Graph would reject.
    pub(crate) fn read(body: &[u8], newer_actions_allowed: bool) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        check_types(&value)?;
        // Parsed again from the bytes, because the JSON value does not show repeated members.
        let read: Self = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if read.display_name.trim().is_empty() {
            return Err("displayName is empty".to_owned());
        }
        if read.action == Action::MoveToQuarantine && !newer_actions_allowed {
            return Err("action moveToQuarantine needs Prefer: include-unknown-enum-members".to_owned());
        }
        if read.analyzed_emails.is_empty() {
            return Err("analyzedEmails is empty".to_owned());
        }
        for email in &read.analyzed_emails {
            // Only 8-4-4-4-12 has 36 characters among the forms that the parser accepts.
            let id = &email.network_message_id;
            if id.len() != 36 || Uuid::try_parse(id).is_err() {
                return Err("networkMessageId is not a GUID".to_owned());
            }
            if !is_address(&email.recipient_email_address) {
                return Err("recipientEmailAddress is not an address".to_owned());
            }
        }
        Ok(read)
    }
}

/// Checks JSON types that typed parsing does not check: it accepts arrays as objects and objects as enum members.
fn check_types(value: &Value) -> Result<(), String> {
    if !value.is_object() {
        return Err("the body is not an object".to_owned());
    }
    for name in ["severity", "action"] {
        if value.get(name).is_some_and(|member| !member.is_string()) {
            return Err(format!("{name} is not a string"));
        }
    }
    let items = value.get("analyzedEmails").and_then(Value::as_array);
    if items.is_some_and(|items| items.iter().any(|item| !item.is_object())) {
        return Err("an item of analyzedEmails is not an object".to_owned());
    }
    Ok(())
}

fn is_address(text: &str) -> bool {
    let clean = !text.chars().any(|character| character.is_whitespace() || character.is_control());
    clean && text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}
