//! Input of real callers that Graph does not define, and the error for each.

use super::{Case, ITEM, Valid, and, error, errors, items, run, unset};

/// A right body in which one member has another name: the name is unknown and the right one missing.
fn rename(from: &str, to: &str) -> Vec<u8> {
    let body = String::from_utf8(and("\"@odata.x\":0")).unwrap();
    body.replace(&format!("\"{from}\":"), &format!("\"{to}\":")).into_bytes()
}

#[test]
fn outdated_or_foreign_member_name_is_rejected_with_a_hint() {
    let more = |name: &str| and(&format!("\"{name}\":\"x\""));
    run(vec![
        Case(
            "remediationAction",
            rename("action", "remediationAction"),
            error("/remediationAction", "did you mean \"action\"?"),
        ),
        Case(
            "analyzedEmailIdentifiers",
            rename("analyzedEmails", "analyzedEmailIdentifiers"),
            error("/analyzedEmailIdentifiers", "did you mean \"analyzedEmails\"?"),
        ),
        Case("emailIds", rename("analyzedEmails", "emailIds"), error("/emailIds", "did you mean \"analyzedEmails\"?")),
        Case("remediateBy", more("remediateBy"), error("/remediateBy", "Graph records the application")),
        Case("approverUpn", more("approverUpn"), error("/approverUpn", "older revision with no equivalent")),
        Case("approverUPN", more("approverUPN"), error("/approverUPN", "older revision with no equivalent")),
        Case("id at the top", more("id"), error("/id", "names an email by \"networkMessageId\"")),
        Case(
            "recipientEmailAddresses at the top",
            more("recipientEmailAddresses"),
            error("/recipientEmailAddresses", "one item of \"analyzedEmails\" per recipient"),
        ),
        Case(
            "items of an id",
            items(r#"{"id":"73ca4154-58d8-43d0-a890-08dc18c52e6d4675229"}"#),
            errors(&[
                ("/analyzedEmails/0/networkMessageId", "missing"),
                ("/analyzedEmails/0/recipientEmailAddress", "missing"),
            ]),
        ),
        Case(
            "items of many recipients",
            items(&ITEM.replace(
                r#""recipientEmailAddress":"a@contoso.com""#,
                r#""recipientEmailAddresses":["a@contoso.com"]"#,
            )),
            errors(&[
                ("/analyzedEmails/0/recipientEmailAddress", "missing"),
                ("/analyzedEmails/0/recipientEmailAddresses", "one item of \"analyzedEmails\" per recipient"),
            ]),
        ),
    ]);
}

#[test]
fn misspelt_member_name_is_rejected_with_a_hint() {
    let cases = [
        ("displayname", "did you mean \"displayName\"?"),
        ("DisplayName", "did you mean \"displayName\"?"),
        ("display_name", "did you mean \"displayName\"?"),
        ("desciption", "did you mean \"description\"?"),
        ("serverity", "did you mean \"severity\"?"),
        ("actoin", "did you mean \"action\"?"),
        ("actions", "did you mean \"action\"?"),
        ("remediateSenderCopy", "did you mean \"remediateSendersCopy\"?"),
        ("remediateSender'sCopy", "did you mean \"remediateSendersCopy\"?"),
        ("analysedEmails", "did you mean \"analyzedEmails\"?"),
        ("analyzedEmail", "did you mean \"analyzedEmails\"?"),
        ("networkMessageId", "\"networkMessageId\" belongs in each item of \"analyzedEmails\""),
        ("NetworkMessageID", "\"networkMessageId\" belongs in each item of \"analyzedEmails\""),
        ("recipientEmailAdress", "\"recipientEmailAddress\" belongs in each item"),
        ("odata.type", "the members here are"),
        ("reason", "the members here are \"displayName\", \"description\""),
        ("act", "the members here are"),
    ];
    for (name, detail) in cases {
        run(vec![Case("an unknown name", and(&format!("\"{name}\":{{}}")), error(&format!("/{name}"), detail))]);
    }
}

#[test]
fn unknown_member_is_ignored_only_as_an_odata_annotation() {
    run(vec![
        Case(
            "on the body",
            and(r##""@odata.type":"#microsoft.graph.security.remediate","@odata.context":null"##),
            Valid(1, 0),
        ),
        Case("on a member", and("\"action@odata.type\":\"#x\""), Valid(1, 0)),
        Case(
            "more of them than a list of names holds",
            and(&(0..20).map(|n| format!("\"{n}@odata.x\":0")).collect::<Vec<_>>().join(",")),
            Valid(1, 0),
        ),
        Case("one does not stand for a member", rename("action", "action@odata.type"), error("/action", "missing")),
        Case("OData 4.01's short form is none of Graph's", and("\"@type\":1"), error("/@type", "unknown member")),
        Case("no dot", and("\"@odata\":1"), error("/@odata", "unknown member")),
        Case("another case", and("\"@OData.type\":1"), error("/@OData.type", "unknown member")),
    ]);
}

#[test]
fn unusual_member_name_is_truncated_and_escaped_in_the_error() {
    let long = "n".repeat(1 << 20);
    let cut = format!("/{}…", "n".repeat(63));
    run(vec![
        Case("a huge name is cut", and(&format!("\"{long}\":1")), error(&cut, "the members here are")),
        Case(
            "64 characters are not",
            and(&format!("\"{}\":1", "n".repeat(64))),
            error(&format!("/{}", "n".repeat(64)), "unknown"),
        ),
        Case(
            "cut between characters",
            and(&format!("\"{}\":1", "😀".repeat(65))),
            error(&format!("/{}…", "😀".repeat(63)), "unknown"),
        ),
        Case("control characters", and(r#""a\u0000\r\nb":1"#), error("/a\u{fffd}\u{fffd}\u{fffd}b", "unknown")),
        Case("reordering characters", and("\"a\u{202e}b\":1"), error("/a\u{fffd}b", "unknown")),
        Case("an empty name", and("\"\":1"), error("/", "unknown member")),
        Case("escapes of a pointer", and("\"~1/~0\":1"), error("/~01~1~00", "unknown member")),
        Case("the prototype of JavaScript", and("\"__proto__\":{\"action\":1}"), error("/__proto__", "unknown member")),
        Case("nothing is taken from within", unset("action").replace_last(), error("/action", "missing")),
    ]);
}

trait ReplaceLast {
    fn replace_last(self) -> Self;
}

impl ReplaceLast for Vec<u8> {
    /// Puts `action` into an annotation, where it does not count.
    fn replace_last(mut self) -> Self {
        self.pop();
        self.extend(br#","@odata.x":{"action":"hardDelete"}}"#);
        self
    }
}
