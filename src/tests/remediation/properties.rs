//! Properties of every body, with `serde_json` as the oracle.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::corpus::SEED;
use crate::remediation::reader::Json;
use crate::remediation::{Action, JsonError, ParseError, Severity, parse};

/// Reads any document with the strict reader alone.
fn strict(body: &[u8]) -> Result<(), JsonError> {
    let mut json = Json::new(body)?;
    json.skip()?;
    json.expect_end()
}

/// Returns whether `serde_json` and the strict reader agree that this is JSON. Documented differences do not count:
/// only the strict reader rejects repeated members and depth, and only `serde_json` rejects numbers outside of `f64`.
fn agrees_with_serde_json(body: &[u8], found: Result<(), JsonError>) -> bool {
    match (serde_json::from_slice::<Value>(body), found) {
        (_, Err(JsonError::Repeated { .. } | JsonError::TooDeep { .. })) | (Ok(_), Ok(())) => true,
        (Err(error), Ok(())) => error.to_string().contains("number out of range"),
        (theirs, Err(_)) => theirs.is_err(),
    }
}

fn json_fault(body: &[u8]) -> Result<(), JsonError> {
    match parse(body) {
        Err(ParseError::NotJson(error)) => Err(error),
        Ok(_) | Err(ParseError::Invalid(_)) => Ok(()),
    }
}

/// Any JSON value of up to four levels.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..12).prop_map(Value::from_iter),
        ]
    })
}

/// A text with at least one visible character.
fn caption() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..60).prop_map(|chars| chars.into_iter().chain(['x']).collect())
}

fn emails() -> impl Strategy<Value = Vec<(u128, String)>> {
    let address = "[a-zé]{1,3}(\\.[a-z0-9+_]{1,3})?@[a-c]{1,2}\\.(com|рф)";
    prop::collection::vec((prop_oneof![0_u128..4, any::<u128>()], address), 1..40)
}

