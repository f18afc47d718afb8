//! Description and gateway accept the same payloads.

use serde_json::{Value, json};

use super::ID;
use crate::dns::MAX_DOMAIN_LABEL;
use crate::preconditions::{self, MAX_KEY_LENGTH};
use crate::remediation::limits::{MAX_ANALYZED_EMAILS, MAX_DESCRIPTION, MAX_DISPLAY_NAME, MAX_DOMAIN, MAX_LOCAL_PART};
use crate::remediation::parse;
use crate::tests::support::description::{description, with_boolean};
use crate::tests::support::gateway::payload;

/// Description and parser agree at each limit and one step beyond it.
#[test]
fn description_accepts_the_same_payloads_as_the_gateway() {
    let with = |name: &str, value: Value| {
        let mut body = payload("softDelete", &["hannah@contoso.com"]);
        body[name] = value;
        body
    };
    let to =
        |address: &str| with("analyzedEmails", json!([{ "networkMessageId": ID, "recipientEmailAddress": address }]));
    let item = |item: Value| with("analyzedEmails", json!([item]));
    let of = |count: usize| payload("softDelete", &vec!["hannah@contoso.com"; count]);
    let domain = |length: usize| {
        let label = "d".repeat(MAX_DOMAIN_LABEL);
        let labels = format!("{label}.{label}.{label}.{label}");
        labels.get(..length).unwrap().to_owned()
    };
    for (body, taken) in [
        (of(1), true),
        (of(MAX_ANALYZED_EMAILS), true),
        (of(MAX_ANALYZED_EMAILS + 1), false),
        (of(0), false),
        (with("displayName", json!("é".repeat(MAX_DISPLAY_NAME))), true),
        (with("displayName", json!("é".repeat(MAX_DISPLAY_NAME + 1))), false),
        (with("displayName", json!("")), false),
        (with("displayName", json!(" \t\n")), false),
        (with("displayName", Value::Null), false),
        (with("description", json!("")), true),
        (with("description", json!(" \t")), true),
        (with("description", json!("😀".repeat(MAX_DESCRIPTION))), true),
        (with("description", json!("😀".repeat(MAX_DESCRIPTION + 1))), false),
        (with("severity", json!("High")), false),
        (with("action", json!("unknownFutureValue")), false),
        (with("remediateSendersCopy", json!("fAlSe")), true),
        (with("remediateSendersCopy", json!(false)), true),
        (with("remediateSendersCopy", json!("no")), false),
        (with("remediateSendersCopy", json!(" true")), false),
        (with("remediateSendersCopy", json!(0)), false),
        (with("@odata.type", json!({ "any": [1] })), true),
        (with("action@odata.type", json!("x")), true),
        (with("@odata", json!("x")), false),
        (with("approverUpn", json!("x")), false),
        (with("analyzedEmails", json!({})), false),
        (
            item(json!({ "networkMessageId": ID.to_uppercase(), "recipientEmailAddress": "a@b.c", "@odata.id": "x" })),
            true,
        ),
        (item(json!({ "networkMessageId": format!("{{{ID}}}"), "recipientEmailAddress": "a@b.c" })), false),
        (item(json!({ "networkMessageId": ID.replace('-', ""), "recipientEmailAddress": "a@b.c" })), false),
        (item(json!({ "networkMessageId": ID, "recipientEmailAddress": "a@b.c", "subject": 1, "id": [] })), true),
        (item(json!({ "networkMessageId": ID, "recipientEmailAddress": "a@b.c", "Subject": 1 })), false),
        (item(json!({ "networkMessageId": ID })), false),
        (item(json!({ "id": "1" })), false),
        (item(json!("1")), false),
        (to(&format!("{}@contoso.com", "l".repeat(MAX_LOCAL_PART))), true),
        (to(&format!("{}@contoso.com", "l".repeat(MAX_LOCAL_PART + 1))), false),
        (to(&format!("{}@{}", "l".repeat(MAX_LOCAL_PART), domain(MAX_DOMAIN))), true),
        (to(&format!("l@{}.com", "d".repeat(MAX_DOMAIN_LABEL + 1))), false),
        (to("hännah.o'jarvis+1@кц.рф"), true),
        (to("..a..b.@mail_relay._contoso.com"), true),
        (to("a@mail_-.contoso.com"), false),
        (to("hannah@contoso"), false),
        (to("Hannah <hannah@contoso.com>"), false),
        (to("a%b@contoso.com"), false),
        (to("a@b@contoso.com"), false),
        (to(""), false),
        (json!([]), false),
    ] {
        let shown: String = body.to_string().chars().take(400).collect();
        assert_eq!(parse(body.to_string().as_bytes()).is_ok(), taken, "the reader: {shown}");
        assert_eq!(description().check_payload(&with_boolean(body)).is_ok(), taken, "the description: {shown}");
    }
}

#[test]
fn description_accepts_the_same_idempotency_keys_as_the_gateway() {
    let place = "/components/parameters/Idempotency-Key/schema";
    for key in [
        "incident-4711",
        "\"incident 4711\"",
        "\"incident-4711\"",
        r#""a\"b\\""#,
        r#""a"b""#,
        r#"a"b"#,
        r"a\b",
        r#""a\b""#,
        "\"",
        "\"\"",
        "",
        "é",
        &"k".repeat(MAX_KEY_LENGTH),
        &"k".repeat(MAX_KEY_LENGTH + 1),
        &format!("\"{}\"", r#"\""#.repeat(MAX_KEY_LENGTH)),
        &format!("\"{}\"", "k".repeat(MAX_KEY_LENGTH + 1)),
    ] {
        let described = description().validate(place, &json!(key)).is_ok();
        assert_eq!(described, preconditions::idempotency_key(Some(key)).is_ok(), "{key}");
    }
}
