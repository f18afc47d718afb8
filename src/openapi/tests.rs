//! The description says of routes, types, limits and refusals what the code does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::DESCRIPTION;
use crate::caller::credentials::CredentialsFault;
use crate::caller::rights::Denied;
use crate::caller::token::TokenFault;
use crate::caller::{IdentityFault, SCOPE};
use crate::config::GraphVersion;
use crate::graph::answer::{GraphFault, GraphFaultKind, MAX_RETRY_AFTER};
use crate::graph::app_token::TokenEndpointFault;
use crate::http::{BodyFailure, Request, RequestHeaders, Route};
use crate::intake::{self, DeclaredFault, MAX_BODY_BYTES, MAX_ID_LENGTH, MAX_KEY_LENGTH, RequestFault};
use crate::ledger::{Quota, SubmitFault};
use crate::ports::{LedgerFailure, SendFailure};
use crate::problem::{self, Code, Context, Refusal};
use crate::remediation::limits::{
    MAX_ADDRESS, MAX_ANALYZED_EMAILS, MAX_DEPTH, MAX_DESCRIPTION, MAX_DISPLAY_NAME, MAX_DOMAIN, MAX_DOMAIN_LABEL,
    MAX_ECHO, MAX_FAULTS, MAX_LOCAL_PART,
};
use crate::remediation::{Action, Severity, read};
use crate::testing::description::{covers, description};
use crate::testing::gateway::{GRAPH_URL, Gateway, api_key, payload};
use crate::testing::platform::START;
use crate::testing::upstream::Reply;
use crate::testing::{CRON_KEY, SCRIPT_KEYS};
use crate::time::Timestamp;

const ID: &str = "73ca4154-58d8-43d0-a890-08dc18c52e6d";

fn document() -> &'static Value {
    description().document()
}

fn at(pointer: &str) -> &'static Value {
    document().pointer(pointer).unwrap_or_else(|| panic!("the description has no {pointer}"))
}

fn schema(pointer: &str) -> &'static Value {
    at(&format!("/components/schemas/{pointer}"))
}

fn text(pointer: &str) -> &'static str {
    at(pointer).as_str().unwrap_or_else(|| panic!("{pointer} is no text"))
}

fn keys(pointer: &str) -> impl Iterator<Item = &'static str> {
    at(pointer).as_object().unwrap().keys().map(String::as_str)
}

/// `2097152` as people write it.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

