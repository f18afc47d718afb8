//! The committed file, filled in and spoilt.

#[path = "../tests/filled/mod.rs"]
mod filled;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use self::filled::{COMMITTED, filled_but};
use crate::check::{Fault, parse, placeholders, production, variables};

fn filled() -> String {
    filled_but(None)
}

/// The places of the faults.
fn places(text: &str) -> Vec<String> {
    production(text).err().unwrap_or_default().into_iter().map(|fault| fault.place).collect()
}

/// The filled file with `from`, which it must have once, replaced.
fn with(from: &str, to: &str) -> String {
    let (development, production) = split();
    assert_eq!(production.matches(from).count(), 1, "{from}");
    format!("{development}{}", production.replace(from, to))
}

/// The filled file before its production part, and that part.
fn split() -> (String, String) {
    let text = filled();
    let (before, after) = text.split_once("\n[env.production]\n").unwrap();
    (before.to_owned(), format!("\n[env.production]\n{after}"))
}

#[test]
fn the_committed_file_is_refused_for_its_placeholders_and_for_nothing_else() {
    let faults = production(COMMITTED).unwrap_err();
    let expected = placeholders(parse(COMMITTED).unwrap().pointer("/env/production").unwrap());
    assert!(!expected.is_empty());
    assert_eq!(faults, expected);
}

