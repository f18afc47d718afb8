//! The items of `analyzedEmails`, and `networkMessageId`.

use super::{Case, ITEM, NotJson, Valid, error, errors, id, items, run};
use crate::remediation::parse;

const GUID: &str = "73ca4154-58d8-43d0-a890-08dc18c52e6d";
const AT: &str = "/analyzedEmails/0/networkMessageId";

/// Members of an email in Graph's list, except the two that identify it.
const ENTITY: &str = r##""@odata.type":"#microsoft.graph.security.analyzedEmail","id":"73ca4154-58d8-43d0-a890-08dc18c52e6d-1311265001240363512-1",
    "loggedDateTime":"2026-10-01T08:00:00Z","internetMessageId":"<a1@mail.fabrikam.com>","senderDetail":{"fromAddress":"mallory@fabrikam.com"},
    "subject":"Your invoice","latestDelivery":{"action":"delivered","location":"inbox"},"attachmentsCount":0,"urlsCount":1,
    "urls":[{"url":"https://fabrikam.com/x"}],"sizeInBytes":4711,"alertIds":[],"threatTypes":["phish"],"policy":"none""##;

#[test]
fn network_message_id_is_accepted_only_as_a_guid() {
    let item_id = format!("\"AAMkAGI2{}AAA=\"", "THVSAAA_bz-9".repeat(10));
    let other_item_id = format!("\"RgAAAADxT{}\"", "q1w2E3r4+/".repeat(8));
    run(vec![
        Case("upper case", id("\"73CA4154-58D8-43D0-A890-08DC18C52E6D\""), Valid(1, 0)),
        Case("any version, also none", id("\"00000000-0000-0000-0000-000000000000\""), Valid(1, 0)),
        Case("with escapes", id(&format!("\"{}\"", GUID.replacen('7', "\\u0037", 1))), Valid(1, 0)),
        Case("empty", id("\"\""), error(AT, "must be a GUID of 8-4-4-4-12 hexadecimal digits")),
        Case("braces", id(&format!("\"{{{GUID}}}\"")), error(AT, "another notation")),
        Case("parentheses", id(&format!("\"({GUID})\"")), error(AT, "another notation")),
        Case("no hyphens", id(&format!("\"{}\"", GUID.replace('-', ""))), error(AT, "another notation")),
        Case("a URN", id(&format!("\"urn:uuid:{GUID}\"")), error(AT, "another notation")),
        Case("a URN in capitals", id(&format!("\"URN:UUID:{GUID}\"")), error(AT, "another notation")),
        Case("angle brackets", id(&format!("\"<{GUID}>\"")), error(AT, "another notation")),
        Case("quotes", id(&format!("\"'{GUID}'\"")), error(AT, "another notation")),
        Case("a blank before it", id(&format!("\" {GUID}\"")), error(AT, "starts with U+0020 (space)")),
        Case("a no-break space behind it", id(&format!("\"{GUID}\u{a0}\"")), error(AT, "ends with U+00A0")),
        Case(
            "an invisible character inside",
            id(&format!("\"{}\"", GUID.replacen('-', "-\u{200b}", 1))),
            error(AT, "contains U+200B (zero-width space)"),
        ),
        Case(
            "the id of an analyzed email",
            id(&format!("\"{GUID}-1311265001240363512-1\"")),
            error(AT, "the id of an analyzedEmail, of which the first 36 characters are the network message ID"),
        ),
        Case(
            "a longer one",
            id(&format!("\"{GUID}-13805748846361900678-12\"")),
            error(AT, "the id of an analyzedEmail"),
        ),
        Case(
            "one with one number",
            id(&format!("\"{GUID}-13805748846361900678\"")),
            error(AT, "the id of an analyzedEmail"),
        ),
        Case(
            "one whose number is joined to the GUID",
            id(&format!("\"{GUID}4675229\"")),
            error(AT, "the id of an analyzedEmail, of which the first 36 characters"),
        ),
        Case(
            "one of 60 characters or more",
            id(&format!("\"{GUID}1380574884636190067812345678\"")),
            error(AT, "the id of an analyzedEmail"),
        ),
        Case("hyphens elsewhere", id("\"73ca415458d8-43d0-a890-08dc-18c52e6d\""), error(AT, "another notation")),
        Case("a digit that is none", id("\"73ca4154-58d8-43d0-a890-08dc18c52e6g\""), error(AT, "must be a GUID")),
        Case("one digit short", id("\"73ca4154-58d8-43d0-a890-08dc18c52e6\""), error(AT, "must be a GUID")),
        Case("full-width digits", id("\"７3ca4154-58d8-43d0-a890-08dc18c52e6d\""), error(AT, "must be a GUID")),
        Case("an Exchange item id", id(&item_id), error(AT, "looks like an Exchange or Graph message id")),
        Case("another item id", id(&other_item_id), error(AT, "looks like an Exchange or Graph message id")),
        Case("an internet message id", id("\"<DM6PR@namprd11.outlook.com>\""), error(AT, "an internet message id")),
        Case("one without brackets", id("\"DM6PR@namprd11.outlook.com\""), error(AT, "an internet message id")),
        Case("a number", id("73"), error(AT, "must be a string, not a number")),
        Case("null", id("null"), error(AT, "is required, and null counts as missing")),
        Case("an object", id("{\"a\":[]}"), error(AT, "must be a string, not an object")),
    ]);
}

