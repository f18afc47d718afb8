//! Body of a remediation, with pairs or with messages.

use std::collections::BTreeSet;

use remediation_gateway::code::Code;
use remediation_gateway::json;
use remediation_gateway::problem::error::GatewayError;
use remediation_gateway::remediation::limits::{
    MAX_ADDRESS, MAX_ANALYZED_EMAILS, MAX_ERRORS, MAX_EXCERPT, MAX_MESSAGES,
};
use remediation_gateway::remediation::{
    JsonError, MessagesRemediation, ParseError, PayloadError, PayloadErrors, Remediation, add_emails, parse,
    parse_messages,
};
use serde_json::{Value, json};

use crate::json::{MARK, mark_strings};
use crate::world;

/// Maximum length of a pointer, in characters: `/analyzedEmails/9999/` and a name of which each character is escaped as
/// two.
const MAX_POINTER: usize = 21 + 2 * MAX_EXCERPT;
/// Limit above the length of the longest error text, in characters.
const MAX_DETAIL: usize = 300;

/// Checks a request body.
///
/// The gateway accepts the same JSON as `serde_json`, except for documented differences such as repeated members. It
/// reads the same remediation, sends it unchanged to Graph, and computes the same payload hash for any order. Errors
/// are short and repeat no value.
///
/// Returns whether the gateway accepts the body, with pairs or with messages.
///
/// # Panics
///
/// Panics if a property does not hold.
#[must_use]
pub fn payload(bytes: &[u8]) -> bool {
    let found = parse(bytes);
    // A byte order mark is not part of the JSON text (RFC 8259, section 8.1).
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let tree = serde_json::from_slice::<Value>(bytes);
    check_readers_agree(bytes, &found, &tree);
    let has_pairs = found.is_ok();
    match found {
        Ok(remediation) => check_accepted(&remediation, tree.ok()),
        Err(error) => {
            check_error_texts(&error);
            if let (ParseError::Invalid(errors), Ok(tree)) = (&error, &tree) {
                check_pointers(errors, tree);
            }
        }
    }
    let found = parse_messages(bytes);
    let tree = serde_json::from_slice::<Value>(bytes);
    check_readers_agree(bytes, &found, &tree);
    let is_accepted = has_pairs || found.is_ok();
    match found {
        Ok(parsed) => check_messages(&parsed, tree.ok()),
        Err(error) => {
            check_error_texts(&error);
            if let (ParseError::Invalid(errors), Ok(tree)) = (&error, &tree) {
                check_pointers(errors, tree);
            }
        }
    }
    let marked =
        serde_json::from_slice(bytes).ok().and_then(|tree| mark_strings(&tree)).map(|marked| marked.to_string());
    let Some(marked) = marked else { return is_accepted };
    let errors = [parse(marked.as_bytes()).err(), parse_messages(marked.as_bytes()).err()];
    for error in errors.into_iter().flatten() {
        let shown = check_error_texts(&error);
        assert!(!shown.contains(MARK), "a value is repeated: {shown}");
    }
    is_accepted
}

/// Checks a remediation of messages: its limits, its set of messages, and the body for Graph once it has emails.
fn check_messages(parsed: &MessagesRemediation<'_>, tree: Option<Value>) {
    let MessagesRemediation { remediation, messages, max_recipients, .. } = parsed;
    assert!((1..=MAX_MESSAGES).contains(&messages.len()) && messages.is_sorted_by(|a, b| a < b));
    assert!((1..=MAX_ANALYZED_EMAILS).contains(max_recipients) && remediation.emails.is_empty());
    let email =
        r#"{"networkMessageId":"73ca4154-58d8-43d0-a890-08dc18c52e6d","recipientEmailAddress":"a@contoso.com"}"#;
    let body = format!(
        r#"{{"displayName":"x","description":"","severity":"low","action":"softDelete","remediateSendersCopy":false,"analyzedEmails":[{email}]}}"#
    );
    let emails = parse(body.as_bytes()).expect("it is valid").emails;
    let mut sent = remediation.to_graph_json();
    add_emails(&mut sent, &emails);
    let with_emails = Remediation { emails, ..remediation.clone() };
    assert_eq!(sent, with_emails.to_graph_json());
    assert_ne!(parsed.payload_hash(), with_emails.payload_hash());
    let Some(tree) = tree else { return };
    assert_eq!(tree["maxRecipients"], *max_recipients);
    let given = tree["networkMessageIds"].as_array().map_or(&[][..], Vec::as_slice);
    let distinct: BTreeSet<_> = given.iter().map(|id| id.as_str().map(str::to_lowercase)).collect();
    assert_eq!(given.len(), messages.len() + remediation.duplicates_removed);
    assert_eq!(distinct, messages.iter().map(|id| Some(id.to_string())).collect());
}