#[test]
fn the_filled_file_passes() {
    assert_eq!(production(&filled()), Ok("CLIENT_SECRET"));
    let by_certificate = with(r#"required = ["CLIENT_SECRET"]"#, r#"required = ["CLIENT_CERTIFICATE"]"#);
    assert_eq!(production(&by_certificate), Ok("CLIENT_CERTIFICATE"));
}

#[test]
fn each_placeholder_alone_is_caught_and_named() {
    for (left, expected) in [
        ("host name of the gateway", vec!["routes[0].pattern"]),
        ("tenant id", vec!["TENANT_ID"]),
        ("client id of the gateway", vec!["CLIENT_ID"]),
        ("client id of the API", vec!["AUDIENCE[0]", "AUDIENCE[1]"]),
        ("object id of the playbook's managed identity", vec!["CALLERS[0].object_id"]),
        ("SHA-256 of the key, from make key", vec!["CALLERS[1].api_key_sha256[0]"]),
        ("domain of the mailboxes", vec!["CALLERS[0].recipient_domains[0]", "CALLERS[1].recipient_domains[0]"]),
    ] {
        let faults = production(&filled_but(Some(left))).unwrap_err();
        let places: BTreeSet<_> = faults.iter().map(|fault| fault.place.as_str()).collect();
        assert_eq!(places, expected.into_iter().collect(), "{left}");
        for Fault { problem, .. } in faults {
            assert_eq!(problem, format!("still has its placeholder <{left}>"));
        }
    }
}

#[test]
fn what_the_worker_would_refuse_is_refused() {
    for (from, to, place) in [
        (r#"TENANT_ID = "aaaabbbb-"#, r#"TENANT_ID = "aaaabbb-"#, "TENANT_ID"),
        (r#"GRAPH_VERSION = "beta""#, r#"GRAPH_VERSION = "v2.0""#, "GRAPH_VERSION"),
        (r#"["api://11112222-"#, r#"["https://graph.microsoft.com", "api://11112222-"#, "AUDIENCE"),
        (r#"name = "soar""#, r#"name = "remediate-incident""#, "CALLERS[1].name"),
        (r#"name = "soar""#, "name = \"soar\"\nrecipient_domain = []", "CALLERS[1]"),
        ("max_emails_per_request = 100\n", "max_emails_per_request = 0\n", "CALLERS[1].max_emails_per_request"),
        (r#"class_name = "Ledger""#, r#"class_name = "Leger""#, "LEDGER"),
        (r#"name = "LEDGER""#, r#"name = "LEGDER""#, "LEDGER"),
    ] {
        assert_eq!(places(&with(from, to)), [place], "{to}");
    }
}

#[test]
fn what_only_a_file_can_have_wrong_is_refused() {
    let var = |line: &str| with("[env.production.vars]\n", &format!("[env.production.vars]\n{line}\n"));
    for (text, place) in [
        (var(r#"CLIENT_SECRET = "hunter2""#), "CLIENT_SECRET"),
        (var(r#"CLIENT_CERTIFICATE = "-----BEGIN""#), "CLIENT_CERTIFICATE"),
        (var(r#"GRAPH_VERISON = "v1.0""#), "GRAPH_VERISON"),
        (var(r#"LEDGER = "x""#), "LEDGER"),
        (var("STOPPED = true"), "STOPPED"),
        (var(r#"STOPPED = "false""#), "STOPPED"),
        (with("https://login.microsoftonline.com", "http://127.0.0.1:8788"), "LOGIN_URL"),
        (with("https://graph.microsoft.com", "http://localhost"), "GRAPH_URL"),
        (with(r#"required = ["CLIENT_SECRET"]"#, "required = []"), "secrets.required"),
        (with(r#"required = ["CLIENT_SECRET"]"#, r#"required = ["SECRET"]"#), "secrets.required"),
        (
            with(r#"required = ["CLIENT_SECRET"]"#, r#"required = ["CLIENT_SECRET", "CLIENT_CERTIFICATE"]"#),
            "secrets.required",
        ),
        (with("[env.production]\n", "[env.production]\nmigrations = []\n"), "migrations"),
        (filled().replace("new_sqlite_classes", "new_classes"), "migrations"),
        (split().0, "env.production"),
        (filled().replace("env.production", "env.staging"), "env.production"),
        ("env = 1".to_owned(), "env.production"),
        ("a = 1\nb = \"open".to_owned(), "line 2"),
    ] {
        assert_eq!(places(&text), [place]);
    }
}

#[test]
fn all_faults_are_told_at_once_and_none_shows_a_value() {
    let text = with("[env.production.vars]\n", "[env.production.vars]\nCLIENT_SECRET = \"hunter2\"\n")
        .replace("https://login.microsoftonline.com", "http://hunter2")
        .replace(r#"GRAPH_VERSION = "beta""#, r#"GRAPH_VERSION = "hunter2""#)
        .replace("gateway.contoso.com", "<host>");
    let faults = production(&text).unwrap_err();
    let places: BTreeSet<_> = faults.iter().map(|fault| fault.place.as_str()).collect();
    assert_eq!(places, BTreeSet::from(["CLIENT_SECRET", "GRAPH_VERSION", "LOGIN_URL", "routes[0].pattern"]));
    assert!(!faults.iter().any(|fault| fault.to_string().contains("hunter2")), "{faults:?}");
}

#[test]
fn the_development_part_has_no_fault_either() {
    let file = parse(COMMITTED).unwrap();
    assert_eq!(variables(&file), []);
    assert_eq!(
        variables(&Value::Null).iter().map(|fault| fault.place.as_str()).collect::<Vec<_>>(),
        ["TENANT_ID", "CLIENT_ID", "CALLERS", "LEDGER"]
    );
}

#[test]
fn make_deploy_checks_before_it_does_anything_else() {
    let makefile = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Makefile")).unwrap();
    let (_, recipe) = makefile.split_once("\ndeploy: ##").expect("deploy has no prerequisites");
    let steps: Vec<_> = recipe
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('\t'))
        .map(|line| line.trim_start_matches(['\t', '@']))
        .collect();
    let at = |step: &str| steps.iter().position(|line| line.contains(step)).unwrap_or_else(|| panic!("{step}"));
    assert!(at("scripts/rust.sh") < at("--package deploy-check"));
    assert!(at("--package deploy-check") < at("build") && at(" build") < at("wrangler deploy"));
    assert_eq!(at("--package deploy-check"), 1);
}
