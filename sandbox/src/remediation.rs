//! The body of `analyzedEmail: remediate`, read as strictly as the facts allow.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// `microsoft.graph.security.remediationSeverity`, without the sentinel of the evolvable enum.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are their own words")]
pub enum Severity {
    Low,
    Medium,
    High,
}

/// `microsoft.graph.security.remediationAction`, without the sentinel of the evolvable enum.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are their own words")]
pub enum Action {
    MoveToJunk,
    MoveToInbox,
    HardDelete,
    SoftDelete,
    MoveToDeletedItems,
    /// Newer; only behind `Prefer: include-unknown-enum-members`.
    MoveToQuarantine,
}

/// One email.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AnalyzedEmail {
    /// The annotation that the SDKs may send.
    #[serde(rename = "@odata.type", default, skip_serializing_if = "Option::is_none")]
    pub odata_type: Option<String>,
    /// A GUID.
    pub network_message_id: String,
    /// Whose copy.
    pub recipient_email_address: String,
}

/// The whole body.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Remediation {
    /// The annotation that the SDKs may send.
    #[serde(rename = "@odata.type", default, skip_serializing_if = "Option::is_none")]
    pub odata_type: Option<String>,
    /// The name in the action center.
    pub display_name: String,
    /// What for.
    pub description: String,
    /// How bad.
    pub severity: Severity,
    /// What to do.
    pub action: Action,
    /// A JSON boolean and nothing else: what Graph does with the string of its own example is unknown.
    pub remediate_senders_copy: bool,
    /// The emails.
    pub analyzed_emails: Vec<AnalyzedEmail>,
}

impl Remediation {
    /// Reads the body, or says what Graph would not take.
    pub(crate) fn read(body: &[u8], newer_actions_allowed: bool) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        shape(&value)?;
        // From the bytes once more, not from the value: there a repeated member would have vanished.
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
            // Of the forms that the parser knows, only 8-4-4-4-12 has 36 characters.
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

/// The JSON types that the typed reading alone would be too lenient about: it takes an array for an object, and an
/// object for the member of an enum.
fn shape(value: &Value) -> Result<(), String> {
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
