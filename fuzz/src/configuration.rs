//! Variables and secrets of the configuration.

use std::collections::BTreeSet;
use std::net::IpAddr;

use remediation_gateway::config::{Caller, Config, ConfigError, RecipientDomains, VARIABLES, Variables, is_graph};
use remediation_gateway::log::config_line;
use serde_json::{Map, Value};

use crate::json::{MARK, is_json_line, mark_strings};
use crate::world::{FakeRuntime, NOW};

/// Checks variables, given as one JSON object.
///
/// An accepted configuration satisfies all rules on which the gateway relies. Each error of a rejected one names a
/// variable and is one line of JSON without a value. Debug output never shows a secret.
///
/// Returns whether the gateway accepts the configuration.
///
/// # Panics
///
/// Panics if a property does not hold.
#[must_use]
pub fn configuration(bytes: &[u8]) -> bool {
    let Ok(given) = serde_json::from_slice(bytes) else { return false };
    let Some(Value::Object(mut marked)) = mark_strings(&given) else { return false };
    let Value::Object(given) = given else { return false };
    let result = validate(&given);
    match &result {
        Ok(config) => check_config(config, &given),
        Err(errors) => check_errors(errors),
    }
    if let Err(errors) = validate(&marked) {
        check_errors(&errors);
    }
    // In CALLERS, a member's name may be a misplaced value.
    if let Some(callers) = marked.get_mut("CALLERS").and_then(Value::as_array_mut) {
        for members in callers.iter_mut().filter_map(Value::as_object_mut) {
            members.insert(MARK.to_owned(), Value::Null);
        }
        if let Err(errors) = validate(&marked) {
            check_errors(&errors);
        }
    }
    result.is_ok()
}

fn validate(given: &Map<String, Value>) -> Result<Config, Vec<ConfigError>> {
    let variables: Variables = VARIABLES.iter().filter_map(|name| Some((*name, given.get(*name)?.clone()))).collect();
    Config::check(&variables, &FakeRuntime::default(), NOW)
}

/// Checks that each error names a variable and is one line of JSON without a value.
fn check_errors(errors: &[ConfigError]) {
    assert!(!errors.is_empty(), "a rejection without an error");
    for error in errors {
        assert!(VARIABLES.iter().any(|name| error.variable.starts_with(name)), "{error}");
        let line = config_line(error);
        assert!(is_json_line(&line) && line.is_ascii(), "{line}");
        assert!(!line.contains(MARK), "a value is shown: {line}");
    }
}

/// Checks the rules that an accepted configuration must satisfy.
fn check_config(config: &Config, given: &Map<String, Value>) {
    for url in [&config.graph_url, &config.login_url] {
        check_base_url(url);
    }
    let mut audiences = config.audience.iter();
    assert!(audiences.all(|audience| !audience.is_empty() && !is_graph(audience)));
    assert!(!config.audience.is_empty() || config.callers.iter().all(|caller| caller.object_id.is_none()));

    assert!(!config.callers.is_empty(), "no caller is configured");
    let names: BTreeSet<String> = config.callers.iter().map(|caller| caller.name.to_ascii_lowercase()).collect();
    let object_ids: Vec<_> = config.callers.iter().filter_map(|caller| caller.object_id).collect();
    let keys: Vec<_> = config.callers.iter().flat_map(|caller| &caller.api_key_sha256).collect();
    assert_eq!(names.len(), config.callers.len(), "two callers share a name");
    assert_eq!(object_ids.iter().collect::<BTreeSet<_>>().len(), object_ids.len(), "two callers share an object ID");
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "two callers share a key");
    config.callers.iter().for_each(check_caller);
    if let Some(Value::Array(tables)) = given.get("CALLERS") {
        config.callers.iter().zip(tables).for_each(|(caller, table)| {
            check_grants(caller, table);
            let tenant_id = table["tenant_id"].as_str().map(str::to_ascii_lowercase);
            let other = tenant_id.filter(|id| *id != config.tenant_id.to_string());
            assert_eq!(caller.tenant_id.map(|id| id.to_string()), other, "a different tenant from the entry's");
        });
    }

    if let Some(Value::Array(entries)) = given.get("PROTECTED_RECIPIENTS") {
        for entry in entries {
            check_protected_entry(config, entry);
        }
    }

    let mut marked = given.clone();
    for name in ["CLIENT_SECRET", "CLIENT_CERTIFICATE"] {
        if let Some(Value::String(secret)) = marked.get_mut(name) {
            secret.push_str(MARK);
        }
    }
    if let Ok(config) = validate(&marked) {
        assert!(!format!("{config:?}").contains(MARK), "the secret is shown");
    }
}