/// Compares the gateway's readers of payloads and of other documents with `serde_json`. Both differ from it only as
/// documented.
fn check_readers_agree<T>(bytes: &[u8], found: &Result<T, ParseError>, tree: &serde_json::Result<Value>) {
    let error = match found {
        Err(ParseError::NotJson(error)) => Some(error),
        Ok(_) | Err(ParseError::Invalid(_)) => None,
    };
    match (error, tree) {
        (None, Ok(_)) | (Some(JsonError::Repeated { .. } | JsonError::TooDeep { .. }), _) => {}
        (Some(JsonError::EncodedTwice), tree) => assert!(tree.as_ref().is_ok_and(Value::is_string), "{tree:?}"),
        (None, Err(error)) => assert!(error.to_string().contains("number out of range"), "{error}"),
        (Some(error), tree) => assert!(tree.is_err(), "{error}"),
    }
    match (json::read::<Value>(bytes), tree) {
        (Some(value), Ok(tree)) => {
            assert!(is_same(&value, tree), "{value}");
            assert!(matches!(error, None | Some(JsonError::EncodedTwice)), "{error:?}");
        }
        (Some(value), Err(error)) => panic!("{value} is no JSON: {error}"),
        // Documents have no numbers beyond the range of `f64`. Payloads have them in ignored members.
        (None, Ok(tree)) => assert!(error.is_some() || has_float(tree), "{tree}"),
        (None, Err(_)) => {}
    }
}

/// Returns whether both values are equal. A number that is not a 64-bit integer equals every other such number.
fn is_same(value: &Value, tree: &Value) -> bool {
    match (value, tree) {
        // `-0` is a float for `serde_json`.
        (Value::Number(number), Value::Number(other)) if other.is_f64() => {
            number.is_f64() || number.as_i64() == Some(0) && other.as_f64() == Some(0.0)
        }
        (Value::Array(items), Value::Array(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(item, other)| is_same(item, other))
        }
        (Value::Object(members), Value::Object(others)) => {
            let is_in_others = |(name, member)| others.get(name).is_some_and(|other| is_same(member, other));
            members.len() == others.len() && members.iter().all(is_in_others)
        }
        _ => value == tree,
    }
}

