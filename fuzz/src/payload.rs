//! The body of a remediation.

use std::collections::BTreeSet;

use remediation_gateway::code::Code;
use remediation_gateway::json;
use remediation_gateway::problem::error::GatewayError;
use remediation_gateway::remediation::limits::{MAX_ADDRESS, MAX_ANALYZED_EMAILS, MAX_ERRORS, MAX_EXCERPT};
use remediation_gateway::remediation::{JsonError, ParseError, PayloadError, PayloadErrors, Remediation, parse};
use serde_json::{Value, json};

use crate::json::{MARK, marked};
use crate::world;

/// The longest pointer, in characters: `/analyzedEmails/9999/` and a name of which each character takes two.
const MAX_POINTER: usize = 21 + 2 * MAX_EXCERPT;
/// More than the longest of our own sentences has, in characters.
const MAX_DETAIL: usize = 300;

/// A request body. What is taken for JSON is what `serde_json` takes for it, and what is taken for a remediation says to `serde_json` what it
/// says to the gateway, is sent as that, and has the payload hash that it has in any other order. A refusal is short and repeats no value.
///
/// # Panics
///
/// Where that is not so.
pub fn payload(bytes: &[u8]) {
    let found = parse(bytes);
    // A byte order mark is not a part of the JSON text (RFC 8259 section 8.1).
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let tree = serde_json::from_slice::<Value>(bytes);
    both_readers_agree(bytes, &found, &tree);
    match found {
        Ok(remediation) => accepted(&remediation, tree.ok()),
        Err(error) => {
            refused(&error);
            if let (ParseError::Invalid(errors), Ok(tree)) = (&error, &tree) {
                faulty(errors, tree);
            }
        }
    }
    let marked = serde_json::from_slice(bytes).ok().and_then(|tree| marked(&tree)).map(|marked| marked.to_string());
    if let Some(Err(error)) = marked.as_ref().map(|marked| parse(marked.as_bytes())) {
        let shown = refused(&error);
        assert!(!shown.contains(MARK), "a value is repeated: {shown}");
    }
}

/// The gateway has a reader for payloads and one for tokens, keys and configuration. Both differ from `serde_json` in what they document.
fn both_readers_agree(bytes: &[u8], found: &Result<Remediation<'_>, ParseError>, tree: &serde_json::Result<Value>) {
    let error = match found {
        Err(ParseError::NotJson(error)) => Some(error),
        Ok(_) | Err(ParseError::Invalid(_)) => None,
    };
    match (error, tree) {
        (None, Ok(_)) | (Some(JsonError::Repeated { .. } | JsonError::TooDeep { .. }), _) => {}
        (None, Err(error)) => assert!(error.to_string().contains("number out of range"), "{error}"),
        (Some(error), tree) => assert!(tree.is_err(), "{error}"),
    }
    match (json::value(bytes), tree) {
        (Some(value), tree) => {
            assert_eq!(tree.as_ref().ok(), Some(&value));
            assert!(matches!(error, None | Some(JsonError::TooDeep { .. })), "{error:?}");
        }
        (None, Ok(_)) => {
            assert!(matches!(error, Some(JsonError::Repeated { .. } | JsonError::TooDeep { .. })), "{error:?}");
        }
        (None, Err(_)) => {}
    }
}

/// Owned, and without what only this request has: the gaps that duplicates leave.
fn said(remediation: &Remediation<'_>) -> Value {
    let emails: Vec<Value> = remediation
        .emails
        .iter()
        .map(|email| {
            json!({ "networkMessageId": email.network_message_id.to_string(), "recipientEmailAddress": email.recipient })
        })
        .collect();
    json!({
        "displayName": remediation.display_name,
        "description": remediation.description,
        "severity": remediation.severity.as_str(),
        "action": remediation.action.as_str(),
        "remediateSendersCopy": remediation.remediate_senders_copy,
        "analyzedEmails": emails,
    })
}

