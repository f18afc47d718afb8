//! Every rule of the configuration (contract, section 9): the rejected values, the name in the error, and that no error
//! contains a value.

mod callers;
mod certificate;
mod protected;

use serde_json::{Map, Value, json};

use super::support::runtime::TestRuntime;
use super::support::{AUDIENCE, PLAYBOOK, sha256, variables};
use crate::config::{Config, ConfigError, RecipientDomains, VARIABLES, Variables};
use crate::remediation::GraphVersion;

pub(super) fn check(variables: &Variables) -> Result<Config, Vec<ConfigError>> {
    TestRuntime::default().check(variables)
}

/// Returns the names of the variables with errors, in order.
pub(super) fn invalid_variables(variables: &Variables) -> Vec<String> {
    check(variables).map_or_else(|errors| errors.into_iter().map(|error| error.variable).collect(), |_| Vec::new())
}

pub(super) fn with(name: &'static str, value: Value) -> Variables {
    crate::tests::support::variables_with(name, value)
}

/// Returns a valid caller with an API key and these changes: a value replaces a member, and null removes it.
pub(super) fn caller(changes: Value) -> Value {
    let mut caller = json!({
        "name": "script", "api_key_sha256": [sha256("k")], "actions": ["softDelete"], "recipient_domains": ["contoso.com"],
    })
        .as_object()
        .unwrap()
        .clone();
    let Value::Object(changes) = changes else { panic!("not an object") };
    for (name, value) in changes {
        if value.is_null() {
            caller.remove(&name)
        } else {
            caller.insert(name, value)
        };
    }
    Value::Object(caller)
}

pub(super) fn callers(callers: impl Into<Vec<Value>>) -> Variables {
    with("CALLERS", Value::Array(callers.into()))
}

/// All texts in a value.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.iter().for_each(|(_, member)| texts(member, found)),
        _ => {}
    }
}

#[test]
fn valid_configuration_is_read_with_its_defaults() {
    let config = check(&variables()).unwrap();
    assert_eq!(config.audience, [AUDIENCE, crate::tests::support::AUDIENCE_GUID]);
    let of_guid = check(&with("AUDIENCE", json!("00001111-AAAA-2222-BBBB-3333CCCC4444"))).unwrap();
    assert_eq!(of_guid.audience, [crate::tests::support::AUDIENCE_GUID], "tokens have it in lower case");
    assert_eq!(config.graph_version, GraphVersion::Beta);
    assert_eq!(config.graph_url, "https://graph.microsoft.com");
    assert_eq!(config.login_url, "https://login.microsoftonline.com");
    let [playbook, _, script, _] = config.callers.as_slice() else { panic!() };
    assert_eq!((playbook.max_emails_per_request, playbook.max_emails_per_hour), (1_000, 10_000));
    assert_eq!(playbook.recipient_domains, RecipientDomains::All);
    assert!(
        !playbook.senders_copy
            && !playbook.whole_messages
            && playbook.role.is_none()
            && playbook.api_key_sha256.is_empty()
    );
    assert_eq!(script.api_key_sha256.len(), 2);
    assert!(script.object_id.is_none());
}

