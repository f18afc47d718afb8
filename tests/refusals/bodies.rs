//! Bodies that are not JSON, and payloads that are not a remediation: each error has its location.

use acceptance::{Failure, Response, TestResult, World, email, guid, payload, payload_of, payload_with};
use sandbox::Endpoint;
use serde_json::{Value, json};

/// Code of a body that is not JSON.
pub(crate) const NOT_JSON: &str = "invalidJson";
/// Code of a payload that is not a remediation.
pub(crate) const NOT_VALID: &str = "invalidPayload";

async fn post(world: &World, body: impl Into<Vec<u8>>) -> Result<Response, Failure> {
    let request =
        world.gateway.post("/remediate").bearer_auth(world.token()).header("Content-Type", "application/json");
    let response = Response::to(request.body(body.into())).await?;
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty(), "it was sent to Graph");
    Ok(response)
}

/// Returns `errors` as text, one line each: pointer and detail.
fn errors(response: &Response) -> Vec<String> {
    let body = response.json();
    let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
    errors.iter().map(|error| format!("{}: {}", text(error, "pointer"), text(error, "detail"))).collect()
}

/// Asserts that the response has exactly these errors: a pointer, and a part of the text.
fn assert_errors(response: &Response, expected: &[(&str, &str)], of: &str) {
    response.assert_problem(400, NOT_VALID, &[]);
    let errors = errors(response);
    let right = |(error, (pointer, part)): (&String, &(&str, &str))| {
        error.strip_prefix(pointer).and_then(|rest| rest.strip_prefix(": ")).is_some_and(|detail| detail.contains(part))
    };
    assert!(
        errors.len() == expected.len() && errors.iter().zip(expected).all(right),
        "{of}\n{errors:#?}\n{expected:#?}"
    );
}

fn nested(depth: usize) -> String {
    let deep = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    payload().to_string().replacen('{', &format!("{{\"@odata.x\":{deep},"), 1)
}

