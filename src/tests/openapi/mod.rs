//! The description matches the code's routes, types, limits and errors.

mod refusals;
mod validation;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::description::{description, with_boolean};
use super::support::gateway::{GRAPH_URL, Gateway, api_key, payload};
use super::support::upstream::Reply;
use super::support::{CRON_KEY, SCRIPT_KEYS};
use crate::auth::SCOPE;
use crate::code::Code;
use crate::dns::MAX_DOMAIN_LABEL;
use crate::gateway::status::MAX_ITEMS;
use crate::graph::list_limits::MAX_PAIRS;
use crate::graph::response::MAX_RETRY_AFTER;
use crate::http::{Request, RequestHeaders};
use crate::openapi::{DESCRIPTION, DESCRIPTION_3_0};
use crate::preconditions::{MAX_BODY_BYTES, MAX_ID_LENGTH, MAX_KEY_LENGTH};
use crate::remediation::declared::DECLARED;
use crate::remediation::limits::{
    MAX_ADDRESS, MAX_ANALYZED_EMAILS, MAX_DEPTH, MAX_DESCRIPTION, MAX_DISPLAY_NAME, MAX_DOMAIN, MAX_ERRORS,
    MAX_EXCERPT, MAX_LOCAL_PART, MAX_MESSAGES, MAX_POINTERS,
};
use crate::remediation::suggestions::{ITEM_MEMBERS, MESSAGES_MEMBERS};
use crate::remediation::{Action, GraphVersion, Severity, parse, parse_messages, parse_status};
use crate::route::Route;

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
    at(pointer).as_str().unwrap_or_else(|| panic!("{pointer} is not a string"))
}

fn keys(pointer: &str) -> impl Iterator<Item = &'static str> {
    at(pointer).as_object().unwrap().keys().map(String::as_str)
}

/// Formats `4194304` with separators.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

