//! JSON, and JSON that every reader understands in the same way.

use super::{Case, ITEM, NotJson, SEED, Valid, and, error, items, run, set};

/// Returns a body with an annotation of this number of levels. The body is the first level.
fn nested(levels: usize) -> Vec<u8> {
    and(&format!("\"@odata.x\":{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1)))
}

#[test]
fn empty_or_non_utf8_body_is_rejected() {
    let utf16 = |big: bool, mark: bool| -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(SEED.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let latin1 = set("displayName", "\"x\"").into_iter().map(|b| if b == b'x' { 0xe9 } else { b }).collect();
    run(vec![
        Case("nothing", vec![], NotJson("the body is empty")),
        Case("white space", b" \t\r\n".into(), NotJson("the body is empty")),
        Case("a byte order mark", ["\u{feff}".as_bytes(), SEED.as_bytes()].concat(), Valid(2, 0)),
        Case("two byte order marks", format!("\u{feff}\u{feff}{SEED}").into(), NotJson("a value is expected")),
        Case("a byte order mark after a blank", format!(" \u{feff}{SEED}").into(), NotJson("a value is expected")),
        Case(
            "a byte order mark at the end",
            format!("{SEED}\u{feff}").into(),
            NotJson("the end of the body is expected"),
        ),
        Case("only a byte order mark", "\u{feff}".into(), NotJson("the body is empty")),
        Case("UTF-16, little endian", utf16(false, false), NotJson("in UTF-16")),
        Case("UTF-16, big endian", utf16(true, false), NotJson("in UTF-16")),
        Case("UTF-16, little endian, marked", utf16(false, true), NotJson("in UTF-16")),
        Case("UTF-16, big endian, marked", utf16(true, true), NotJson("in UTF-16")),
        Case("Latin-1", latin1, NotJson("not UTF-8 (the first invalid byte is at offset 16")),
        Case(
            "an overlong slash",
            b"{\"a\":\"\xc0\xaf\"}".into(),
            NotJson("not UTF-8 (the first invalid byte is at offset 6"),
        ),
        Case("a surrogate in UTF-8", b"{\"a\":\"\xed\xa0\x80\"}".into(), NotJson("not UTF-8")),
        Case("not UTF-8 in the last byte", [SEED.as_bytes(), b"\xff"].concat(), NotJson("not UTF-8")),
        Case("NUL at the end", [SEED.as_bytes(), b"\0"].concat(), NotJson("the end of the body is expected")),
        Case("gzip", b"\x1f\x8b\x08\0\0".into(), NotJson("gzip after the codings in Content-Encoding were removed")),
        Case("zlib", b"\x78\x9c\x03\0\0".into(), NotJson("not UTF-8")),
        Case("white space around all", format!("\r\n\t {SEED} \n").into(), Valid(2, 0)),
    ]);
}

#[test]
fn body_in_another_format_is_rejected_with_a_hint() {
    run(vec![
        Case("a form", b"displayName=x".into(), NotJson("form-encoded")),
        Case("base64 of JSON", b"eyJhY3Rpb24iOjF9".into(), NotJson("base64 of JSON")),
        Case("base64 of JSON in a string", b"\"eyJhY3Rpb24iOjF9\"".into(), NotJson("base64 of JSON")),
        Case("JSON in a string", b"\"{\\\"action\\\":1}\"".into(), NotJson("a string that looks like JSON")),
        Case(
            "what Logic Apps makes of a binary body",
            br#"{"$content-type":"application/json","$content":"eyJhY3Rpb24iOjF9"}"#.into(),
            error("/$content", "json(base64ToString("),
        ),
    ]);
}

#[test]
fn json_is_accepted_only_if_its_grammar_is_valid() {
    let annotated = |value: &str| and(&format!("\"@odata.x\":{value}"));
    let mut cases = vec![
        Case(
            "garbage at the end",
            [SEED.as_bytes(), b" x"].concat(),
            NotJson("the end of the body is expected at line 17, column 3"),
        ),
        Case("two documents", [SEED.as_bytes(), SEED.as_bytes()].concat(), NotJson("the end of the body is expected")),
        Case("the last brace is missing", SEED.as_bytes()[..SEED.len() - 1].into(), NotJson("',' or '}' is expected")),
        Case("no JSON", b"displayName".into(), NotJson("a value is expected at line 1, column 1")),
        Case("columns count characters", "{\"é😀\" x".into(), NotJson("':' is expected at line 1, column 7")),
        Case(
            "lines count from 1",
            b"{\n\n  x".into(),
            NotJson("name in double quotes is expected at line 3, column 3"),
        ),
        Case("JSON wins over faults before it", b"{\"x\":1,\"action\":5,".into(), NotJson("not JSON")),
        Case("not an object and not JSON", b"[1,".into(), NotJson("a value is expected at line 1, column 4")),
        Case("a string without end", b"{\"action\":\"soft".into(), NotJson("a string is not closed")),
        Case("only a quote", b"\"".into(), NotJson("a string is not closed")),
        Case("a line end in a string", b"{\"action\":\"a\nb\"}".into(), NotJson("control character")),
    ];
    for wrong in [
        "",
        ",",
        "nul",
        "nulll",
        "True",
        "undefined",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "1_0",
        "'a'",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "]",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" 1}",
        "{1:1}",
        "/**/1",
        "1//",
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\"#,
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\u+123""#,
        "\"\u{1}\"",
        "\"\t\"",
        "\u{a0}1",
        "\u{2028}1",
        "\u{c}1",
        "1 1",
    ] {
        cases.push(Case("not a value", annotated(wrong), NotJson("not JSON")));
        cases.push(Case("not an item", items(&format!("{ITEM},{wrong}")), NotJson("not JSON")));
    }
    for right in [
        "0",
        "-0",
        "-0.0e-0",
        "1E400",
        "-1e999999999",
        "123456789012345678901234567890",
        "0.1",
        "\"\\ud83d\\ude00\"",
        "\"\u{7f}\"",
        "\"\\/\\b\\f\\n\\r\\t\\\"\\\\\"",
        "\"\\u0000\"",
        "[ ]",
        "{ }",
        "[[],{}]",
        "\n1\n",
        "\"\u{2028}\"",
        "\"\u{ffff}\"",
    ] {
        cases.push(Case("a value", annotated(right), Valid(1, 0)));
    }
    run(cases);
}

#[test]
fn repeated_member_is_rejected_with_its_pointer() {
    run(vec![
        Case("at the top", and("\"action\":\"softDelete\""), NotJson("/action is given twice")),
        Case("with the same value", and("\"severity\":\"high\""), NotJson("/severity is given twice")),
        Case("by an escape", and("\"\\u0061ction\":1"), NotJson("/action is given twice")),
        Case("both by escapes", b"{\"\\u0061\":1,\"\\u0061\":1}".into(), NotJson("/a is given twice")),
        Case(
            "another case is not the same, but unknown",
            and("\"Action\":1"),
            error("/Action", "did you mean \"action\"?"),
        ),
        Case("unknown ones", and("\"x\":1,\"x\":2"), NotJson("/x is given twice")),
        Case("annotations", and("\"@odata.x\":1,\"@odata.x\":2"), NotJson("/@odata.x is given twice")),
        Case(
            "in an item",
            items(&format!("{ITEM},{}", ITEM.replace("recipientEmailAddress", "networkMessageId"))),
            NotJson("/analyzedEmails/1/networkMessageId is given twice"),
        ),
        Case(
            "in an item beyond the limit",
            items(&format!("{}{{\"a\":1,\"a\":1}}", "0,".repeat(10_000))),
            NotJson("/analyzedEmails/10000/a is given twice"),
        ),
        Case(
            "in an annotation",
            and("\"@odata.x\":[0,{\"a\":{\"b\":1,\"b\":1}}]"),
            NotJson("/@odata.x/1/a/b is given twice"),
        ),
        Case("in an unknown member", and("\"x\":{\"a/~\":{\"y\":1,\"y\":1}}"), NotJson("/x/a~1~0/y is given twice")),
        Case("in a value of the wrong type", set("action", "{\"a\":1,\"a\":1}"), NotJson("/action/a is given twice")),
        Case("in something that is no payload", b"[{\"a\":1,\"a\":1}]".into(), NotJson("/0/a is given twice")),
        Case("empty names", and("\"\":1,\"\":1"), NotJson("member / is given twice")),
        Case("the same name in two objects", and("\"@odata.x\":{\"a\":{\"a\":1},\"b\":{\"a\":1}}"), Valid(1, 0)),
        Case("behind many names", and(&many_members("\"7\":0")), NotJson("/7 is given twice")),
        Case("the last of many", and(&many_members("\"99999\":0")), NotJson("/99999 is given twice")),
        Case("a huge name", and(&format!("\"{0}\":1,\"{0}\":1", "x".repeat(1 << 20))), NotJson("x… is given twice")),
        Case(
            "a name that would paint the terminal",
            and(r#""\u001b[31m":1,"\u001b[31m":1"#),
            NotJson("/\u{fffd}[31m is"),
        ),
    ]);
}

/// 100,000 members and one more: a comparison of each with each would take seconds.
fn many_members(last: &str) -> String {
    let members: Vec<String> = (0..100_000).map(|n| format!("\"{n}\":0")).collect();
    format!("{},{last}", members.join(","))
}

#[test]
fn json_deeper_than_32_levels_is_rejected() {
    let open = |levels: usize| [b"{\"x\":".to_vec(), b"[".repeat(levels)].concat();
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels)).into_bytes();
    run(vec![
        Case("32 levels", nested(32), Valid(1, 0)),
        Case("33 levels", nested(33), NotJson("nested deeper than 32 levels at line 1")),
        Case("32 levels of objects", objects(32), fault_of_top("a")),
        Case("33 levels of objects", objects(33), NotJson("nested deeper")),
        Case("100,000 levels", nested(100_000), NotJson("nested deeper")),
        Case("100,000 levels, none closed", open(100_000), NotJson("nested deeper")),
        Case("100,000 levels of the emails", set("analyzedEmails", &"[".repeat(100_000)), NotJson("nested deeper")),
        Case("many beside each other", and(&format!("\"@odata.x\":[{}[]]", "[],".repeat(100_000))), Valid(1, 0)),
    ]);
}

/// The missing and the unknown members of `{"a":…}`.
fn fault_of_top(name: &str) -> crate::tests::remediation::corpus::Expected {
    let mut expected =
        Vec::from(crate::remediation::suggestions::BODY_MEMBERS.map(|member| (format!("/{member}"), "missing")));
    expected.push((format!("/{name}"), "unknown member"));
    crate::tests::remediation::corpus::Expected::Errors(expected)
}