pub(crate) async fn body_that_is_not_json_returns_400_invalid_json(world: &World) -> TestResult {
    let good = payload().to_string();
    let twice = |member: &str| good.replacen('{', &format!("{{{member},"), 1);
    let in_item = |member: &str| good.replacen("[{", &format!("[{{{member},"), 1);
    let utf_16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin_1: Vec<u8> =
        good.replace("Clean", "Cl\u{0}ean").bytes().map(|byte| if byte == 0 { 0xe9 } else { byte }).collect();
    for (name, body, pointers) in [
        ("nothing", Vec::new(), &[][..]),
        ("white space", b" \r\n\t".to_vec(), &[]),
        ("cut off", good.as_bytes().split_at(good.len() - 1).0.to_vec(), &[]),
        ("more after the end", format!("{good} {good}").into_bytes(), &[]),
        ("two byte order marks", format!("\u{feff}\u{feff}{good}").into_bytes(), &[]),
        ("UTF-16", utf_16, &[]),
        ("Latin-1", latin_1, &[]),
        ("single quotes", good.replace('"', "'").into_bytes(), &[]),
        ("a comment", format!("/**/{good}").into_bytes(), &[]),
        ("a comma at the end", good.replacen("}]", "},]", 1).into_bytes(), &[]),
        ("NaN", good.replace("false", "NaN").into_bytes(), &[]),
        ("a raw line in a string", good.replace("Clean", "Cl\nean").into_bytes(), &[]),
        ("a form", b"displayName=x".to_vec(), &[]),
        ("a lone surrogate", good.replace("Clean", "\\ud800").into_bytes(), &[]),
        ("nested deeper than 32", nested(33).into_bytes(), &[]),
        ("a hundred thousand brackets", "[".repeat(100_000).into_bytes(), &[]),
        ("a member twice", twice(r#""action":"softDelete""#).into_bytes(), &["/action"]),
        ("a member twice, once in escapes", twice(r#""\u0061ction":"hardDelete""#).into_bytes(), &["/action"]),
        ("an unknown member twice", twice(r#""x":1,"x":2"#).into_bytes(), &["/x"]),
        (
            "a member of an item twice",
            in_item(r#""recipientEmailAddress":"a@contoso.com""#).into_bytes(),
            &["/analyzedEmails/0/recipientEmailAddress"],
        ),
        ("twice within an annotation", twice(r#""@odata.x":{"y":[{"z":1,"z":1}]}"#).into_bytes(), &["/@odata.x/y/0/z"]),
    ] {
        let response = post(world, body).await?;
        assert_eq!(response.json()["error"]["code"], NOT_JSON, "{name}: {response:?}");
        response.assert_problem(400, NOT_JSON, &[]);
        assert_eq!(response.pointers(), pointers, "{name}");
    }
    // A body with the maximum depth is JSON.
    let response = Response::to(
        world
            .gateway
            .post("/remediate?validateOnly=true")
            .bearer_auth(world.token())
            .header("Content-Type", "application/json")
            .body(nested(32)),
    )
    .await?;
    assert_eq!(response.status, 200, "{response:?}");
    Ok(())
}

/// The table of section 2, one error at a time.
pub(crate) async fn each_payload_error_has_its_pointer_and_detail(world: &World) -> TestResult {
    let long = |length: usize| "x".repeat(length);
    let item = |id: Value, address: Value| json!([{ "networkMessageId": id, "recipientEmailAddress": address }]);
    let with_id = |id: &str| payload_with("analyzedEmails", item(json!(id), json!("a@contoso.com")));
    let with_address = |address: &str| payload_with("analyzedEmails", item(json!(guid()), json!(address)));
    let without = |member: &str| {
        let mut payload = payload();
        payload.as_object_mut().map(|members| members.remove(member));
        payload
    };
    let id = "/analyzedEmails/0/networkMessageId";
    let address = "/analyzedEmails/0/recipientEmailAddress";
    let mut table = vec![
        (json!([]), "", "object"),
        (json!(null), "", "object"),
        (json!("x"), "", "object"),
        (payload_with("displayName", ""), "/displayName", "blank"),
        (payload_with("displayName", " \t\u{a0}"), "/displayName", "blank"),
        (payload_with("displayName", "\u{200b}\u{feff} \u{3164}"), "/displayName", "blank"),
        (payload_with("displayName", long(257)), "/displayName", "256"),
        (payload_with("displayName", 1), "/displayName", "string"),
        (payload_with("description", long(1025)), "/description", "1024"),
        (payload_with("severity", "critical"), "/severity", "\"low\", \"medium\", \"high\""),
        (payload_with("severity", "High"), "/severity", "did you mean \"high\"?"),
        (payload_with("severity", 2), "/severity", "string"),
        (payload_with("action", "delete"), "/action", "must be one of"),
        (payload_with("action", "SoftDelete"), "/action", "did you mean \"softDelete\"?"),
        (payload_with("action", "softDelet"), "/action", "did you mean \"softDelete\"?"),
        (payload_with("action", "unknownFutureValue"), "/action", "unknownFutureValue"),
        (payload_with("severity", "unknownFutureValue"), "/severity", "unknownFutureValue"),
        (payload_with("action", json!(["softDelete"])), "/action", "string"),
        (payload_with("remediateSendersCopy", "yes"), "/remediateSendersCopy", "true or false"),
        (payload_with("remediateSendersCopy", ""), "/remediateSendersCopy", "true or false"),
        (payload_with("remediateSendersCopy", 0), "/remediateSendersCopy", "true or false"),
        (payload_with("analyzedEmails", json!([])), "/analyzedEmails", "1 to 10000"),
        (payload_with("analyzedEmails", email()), "/analyzedEmails", "array"),
        (payload_with("analyzedEmails", json!(["x"])), "/analyzedEmails/0", "object"),
        (payload_with("analyzedEmails", json!([email(), null])), "/analyzedEmails/1", "object"),
        (payload_of(10_001), "/analyzedEmails", "10001"),
        (with_id("73ca4154"), id, "GUID"),
        (with_id(&format!("{{{}}}", guid())), id, "another notation"),
        (with_id(&guid().replace('-', "")), id, "another notation"),
        (with_id(&format!("{} ", guid())), id, "ends with U+0020"),
        (
            with_id(&format!("{}-1311265001240363512-1", guid())),
            id,
            "the first 36 characters are the network message ID",
        ),
        (with_id(&guid().replace('-', "\u{2010}")), id, "GUID"),
        (with_id(""), id, "GUID"),
        (with_address("hannah"), address, "'@'"),
        (with_address("a@b@contoso.com"), address, "single"),
        (with_address("Hannah <hannah@contoso.com>"), address, "has a display name"),
        (with_address("a@contoso.com,b@contoso.com"), address, "is a list of addresses"),
        (with_address("a@contoso.com\n"), address, "ends with U+000A (line feed)"),
        (with_address("a@contoso.com\u{a0}"), address, "ends with U+00A0 (no-break space)"),
        (with_address("SMTP:a@contoso.com"), address, "starts with the prefix \"SMTP:\""),
        (with_address("'a@contoso.com'"), address, "enclosed in quotes"),
        (with_address("a@contoso"), address, "domain"),
        (with_address("a@[10.0.0.1]"), address, "IP address"),
        (with_address("a%evil.com@contoso.com"), address, "route"),
        (with_address("=?utf-8?q?a=40evil.com=3e=00?=@contoso.com"), address, "encoded word"),
        (with_address("a?=@contoso.com"), address, "encoded word"),
        (with_address(&format!("{}@{}.com", long(64), long(252))), address, "320"),
        (payload_with("analyzedEmails", item(json!(1), json!("a@contoso.com"))), id, "string"),
        (payload_with("analyzedEmails", item(Value::Null, json!("a@contoso.com"))), id, "null counts as missing"),
        (payload_with("analyzedEmails", item(json!(guid()), Value::Null)), address, "null counts as missing"),
        (payload_with("comment", "x"), "/comment", "unknown member"),
        (payload_with("__proto__", json!({})), "/__proto__", "unknown member"),
        (payload_with("a/b~c", 1), "/a~1b~0c", "unknown member"),
        (payload_with("@odata", 1), "/@odata", "unknown member"),
    ];
    for (member, pointer) in [
        ("displayName", "/displayName"),
        ("description", "/description"),
        ("severity", "/severity"),
        ("action", "/action"),
        ("remediateSendersCopy", "/remediateSendersCopy"),
        ("analyzedEmails", "/analyzedEmails"),
    ] {
        table.push((without(member), pointer, "missing"));
        table.push((payload_with(member, Value::Null), pointer, "null counts as missing"));
    }
    for (body, pointer, part) in table {
        let body = body.to_string();
        let response = post(world, body.clone()).await?;
        assert_errors(&response, &[(pointer, part)], &body.chars().take(400).collect::<String>());
    }
    Ok(())
}

/// Four of six hand-written callers send these (facts, section 1). The response names the intended member.
pub(crate) async fn common_payload_errors_are_reported_at_their_member(world: &World) -> TestResult {
    let renamed = |from: &str, to: &str| payload().to_string().replace(&format!("\"{from}\":"), &format!("\"{to}\":"));
    let exchange_id = "AAMkADFiNTM3ZjE5LTQ0ZGYtNDg5Ny04YjQ4LWE3ZjY3ZjQ5ZTk3YgBGAAAAAADJ2k3dNnVbSq7";
    let items = |items: Value| payload_with("analyzedEmails", items).to_string();
    let (id, address) = ("/analyzedEmails/0/networkMessageId", "/analyzedEmails/0/recipientEmailAddress");
    for (body, faults) in [
        (renamed("action", "remediationAction"), &[("/remediationAction", "did you mean \"action\"?")][..]),
        (
            renamed("analyzedEmails", "analyzedEmailIdentifiers"),
            &[("/analyzedEmailIdentifiers", "did you mean \"analyzedEmails\"?")],
        ),
        (renamed("analyzedEmails", "emailIds"), &[("/emailIds", "did you mean \"analyzedEmails\"?")]),
        (payload_with("remediateBy", "soc").to_string(), &[("/remediateBy", "leave it out")]),
        (payload_with("approverUpn", "soc").to_string(), &[("/approverUpn", "leave it out")]),
        (items(json!([{ "id": guid() }])), &[(id, "missing"), (address, "missing")]),
        (
            items(json!([{ "networkMessageId": guid(), "recipientEmailAddresses": ["a@contoso.com"] }])),
            &[(address, "missing"), ("/analyzedEmails/0/recipientEmailAddresses", "\"recipientEmailAddress\"")],
        ),
        (
            items(json!([{ "networkMessageId": exchange_id, "recipientEmailAddress": "a@contoso.com" }])),
            &[(id, "this looks like an Exchange or Graph message id")],
        ),
        (
            items(json!([{ "networkMessageId": "<x@contoso.com>", "recipientEmailAddress": "a@contoso.com" }])),
            &[(id, "this looks like an internet message id")],
        ),
        (renamed("displayName", "displayname"), &[("/displayname", "\"displayName\"")]),
        (renamed("analyzedEmails", "analysedEmails"), &[("/analysedEmails", "\"analyzedEmails\"")]),
        (
            items(json!([{ "networkMessageId": "x", "recipientEmailAddress": 1 }]))
                .replace("\"analyzedEmails\"", "\"analyzedemails\""),
            &[
                ("/analyzedemails/0/networkMessageId", "GUID"),
                ("/analyzedemails/0/recipientEmailAddress", "must be a string"),
                ("/analyzedemails", "\"analyzedEmails\""),
            ],
        ),
    ] {
        // The writer sorts keys, and errors come in the document's order.
        let response = post(world, body.clone()).await?;
        assert_errors(&response, faults, &body);
    }
    Ok(())
}

/// One response reports all errors, so that one correction suffices.
pub(crate) async fn all_payload_errors_are_reported_together_up_to_a_limit(world: &World) -> TestResult {
    let body = r#"{"displayName":"","severity":"bad","action":null,"remediateSendersCopy":2,"surplus":1,
        "analyzedEmails":[{"networkMessageId":"1","recipientEmailAddress":"2","x":3},4,{}]}"#;
    let response = post(world, body).await?;
    let expected = [
        ("/displayName", "blank"),
        ("/severity", "one of"),
        ("/action", "null"),
        ("/remediateSendersCopy", "true or false"),
        ("/analyzedEmails/0/networkMessageId", "GUID"),
        ("/analyzedEmails/0/recipientEmailAddress", "'@'"),
        ("/analyzedEmails/1", "object"),
        ("/analyzedEmails/2/networkMessageId", "missing"),
        ("/analyzedEmails/2/recipientEmailAddress", "missing"),
        ("/description", "missing"),
        ("/surplus", "unknown"),
        ("/analyzedEmails/0/x", "unknown"),
    ];
    assert_errors(&response, &expected, body);
    assert!(response.json()["detail"].as_str().is_some_and(|detail| detail.contains("12")), "{response:?}");

    let response = post(world, payload_with("analyzedEmails", vec![json!({}); 1_000]).to_string()).await?;
    let expected = ["networkMessageId", "recipientEmailAddress"].map(|name| format!("/analyzedEmails/0/{name}"));
    assert_errors(&response, &expected.each_ref().map(|pointer| (pointer.as_str(), "missing")), "1,000 empty items");
    let body = response.json();
    assert_eq!((&body["errors"][0]["count"], &body["errors"][1]["count"]), (&json!(1_000), &json!(1_000)));
    assert_eq!(response.pointers().len(), 100);
    assert!(body["detail"].as_str().is_some_and(|detail| detail.contains("2000")), "{response:?}");

    let mut unknown = payload();
    for number in 0..60 {
        unknown[format!("x{number}")] = json!(0);
    }
    let response = post(world, unknown.to_string()).await?;
    response.assert_problem(400, NOT_VALID, &[]);
    assert_eq!(response.pointers().len(), 50);
    let body = response.json();
    let detail = body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("60") && detail.contains("50"), "{response:?}");
    Ok(())
}

/// Returned input could attack a reader's terminal or log viewer.
pub(crate) async fn error_response_truncates_and_sanitizes_echoed_input(world: &World) -> TestResult {
    let long = "Z".repeat(3_000);
    let mut payload = payload();
    for member in ["displayName", "description", "severity", "action", "remediateSendersCopy", &long] {
        payload[member] = json!(long);
    }
    payload["evil\u{1b}[31m\u{202e}\r\nname"] = json!(1);
    payload["analyzedEmails"] = json!([{ "networkMessageId": long, "recipientEmailAddress": long, &long: 1 }, long]);
    let response = post(world, payload.to_string()).await?;
    response.assert_problem(400, NOT_VALID, &[]);
    let text = String::from_utf8(response.body.clone())?;
    assert!(!text.contains(&"Z".repeat(65)), "{text}");
    for unseen in ["\u{1b}", "\\u001b", "\u{202e}", "\\r", "\\n"] {
        assert!(!text.contains(unseen), "{unseen:?}: {text}");
    }
    for body in [format!("{{\"{long}\":1,\"{long}\":1}}"), format!("[{long}"), format!("{{\"{long}"), long.clone()] {
        let response = post(world, body).await?;
        response.assert_problem(400, NOT_JSON, &[]);
        assert!(!String::from_utf8(response.body)?.contains(&"Z".repeat(65)));
    }
    // A known path is returned completely, and any other path only if it is short.
    let response = Response::to(world.gateway.post(&format!("/{long}"))).await?;
    response.assert_problem(404, "notFound", &[]);
    assert!(!String::from_utf8(response.body)?.contains(&"Z".repeat(65)));
    Ok(())
}