/// A GUID in upper case.
fn hyphenated(bits: u128) -> String {
    let digits = format!("{bits:032X}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|group| digits.get(group).unwrap());
    groups.join("-")
}

proptest! {
    #[test]
    fn reader_agrees_with_serde_json_on_random_bytes(body: Vec<u8>) {
        prop_assert!(agrees_with_serde_json(&body, strict(&body)));
        prop_assert!(parse(&body).is_err());
    }

    #[test]
    fn reader_agrees_with_serde_json_on_random_tokens(
        body in "([\\[\\]{},:]|\"[ab\\\\]{0,2}\"|\"\\\\u[dD][89cCdD]0[0-9]\"|\"\\\\ud83d\\\\ude0[0-9]\"|-?[0-9.eE+-]{1,5}|true|null| |\n){0,12}"
    ) {
        prop_assert!(agrees_with_serde_json(body.as_bytes(), strict(body.as_bytes())), "{}", body);
    }

    #[test]
    fn json_written_by_serde_json_is_accepted(value in any_json()) {
        prop_assert_eq!(strict(value.to_string().as_bytes()), Ok(()));
        prop_assert_eq!(strict(serde_json::to_string_pretty(&value).unwrap().as_bytes()), Ok(()));
    }

    #[test]
    fn parser_agrees_with_serde_json_on_one_changed_byte(at in 0..SEED.len(), byte: u8) {
        let mut body = SEED.as_bytes().to_vec();
        body[at] = byte;
        prop_assert!(agrees_with_serde_json(&body, json_fault(&body)));
    }

    #[test]
    fn truncated_body_is_rejected_as_invalid_json(at in 0..SEED.len()) {
        prop_assert!(json_fault(&SEED.as_bytes()[..at]).is_err());
    }

    #[test]
    fn arbitrary_item_does_not_hide_errors_of_other_items(value in any_json()) {
        let text = SEED.replacen('[', &format!("[{value},{{}},"), 1);
        let Err(ParseError::Invalid(errors)) = parse(text.as_bytes()) else { panic!("accepted") };
        prop_assert!(errors.listed().iter().any(|error| error.pointer == "/analyzedEmails/1/networkMessageId") || errors.total() > errors.listed().len());
    }

    /// Graph receives the requested remediation: parsed, serialized, and parsed by another reader.
    #[test]
    fn remediation_is_serialized_as_given_without_duplicate_pairs(
        name in caption(), note in caption(), severity in 0..3_usize, action in 0..6_usize, copy: bool, emails in emails(),
    ) {
        let items: Vec<Value> = emails.iter()
            .map(|(guid, to)| json!({"networkMessageId": hyphenated(*guid), "recipientEmailAddress": to})).collect();
        let (severity, action) = (Severity::ALL[severity].as_str(), Action::ALL[action].as_str());
        let body = json!({"displayName": name, "description": note, "severity": severity, "action": action,
            "remediateSendersCopy": copy.to_string(), "analyzedEmails": items}).to_string();
        let remediation = parse(body.as_bytes()).unwrap();

        let mut seen = std::collections::HashSet::new();
        let once: Vec<Value> = emails.iter()
            .filter(|(guid, to)| seen.insert((*guid, to.to_lowercase())))
            .map(|(guid, to)| json!({"networkMessageId": hyphenated(*guid).to_lowercase(), "recipientEmailAddress": to})).collect();
        prop_assert_eq!(remediation.duplicates_removed, emails.len() - once.len());
        let sent: Value = serde_json::from_str(&remediation.to_graph_json()).unwrap();
        prop_assert_eq!(sent, json!({"displayName": name, "description": note, "severity": severity, "action": action,
            "remediateSendersCopy": copy, "analyzedEmails": once}));
        prop_assert_eq!(parse(remediation.to_graph_json().as_bytes()).unwrap().duplicates_removed, 0);
    }
}

#[test]
fn serialized_remediation_has_graphs_member_order_and_types() {
    let remediation = parse(SEED.as_bytes()).unwrap();
    let expected = concat!(
        r#"{"displayName":"Clean up Phish email","description":"Delete email","severity":"medium","action":"softDelete","#,
        r#""remediateSendersCopy":false,"analyzedEmails":["#,
        r#"{"networkMessageId":"73ca4154-58d8-43d0-a890-08dc18c52e6d","recipientEmailAddress":"hannah.jarvis@contoso.com"},"#,
        r#"{"networkMessageId":"73ca4154-58d8-43d0-a890-08dc18c52e6d","recipientEmailAddress":"preston.morales@contoso.com"}]}"#
    );
    assert_eq!(remediation.to_graph_json(), expected);
}

/// A string that has to grow doubles its capacity, so the spare capacity shows whether one allocation sufficed.
#[test]
fn remediation_without_escapes_is_serialized_in_one_allocation() {
    for count in [1, 1_000] {
        let item = |number: usize| {
            format!(
                r#"{{"networkMessageId":"73ca4154-58d8-43d0-a890-08dc18c52e6d","recipientEmailAddress":"user{number:04}@contoso.com"}}"#
            )
        };
        let items = (0..count).map(item).collect::<Vec<_>>().join(",");
        let body = format!(
            r#"{{"displayName":"x","description":"y","severity":"medium","action":"moveToDeletedItems","remediateSendersCopy":false,"analyzedEmails":[{items}]}}"#
        );
        let written = parse(body.as_bytes()).unwrap().to_graph_json();
        assert_eq!(written, body);
        assert!(written.capacity() < written.len() + 192, "{count}: {} of {}", written.len(), written.capacity());
    }
}

/// Nothing is copied if the body has no escapes.
#[test]
fn texts_without_escapes_are_borrowed() {
    use std::borrow::Cow::Borrowed;
    let remediation = parse(SEED.as_bytes()).unwrap();
    assert!(matches!((&remediation.display_name, &remediation.emails[0].recipient), (Borrowed(_), Borrowed(_))));
}