#[test]
fn it_is_of_this_version() {
    assert_eq!(text("/info/version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(text("/info/license/identifier"), env!("CARGO_PKG_LICENSE"));
}

#[test]
fn every_route_is_described_with_its_one_method() {
    let described: BTreeSet<&str> = keys("/paths").collect();
    let expected = [
        ("/remediate", Route::Remediate),
        ("/beta/security/collaboration/analyzedEmails/remediate", Route::GraphPath(GraphVersion::Beta)),
        (
            "/beta/security/collaboration/analyzedEmails/microsoft.graph.security.remediate",
            Route::GraphPath(GraphVersion::Beta),
        ),
        ("/v1.0/security/collaboration/analyzedEmails/remediate", Route::GraphPath(GraphVersion::V1)),
        (
            "/v1.0/security/collaboration/analyzedEmails/microsoft.graph.security.remediate",
            Route::GraphPath(GraphVersion::V1),
        ),
        ("/healthz", Route::Health),
        ("/openapi.json", Route::Description),
    ];
    assert_eq!(described, expected.iter().map(|(path, _)| *path).collect());
    for (path, route) in expected {
        assert_eq!(Route::of(path), Some(route));
        let methods: Vec<_> = at(&format!("/paths/{}", path.replace('/', "~1"))).as_object().unwrap().keys().collect();
        assert_eq!(methods, [&route.method().to_lowercase()], "{path}");
    }
}

/// The five paths of the action differ in their names and in nothing else.
#[test]
fn the_paths_of_the_action_are_one() {
    let mut operations = keys("/paths").filter_map(|path| {
        let mut operation = at("/paths").get(path)?.get("post")?.clone();
        for name in ["operationId", "summary", "description"] {
            assert!(operation.as_object_mut().unwrap().remove(name).is_some());
        }
        Some(operation)
    });
    let first = operations.next().unwrap();
    assert_eq!(operations.map(|other| assert_eq!(other, first)).count(), 4);
}

#[test]
fn every_code_stands_once_and_under_its_status() {
    let mut found: Vec<(u64, &str)> = Vec::new();
    for (status, reference) in at("/paths/~1remediate/post/responses").as_object().unwrap() {
        let response = at(reference["$ref"].as_str().unwrap().trim_start_matches('#'));
        let Some(problem) = response["content"].get("application/problem+json") else { continue };
        let status: u64 = status.parse().unwrap();
        let members = &problem["schema"]["allOf"][1]["properties"];
        assert_eq!(members["status"]["const"], status);
        let codes = members["error"]["properties"]["code"]["enum"].as_array().unwrap();
        found.extend(codes.iter().map(|code| (status, code.as_str().unwrap())));
        // The example is of one of them, and says what the gateway says.
        let example = &problem["example"];
        let code = Code::ALL.iter().find(|code| example["error"]["code"] == code.as_str()).unwrap();
        assert!(codes.contains(&example["error"]["code"]));
        assert_eq!(example["title"], code.title());
    }
    let mut expected: Vec<_> = Code::ALL.iter().map(|code| (u64::from(code.status()), code.as_str())).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn names_and_limits_are_the_codes_own() {
    assert_eq!(schema("Severity/enum"), &json!(Severity::NAMES));
    assert_eq!(schema("Action/enum"), &json!(Action::NAMES));
    for name in ["Remediation", "GraphRequest"] {
        assert_eq!(schema(&format!("{name}/properties/displayName/maxLength")), MAX_DISPLAY_NAME);
        assert_eq!(schema(&format!("{name}/properties/description/maxLength")), MAX_DESCRIPTION);
        assert_eq!(schema(&format!("{name}/properties/analyzedEmails/maxItems")), MAX_ANALYZED_EMAILS);
    }
    assert_eq!(schema("Accepted/properties/emails/maximum"), MAX_ANALYZED_EMAILS);
    assert_eq!(schema("Valid/properties/emails/maximum"), MAX_ANALYZED_EMAILS);
    assert_eq!(schema("Valid/properties/duplicatesRemoved/maximum"), MAX_ANALYZED_EMAILS - 1);
    assert_eq!(schema("AnalyzedEmail/properties/recipientEmailAddress/maxLength"), MAX_ADDRESS);
    assert_eq!(schema("Problem/properties/errors/maxItems"), MAX_FAULTS);
    assert_eq!(at("/components/headers/Retry-After/schema/maximum"), MAX_RETRY_AFTER);

    let id = text("/components/headers/client-request-id/schema/pattern");
    assert!(id.ends_with(&format!("{{1,{MAX_ID_LENGTH}}}$")));
    let key = text("/components/parameters/Idempotency-Key/schema/pattern");
    assert!(
        key.contains(&format!("{{1,{MAX_KEY_LENGTH}}}\"")) && key.contains(&format!("{{0,{}}}", MAX_KEY_LENGTH - 1))
    );

    // Those that are told in words.
    for (pointer, figures) in [
        (
            "/components/schemas/AnalyzedEmail/properties/recipientEmailAddress/description",
            &[MAX_LOCAL_PART, MAX_DOMAIN, MAX_DOMAIN_LABEL][..],
        ),
        ("/components/schemas/Problem/properties/errors/description", &[MAX_FAULTS]),
        ("/components/schemas/Fault/properties/detail/description", &[MAX_ECHO]),
        ("/components/parameters/Idempotency-Key/description", &[MAX_KEY_LENGTH]),
        ("/components/parameters/client-request-id/description", &[MAX_ID_LENGTH]),
        ("/components/requestBodies/Remediation/description", &[MAX_BODY_BYTES, MAX_DEPTH]),
        ("/components/responses/PayloadTooLarge/description", &[MAX_BODY_BYTES]),
    ] {
        for figure in figures {
            assert!(text(pointer).contains(&grouped(*figure)), "{pointer} does not tell {}", grouped(*figure));
        }
    }
    assert!(text("/components/securitySchemes/entraToken/description").contains(SCOPE));
}

/// Each header that the gateway reads is a parameter, a credential, or told of with the body. A new one must be put in here.
#[test]
fn every_request_header_is_described() {
    let RequestHeaders {
        authorization: _,
        api_key: _,
        content_type: _,
        content_length: _,
        content_encoding: _,
        transfer_mode: _,
        client_request_id: _,
        prefer: _,
        idempotency_key: _,
        workflow_run_id: _,
    } = RequestHeaders::default();
    let schemes: BTreeSet<_> = keys("/components/securitySchemes").collect();
    assert_eq!(schemes, BTreeSet::from(["apiKey", "basic", "entraToken"]));
    assert_eq!(at("/components/securitySchemes/apiKey/name"), "X-API-Key");
    assert_eq!(at("/security"), &json!([{ "entraToken": [] }, { "apiKey": [] }, { "basic": [] }]));

    let parameters: BTreeMap<_, _> =
        keys("/components/parameters").map(|key| (key, text(&format!("/components/parameters/{key}/in")))).collect();
    let expected = [
        ("validateOnly", "query"),
        ("Idempotency-Key", "header"),
        ("Prefer", "header"),
        ("client-request-id", "header"),
        ("x-ms-workflow-run-id", "header"),
    ];
    assert_eq!(parameters, BTreeMap::from(expected));

    let types: Vec<_> = keys("/components/requestBodies/Remediation/content").collect();
    assert_eq!(types, ["application/json"]);
    let body = text("/components/requestBodies/Remediation/description");
    for header in ["Content-Length", "Content-Encoding", "x-ms-transfer-mode"] {
        assert!(body.contains(header), "{header}");
    }
}

/// At each limit the description and the reader agree on what is taken, and one step beyond it on what is not.
#[test]
fn payloads_are_judged_as_the_gateway_judges_them() {
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
        (with("description", json!("😀".repeat(MAX_DESCRIPTION))), true),
        (with("description", json!("😀".repeat(MAX_DESCRIPTION + 1))), false),
        (with("severity", json!("High")), false),
        (with("action", json!("unknownFutureValue")), false),
        (with("remediateSendersCopy", json!("fAlSe")), true),
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
        (item(json!({ "networkMessageId": ID })), false),
        (item(json!({ "id": "1" })), false),
        (item(json!("1")), false),
        (to(&format!("{}@contoso.com", "l".repeat(MAX_LOCAL_PART))), true),
        (to(&format!("{}@contoso.com", "l".repeat(MAX_LOCAL_PART + 1))), false),
        (to(&format!("{}@{}", "l".repeat(MAX_LOCAL_PART), domain(MAX_DOMAIN))), true),
        (to(&format!("l@{}.com", "d".repeat(MAX_DOMAIN_LABEL + 1))), false),
        (to("hännah.o'jarvis+1@кц.рф"), true),
        (to("hannah@contoso"), false),
        (to("Hannah <hannah@contoso.com>"), false),
        (to("a%b@contoso.com"), false),
        (to("a@b@contoso.com"), false),
        (to(""), false),
        (json!([]), false),
    ] {
        let shown: String = body.to_string().chars().take(400).collect();
        assert_eq!(read(body.to_string().as_bytes()).is_ok(), taken, "the reader: {shown}");
        assert_eq!(description().takes(&body).is_ok(), taken, "the description: {shown}");
    }
}

#[test]
fn idempotency_keys_are_judged_as_the_gateway_judges_them() {
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
        assert_eq!(described, intake::idempotency_key(Some(key)).is_ok(), "{key}");
    }
}

/// A refusal of each kind, whatever the pipeline would have to go through to come to it.
fn refusals() -> Vec<Refusal> {
    let quota = Quota { limit: 10, remaining: 1, reset: 3601 };
    let token = |fault| Refusal::Submit(SubmitFault::AppToken(fault));
    let graph = |kind| Refusal::Submit(SubmitFault::Graph(GraphFault { kind, status: None, graph_request_id: None }));
    let denied = |denied| Refusal::Denied { caller: "soar".to_owned(), denied };
    let unreadable = |body: &[u8]| Refusal::Unreadable(read(body).unwrap_err());
    let mut refusals = vec![
        Refusal::NotFound,
        Refusal::MethodNotAllowed(Route::Remediate),
        Refusal::MethodNotAllowed(Route::Health),
        Refusal::Misconfigured,
        Refusal::Stopped,
        Refusal::InProgress,
        Refusal::KeyReused,
        Refusal::QuotaExceeded { emails: 2, quota },
        Refusal::Ledger(LedgerFailure),
        denied(Denied::Action(Action::HardDelete)),
        denied(Denied::Recipients { first: (0..MAX_FAULTS).collect(), total: MAX_FAULTS + 1 }),
        denied(Denied::TooMany { emails: 2, most: 1 }),
        unreadable(b""),
        unreadable(br#"{"a/b":1,"a/b":1}"#),
        unreadable(b"{}"),
        unreadable(format!("[{}", "[".repeat(MAX_DEPTH)).as_bytes()),
        unreadable(payload("softDelete", &["x"; MAX_FAULTS + 1]).to_string().as_bytes()),
        token(TokenEndpointFault::Rejected { status: 401, code: None }),
        token(TokenEndpointFault::Throttled { retry_after: Some(MAX_RETRY_AFTER) }),
        token(TokenEndpointFault::Unavailable { status: 500, retry_after: None }),
        token(TokenEndpointFault::Unexpected { status: 302 }),
        token(TokenEndpointFault::CertificateExpired),
        token(TokenEndpointFault::NotSigned),
        graph(GraphFaultKind::Refused { code: "badRequest".to_owned(), message: "é".to_owned() }),
        graph(GraphFaultKind::TokenRejected),
        graph(GraphFaultKind::PermissionMissing),
        graph(GraphFaultKind::Conflict),
        graph(GraphFaultKind::Throttled { retry_after: Some(0) }),
        graph(GraphFaultKind::Unavailable { retry_after: None }),
        graph(GraphFaultKind::Unexpected),
    ];
    for failure in [SendFailure::Connection, SendFailure::Deadline] {
        refusals.extend([token(failure.into()), graph(failure.into())]);
    }
    refusals.extend([BodyFailure::TooLarge, BodyFailure::CutOff].map(Refusal::Body));
    refusals.extend(
        [
            DeclaredFault::ChunkedTransfer,
            DeclaredFault::Encoded,
            DeclaredFault::NotJson,
            DeclaredFault::Charset,
            DeclaredFault::MalformedLength,
            DeclaredFault::TooLarge,
        ]
        .map(Refusal::Declared),
    );
    refusals.extend(
        [
            RequestFault::Value,
            RequestFault::Repeated,
            RequestFault::Undecodable,
            RequestFault::Misspelt,
            RequestFault::IdempotencyKey,
        ]
        .map(Refusal::Request),
    );
    refusals.extend(
        [
            CredentialsFault::Absent.into(),
            CredentialsFault::Several.into(),
            CredentialsFault::Repeated.into(),
            CredentialsFault::UnknownScheme.into(),
            CredentialsFault::MalformedBasic.into(),
            TokenFault::Signature.into(),
            TokenFault::KeysUnavailable.into(),
            IdentityFault::UnknownKey,
            IdentityFault::NotTheOwner,
            IdentityFault::UnknownObjectId,
            IdentityFault::MissingScope,
            IdentityFault::MissingRole,
        ]
        .map(Refusal::Identity),
    );
    refusals
}

#[test]
fn every_refusal_is_described_in_full() {
    let mut codes = BTreeSet::new();
    for refusal in refusals() {
        let context = Context {
            instance: Some("/remediate"),
            request_id: ID,
            client_request_id: Some("flow-1"),
            now: Timestamp::from_seconds(START),
        };
        let (code, mut answer) = problem::answer(&refusal, context);
        codes.insert(code);
        // What every answer carries is the pipeline's to add, and in its tests.
        answer.headers.extend([
            ("request-id", ID.to_owned()),
            ("Cache-Control", "no-store".to_owned()),
            ("X-Content-Type-Options", "nosniff".to_owned()),
        ]);
        covers("POST", "/remediate", &answer).unwrap_or_else(|fault| panic!("{refusal:?}: {fault}"));
    }
    assert_eq!(codes, Code::ALL.iter().copied().collect(), "there is a refusal of each kind");
}

fn get(path: &str) -> Request {
    Request { method: "GET".to_owned(), path: path.to_owned(), ..Request::default() }
}

#[test]
fn it_is_served_without_credentials() {
    let answer = Gateway::default().ask(get("/openapi.json"), Vec::new());
    assert_eq!((answer.status, answer.body.as_str()), (200, DESCRIPTION));
    assert!(answer.headers.contains(&("Content-Type", "application/json".to_owned())));
    let post = Request { method: "POST".to_owned(), ..get("/openapi.json") };
    let answer = Gateway::default().ask(post, Vec::new());
    assert_eq!(answer.status, 405);
    assert!(answer.headers.contains(&("Allow", "GET".to_owned())));
}

/// The successes, in each of their forms. That they are described is held by [`Gateway`] itself, of this and of every other answer in the tests.
#[test]
fn successes_are_described() {
    let seed = payload("softDelete", &["hannah@contoso.com", "hannah@contoso.com"]);
    let mut gateway = Gateway::default();
    assert_eq!(gateway.ask(get("/healthz"), Vec::new()).status, 200);
    assert_eq!(gateway.validate(api_key(CRON_KEY)).status, 200);
    assert_eq!(gateway.remediate(api_key(CRON_KEY), &seed).status, 202);
    let workflow = RequestHeaders {
        workflow_run_id: Some("run".to_owned()),
        client_request_id: Some("{flow}".to_owned()),
        ..api_key(SCRIPT_KEYS[0])
    };
    assert_eq!(gateway.remediate(workflow, &seed).status, 200);
    let minimal = RequestHeaders { prefer: Some("return=minimal".to_owned()), ..api_key(SCRIPT_KEYS[1]) };
    assert_eq!(gateway.remediate(minimal, &seed).body, "");
    gateway.stage.pass(Duration::from_hours(2));
    gateway.stage.platform.upstream().answer(GRAPH_URL, Reply::status(204));
    assert_eq!(gateway.remediate(api_key(CRON_KEY), &seed).status, 202, "without ids and a Location");
}

/// Microsoft's own example stands in the description as it does in the seed.
#[test]
fn the_examples_are_taken() {
    let seed: Value = serde_json::from_str(include_str!("../../tests/seed-example.json")).unwrap();
    assert_eq!(at("/components/examples/Graph/value"), &seed);
    assert!(seed["remediateSendersCopy"].is_string());
    for name in ["Graph", "Sdk"] {
        let example = at(&format!("/components/examples/{name}/value"));
        assert!(read(example.to_string().as_bytes()).is_ok(), "{name}");
    }
    let sent = read(at("/components/examples/Graph/value").to_string().as_bytes()).map(|seed| seed.to_graph_json());
    let sent: Value = serde_json::from_str(&sent.unwrap_or_default()).unwrap();
    assert_eq!(at("/components/examples/Valid/value/request"), &sent);
}