#[test]
fn description_has_the_crates_version_and_license() {
    assert_eq!(text("/info/version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(text("/info/license/identifier"), env!("CARGO_PKG_LICENSE"));
}

#[test]
fn every_route_is_described_with_its_methods() {
    let described: BTreeSet<&str> = keys("/paths").collect();
    let expected = [
        ("/remediate", Route::Remediate),
        ("/remediate/messages", Route::Messages),
        ("/remediate/status", Route::Status),
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
        ("/openapi-3.0.json", Route::Description30),
    ];
    assert_eq!(described, expected.iter().map(|(path, _)| *path).collect());
    for (path, route) in expected {
        assert_eq!(Route::of(path), Some(route));
        let methods: BTreeSet<_> =
            keys(&format!("/paths/{}", path.replace('/', "~1"))).map(str::to_uppercase).collect();
        assert_eq!(methods, route.methods().iter().map(|method| (*method).to_owned()).collect(), "{path}");
    }
}

/// The five paths of the action differ only in their names.
#[test]
fn paths_of_the_action_have_equal_operations() {
    let of_the_action = |path: &&str| !["/remediate/messages", "/remediate/status"].contains(path);
    let mut operations = keys("/paths").filter(of_the_action).filter_map(|path| {
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
fn every_error_code_is_listed_once_under_its_status() {
    let mut found: Vec<(u64, &str)> = Vec::new();
    for (status, reference) in at("/paths/~1remediate/post/responses").as_object().unwrap() {
        let response = at(reference["$ref"].as_str().unwrap().trim_start_matches('#'));
        let Some(problem) = response["content"].get("application/problem+json") else { continue };
        let status: u64 = status.parse().unwrap();
        assert_eq!(problem["schema"], json!({ "$ref": "#/components/schemas/Problem" }));
        let codes = response["x-error-codes"].as_array().unwrap();
        found.extend(codes.iter().map(|code| (status, code.as_str().unwrap())));
        // The example has one of these codes.
        let example = &problem["example"];
        let code = Code::ALL.iter().find(|code| example["error"]["code"] == code.as_str()).unwrap();
        assert!(codes.contains(&example["error"]["code"]));
        assert_eq!(example["title"], code.title());
        assert_eq!(example["status"], status);
    }
    let mut expected: Vec<_> = Code::ALL.iter().map(|code| (u64::from(code.status()), code.as_str())).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// The codes of the status are those of the remediation, except those that only a submission can get.
#[test]
fn status_operation_omits_only_submission_error_codes() {
    let codes = |path: &str| -> BTreeSet<&str> {
        let responses = at(&format!("/paths/{path}/post/responses")).as_object().unwrap();
        let response = |reference: &Value| at(reference["$ref"].as_str().unwrap().trim_start_matches('#'));
        let codes = responses.values().filter_map(|reference| response(reference).get("x-error-codes"));
        codes.flat_map(|codes| codes.as_array().unwrap()).map(|code| code.as_str().unwrap()).collect()
    };
    let (all, status) = (codes("~1remediate"), codes("~1remediate~1status"));
    let left_out = [
        Code::InProgress,
        Code::NothingToRemediate,
        Code::GraphConflict,
        Code::IdempotencyKeyReused,
        Code::QuotaExceeded,
        Code::Stopped,
        Code::LedgerUnavailable,
    ];
    assert_eq!(all.difference(&status).copied().collect::<BTreeSet<_>>(), left_out.map(Code::as_str).into());
    for name in ["ReadThrottled", "ReadUnavailable", "ReadTimeout"] {
        let response = at(&format!("/components/responses/{name}"));
        let example = &response["content"]["application/problem+json"]["example"];
        let code = Code::ALL.iter().find(|code| example["error"]["code"] == code.as_str()).unwrap();
        assert_eq!((&example["title"], &example["status"]), (&json!(code.title()), &json!(code.status())), "{name}");
        assert_eq!(response["x-error-codes"][0], json!(code.as_str()), "{name}");
    }
}

#[test]
fn description_has_the_names_and_limits_of_the_code() {
    assert_eq!(schema("Severity/enum"), &json!(Severity::NAMES));
    assert_eq!(schema("Action/enum"), &json!(Action::NAMES));
    for name in ["Remediation", "MessagesRemediation", "StatusRequest", "GraphRequest"] {
        assert_eq!(schema(&format!("{name}/properties/displayName/maxLength")), MAX_DISPLAY_NAME);
        assert_eq!(schema(&format!("{name}/properties/description/maxLength")), MAX_DESCRIPTION);
    }
    let members: BTreeSet<_> = keys("/components/schemas/MessagesRemediation/properties").collect();
    assert_eq!(members, BTreeSet::from(MESSAGES_MEMBERS));
    assert_eq!(schema("MessagesRemediation/properties/networkMessageIds/maxItems"), MAX_MESSAGES);
    assert_eq!(schema("MessagesRemediation/properties/maxRecipients/maximum"), MAX_ANALYZED_EMAILS);
    assert_eq!(schema("ValidMessages/properties/messages/maximum"), MAX_MESSAGES);
    assert_eq!(schema("MessagesNotFound/maximum"), MAX_MESSAGES - 1);
    assert_eq!(schema("RecipientsFound/maximum"), MAX_PAIRS);
    for reason in ["quarantine", "unreachable", "protected"] {
        assert_eq!(schema(&format!("LeftOut/properties/{reason}/maximum")), MAX_PAIRS);
    }
    for name in ["Remediation", "StatusRequest", "GraphRequest"] {
        assert_eq!(schema(&format!("{name}/properties/analyzedEmails/maxItems")), MAX_ANALYZED_EMAILS);
    }
    assert_eq!(schema("Accepted/properties/emails/maximum"), MAX_ANALYZED_EMAILS);
    assert_eq!(schema("Status/properties/items/maxItems"), MAX_ITEMS);
    assert_eq!(schema("Status/properties/itemsOmitted/maximum"), MAX_ANALYZED_EMAILS - MAX_ITEMS);
    assert_eq!(schema("ValidStatusRequest/properties/messages/maximum"), MAX_MESSAGES);
    assert_eq!(schema("Valid/properties/emails/maximum"), MAX_ANALYZED_EMAILS);
    assert_eq!(schema("Valid/properties/duplicatesRemoved/maximum"), MAX_ANALYZED_EMAILS - 1);
    assert_eq!(schema("AnalyzedEmail/properties/recipientEmailAddress/maxLength"), MAX_ADDRESS);
    let dropped = keys("/components/schemas/AnalyzedEmail/properties").filter(|name| !ITEM_MEMBERS.contains(name));
    assert_eq!(dropped.collect::<BTreeSet<_>>(), BTreeSet::from(DECLARED));
    assert_eq!(schema("Problem/properties/errors/maxItems"), MAX_ERRORS);
    assert_eq!(schema("PayloadError/properties/pointers/maxItems"), MAX_POINTERS);
    assert_eq!(at("/components/headers/Retry-After/schema/maximum"), MAX_RETRY_AFTER);

    let id = text("/components/headers/client-request-id/schema/pattern");
    assert!(id.ends_with(&format!("{{1,{MAX_ID_LENGTH}}}$")));
    let key = text("/components/parameters/Idempotency-Key/schema/pattern");
    assert!(
        key.contains(&format!("{{1,{MAX_KEY_LENGTH}}}\"")) && key.contains(&format!("{{0,{}}}", MAX_KEY_LENGTH - 1))
    );

    // These limits occur only in descriptive text.
    for (pointer, figures) in [
        (
            "/components/schemas/AnalyzedEmail/properties/recipientEmailAddress/description",
            &[MAX_LOCAL_PART, MAX_DOMAIN, MAX_DOMAIN_LABEL][..],
        ),
        ("/components/schemas/Problem/properties/errors/description", &[MAX_ERRORS]),
        ("/components/schemas/PayloadError/properties/detail/description", &[MAX_EXCERPT]),
        ("/components/schemas/PayloadError/properties/pointers/description", &[MAX_POINTERS]),
        ("/components/parameters/Idempotency-Key/description", &[MAX_KEY_LENGTH]),
        ("/components/parameters/client-request-id/description", &[MAX_ID_LENGTH]),
        ("/components/schemas/StatusRequest/description", &[MAX_MESSAGES]),
        ("/components/requestBodies/Remediation/description", &[MAX_BODY_BYTES, MAX_DEPTH]),
        ("/components/responses/PayloadTooLarge/description", &[MAX_BODY_BYTES]),
    ] {
        for figure in figures {
            assert!(text(pointer).contains(&grouped(*figure)), "{pointer} does not mention {}", grouped(*figure));
        }
    }
    assert!(text("/components/securitySchemes/entraToken/description").contains(SCOPE));
}

/// The description covers each header that the gateway reads as a parameter, as a credential, or with the body.
///
/// New headers must be added here.
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
        client_address: _, // Cloudflare sets it
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

fn get(path: &str) -> Request {
    Request { method: "GET".to_owned(), path: path.to_owned(), ..Request::default() }
}

#[test]
fn description_is_served_without_credentials() {
    let response = Gateway::default().ask(get("/openapi.json"), Vec::new());
    assert_eq!((response.status, response.body.as_str()), (200, DESCRIPTION));
    assert!(response.headers.contains(&("Content-Type", "application/json".to_owned())));
    let response = Gateway::default().ask(get("/openapi-3.0.json"), Vec::new());
    assert_eq!((response.status, response.body.as_str()), (200, DESCRIPTION_3_0.as_str()));
    let post = Request { method: "POST".to_owned(), ..get("/openapi.json") };
    let response = Gateway::default().ask(post, Vec::new());
    assert_eq!(response.status, 405);
    assert!(response.headers.contains(&("Allow", "GET, HEAD".to_owned())));
}

/// The test produces all forms of success. [`Gateway`] checks that every response in the tests is described.
#[test]
fn success_responses_are_described() {
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
    gateway.stage.runtime.upstream().respond(GRAPH_URL, Reply::status(204));
    assert_eq!(gateway.remediate(api_key(CRON_KEY), &seed).status, 202, "without ids and a Location");
}

/// The test rejects keywords that some generators reject or misread, or that OpenAPI 3.0 does not have.
#[test]
fn descriptions_have_no_keywords_that_generators_reject() {
    let derived: Value = serde_json::from_str(&DESCRIPTION_3_0).unwrap();
    for (document, name) in [(document(), "3.1"), (&derived, "3.0")] {
        visit(document, "", &mut |members, place| {
            let examples = place.contains("/example");
            for word in ["const", "anyOf", "allOf"] {
                assert!(examples || !members.contains_key(word), "{name}: {word} at {place}");
            }
            if let Some(pattern) = members.get("pattern").and_then(Value::as_str) {
                for escape in ["\\p", "\\P", "\\u"] {
                    assert!(!pattern.contains(escape), "{name}: {escape} at {place}");
                }
            }
            if name == "3.0" {
                let list_of_types = members.get("type").is_some_and(Value::is_array);
                assert!(!list_of_types && !members.contains_key("patternProperties"), "{place}");
            }
        });
    }
    assert_eq!(derived["openapi"], "3.0.4");
    assert_eq!((&derived["info"]["summary"], &derived["info"]["license"]["identifier"]), (&Value::Null, &Value::Null));
    assert_eq!(derived["paths"], document()["paths"]);
    let bulk_id = &derived["components"]["schemas"]["Accepted"]["properties"]["bulkId"];
    assert_eq!((&bulk_id["type"], &bulk_id["nullable"]), (&json!("string"), &json!(true)));
    let copy = &derived["components"]["schemas"]["Remediation"]["properties"]["remediateSendersCopy"];
    assert_eq!(copy["type"], "boolean");
    for name in ["Remediation", "MessagesRemediation", "StatusRequest", "AnalyzedEmail"] {
        assert_eq!(schema(name)["additionalProperties"], false, "{name}");
        assert_eq!(derived["components"]["schemas"][name].get("additionalProperties"), None, "{name}");
    }
}

/// Some generators give an operation one type of success and one of error, and read only the types of JSON.
#[test]
fn operations_have_one_type_of_success_and_one_of_error() {
    let methods = |path| at(&path_pointer(path)).as_object().unwrap();
    for (path, method) in keys("/paths").flat_map(|path| methods(path).keys().map(move |method| (path, method))) {
        let responses = at(&format!("{}/{method}/responses", path_pointer(path))).as_object().unwrap();
        let (mut successes, mut errors) = (BTreeSet::new(), BTreeSet::new());
        for (status, response) in responses {
            let reference = response["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
            let response = reference.map_or(response, at);
            let content = response.get("content").map(|content| &content["application/json"]["schema"]);
            assert_ne!(content, Some(&Value::Null), "{method} {path}: {status}");
            let types = if status.starts_with('2') { &mut successes } else { &mut errors };
            types.insert(content.map(Value::to_string));
        }
        assert_eq!((successes.len(), errors.len()), (1, 1), "{method} {path}");
    }
}

fn path_pointer(path: &str) -> String {
    format!("/paths/{}", path.replace('/', "~1"))
}

/// Generators name an enumeration that stands in a schema after the schema and the member.
#[test]
fn enumeration_name_differs_from_every_schema_name() {
    let schemas: BTreeSet<String> = keys("/components/schemas").map(str::to_lowercase).collect();
    for name in keys("/components/schemas") {
        let Some(members) = schema(name).get("properties").and_then(Value::as_object) else { continue };
        for (member, value) in members {
            let taken = schemas.contains(&format!("{name}{member}").to_lowercase());
            assert!(!taken || value.get("enum").is_none(), "{name}/{member}");
        }
    }
}

/// Clients must accept a member that a later version adds.
#[test]
fn response_schemas_allow_additional_properties() {
    for name in [
        "Accepted",
        "Valid",
        "ValidMessages",
        "LeftOut",
        "Status",
        "StatusItem",
        "ValidStatusRequest",
        "GraphRequest",
        "Problem",
        "PayloadError",
        "GraphError",
    ] {
        visit(schema(name), name, &mut |members, place| {
            assert!(!members.contains_key("additionalProperties"), "{place}");
        });
    }
    visit(at("/components/responses"), "responses", &mut |members, place| {
        assert!(!members.contains_key("additionalProperties"), "{place}");
    });
}

/// Calls `check` with each object in `value` and its JSON Pointer.
fn visit(value: &Value, place: &str, check: &mut dyn FnMut(&serde_json::Map<String, Value>, &str)) {
    match value {
        Value::Object(members) => {
            check(members, place);
            for (name, member) in members {
                visit(member, &format!("{place}/{name}"), check);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, place, check)),
        _ => {}
    }
}

/// Microsoft's example in the description equals the seed.
#[test]
fn description_examples_are_accepted() {
    let seed: Value = serde_json::from_str(include_str!("../../../tests/seed-example.json")).unwrap();
    assert_eq!(seed["remediateSendersCopy"], "false");
    assert_eq!(at("/components/examples/Graph/value"), &with_boolean(seed));
    for name in ["Graph", "Sdk"] {
        let example = at(&format!("/components/examples/{name}/value"));
        assert!(parse(example.to_string().as_bytes()).is_ok(), "{name}");
    }
    let status = at("/components/examples/StatusRequest/value").to_string();
    assert!(parse_status(status.as_bytes()).is_ok_and(|status| status.accepted_at.is_some()));
    let messages = at("/components/examples/Messages/value").to_string();
    assert!(parse_messages(messages.as_bytes()).is_ok());
    let sent = parse(at("/components/examples/Graph/value").to_string().as_bytes()).map(|seed| seed.to_graph_json());
    let sent: Value = serde_json::from_str(&sent.unwrap_or_default()).unwrap();
    assert_eq!(at("/components/examples/Valid/value/request"), &sent);
}