#[test]
fn each_variable_is_validated() {
    let long = "a".repeat(300);
    for (name, value, accepted) in [
        ("TENANT_ID", json!("AAAABBBB-0000-CCCC-1111-DDDD2222EEEE"), true),
        ("TENANT_ID", json!(""), false),
        ("TENANT_ID", json!("contoso.onmicrosoft.com"), false),
        ("TENANT_ID", json!("common"), false),
        ("TENANT_ID", json!(" aaaabbbb-0000-cccc-1111-dddd2222eeee"), false),
        ("TENANT_ID", json!("{aaaabbbb-0000-cccc-1111-dddd2222eeee}"), false),
        ("TENANT_ID", json!(["aaaabbbb-0000-cccc-1111-dddd2222eeee"]), false),
        ("TENANT_ID", json!(1), false),
        ("TENANT_ID", Value::Null, false),
        ("CLIENT_ID", json!(""), false),
        ("CLIENT_ID", json!("gateway"), false),
        ("CLIENT_ID", json!(true), false),
        ("CLIENT_SECRET", json!(long), true),
        ("CLIENT_SECRET", json!(""), false),
        ("CLIENT_SECRET", json!(12_345), false),
        ("AUDIENCE", json!("api://gateway"), true),
        ("AUDIENCE", json!("api://gateway/"), true),
        ("AUDIENCE", json!("https://gateway.contoso.com"), true),
        ("AUDIENCE", json!("00001111-AAAA-2222-bbbb-3333cccc4444"), true),
        ("AUDIENCE", json!(["api://gateway", "00001111-aaaa-2222-bbbb-3333cccc4444"]), true),
        ("AUDIENCE", json!(""), false),
        ("AUDIENCE", json!("/"), false),
        ("AUDIENCE", json!([]), false),
        ("AUDIENCE", json!([""]), false),
        ("AUDIENCE", json!(["api://gateway", 1]), false),
        ("AUDIENCE", json!([["api://gateway"]]), false),
        ("AUDIENCE", json!({ "a": "api://gateway" }), false),
        ("AUDIENCE", json!(1), false),
        ("AUDIENCE", json!("api://gateway "), false),
        ("AUDIENCE", json!("api://one, api://two"), false),
        ("AUDIENCE", json!("[\"api://gateway\"]"), false),
        ("AUDIENCE", json!("https://graph.microsoft.com"), false),
        ("AUDIENCE", json!("https://graph.microsoft.com/"), false),
        ("AUDIENCE", json!("https://graph.microsoft.com//"), false),
        ("AUDIENCE", json!("HTTPS://GRAPH.MICROSOFT.COM"), false),
        ("AUDIENCE", json!("00000003-0000-0000-c000-000000000000"), false),
        ("AUDIENCE", json!("00000003-0000-0000-C000-000000000000/"), false),
        ("AUDIENCE", json!(["api://gateway", "https://graph.microsoft.com"]), false),
        ("GRAPH_VERSION", json!("beta"), true),
        ("GRAPH_VERSION", json!("v1.0"), true),
        ("GRAPH_VERSION", json!(""), true),
        ("GRAPH_VERSION", json!("Beta"), false),
        ("GRAPH_VERSION", json!("v2.0"), false),
        ("GRAPH_VERSION", json!("beta/../v1.0"), false),
        ("GRAPH_VERSION", json!(1.0), false),
        ("GRAPH_URL", json!("http://127.0.0.1:8788"), true),
        ("GRAPH_URL", json!(""), true),
        ("GRAPH_URL", json!("http://graph.microsoft.com"), false),
        ("GRAPH_URL", json!("https://graph.microsoft.com/beta"), false),
        ("GRAPH_URL", json!("https://user@graph.microsoft.com"), false),
        ("GRAPH_URL", json!(["https://graph.microsoft.com"]), false),
        ("LEDGER_JURISDICTION", json!("eu"), true),
        ("LEDGER_JURISDICTION", json!("fedramp"), true),
        ("LEDGER_JURISDICTION", Value::Null, true),
        ("LEDGER_JURISDICTION", json!(""), false),
        ("LEDGER_JURISDICTION", json!("EU"), false),
        ("LEDGER_JURISDICTION", json!("us"), false),
        ("LEDGER_JURISDICTION", json!(["eu"]), false),
        ("LEDGER_JURISDICTION", json!(true), false),
        ("LOGIN_URL", json!("https://login.microsoftonline.com/"), true),
        ("LOGIN_URL", json!("http://[::1]:8788"), true),
        ("LOGIN_URL", json!("http://10.0.0.1"), false),
        ("LOGIN_URL", json!("https://login.microsoftonline.com/common"), false),
        ("LOGIN_URL", json!(1), false),
        ("STOPPED", json!(true), true),
        ("STOPPED", json!(false), true),
        ("STOPPED", json!("true"), true),
        ("STOPPED", json!("False"), true),
        ("STOPPED", Value::Null, true),
        ("STOPPED", json!(""), false),
        ("STOPPED", json!(" true"), false),
        ("STOPPED", json!("true\n"), false),
        ("STOPPED", json!("yes"), false),
        ("STOPPED", json!("on"), false),
        ("STOPPED", json!("1"), false),
        ("STOPPED", json!("0"), false),
        ("STOPPED", json!(1), false),
        ("STOPPED", json!(0), false),
        ("STOPPED", json!([true]), false),
        ("STOPPED", json!([]), false),
        ("STOPPED", json!({}), false),
        ("CALLERS", json!(""), false),
        ("CALLERS", json!([]), false),
        ("CALLERS", json!({}), false),
        ("CALLERS", json!(1), false),
        ("CALLERS", json!("not JSON"), false),
        ("CALLERS", json!("{}"), false),
        ("CALLERS", json!("[]"), false),
        ("CALLERS", json!("null"), false),
    ] {
        let expected: &[&str] = if accepted { &[] } else { &[name] };
        assert_eq!(invalid_variables(&with(name, value.clone())), expected, "{name} = {value}");
    }
}

