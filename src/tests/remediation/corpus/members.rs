//! The members of the body.

use super::{Case, ITEM, SEED, Valid, and, different_items, error, errors, items, run, set, unset};
use crate::remediation::limits::{MAX_ANALYZED_EMAILS, MAX_ERRORS, MAX_POINTERS};
use crate::remediation::{Action, ParseError, PayloadErrors, Severity, parse};

#[test]
fn display_name_and_description_are_validated() {
    let text = |length: usize| format!("\"{}\"", "x".repeat(length));
    let wide = |length: usize| format!("\"{}\"", "😀".repeat(length));
    run(vec![
        Case("the seed's own example is read", SEED.into(), Valid(2, 0)),
        Case("displayName of 1", set("displayName", "\"x\""), Valid(1, 0)),
        Case("displayName of 256", set("displayName", &text(256)), Valid(1, 0)),
        Case("displayName of 257", set("displayName", &text(257)), error("/displayName", "at most 256 characters")),
        Case("characters are counted, not bytes", set("displayName", &wide(256)), Valid(1, 0)),
        Case("257 wide characters", set("displayName", &wide(257)), error("/displayName", "at most 256")),
        Case("an escape is one character", set("displayName", &format!("\"{}\"", "\\u00e9".repeat(256))), Valid(1, 0)),
        Case("description of 1024", set("description", &text(1024)), Valid(1, 0)),
        Case("description of 1025", set("description", &text(1025)), error("/description", "at most 1024")),
        Case("an empty displayName", set("displayName", "\"\""), error("/displayName", "empty or blank")),
        Case("an empty description", set("description", "\"\""), Valid(1, 0)),
        Case("a blank description", set("description", r#"" \t\u00a0""#), Valid(1, 0)),
        Case("a blank displayName", set("displayName", "\" \""), error("/displayName", "empty or blank")),
        Case("blank by escapes", set("displayName", r#""\t\n\u2003\u00a0""#), error("/displayName", "blank")),
        Case("nothing but NUL", set("displayName", r#""\u0000""#), error("/displayName", "blank")),
        Case("nothing to see", set("displayName", "\"\u{200b} \u{3164}\""), error("/displayName", "blank")),
        Case("lines and quotes in a text", set("description", r#""a\n\"b\"\\""#), Valid(1, 0)),
        Case("text beyond ASCII", set("displayName", "\"Säuberung 清理\""), Valid(1, 0)),
        Case(
            "displayName is a number",
            set("displayName", "7"),
            error("/displayName", "must be a string, not a number"),
        ),
        Case("displayName is an object", set("displayName", "{}"), error("/displayName", "not an object")),
        Case("description is an array", set("description", "[[]]"), error("/description", "not an array")),
        Case("description is a boolean", set("description", "false"), error("/description", "not a boolean")),
    ]);
}

#[test]
fn severity_and_action_accept_only_their_known_names() {
    let mut cases = vec![
        Case("severity in another case", set("severity", "\"High\""), error("/severity", "did you mean \"high\"?")),
        Case("severity misspelt", set("severity", "\"meduim\""), error("/severity", "did you mean \"medium\"?")),
        Case(
            "severity unknown",
            set("severity", "\"critical\""),
            error("/severity", "one of \"low\", \"medium\", \"high\""),
        ),
        Case("severity with a blank", set("severity", "\"low \""), error("/severity", "did you mean \"low\"?")),
        Case("severity empty", set("severity", "\"\""), error("/severity", "must be one of")),
        Case("severity is a number", set("severity", "2"), error("/severity", "must be a string")),
        Case(
            "the sentinel as severity",
            set("severity", "\"unknownFutureValue\""),
            error("/severity", "\"unknownFutureValue\" is only Graph's placeholder"),
        ),
        Case(
            "the sentinel as action",
            set("action", "\"unknownFutureValue\""),
            error("/action", "\"unknownFutureValue\" is only Graph's placeholder"),
        ),
        Case(
            "the sentinel in another case",
            set("action", "\"UnknownFutureValue\""),
            error("/action", "\"unknownFutureValue\" is only Graph's placeholder"),
        ),
        Case(
            "action in another case",
            set("action", "\"SoftDelete\""),
            error("/action", "did you mean \"softDelete\"?"),
        ),
        Case("action misspelt", set("action", "\"hradDelete\""), error("/action", "did you mean \"hardDelete\"?")),
        Case("action unknown", set("action", "\"delete\""), error("/action", "must be one of \"moveToJunk\"")),
        Case("action of megabytes", set("action", &format!("\"{}\"", "x".repeat(1 << 20))), error("/action", "one of")),
        Case("action by escapes", set("action", r#""soft\u0044elete""#), Valid(1, 0)),
        Case("action is null", set("action", "null"), error("/action", "null counts as missing")),
        Case("action is an array", set("action", "[\"softDelete\"]"), error("/action", "not an array")),
    ];
    cases.extend(Action::NAMES.map(|name| Case(name, set("action", &format!("\"{name}\"")), Valid(1, 0))));
    cases.extend(Severity::NAMES.map(|name| Case(name, set("severity", &format!("\"{name}\"")), Valid(1, 0))));
    run(cases);
}

#[test]
fn senders_copy_accepts_only_booleans_and_their_names() {
    let sent = |value: &str| parse(&set("remediateSendersCopy", value)).map(|read| read.remediate_senders_copy);
    for right in ["true", r#""true""#, r#""TRUE""#, r#""True""#, r#""\u0074rue""#] {
        assert_eq!(sent(right), Ok(true), "{right}");
    }
    for right in ["false", r#""false""#, r#""FALSE""#, r#""fAlSe""#] {
        assert_eq!(sent(right), Ok(false), "{right}");
    }
    for wrong in [r#""""#, r#"" true""#, r#""yes""#, r#""1""#, "0", "1", "{}", "[true]", r#""fal\u017fe""#, "1e999"] {
        let body = set("remediateSendersCopy", wrong);
        run(vec![Case("neither true nor false", body, error("/remediateSendersCopy", "must be true or false"))]);
    }
}

#[test]
fn number_of_emails_outside_1_to_10000_is_rejected() {
    let with_a_fault = format!("{},{}", ITEM.replace("73ca", "73cg"), different_items(MAX_ANALYZED_EMAILS));
    run(vec![
        Case("no emails", items(""), error("/analyzedEmails", "must have 1 to 10000 items, and has 0")),
        Case("one email", items(ITEM), Valid(1, 0)),
        Case("10,000 emails", items(&different_items(10_000)), Valid(10_000, 0)),
        Case("10,001 emails", items(&different_items(10_001)), error("/analyzedEmails", "items, and has 10001")),
        Case("duplicates count too", items(&vec![ITEM; 10_001].join(",")), error("/analyzedEmails", "has 10001")),
        Case("10,000 times the same", items(&vec![ITEM; 10_000].join(",")), Valid(1, 9_999)),
        Case(
            "items beyond the limit are not judged",
            items(&"0,".repeat(50_000).trim_end_matches(',').replacen("0,", &format!("{ITEM},"), 10_000)),
            error("/analyzedEmails", "has 50000"),
        ),
        Case(
            "the array's own fault stands before those of its items",
            items(&with_a_fault),
            errors(&[("/analyzedEmails", "has 10001"), ("/analyzedEmails/0/networkMessageId", "must be a GUID")]),
        ),
        Case(
            "emails are an object",
            set("analyzedEmails", "{}"),
            error("/analyzedEmails", "must be an array of emails, not an object"),
        ),
        Case(
            "emails are a string",
            set("analyzedEmails", "\"a@contoso.com\""),
            error("/analyzedEmails", "not a string"),
        ),
    ]);
}

#[test]
fn each_member_is_required() {
    for name in crate::remediation::suggestions::BODY_MEMBERS {
        let pointer = format!("/{name}");
        run(vec![
            Case("missing", unset(name), error(&pointer, "is required, and missing")),
            Case("null", set(name, "null"), error(&pointer, "is required, and null counts as missing")),
            Case("of no right type", set(name, "-0.5E+3"), error(&pointer, "not a number")),
        ]);
    }
    run(vec![
        Case(
            "an empty object lacks everything",
            b"{}".into(),
            errors(&[
                ("/displayName", "missing"),
                ("/description", "missing"),
                ("/severity", "missing"),
                ("/action", "missing"),
                ("/remediateSendersCopy", "missing"),
                ("/analyzedEmails", "missing"),
            ]),
        ),
        Case("an array is no payload", b"[]".into(), error("", "must be an object, not an array")),
        Case("a string is no payload", b"\"x\"".into(), error("", "must be an object, not a string")),
        Case("null is no payload", b" null ".into(), error("", "must be an object, not null")),
        Case("a number is no payload", b"1e400".into(), error("", "must be an object, not a number")),
        Case("true is no payload", b"true".into(), error("", "must be an object, not a boolean")),
    ]);
}

#[test]
fn all_payload_errors_are_listed_with_value_errors_first() {
    let body = br#"{
        "zzz": 1, "displayName": " ", "severity": "High", "remediateSendersCopy": "no",
        "analyzedEmails": [
            {"recipientEmailAddress": "a", "networkMessageId": "b", "x": {}},
            7,
            {"networkMessageId": null}
        ],
        "action": 5, "a/b~c": null
    }"#;
    let expected = errors(&[
        ("/displayName", "blank"),
        ("/severity", "did you mean \"high\"?"),
        ("/remediateSendersCopy", "true or false"),
        ("/analyzedEmails/0/recipientEmailAddress", "with an '@'"),
        ("/analyzedEmails/0/networkMessageId", "must be a GUID"),
        ("/analyzedEmails/1", "must be an object"),
        ("/analyzedEmails/2/networkMessageId", "null counts as missing"),
        ("/analyzedEmails/2/recipientEmailAddress", "is required, and missing"),
        ("/action", "must be a string"),
        ("/description", "is required, and missing"),
        ("/zzz", "unknown member"),
        ("/analyzedEmails/0/x", "unknown member"),
        ("/a~1b~0c", "unknown member"),
    ]);
    run(vec![Case("all at once", body.into(), expected)]);
}

fn faults(body: &[u8]) -> PayloadErrors {
    match parse(body) {
        Err(ParseError::Invalid(errors)) => errors,
        other => panic!("{other:?}"),
    }
}

/// Pointer, count and number of pointers of each entry.
fn groups(errors: &PayloadErrors) -> Vec<(&str, usize, usize)> {
    errors.listed().iter().map(|error| (error.pointer.as_str(), error.count, error.pointers.len())).collect()
}

#[test]
fn equal_errors_of_many_items_are_grouped_into_one_entry() {
    let good = ITEM;
    let cases = [
        // A wrong value beside an unknown member, and another cause of the same member.
        (
            format!(
                "{},{}",
                vec![r#"{"networkMessageId":"x","recipientEmailAddress":"a@contoso.com","folder":1}"#; 300].join(","),
                r#"{"networkMessageId":7,"recipientEmailAddress":"a@contoso.com","folder":1}"#
            ),
            vec![
                ("/analyzedEmails/0/networkMessageId", 300, MAX_POINTERS),
                ("/analyzedEmails/300/networkMessageId", 1, 1),
                ("/analyzedEmails/0/folder", 301, MAX_POINTERS),
            ],
        ),
        // The same text for two members is two entries.
        (
            ["{}"; 3].join(","),
            vec![("/analyzedEmails/0/networkMessageId", 3, 3), ("/analyzedEmails/0/recipientEmailAddress", 3, 3)],
        ),
        // Invisible characters inside the address.
        (
            [good.replace("a@", "a\u{200b}b@"), good.replace("a@", "bcd\u{200b}e@")].join(","),
            vec![("/analyzedEmails/0/recipientEmailAddress", 2, 2)],
        ),
    ];
    for (list, expected) in cases {
        let errors = faults(&items(&list));
        assert_eq!(groups(&errors), expected);
        assert_eq!(errors.total(), errors.counted());
        let [first, ..] = errors.listed() else { panic!("none") };
        assert_eq!(first.pointers[1], first.pointer.replace("/0/", "/1/"));
    }
}

/// The work and the response stay small if everything is invalid.
#[test]
fn error_list_has_at_most_50_entries_and_counts_the_rest() {
    let bad = r#"{"networkMessageId":1,"recipientEmailAddress":2,"a":3,"b":4,"c":5}"#;
    let errors = faults(&items(&vec![bad; MAX_ANALYZED_EMAILS].join(",")));
    let shares = [("networkMessageId", 50), ("recipientEmailAddress", 50), ("a", 34), ("b", 33), ("c", 33)];
    let expected: Vec<_> = shares.map(|(name, share)| (format!("/analyzedEmails/0/{name}"), 10_000, share)).into();
    let found: Vec<_> =
        groups(&errors).into_iter().map(|(pointer, count, share)| (pointer.to_owned(), count, share)).collect();
    assert_eq!(found, expected);
    assert_eq!(errors.to_string(), "the payload has 50000 errors");
    assert_eq!(faults(&items("0")).to_string(), "the payload has an error");

    let many: Vec<String> = (0..100_000).map(|n| format!("\"{n}\":0")).collect();
    let errors = faults(&and(&many.join(",")));
    assert_eq!((errors.listed().len(), errors.counted(), errors.total()), (MAX_ERRORS, MAX_ERRORS, 100_000));
    // Unknown members do not displace invalid values, also when the values come last.
    let mut body = and(&many.join(","));
    body.pop();
    let body = String::from_utf8(body).unwrap().replace("\"action\":\"hardDelete\",", "") + ",\"action\":7}";
    let errors = faults(body.as_bytes());
    assert_eq!((errors.listed().len(), errors.listed()[0].pointer.as_str()), (MAX_ERRORS, "/action"));
}

/// The array's error is found last and listed first, also if the list is full.
#[test]
fn too_many_emails_error_is_listed_before_errors_of_items() {
    let kinds = ["0", "\"\"", "[]", "null", "true", "{}"];
    let list: Vec<_> = kinds.iter().cycle().take(MAX_ANALYZED_EMAILS + 1).copied().collect();
    let errors = faults(&items(&list.join(",")));
    let pointers: Vec<_> = errors.listed().iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(pointers.first(), Some(&"/analyzedEmails"));
    assert_eq!(pointers.get(1), Some(&"/analyzedEmails/0"));
}

/// One response reports everything: the value of a misspelt member is validated as that of the intended one, which is
/// not missing.
#[test]
fn misspelt_member_is_validated_as_the_intended_one() {
    let rename = |from: &str, to: &str, body: Vec<u8>| {
        String::from_utf8(body).unwrap().replace(&format!("\"{from}\":"), &format!("\"{to}\":")).into_bytes()
    };
    let emails = items(r#"{"networkMessageId":"x","RecipientEmailAdress":"a@contoso.com ","folder":1},{}"#);
    run(vec![
        Case(
            "the list",
            rename("analyzedEmails", "analyzedemails", emails),
            errors(&[
                ("/analyzedemails/0/networkMessageId", "must be a GUID"),
                ("/analyzedemails/0/RecipientEmailAdress", "ends with U+0020"),
                ("/analyzedemails/1/networkMessageId", "missing"),
                ("/analyzedemails/1/recipientEmailAddress", "missing"),
                ("/analyzedemails", "did you mean \"analyzedEmails\"?"),
                ("/analyzedemails/0/RecipientEmailAdress", "did you mean \"recipientEmailAddress\"?"),
                ("/analyzedemails/0/folder", "unknown member"),
            ]),
        ),
        Case(
            "a value",
            rename("severity", "Severity", set("severity", "\"grave\"")),
            errors(&[("/Severity", "one of \"low\""), ("/Severity", "did you mean \"severity\"?")]),
        ),
        Case(
            "a name of older code",
            rename("action", "remediationAction", set("action", "null")),
            errors(&[("/remediationAction", "null counts as missing"), ("/remediationAction", "\"action\"?")]),
        ),
        Case("beside the right one", and("\"Action\":7"), error("/Action", "did you mean \"action\"?")),
        Case(
            "two of them, of which one is read",
            [br#"{"Action":7,"ACTION":8,"#.to_vec(), and("\"@odata.x\":1").split_off(1)].concat(),
            errors(&[
                ("/Action", "must be a string"),
                ("/Action", "did you mean \"action\"?"),
                ("/ACTION", "did you mean \"action\"?"),
            ]),
        ),
    ]);
}
