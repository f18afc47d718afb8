//! The request body for Graph, serialized from validated values. It contains none of the caller's bytes.

use std::fmt::Write;

use super::model::{AnalyzedEmail, Remediation};

/// Bytes of an item around its address: names, punctuation and the GUID.
const ITEM_OVERHEAD: usize = r#"{"networkMessageId":"","recipientEmailAddress":""},"#.len() + 36;

/// Bytes around the texts and the items, with the longest enum members.
const BODY_OVERHEAD: usize = 192;

impl Remediation<'_> {
    /// Returns the request body in the order of Graph's documentation. `remediateSendersCopy` is a JSON boolean, as in
    /// Graph's metadata, and GUIDs are in lower case.
    #[must_use]
    pub fn to_graph_json(&self) -> String {
        let items: usize = self.emails.iter().map(|email| ITEM_OVERHEAD + email.recipient.len()).sum();
        // One allocation, unless a text has escapes.
        let mut json = String::with_capacity(BODY_OVERHEAD + self.display_name.len() + self.description.len() + items);
        json.push_str(r#"{"displayName":"#);
        push_text(&mut json, &self.display_name);
        json.push_str(r#","description":"#);
        push_text(&mut json, &self.description);
        json.push_str(r#","severity":""#);
        json.push_str(self.severity.as_str());
        json.push_str(r#"","action":""#);
        json.push_str(self.action.as_str());
        json.push_str(r#"","remediateSendersCopy":"#);
        json.push_str(if self.remediate_senders_copy { "true" } else { "false" });
        json.push_str(EMAILS);
        push_emails(&mut json, &self.emails);
        json
    }
}

/// Adds emails to a request body that [`Remediation::to_graph_json`] wrote without emails.
pub fn add_emails(json: &mut String, emails: &[AnalyzedEmail<'_>]) {
    let items: usize = emails.iter().map(|email| ITEM_OVERHEAD + email.recipient.len()).sum();
    json.reserve(items);
    if let Some(start) = json.strip_suffix(END) {
        json.truncate(start.len());
    }
    push_emails(json, emails);
}

/// Returns the part of a request body before its emails. It has the texts, in which quotes are escaped.
#[must_use]
pub fn before_emails(body: &[u8]) -> &[u8] {
    let end = body.windows(EMAILS.len()).position(|window| window == EMAILS.as_bytes());
    end.and_then(|end| body.get(..end)).unwrap_or(body)
}

/// Text before the emails.
const EMAILS: &str = r#","analyzedEmails":["#;

/// Text after the emails.
const END: &str = "]}";

fn push_emails(json: &mut String, emails: &[AnalyzedEmail<'_>]) {
    for (at, email) in emails.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        push_email(json, email);
    }
    json.push_str(END);
}

fn push_email(json: &mut String, email: &AnalyzedEmail<'_>) {
    json.push_str(r#"{"networkMessageId":""#);
    // Writing to a String cannot fail, here and below.
    let _ = email.network_message_id.write_to(json);
    json.push_str(r#"","recipientEmailAddress":"#);
    push_text(json, &email.recipient);
    json.push('}');
}

/// Writes a JSON string (RFC 8259, section 7). It escapes quotes, backslashes and control characters; other characters
/// stay UTF-8.
fn push_text(json: &mut String, text: &str) {
    json.push('"');
    let mut written = 0;
    let is_escaped = |(_, byte): &(usize, u8)| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    for (at, byte) in text.bytes().enumerate().filter(is_escaped) {
        json.push_str(text.get(written..at).unwrap_or_default());
        let _ = match byte {
            b'"' | b'\\' => write!(json, "\\{}", char::from(byte)),
            control => write!(json, "\\u{control:04x}"),
        };
        written = at + 1;
    }
    json.push_str(text.get(written..).unwrap_or_default());
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// If a text could end its string early, a caller could write Graph's request.
        #[test]
        fn text_in_graph_json_is_parsed_back_unchanged(text in any::<String>()) {
            let mut json = String::new();
            push_text(&mut json, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }

    #[test]
    fn every_control_character_is_escaped() {
        let text: String = (0..0x20_u8).map(char::from).chain("\"\\/\u{7f}\u{2028}é😀".chars()).collect();
        let mut json = String::new();
        push_text(&mut json, &text);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn body_is_split_at_emails_despite_marker_in_display_name() {
        let body = serde_json::json!({
            "displayName": r#"a","analyzedEmails":["#, "description": "b", "severity": "low", "action": "softDelete",
            "remediateSendersCopy": false,
            "analyzedEmails": [{
                "networkMessageId": "73ca4154-58d8-43d0-a890-08dc18c52e6d", "recipientEmailAddress": "a@contoso.com",
            }],
        });
        let json = crate::remediation::parse(body.to_string().as_bytes()).unwrap().to_graph_json();
        let before = String::from_utf8(before_emails(json.as_bytes()).to_vec()).unwrap();
        assert!(before.ends_with(r#""action":"softDelete","remediateSendersCopy":false"#), "{before}");
    }
}