/// Checks that an entry protects its address or domain, in any letter case. For entries beyond ASCII, the platform
/// determines the domain.
fn check_protected_entry(config: &Config, entry: &Value) {
    let entry = entry.as_str().expect("a text");
    if !entry.is_ascii() {
        return;
    }
    let (local_part, domain) = entry.rsplit_once('@').unwrap_or(("anybody", entry));
    let domain = domain.strip_prefix("*.").unwrap_or(domain).to_ascii_lowercase();
    for local_part in [local_part.to_owned(), local_part.to_ascii_uppercase(), format!("{local_part}+tag")] {
        // The tag of a plus address protects no more than itself.
        if !(entry.contains('+') && local_part.ends_with("+tag")) {
            assert!(config.protected_recipients.covers(&local_part, &domain), "{entry}");
        }
    }
}

/// Checks that a URL is a scheme and a host, and that only loopback hosts have the scheme `http`.
fn check_base_url(url: &str) {
    let (scheme, authority) = url.split_once("://").expect("a scheme");
    assert!(
        authority.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte)),
        "{url}"
    );
    let uri = fluent_uri::Uri::parse(url).expect("a URI");
    let host = uri.authority().expect("an authority").host().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    assert!(scheme == "https" || scheme == "http" && is_loopback, "{url}");
    assert!(uri.path().is_empty() && uri.query().is_none() && uri.fragment().is_none(), "{url}");
}

fn check_caller(caller: &Caller) {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte);
    assert!((1..=64).contains(&caller.name.len()) && caller.name.bytes().all(is_allowed), "{}", caller.name);
    assert!(!caller.actions.is_empty(), "the caller has no actions");
    assert!(caller.object_id.is_some() || !caller.api_key_sha256.is_empty(), "the caller has no credential");
    assert!(caller.role.as_ref().is_none_or(|role| !role.is_empty() && caller.object_id.is_some()));
    assert!(
        !matches!(&caller.recipient_domains, RecipientDomains::Listed(rules) if rules.is_empty()),
        "no domain is granted"
    );
    assert!((1..=10_000).contains(&caller.max_emails_per_request));
    assert!((1..=2_500_000).contains(&caller.max_emails_per_hour));
    assert!(
        caller.max_emails_per_request <= caller.max_emails_per_hour,
        "the caller's request limit exceeds its quota"
    );
}

/// Checks that a rule covers its own domains and no similar ones.
///
/// Only an explicit entry grants every domain or the sender's copy.
fn check_grants(caller: &Caller, table: &Value) {
    assert_eq!(caller.senders_copy, table["senders_copy"] == true, "granted by omission");
    assert_eq!(caller.whole_messages, table["whole_messages"] == true, "granted by omission");
    let texts = table["recipient_domains"].as_array().expect("an array");
    let RecipientDomains::Listed(rules) = &caller.recipient_domains else {
        assert_eq!(texts, &["*"], "granted by omission");
        return;
    };
    for (rule, text) in rules.iter().zip(texts) {
        let text = text.as_str().expect("a text").to_ascii_lowercase();
        if !text.is_ascii() {
            continue;
        }
        let (includes_subdomains, domain) =
            text.strip_prefix("*.").map_or((false, text.as_str()), |domain| (true, domain));
        assert!(rule.covers(domain) && domain.contains('.'), "{text}");
        assert_eq!(rule.covers(&format!("a.{domain}")), includes_subdomains, "{text}");
        for other in
            [format!("evil{domain}"), format!("evil-{domain}"), format!("{domain}.evil.example"), format!("{domain}.")]
        {
            assert!(!rule.covers(&other), "{text} covers {other}");
        }
    }
}