#[test]
fn item_with_missing_unknown_or_repeated_member_is_rejected() {
    let with = |more: &str| items(&format!("{},{more}}}", ITEM.trim_end_matches('}')));
    run(vec![
        Case(
            "a string",
            items("\"a@contoso.com\""),
            error("/analyzedEmails/0", "must be an object of \"networkMessageId\""),
        ),
        Case("null", items("null"), error("/analyzedEmails/0", "not null")),
        Case("an array", items(&format!("{ITEM},[{ITEM}]")), error("/analyzedEmails/1", "not an array")),
        Case(
            "empty",
            items("{}"),
            errors(&[
                ("/analyzedEmails/0/networkMessageId", "is required, and missing"),
                ("/analyzedEmails/0/recipientEmailAddress", "is required, and missing"),
            ]),
        ),
        Case(
            "members in the other order",
            items(&format!(r#"{{"recipientEmailAddress":"a@contoso.com","networkMessageId":"{GUID}"}}"#)),
            Valid(1, 0),
        ),
        Case("names with escapes", items(&ITEM.replace("network", "\\u006eetwork")), Valid(1, 0)),
        Case("annotations are dropped", with(r##""@odata.type":"#x","a@odata.b":{"c":[1]}"##), Valid(1, 0)),
        Case("Graph's other properties are dropped", with(ENTITY), Valid(1, 0)),
        Case("whatever their values", with(r#""id":null,"subject":{"a":[1e999]},"urls":"x""#), Valid(1, 0)),
        Case(
            "but they are JSON",
            with(r#""subject":{"a":1,"a":2}"#),
            NotJson("/analyzedEmails/0/subject/a is given twice"),
        ),
        Case("and come once", with(r#""subject":1,"subject":1"#), NotJson("/analyzedEmails/0/subject is given twice")),
        Case(
            "one in another case",
            with("\"Subject\":1"),
            error("/analyzedEmails/0/Subject", "did you mean \"subject\"?"),
        ),
        Case("an undeclared one", with("\"subjects\":1"), error("/analyzedEmails/0/subjects", "unknown member")),
        Case(
            "an entire email with a bad GUID has one error",
            items(&format!(r#"{ITEM},{{{ENTITY},"recipientEmailAddress":"a@contoso.com","networkMessageId":"73ca"}}"#)),
            error("/analyzedEmails/1/networkMessageId", "must be a GUID"),
        ),
        Case("an unknown member", with("\"folder\":1"), error("/analyzedEmails/0/folder", "the members here are")),
        Case(
            "one that was misspelt",
            with("\"networkMesageID\":1"),
            error("/analyzedEmails/0/networkMesageID", "did you mean \"networkMessageId\"?"),
        ),
        Case(
            "one in snake case",
            with("\"network_message_id\":1"),
            error("/analyzedEmails/0/network_message_id", "did you mean \"networkMessageId\"?"),
        ),
        Case(
            "one that belongs to the top",
            with("\"severity\":\"low\""),
            error("/analyzedEmails/0/severity", "\"severity\" belongs at the top of the body"),
        ),
        Case("a pointer is escaped", with("\"~/\":1"), error("/analyzedEmails/0/~0~1", "unknown member")),
        Case("an empty name", with("\"\":1"), error("/analyzedEmails/0/", "unknown member")),
    ]);
}

/// Nothing of a dropped property reaches Graph or makes another remediation.
#[test]
fn dropped_properties_change_neither_request_nor_hash() {
    let whole = items(&format!(r"{},{ENTITY}}}", ITEM.trim_end_matches('}')));
    let (whole, plain) = (parse(&whole).unwrap(), items(ITEM));
    let plain = parse(&plain).unwrap();
    assert_eq!(whole.to_graph_json(), plain.to_graph_json());
    assert_eq!(whole.payload_hash(), plain.payload_hash());
}

#[test]
fn duplicate_pairs_are_removed_and_the_first_is_kept() {
    let email = |guid: &str, to: &str| format!(r#"{{"networkMessageId":"{guid}","recipientEmailAddress":"{to}"}}"#);
    let other = GUID.replace("73ca", "83ca");
    let upper = GUID.to_uppercase();
    let body = items(
        &[
            email(GUID, "b@contoso.com"),
            email(GUID, "a@contoso.com"),
            email(&upper, "B@Contoso.COM"),
            email(&other, "a@contoso.com"),
            email(GUID, "\\u0061@contoso.com"),
            email(GUID, "c@contoso.com"),
        ]
        .join(","),
    );
    let remediation = parse(&body).unwrap();
    let left: Vec<_> = remediation.emails.iter().map(|email| (email.index, &*email.recipient)).collect();
    assert_eq!(left, [(0, "b@contoso.com"), (1, "a@contoso.com"), (3, "a@contoso.com"), (5, "c@contoso.com")]);
    assert_eq!(remediation.duplicates_removed, 2);
}