/// The environment's reader passes whether the value is a binding.
#[test]
fn rate_limiter_is_rejected_if_it_is_no_binding() {
    for value in [json!(true), Value::Null] {
        assert!(invalid_variables(&with("RATE_LIMITER", value.clone())).is_empty(), "{value}");
    }
    for variable in [json!(false), json!({ "limit": 5 }), json!({}), json!("100")] {
        assert_eq!(invalid_variables(&with("RATE_LIMITER", variable.clone())), ["RATE_LIMITER"], "{variable}");
    }
}

#[test]
fn gateway_is_stopped_only_if_stopped_is_true() {
    for (value, stopped) in [
        (json!(true), true),
        (json!("true"), true),
        (json!("TRUE"), true),
        (json!("True"), true),
        (json!(false), false),
        (json!("false"), false),
        (json!("FALSE"), false),
        (Value::Null, false),
    ] {
        assert_eq!(check(&with("STOPPED", value.clone())).unwrap().stopped, stopped, "{value}");
    }
    assert!(!check(&variables()).unwrap().stopped, "where nothing is said");
}

#[test]
fn audience_is_required_only_by_callers_with_object_id() {
    let mut by_key = callers([caller(json!({}))]);
    by_key.remove("AUDIENCE");
    assert!(invalid_variables(&by_key).is_empty());
    for (item, also) in [
        (caller(json!({ "object_id": PLAYBOOK })), None),
        (caller(json!({ "object_id": PLAYBOOK, "name": null })), Some("CALLERS[0].name")),
        (caller(json!({ "object_id": "no GUID" })), Some("CALLERS[0].object_id")),
    ] {
        let mut variables = callers([item.clone()]);
        variables.remove("AUDIENCE");
        let expected: Vec<&str> = ["AUDIENCE"].into_iter().chain(also).collect();
        assert_eq!(invalid_variables(&variables), expected, "{item}");
    }
}

#[test]
fn every_configuration_error_is_reported_in_order_without_its_value() {
    let bad = Variables::from([
        ("TENANT_ID", json!("sekret-tenant")),
        ("CLIENT_ID", json!("sekret-client")),
        ("CLIENT_SECRET", json!(["sekret-secret"])),
        ("AUDIENCE", json!(["https://graph.microsoft.com", "sekret audience", 7])),
        (
            "CALLERS",
            json!([
                { "name": "sekret:name", "tenant_id": "sekret-other", "object_id": "sekret-id", "role": "sekret role", "actions": ["sekretAction"],
                  "recipient_domains": ["sekret_domain"], "senders_copy": "sekret-copy", "max_emails_per_request": "sekret-1", "max_emails_per_hour": 0 },
                { "name": "sekret-second", "api_key_sha256": ["sekret-digest"], "sekretMember": "sekret-value" },
            ]),
        ),
        ("PROTECTED_RECIPIENTS", json!(["sekret", "sekret@sekret", 7])),
        ("GRAPH_VERSION", json!("sekret-v3")),
        ("GRAPH_URL", json!("http://sekret.example")),
        ("LOGIN_URL", json!("sekret://login")),
        ("LEDGER_JURISDICTION", json!("sekret-eu")),
        ("STOPPED", json!("sekret-stop")),
        ("RATE_LIMITER", json!("sekret-limit")),
    ]);
    let errors = check(&bad).unwrap_err();
    let names: Vec<&str> = errors.iter().map(|error| error.variable.as_str()).collect();
    assert_eq!(
        names,
        [
            "TENANT_ID",
            "CLIENT_ID",
            "CLIENT_SECRET",
            "AUDIENCE",
            "AUDIENCE",
            "AUDIENCE",
            "CALLERS[0].name",
            "CALLERS[0].tenant_id",
            "CALLERS[0].object_id",
            "CALLERS[0].actions",
            "CALLERS[0].role",
            "CALLERS[0].recipient_domains",
            "CALLERS[0].senders_copy",
            "CALLERS[0].max_emails_per_request",
            "CALLERS[0].max_emails_per_hour",
            "CALLERS[1]",
            "CALLERS[1].api_key_sha256",
            "CALLERS[1].actions",
            "CALLERS[1].recipient_domains",
            "PROTECTED_RECIPIENTS[0]",
            "PROTECTED_RECIPIENTS[1]",
            "PROTECTED_RECIPIENTS[2]",
            "GRAPH_VERSION",
            "GRAPH_URL",
            "LOGIN_URL",
            "LEDGER_JURISDICTION",
            "STOPPED",
            "LEDGER",
            "RATE_LIMITER",
        ]
    );
    let mut values = Vec::new();
    for value in bad.values() {
        texts(value, &mut values);
    }
    for error in &errors {
        let line = crate::log::config_line(error);
        assert!(!line.to_lowercase().contains("sekret"), "{line}");
        assert!(values.iter().all(|value| !line.contains(value)), "{line}");
    }
}