/// Returns whether a value contains a number that is not a 64-bit integer.
fn has_float(tree: &Value) -> bool {
    match tree {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(members) => members.values().any(has_float),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Returns the remediation as JSON, without the gaps that removed duplicates leave.
fn to_json(remediation: &Remediation<'_>) -> Value {
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

/// Checks a remediation with pairs: its limits, the body for Graph, its payload hash, and the caller's values.
fn check_accepted(remediation: &Remediation<'_>, tree: Option<Value>) {
    let expected = to_json(remediation);
    let mut pairs = BTreeSet::new();
    for email in &remediation.emails {
        assert!(pairs.insert((email.network_message_id, email.recipient.to_lowercase())), "sent twice: {email:?}");
        check_address(&email.recipient, email.domain());
    }
    assert!((1..=MAX_ANALYZED_EMAILS).contains(&remediation.emails.len()));

    let sent = remediation.to_graph_json();
    assert_eq!(serde_json::from_str::<Value>(&sent).expect("it is JSON"), expected);
    let again = parse(sent.as_bytes()).expect("the sent body is valid");
    assert_eq!((again.duplicates_removed, again.to_graph_json().as_str()), (0, sent.as_str()));
    assert_eq!((again.payload_hash(), again.pairs_digest()), (remediation.payload_hash(), remediation.pairs_digest()));
    let mut equivalent = expected.clone();
    make_equivalent(&mut equivalent);
    let equivalent = equivalent.to_string();
    let equivalent = parse(equivalent.as_bytes()).expect("the reordered body is valid");
    assert_eq!(
        (equivalent.payload_hash(), equivalent.pairs_digest()),
        (remediation.payload_hash(), remediation.pairs_digest())
    );
    let other = Remediation { remediate_senders_copy: !remediation.remediate_senders_copy, ..remediation.clone() };
    assert_ne!(other.payload_hash(), remediation.payload_hash());

    // If an ignored member has a number that serde_json rejects, there is no tree.
    let Some(mut tree) = tree else { return };
    let given = tree["analyzedEmails"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(given.len(), remediation.emails.len() + remediation.duplicates_removed);
    let lower = |item: &Value, name: &str| item[name].as_str().map(str::to_lowercase);
    let distinct: BTreeSet<_> =
        given.iter().map(|item| ["networkMessageId", "recipientEmailAddress"].map(|name| lower(item, name))).collect();
    assert_eq!(distinct.len(), remediation.emails.len(), "a removed email was not a duplicate");
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
        assert_eq!(tree[member], expected[member], "{member}");
    }
}

/// Changes a remediation to an equivalent one: other labels, reversed pairs, one of them twice, and in capitals.
fn make_equivalent(remediation: &mut Value) {
    remediation["displayName"] = json!("other");
    remediation["severity"] = json!("low");
    let items = remediation["analyzedEmails"].as_array_mut().expect("the remediation has emails");
    items.reverse();
    if items.len() < MAX_ANALYZED_EMAILS {
        items.push(items[0].clone());
    }
    for text in items.iter_mut().filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
        *text = json!(text.as_str().map(str::to_ascii_uppercase));
    }
}

/// Checks the properties of addresses on which all readers must agree.
fn check_address(address: &str, domain: &str) {
    let (local_part, after) = address.split_once('@').expect("an @");
    assert_eq!(after, domain);
    assert!(!domain.contains('@') && !local_part.is_empty(), "{address}");
    assert!(address.chars().count() <= MAX_ADDRESS, "{address}");
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>()[]\\,;:\"%!".contains(c);
    assert!(address.chars().all(is_plain), "{address}");
    let lower = local_part.to_ascii_lowercase();
    for encoding in ["=?", "?=", "&#", "_x0040_", "_x00000040_"] {
        assert!(!lower.contains(encoding), "some parsers decode the address: {address}");
    }
    for start in ["srs0=", "srs0+", "srs0-", "srs1=", "srs1+", "srs1-"] {
        assert!(!lower.starts_with(start), "another domain is inside: {address}");
    }
    assert!(!(lower.starts_with("imcea") && lower.contains('-')), "another address is inside: {address}");
    assert!(!(lower.starts_with('/') && lower.contains('=')), "another address is inside: {address}");
    let labels: Vec<&str> = domain.split('.').collect();
    assert!(labels.len() > 1 && labels.iter().all(|label| !label.is_empty()), "{address}");
}

/// Checks the texts for the caller and the log, and returns them joined.
fn check_error_texts(error: &ParseError) -> String {
    let texts: Vec<(&str, &str)> = match error {
        ParseError::NotJson(JsonError::Repeated { pointer }) => vec![(pointer, "")],
        ParseError::NotJson(_) => Vec::new(),
        ParseError::Invalid(errors) => {
            assert!(
                (1..=MAX_ERRORS).contains(&errors.listed().len()) && errors.counted() <= errors.total(),
                "{errors:?}"
            );
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
    let (code, response) = world::error_response(&error);
    assert!(matches!(code, Code::InvalidJson | Code::InvalidPayload));
    assert!(serde_json::from_str::<Value>(&response.body).is_ok_and(|body| body["status"] == response.status));
    response.body + &logged
}

fn each_pointer(error: &PayloadError) -> impl Iterator<Item = &str> {
    error.pointers.iter().map(String::as_str)
}

/// Checks that each error points to a value, or to an object without a required member.
fn check_pointers(errors: &PayloadErrors, tree: &Value) {
    for error in errors.listed() {
        for pointer in each_pointer(error) {
            // Names that were cut or have invisible characters are not repeated exactly.
            if pointer.contains(['…', '\u{fffd}']) || tree.pointer(pointer).is_some() {
                continue;
            }
            let parent = pointer.rsplit_once('/').and_then(|(parent, _)| tree.pointer(parent));
            assert!(parent.is_some_and(Value::is_object) && error.detail.contains("missing"), "{error:?}");
        }
    }
}