fn accepted(remediation: &Remediation<'_>, tree: Option<Value>) {
    let said = said(remediation);
    let mut pairs = BTreeSet::new();
    for email in &remediation.emails {
        assert!(pairs.insert((email.network_message_id, email.recipient.to_lowercase())), "sent twice: {email:?}");
        is_address(&email.recipient, email.domain());
    }
    assert!((1..=MAX_ANALYZED_EMAILS).contains(&remediation.emails.len()));

    let sent = remediation.to_graph_json();
    assert_eq!(serde_json::from_str::<Value>(&sent).expect("it is JSON"), said);
    let again = parse(sent.as_bytes()).expect("what is sent would be taken");
    assert_eq!((again.duplicates_removed, again.to_graph_json().as_str()), (0, sent.as_str()));
    assert_eq!((again.payload_hash(), again.pairs()), (remediation.payload_hash(), remediation.pairs()));
    let mut turned = said.clone();
    turn(&mut turned);
    let turned = turned.to_string();
    let turned = parse(turned.as_bytes()).expect("in another order it is the same");
    assert_eq!((turned.payload_hash(), turned.pairs()), (remediation.payload_hash(), remediation.pairs()));
    let other = Remediation { remediate_senders_copy: !remediation.remediate_senders_copy, ..remediation.clone() };
    assert_ne!(other.payload_hash(), remediation.payload_hash());

    // Where a member that is dropped holds a number that is none to serde_json, there is no tree.
    let Some(mut tree) = tree else { return };
    let given = tree["analyzedEmails"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(given.len(), remediation.emails.len() + remediation.duplicates_removed);
    let lower = |item: &Value, name: &str| item[name].as_str().map(str::to_lowercase);
    let distinct: BTreeSet<_> =
        given.iter().map(|item| ["networkMessageId", "recipientEmailAddress"].map(|name| lower(item, name))).collect();
    assert_eq!(distinct.len(), remediation.emails.len(), "one was left out that was no duplicate");
    for email in &remediation.emails {
        let item = &tree["analyzedEmails"][email.index];
        let id = item["networkMessageId"].as_str().expect("a text").to_ascii_lowercase();
        assert_eq!(
            (id, item["recipientEmailAddress"].as_str()),
            (email.network_message_id.to_string(), Some(&*email.recipient))
        );
    }
    if let Value::String(name) = &tree["remediateSendersCopy"] {
        tree["remediateSendersCopy"] = json!(name.eq_ignore_ascii_case("true"));
    }
    for member in ["displayName", "description", "severity", "action", "remediateSendersCopy"] {
        assert_eq!(tree[member], said[member], "{member}");
    }
}

/// The same remediation as another caller might write it: other labels, the pairs backwards, one of them twice, and in capitals.
fn turn(said: &mut Value) {
    said["displayName"] = json!("other");
    said["severity"] = json!("low");
    let items = said["analyzedEmails"].as_array_mut().expect("there are some");
    items.reverse();
    if items.len() < MAX_ANALYZED_EMAILS {
        items.push(items[0].clone());
    }
    for text in items.iter_mut().filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
        *text = json!(text.as_str().map(str::to_ascii_uppercase));
    }
}

/// What every reader of addresses must agree on.
fn is_address(address: &str, domain: &str) {
    let (local_part, after) = address.split_once('@').expect("an @");
    assert_eq!(after, domain);
    assert!(!domain.contains('@') && !local_part.is_empty(), "{address}");
    assert!(address.chars().count() <= MAX_ADDRESS, "{address}");
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>()[]\\,;:\"%!".contains(c);
    assert!(address.chars().all(is_plain), "{address}");
    let lower = local_part.to_ascii_lowercase();
    for resolved in ["=?", "?=", "&#", "_x0040_", "_x00000040_"] {
        assert!(!lower.contains(resolved), "some reader resolves it: {address}");
    }
    for start in ["srs0=", "srs0+", "srs0-", "srs1=", "srs1+", "srs1-"] {
        assert!(!lower.starts_with(start), "another domain is inside: {address}");
    }
    assert!(!(lower.starts_with("imcea") && lower.contains('-')), "another address is inside: {address}");
    assert!(!(lower.starts_with('/') && lower.contains('=')), "another address is inside: {address}");
    let labels: Vec<&str> = domain.split('.').collect();
    assert!(labels.len() > 1 && labels.iter().all(|label| !label.is_empty()), "{address}");
}

/// Checks what a caller and the log are told. Gives all of it.
fn refused(error: &ParseError) -> String {
    let texts: Vec<(&str, &str)> = match error {
        ParseError::NotJson(JsonError::Repeated { pointer }) => vec![(pointer, "")],
        ParseError::NotJson(_) => Vec::new(),
        ParseError::Invalid(errors) => {
            assert!((1..=MAX_ERRORS).contains(&errors.listed().len()) && errors.counted() <= errors.total(), "{errors:?}");
            assert!(errors.listed().iter().all(|error| error.pointers.first() == Some(&error.pointer)), "{errors:?}");
            let located = |error| each_pointer(error).map(|pointer| (pointer, error.detail.as_str()));
            errors.listed().iter().flat_map(located).collect()
        }
    };
    for (pointer, detail) in texts {
        assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer}");
        assert!(pointer.chars().count() <= MAX_POINTER && detail.chars().count() <= MAX_DETAIL, "{pointer} {detail}");
        assert!(!pointer.chars().chain(detail.chars()).any(char::is_control), "{pointer} {detail}");
        let mut escapes = pointer.split('~').skip(1);
        assert!(escapes.all(|rest| rest.starts_with(['0', '1'])), "no JSON Pointer (RFC 6901): {pointer}");
    }

    let error = GatewayError::from(error.clone());
    let logged = error.to_string();
    assert!(logged.len() <= MAX_DETAIL && logged.is_ascii() && !logged.contains(char::is_control), "{logged}");
    let (code, response) = world::refused(&error);
    assert!(matches!(code, Code::InvalidJson | Code::InvalidPayload));
    assert!(serde_json::from_str::<Value>(&response.body).is_ok_and(|body| body["status"] == response.status));
    response.body + &logged
}

fn each_pointer(error: &PayloadError) -> impl Iterator<Item = &str> {
    error.pointers.iter().map(String::as_str)
}

/// Each fault is where its pointer says: at a value, or in an object that lacks one.
fn faulty(errors: &PayloadErrors, tree: &Value) {
    for error in errors.listed() {
        for pointer in each_pointer(error) {
            // Names that were cut or hold what does not show are not repeated as they are.
            if pointer.contains(['…', '\u{fffd}']) || tree.pointer(pointer).is_some() {
                continue;
            }
            let parent = pointer.rsplit_once('/').and_then(|(parent, _)| tree.pointer(parent));
            assert!(parent.is_some_and(Value::is_object) && error.detail.contains("missing"), "{error:?}");
        }
    }
}