#[test]
fn credential_is_rejected_unless_exactly_one_secret_or_certificate() {
    use crate::config::Credential;
    use crate::tests::support::certificate::{SUBJECT, of, pkcs8};
    use crate::tests::support::entra::{CURRENT, NEXT};
    let pem = format!("{}{}", pkcs8(&CURRENT.private), of(&CURRENT));
    let with_both = |secret: Value, certificate: Value| {
        let mut variables = with("CLIENT_SECRET", secret);
        variables.insert("CLIENT_CERTIFICATE", certificate);
        variables
    };
    for (secret, certificate, errors) in [
        (json!("secret"), Value::Null, vec![]),
        (json!("secret"), json!(""), vec![]),
        (Value::Null, json!(pem), vec![]),
        (json!(""), json!(pem), vec![]),
        (json!(""), json!(""), vec!["CLIENT_SECRET"]),
        (json!("secret"), json!(pem), vec!["CLIENT_SECRET"]),
        (json!("secret"), json!("no PEM"), vec!["CLIENT_SECRET"]),
        (json!("secret"), json!([pem]), vec!["CLIENT_CERTIFICATE"]),
        (json!(1), json!(pem), vec!["CLIENT_SECRET"]),
        (json!(1), json!(1), vec!["CLIENT_SECRET", "CLIENT_CERTIFICATE"]),
        (Value::Null, json!("no PEM"), vec!["CLIENT_CERTIFICATE", "CLIENT_CERTIFICATE"]),
        (Value::Null, json!(of(&CURRENT)), vec!["CLIENT_CERTIFICATE"]),
        (Value::Null, json!(format!("{}{}", pkcs8(&NEXT.private), of(&CURRENT))), vec!["CLIENT_CERTIFICATE"]),
    ] {
        let variables = with_both(secret, certificate);
        assert_eq!(invalid_variables(&variables), errors, "{variables:?}");
        for error in check(&variables).err().into_iter().flatten() {
            let line = crate::log::config_line(&error);
            assert!(line.contains("CLIENT_CERTIFICATE") || line.contains("must be a text"), "{line}");
            assert!(!line.contains("MII") && !line.contains(SUBJECT) && !line.contains("no PEM"), "{line}");
        }
    }
    let config = check(&with_both(Value::Null, json!(pem))).unwrap();
    assert!(matches!(config.credential, Credential::Certificate(_)));
}

#[test]
fn missing_required_variables_and_members_are_reported() {
    assert_eq!(invalid_variables(&Variables::new()), ["TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "CALLERS", "LEDGER"]);
    let nulls: Variables = VARIABLES.into_iter().map(|name| (name, Value::Null)).collect();
    assert_eq!(invalid_variables(&nulls), ["TENANT_ID", "CLIENT_ID", "CLIENT_SECRET", "CALLERS", "LEDGER"]);
    assert_eq!(
        invalid_variables(&callers([Value::Object(Map::new())])),
        ["CALLERS[0].name", "CALLERS[0].actions", "CALLERS[0].recipient_domains", "CALLERS[0]"]
    );
}

#[test]
fn invalid_configuration_returns_500_and_is_logged_once() {
    use crate::tests::support::gateway::{Gateway, api_key};
    let mut gateway = Gateway::new(with("GRAPH_VERSION", json!("v3-sekret")));
    for attempt in 0..3 {
        let response = gateway.validate(api_key(crate::tests::support::CRON_KEY));
        assert_eq!(response.status, 500);
        assert!(response.body.contains("\"misconfigured\"") && !response.body.contains("GRAPH_VERSION"));
        let lines = gateway.stage.runtime.take_log();
        assert_eq!(lines.len(), if attempt == 0 { 2 } else { 1 });
        assert_eq!(lines[0].contains("\"variable\":\"GRAPH_VERSION\""), attempt == 0);
        assert!(!lines.concat().contains("sekret"));
    }
}
