//! The committed file with its placeholders filled in, and with one mistake at a time.

use std::collections::BTreeSet;

use serde_json::Map;

use crate::audience;
use crate::check::{DeployedFolder, check_deployment, find_placeholders, find_variable_errors, parse};
use crate::check_configuration;
use crate::effective::EffectiveConfig;
use crate::error::{DeployError, DeployError as E, Finding};
use crate::filled::{COMMITTED, filled_except};

fn production(text: &str) -> Result<&'static str, Vec<Finding>> {
    check_deployment(text, "production", &[], DeployedFolder::Checkout)
}

fn filled() -> String {
    filled_except(None)
}

/// Returns the findings as key and mistake.
fn found(text: &str) -> Vec<(String, DeployError)> {
    production(text).err().unwrap_or_default().into_iter().map(|finding| (finding.key, finding.error)).collect()
}

/// Returns the keys of the findings.
fn keys(text: &str) -> Vec<String> {
    found(text).into_iter().map(|(key, _)| key).collect()
}

/// Returns the filled file with `from` replaced, which its production part must contain once.
fn with(from: &str, to: &str) -> String {
    let (development, production) = split();
    assert_eq!(production.matches(from).count(), 1, "{from}");
    format!("{development}{}", production.replace(from, to))
}

/// Returns the filled file with `from` replaced, which its top level must contain once.
fn with_top(from: &str, to: &str) -> String {
    let (development, production) = split();
    assert_eq!(development.matches(from).count(), 1, "{from}");
    format!("{}{production}", development.replace(from, to))
}

/// The filled file with more lines directly below `[env.production]`.
fn with_part_lines(lines: &str) -> String {
    with("[env.production]\n", &format!("[env.production]\n{lines}\n"))
}

/// The filled file with more lines at the top level.
fn with_top_lines(lines: &str) -> String {
    format!("{lines}\n{}", filled())
}

/// The filled file with more tables at its end.
fn with_tables(lines: &str) -> String {
    format!("{}\n{lines}\n", filled())
}

/// The filled file with another variable in its production part.
fn with_variable(line: &str) -> String {
    with("[env.production.vars]\n", &format!("[env.production.vars]\n{line}\n"))
}

/// The filled file before its production part, and that part.
fn split() -> (String, String) {
    let text = filled();
    let (before, after) = text.split_once("\n[env.production]\n").unwrap();
    (before.to_owned(), format!("\n[env.production]\n{after}"))
}

#[test]
fn committed_file_has_placeholders_and_no_other_mistake() {
    let findings = production(COMMITTED).unwrap_err();
    let file = parse(COMMITTED).unwrap();
    let expected = find_placeholders(file["env"]["production"].as_object().unwrap());
    assert!(!expected.is_empty());
    assert_eq!(findings, expected);
}

#[test]
fn filled_file_passes() {
    assert_eq!(production(&filled()), Ok("CLIENT_SECRET"));
    let by_certificate = with(r#"required = ["CLIENT_SECRET"]"#, r#"required = ["CLIENT_CERTIFICATE"]"#);
    assert_eq!(production(&by_certificate), Ok("CLIENT_CERTIFICATE"));
}

/// The development part keeps `beta`, as in Microsoft's page of the action.
#[test]
fn committed_file_uses_v1_in_production_and_beta_in_development() {
    let file = parse(COMMITTED).unwrap();
    assert_eq!(file["env"]["production"]["vars"]["GRAPH_VERSION"], "v1.0");
    assert_eq!(file["vars"]["GRAPH_VERSION"], "beta");
}

#[test]
fn each_placeholder_alone_is_found_and_named() {
    for (left, expected) in [
        ("host name of the gateway", vec!["routes[0].pattern"]),
        ("tenant id", vec!["TENANT_ID"]),
        ("client id of the gateway", vec!["CLIENT_ID"]),
        ("client id of the API", vec!["AUDIENCE[0]", "AUDIENCE[1]"]),
        ("object id of the playbook's managed identity", vec!["CALLERS[0].object_id"]),
        ("SHA-256 of the key, from make key", vec!["CALLERS[1].api_key_sha256[0]"]),
        ("domain of the mailboxes", vec!["CALLERS[0].recipient_domains[0]", "CALLERS[1].recipient_domains[0]"]),
    ] {
        let findings = production(&filled_except(Some(left))).unwrap_err();
        let keys: BTreeSet<_> = findings.iter().map(|finding| finding.key.as_str()).collect();
        assert_eq!(keys, expected.into_iter().collect(), "{left}");
        for Finding { error, .. } in findings {
            assert_eq!(error, DeployError::Placeholder(left.to_owned()));
        }
    }
}

#[test]
fn configuration_that_the_worker_rejects_is_rejected() {
    for (from, to, key) in [
        (r#"TENANT_ID = "aaaabbbb-"#, r#"TENANT_ID = "aaaabbb-"#, "TENANT_ID"),
        (r#"GRAPH_VERSION = "v1.0""#, r#"GRAPH_VERSION = "v2.0""#, "GRAPH_VERSION"),
        ("AUDIENCE = [", "AUDIENCE = [1, ", "AUDIENCE"),
        (r#"name = "soar""#, r#"name = "remediate-incident""#, "CALLERS[1].name"),
        (r#"name = "soar""#, "name = \"soar\"\nrecipient_domain = []", "CALLERS[1]"),
        ("max_emails_per_request = 100\n", "max_emails_per_request = 0\n", "CALLERS[1].max_emails_per_request"),
        ("max_emails_per_request = 100\n", "senders_copy = \"true\"\n", "CALLERS[1].senders_copy"),
        ("max_emails_per_request = 100\n", "tenant_id = \"fabrikam.com\"\n", "CALLERS[1].tenant_id"),
        ("max_emails_per_request = 100\n", "tenant = \"bbbbcccc-1111-dddd-2222-eeee3333ffff\"\n", "CALLERS[1]"),
        ("max_emails_per_request = 100\n", "whole_messages = \"true\"\n", "CALLERS[1].whole_messages"),
        ("GRAPH_VERSION =", "PROTECTED_RECIPIENTS = []\nGRAPH_VERSION =", "PROTECTED_RECIPIENTS"),
        ("GRAPH_VERSION =", "PROTECTED_RECIPIENTS = [\"contoso.com.\"]\nGRAPH_VERSION =", "PROTECTED_RECIPIENTS[0]"),
        ("GRAPH_VERSION =", "PROTECTED_RECIPIENT = [\"contoso.com\"]\nGRAPH_VERSION =", "PROTECTED_RECIPIENT"),
        ("GRAPH_VERSION =", "LEDGER_JURISDICTION = \"EU\"\nGRAPH_VERSION =", "LEDGER_JURISDICTION"),
        (r#"name = "LEDGER""#, r#"name = "LEGDER""#, "LEDGER"),
    ] {
        assert_eq!(keys(&with(from, to)), [key], "{to}");
    }
}

/// The errors of an upgrade from the earlier form.
#[test]
fn caller_without_recipient_domains_is_rejected_with_a_hint() {
    let (_, production) = split();
    let domains: Vec<_> = production.lines().filter(|line| line.starts_with("recipient_domains")).collect();
    let filled = filled();
    let lines: Vec<_> = filled.lines().filter(|line| !line.starts_with("recipient_domains")).collect();
    let found = found(&lines.join("\n"));
    assert_eq!(found.len(), domains.len(), "{found:?}");
    for (index, (key, error)) in found.into_iter().enumerate() {
        assert_eq!(key, format!("CALLERS[{index}].recipient_domains"));
        assert!(matches!(error, DeployError::Variable(text) if text.contains(r#"or ["*"] to grant every domain"#)));
    }
}

#[test]
fn optional_variables_are_accepted() {
    let list = r#"PROTECTED_RECIPIENTS = ["journal@contoso.com", "*.evidence.contoso.com"]"#;
    assert_eq!(keys(&with("GRAPH_VERSION =", &format!("{list}\nGRAPH_VERSION ="))), [""; 0]);
    for list in [list, r#"LEDGER_JURISDICTION = "eu""#] {
        let example = format!("# {list}\n");
        assert_eq!(keys(&with(&example, &format!("{list}\n"))), [""; 0], "the example of the file");
    }
}

/// Each mistake is the only one in its file, and the check names exactly this one.
fn assert_found_alone<const N: usize>(planted: [(String, &str, DeployError); N]) {
    for (text, key, error) in planted {
        assert_eq!(found(&text), [(key.to_owned(), error)], "{key}");
    }
}

/// The credential and the token for Graph are sent only to Microsoft.
#[test]
fn foreign_login_or_graph_hosts_are_found() {
    const LOGIN: &str = "https://login.microsoftonline.com";
    const GRAPH: &str = "https://graph.microsoft.com";
    let login = || E::ForeignHost { expected: LOGIN };
    let graph = || E::ForeignHost { expected: GRAPH };
    assert_found_alone([
        (with(LOGIN, "http://127.0.0.1:8788"), "LOGIN_URL", login()),
        (with(LOGIN, "https://login.microsoftonline.com.contoso.com"), "LOGIN_URL", login()),
        (with(LOGIN, "https://login.rnicrosoftonline.com"), "LOGIN_URL", login()),
        (with(LOGIN, "https://login.microsoftonline.us"), "LOGIN_URL", login()),
        (with(LOGIN, "https://login.microsoft.com"), "LOGIN_URL", login()),
        (with(LOGIN, GRAPH), "LOGIN_URL", login()),
        (with(GRAPH, "http://localhost"), "GRAPH_URL", graph()),
        (with(GRAPH, "https://graph.rnicrosoft.com"), "GRAPH_URL", graph()),
        (with(GRAPH, "https://graph.micros\u{43e}ft.com"), "GRAPH_URL", graph()),
        (with(GRAPH, "https://graph-microsoft.com"), "GRAPH_URL", graph()),
        (with(GRAPH, "https://graph.microsoft.com.contoso.com"), "GRAPH_URL", graph()),
        (with(GRAPH, "https://graph.microsoft.com@contoso.com"), "GRAPH_URL", graph()),
        (with(GRAPH, "https://graph.microsoft.com:8443"), "GRAPH_URL", graph()),
        (with(GRAPH, "https://graph.microsoft.us"), "GRAPH_URL", graph()),
        (with(GRAPH, "https://graph.microsoft.com/beta"), "GRAPH_URL", graph()),
    ]);
}

/// The object's pending timers.
#[test]
fn invalid_compatibility_dates_and_flags_are_found() {
    const DATE: &str = r#"compatibility_date = "2026-10-23""#;
    assert_found_alone([
        (with_top(DATE, r#"compatibility_date = "2026-09-30""#), "compatibility_date", E::CompatibilityDate),
        (with_top(DATE, r#"compatibility_date = "2026-1-23""#), "compatibility_date", E::CompatibilityDate),
        (with_top(DATE, r#"compatibility_date = "tomorrow""#), "compatibility_date", E::CompatibilityDate),
        (with_top(DATE, ""), "compatibility_date", E::CompatibilityDate),
        (with_top(DATE, "compatibility_date = 2026-10-23"), "compatibility_date", E::WrongType),
        (with_part_lines(r#"compatibility_date = "2025-01-01""#), "compatibility_date", E::CompatibilityDate),
        (with_top_lines(r#"compatibility_flags = ["nodejs_compat"]"#), "compatibility_flags", E::CompatibilityFlags),
        (
            with_part_lines(r#"compatibility_flags = ["no_global_navigator"]"#),
            "compatibility_flags",
            E::CompatibilityFlags,
        ),
    ]);
}

/// One host name, in a zone with protecting rules.
#[test]
fn additional_missing_or_invalid_host_names_are_found() {
    const ROUTE: &str = r#"{ pattern = "gateway.contoso.com", custom_domain = true }"#;
    assert_found_alone([
        (with_top("workers_dev = false", "workers_dev = true"), "workers_dev", E::WorkersDev),
        (with_part_lines("workers_dev = true"), "workers_dev", E::WorkersDev),
        (with_part_lines(r#"workers_dev = "no""#), "workers_dev", E::WrongType),
        (with_top("preview_urls = false", "preview_urls = true"), "preview_urls", E::PreviewUrls),
        (with_top("preview_urls = false\n", ""), "preview_urls", E::PreviewUrls),
        (with_part_lines("preview_urls = true"), "preview_urls", E::PreviewUrls),
        (with(ROUTE, ""), "routes", E::NoRoute),
        (with(ROUTE, r#""gateway.contoso.com/*""#), "routes[0]", E::NotCustomDomain),
        (with(", custom_domain = true", ""), "routes[0]", E::NotCustomDomain),
        (with(", custom_domain = true", r#", zone_name = "contoso.com""#), "routes[0]", E::NotCustomDomain),
        (with("custom_domain = true", "custom_domain = false"), "routes[0]", E::NotCustomDomain),
        (with(ROUTE, &format!(r#"{ROUTE}, "contoso.com/*""#)), "routes[1]", E::NotCustomDomain),
        (with_top_lines(r#"route = "contoso.com/*""#), "route", E::NotCustomDomain),
        (with("gateway.contoso.com", "gateway.contoso.com/remediate"), "routes[0].pattern", E::RoutePattern),
        (with("gateway.contoso.com", "*.contoso.com"), "routes[0].pattern", E::RoutePattern),
        (with("gateway.contoso.com", "gateway<.contoso.com"), "routes[0].pattern", E::RoutePattern),
        (with("gateway.contoso.com", "localhost"), "routes[0].pattern", E::RoutePattern),
        (with("gateway.contoso.com", "https://contoso.com"), "routes[0].pattern", E::RoutePattern),
        (with("gateway.contoso.com", "gateway.contoso.WORKERS.dev"), "routes[0].pattern", E::RoutePattern),
        (with("custom_domain = true", "custom_domain = true, enabled = false"), "routes[0].enabled", E::RouteDisabled),
        (
            with("custom_domain = true", "custom_domain = true, previews_enabled = true"),
            "routes[0].previews_enabled",
            E::RoutePreviews,
        ),
    ]);
}

/// One log entry for each remediation, and no other data.
#[test]
fn missing_and_excess_logs_are_found() {
    const SAMPLING: &str = "head_sampling_rate = 1";
    const INVOCATION: &str = "invocation_logs = false";
    const LOGS: &str = "[env.production.observability.logs]\nenabled = true";
    const OBSERVED: &str = "[env.production.observability]\nenabled = true";
    assert_found_alone([
        (with(OBSERVED, "[env.production.observability]\nenabled = false"), "observability.enabled", E::LogsDisabled),
        (with(OBSERVED, "[env.production.observability]"), "observability.enabled", E::LogsDisabled),
        (
            with(LOGS, "[env.production.observability.logs]\nenabled = false"),
            "observability.logs.enabled",
            E::LogsDisabled,
        ),
        (with(SAMPLING, "head_sampling_rate = 0.5"), "observability.head_sampling_rate", E::LogsSampled),
        (with(SAMPLING, "head_sampling_rate = 0"), "observability.head_sampling_rate", E::LogsSampled),
        (
            with(INVOCATION, "invocation_logs = false\nhead_sampling_rate = 0.99"),
            "observability.logs.head_sampling_rate",
            E::LogsSampled,
        ),
        (with(INVOCATION, "invocation_logs = false\npersist = false"), "observability.logs.persist", E::LogsNotKept),
        (with(INVOCATION, "invocation_logs = true"), "observability.logs.invocation_logs", E::InvocationLogs),
        (with(INVOCATION, ""), "observability.logs.invocation_logs", E::InvocationLogs),
        (
            with(SAMPLING, "head_sampling_rate = 1\ntraces = { enabled = true }"),
            "observability.traces.enabled",
            E::Traces,
        ),
        (with(SAMPLING, "head_sampling_rate = \"all\""), "observability", E::WrongType),
        (with_tables("[[env.production.tail_consumers]]\nservice = \"tail\""), "tail_consumers", E::TailConsumers),
        (
            with_tables("[[env.production.streaming_tail_consumers]]\nservice = \"tail\""),
            "streaming_tail_consumers",
            E::TailConsumers,
        ),
    ]);
}

/// Once a day, so that the expiry of the certificate is logged in time.
#[test]
fn schedule_other_than_once_a_day_is_found() {
    const DAILY: &str = r#"crons = ["17 6 * * *"]"#;
    assert_found_alone([
        (with_top(DAILY, ""), "triggers.crons", E::NotDaily),
        (with_top(DAILY, "crons = []"), "triggers.crons", E::NotDaily),
        (with_top(DAILY, r#"crons = ["17 6 * * *", "17 18 * * *"]"#), "triggers.crons", E::NotDaily),
        (with_top(DAILY, r#"crons = ["*/5 * * * *"]"#), "triggers.crons[0]", E::NotDaily),
        (with_top(DAILY, r#"crons = ["17 6 * * 1"]"#), "triggers.crons[0]", E::NotDaily),
        (with_top(DAILY, r#"crons = ["17 6 1 * *"]"#), "triggers.crons[0]", E::NotDaily),
        (with_top(DAILY, r#"crons = ["60 6 * * *"]"#), "triggers.crons[0]", E::NotDaily),
        (with_top(DAILY, r#"crons = ["17 24 * * *"]"#), "triggers.crons[0]", E::NotDaily),
        (with_top(DAILY, r#"crons = ["17 6 * *"]"#), "triggers.crons[0]", E::NotDaily),
        (with_top(DAILY, r#"crons = ["+5 6 * * *"]"#), "triggers.crons[0]", E::NotDaily),
        (with_top(DAILY, r#"crons = ["5 +6 * * *"]"#), "triggers.crons[0]", E::NotDaily),
        (with_top(DAILY, r#"crons = "17 6 * * *""#), "triggers", E::WrongType),
        (with_part_lines("triggers = { crons = [] }"), "triggers.crons", E::NotDaily),
    ]);
}

/// The example of the file, without its comment signs.
fn with_rate_limiter() -> String {
    let commented = ["[[env.production.ratelimits]]", "name = \"RATE_LIMITER\"", "namespace_id", "simple"];
    commented.into_iter().fold(filled(), |text, line| {
        let comment = format!("# {line}");
        assert_eq!(text.matches(&comment).count(), 1, "{line}");
        text.replace(&comment, line)
    })
}

#[test]
fn invalid_or_extra_rate_limiters_are_found() {
    const NAME: &str = r#"name = "RATE_LIMITER""#;
    const NAMESPACE: &str = r#"namespace_id = "1001""#;
    let file = with_rate_limiter();
    assert_eq!(found(&file), []);
    let but = |from: &str, to: &str| {
        assert_eq!(file.matches(from).count(), 1, "{from}");
        file.replace(from, to)
    };
    let another = "[[env.production.ratelimits]]\nname = \"RATE_LIMITER\"\nnamespace_id = \"1002\"\nsimple = { limit = 1, period = 10 }\n";
    assert_found_alone([
        (but(NAME, r#"name = "LIMITER""#), "ratelimits[0].name", E::ExtraRateLimiter),
        (format!("{file}\n{another}"), "ratelimits[1].name", E::ExtraRateLimiter),
        (but(NAMESPACE, r#"namespace_id = "0""#), "ratelimits[0].namespace_id", E::RateNamespace),
        (but(NAMESPACE, r#"namespace_id = "gateway""#), "ratelimits[0].namespace_id", E::RateNamespace),
        (but(NAMESPACE, r#"namespace_id = "+1001""#), "ratelimits[0].namespace_id", E::RateNamespace),
        (but(NAMESPACE, "namespace_id = 1001"), "ratelimits", E::WrongType),
        (but("limit = 600", "limit = 0"), "ratelimits[0].simple.limit", E::RateLimit),
        (but("limit = 600", "limit = 0.5"), "ratelimits[0].simple.limit", E::RateLimit),
        (but("period = 60", "period = 3600"), "ratelimits[0].simple.period", E::RatePeriod),
        (but(", period = 60", ""), "ratelimits", E::WrongType),
        (but("[[env.production.ratelimits]]", "[[ratelimits]]"), "ratelimits", E::NotInherited),
        (with_variable(r#"RATE_LIMITER = "x""#), "RATE_LIMITER", E::BindingAsVariable { table: "ratelimits" }),
    ]);
}

/// The example of docs/operate.md replaces the part of the file.
#[test]
fn opentelemetry_export_example_is_accepted() {
    let page = include_str!("../../../docs/operate.md");
    let examples: Vec<_> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("```")).collect();
    let [(example, _)] = examples[..] else { panic!("{examples:?}") };
    // It stands in a list.
    let example: String = example.lines().flat_map(|line| [line.trim_start(), "\n"]).collect();
    assert!(example.contains("\ndestinations = ["), "{example}");
    let file = with("[env.production.observability.logs]\nenabled = true\ninvocation_logs = false\n", &example);
    assert_eq!(found(&file), []);
}

/// The ledger and its records.
#[test]
fn invalid_ledger_bindings_and_migrations_are_found() {
    const MIGRATION: &str = r#"new_sqlite_classes = ["Ledger"]"#;
    const BINDING: &str = "class_name = \"Ledger\"";
    assert_found_alone([
        (with_top(MIGRATION, r#"new_classes = ["Ledger"]"#), "migrations", E::LedgerNotCreated),
        (with_part_lines("migrations = []"), "migrations", E::LedgerNotCreated),
        (
            with_top(MIGRATION, &format!("{MIGRATION}\n[[migrations]]\ntag = \"v2\"\ndeleted_classes = [\"Ledger\"]")),
            "migrations[1].deleted_classes",
            E::LedgerLost,
        ),
        (
            with_top(
                MIGRATION,
                &format!(
                    "{MIGRATION}\n[[migrations]]\ntag = \"v2\"\nrenamed_classes = [{{ from = \"Ledger\", to = \"Book\" }}]"
                ),
            ),
            "migrations[1].renamed_classes",
            E::LedgerLost,
        ),
        (
            with_top(
                MIGRATION,
                &format!(
                    "{MIGRATION}\ntransferred_classes = [{{ from = \"Old\", from_script = \"other\", to = \"Ledger\" }}]"
                ),
            ),
            "migrations[0].transferred_classes",
            E::LedgerLost,
        ),
        (
            with_top(MIGRATION, r#"new_sqlite_classes = ["Ledger", "Extra"]"#),
            "migrations[0].new_sqlite_classes",
            E::ExtraClass,
        ),
        (
            with_top(MIGRATION, &format!("{MIGRATION}\nnew_classes = [\"Extra\"]")),
            "migrations[0].new_classes",
            E::ExtraClass,
        ),
        (
            with_tables("[env.production.exports.Ledger]\ntype = \"durable-object\"\nstate = \"deleted\""),
            "exports",
            E::UnknownSetting,
        ),
        (with(BINDING, "class_name = \"Leger\""), "durable_objects.bindings[0].class_name", E::ExtraClass),
        (
            with(BINDING, "class_name = \"Ledger\"\nscript_name = \"other\""),
            "durable_objects.bindings[0].script_name",
            E::LedgerElsewhere,
        ),
        (
            with(BINDING, "class_name = \"Ledger\"\nenvironment = \"staging\""),
            "durable_objects.bindings[0].environment",
            E::LedgerElsewhere,
        ),
        (
            with_tables("[[env.production.durable_objects.bindings]]\nname = \"EXTRA\"\nclass_name = \"Extra\""),
            "durable_objects.bindings[1].class_name",
            E::ExtraClass,
        ),
    ]);
}

/// Limits that the largest read of Graph's list would exceed: 82 MB in 10 pages, or 200 pages.
#[test]
fn limits_below_the_largest_read_are_found() {
    assert_found_alone([
        (with_part_lines("limits = { cpu_ms = 200 }"), "limits.cpu_ms", E::CpuLimit),
        (with_part_lines("limits = { cpu_ms = 10659 }"), "limits.cpu_ms", E::CpuLimit),
        (with_top_lines("limits = { cpu_ms = 10 }"), "limits.cpu_ms", E::CpuLimit),
        (with_part_lines("limits = { subrequests = 50 }"), "limits.subrequests", E::SubrequestLimit),
        (with_part_lines("limits = { subrequests = 213 }"), "limits.subrequests", E::SubrequestLimit),
    ]);
}

/// The tested build.
#[test]
fn untested_builds_and_settings_are_found() {
    assert_found_alone([
        (with_top(r#"main = "build/index.js""#, r#"main = "src/worker.js""#), "main", E::Main),
        (with_part_lines(r#"main = "other.js""#), "main", E::Main),
        (with_part_lines(r#"build = { command = "make other" }"#), "build.command", E::BuildCommand),
        (with_top(r#"name = "remediation-gateway""#, ""), "name", E::NoName),
        (with_top_lines("node_compat = true"), "node_compat", E::UnknownSetting),
        (with_part_lines("no_bundle = true"), "no_bundle", E::UnknownSetting),
        (with_part_lines(r#"define = { STOPPED = "false" }"#), "define", E::UnknownSetting),
        (with_part_lines("kv_namespaces = []"), "kv_namespaces", E::UnknownSetting),
        (with_part_lines("keep_vars = true"), "keep_vars", E::UnknownSetting),
        (with_top_lines("keep_vars = true"), "keep_vars", E::KeepVars),
    ]);
}

/// A release archive has no sources, so even the repository's own build cannot run there.
#[test]
fn build_command_in_an_archive_is_found() {
    let in_archive = |text: &str| check_deployment(text, "production", &[], DeployedFolder::Archive);
    let text = filled();
    let (before, rest) = text.split_once("\n[build]\n").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    assert_eq!(in_archive(&format!("{before}\n{after}")), Ok("CLIENT_SECRET"));
    assert_eq!(in_archive(&text), Err(vec![Finding::new("build.command", E::BuildInArchive)]));
}

#[test]
fn report_names_the_file_the_part_and_each_mistake() {
    let check = |text: &str| check_configuration("gateway.toml", text, "production", Vec::new(), false);
    let report = check(&filled()).unwrap();
    assert!(report.starts_with("==> gateway.toml: the production part has no mistake."), "{report}");
    assert!(report.contains("The value of CLIENT_SECRET is not in it"), "{report}");
    let report = check(COMMITTED).unwrap_err();
    assert!(report.starts_with("error: nothing was deployed. Correct the production part of gateway.toml:\n  "));
    for line in [
        "TENANT_ID: still has its placeholder <tenant id>",
        "AUDIENCE[0]: still has its placeholder <client id of the API>",
    ] {
        assert!(report.lines().any(|each| each.trim() == line), "{report}");
    }
}

/// Variables, and keys that are none.
#[test]
fn misplaced_variables_and_secrets_are_found() {
    const REQUIRED: &str = r#"required = ["CLIENT_SECRET"]"#;
    assert_found_alone([
        (with_variable(r#"CLIENT_SECRET = "hunter2""#), "CLIENT_SECRET", E::SecretInFile),
        (with_variable(r#"CLIENT_CERTIFICATE = "-----BEGIN""#), "CLIENT_CERTIFICATE", E::SecretInFile),
        (with_top("[vars]\n", "[vars]\nCLIENT_SECRET = \"hunter2\"\n"), "vars.CLIENT_SECRET", E::SecretInFile),
        (
            format!("{}\n[env.staging.vars]\nCLIENT_SECRET = \"hunter2\"\n", filled()),
            "env.staging.vars.CLIENT_SECRET",
            E::SecretInFile,
        ),
        (with_variable(r#"GRAPH_VERISON = "v1.0""#), "GRAPH_VERISON", E::UnknownVariable),
        (with_variable(r#"LEDGER = "x""#), "LEDGER", E::BindingAsVariable { table: "durable_objects.bindings" }),
        (with_variable("STOPPED = true"), "STOPPED", E::StopInFile),
        (with_variable(r#"STOPPED = "false""#), "STOPPED", E::StopInFile),
        (with(REQUIRED, "required = []"), "secrets.required", E::RequiredSecret),
        (with(REQUIRED, r#"required = ["SECRET"]"#), "secrets.required", E::RequiredSecret),
        (
            with(REQUIRED, r#"required = ["CLIENT_SECRET", "CLIENT_CERTIFICATE"]"#),
            "secrets.required",
            E::RequiredSecret,
        ),
        (filled().replace("[env.production.secrets]", "[secrets]"), "secrets", E::NotInherited),
        (
            filled().replace("[[env.production.durable_objects", "[[env.staging.durable_objects"),
            "durable_objects",
            E::NotInherited,
        ),
        (filled().replace("env.production.vars", "env.staging.vars"), "vars", E::NotInherited),
        (split().0, "env.production", E::NoEnvironment),
        (filled().replace("env.production", "env.staging"), "env.production", E::NoEnvironment),
        ("env = 1".to_owned(), "env.production", E::NoEnvironment),
    ]);
}

#[test]
fn permitted_settings_are_accepted() {
    for text in [
        with("https://login.microsoftonline.com", "https://LOGIN.microsoftonline.com/"),
        with("GRAPH_URL = \"https://graph.microsoft.com\"\n", ""),
        with_top("2026-10-23", "2026-10-01"),
        with_top("workers_dev = false\n", ""),
        with_top("2026-10-23\"", "2025-01-01\"")
            .replace("[env.production]\n", "[env.production]\ncompatibility_date = \"2026-11-20\"\n"),
        with_top("preview_urls = false", "preview_urls = true")
            .replace("[env.production]\n", "[env.production]\npreview_urls = false\n"),
        with("gateway.contoso.com", "gateway.contosoworkers.dev"),
        // The top level's part is replaced as a unit.
        with_top("[observability]\nenabled = true", "[observability]\nenabled = false\nhead_sampling_rate = 0.1"),
        with("invocation_logs = false", "invocation_logs = false\npersist = false\ndestinations = [\"sentinel\"]"),
        with_part_lines("limits = { cpu_ms = 10660, subrequests = 214 }"),
        with_top_lines("limits = { cpu_ms = 10 }")
            .replace("[env.production]\n", "[env.production]\nlimits = { cpu_ms = 30000 }\n"),
        with_part_lines("logpush = true\naccount_id = \"0123\"\nname = \"gateway\""),
        with_top_lines("tail_consumers = []\nkeep_vars = false"),
        format!("{}\n[env.staging]\nworkers_dev = true\n", filled()),
    ] {
        assert_eq!(found(&text), [], "{text}");
    }
}

#[test]
fn audience_of_microsoft_or_another_api_is_rejected() {
    for (text, expected) in [
        ("api://11112222-bbbb-3333-cccc-4444dddd5555", None),
        ("11112222-BBBB-3333-cccc-4444dddd5555", None),
        ("api://remediation-gateway/", None),
        ("api://contoso.onmicrosoft.com/gateway", None),
        ("api://notmicrosoft.com", None),
        ("https://graph.microsoft.com", Some(DeployError::MicrosoftAudience)),
        ("https://graph.microsoft.com/", Some(DeployError::MicrosoftAudience)),
        ("HTTPS://Graph.Microsoft.COM:443/.default", Some(DeployError::MicrosoftAudience)),
        ("graph.microsoft.com", Some(DeployError::MicrosoftAudience)),
        ("api://graph.microsoft.com", Some(DeployError::MicrosoftAudience)),
        ("https://graph.microsoft.us", Some(DeployError::ForeignAudience)),
        ("00000003-0000-0000-C000-000000000000", Some(DeployError::MicrosoftAudience)),
        ("00000003-0000-0000-c000-000000000000/", Some(DeployError::MicrosoftAudience)),
        ("api://00000003-0000-0000-c000-000000000000", Some(DeployError::MicrosoftAudience)),
        ("00000002-0000-0ff1-ce00-000000000000", Some(DeployError::MicrosoftAudience)),
        ("797f4846-ba00-4fd7-ba43-dac1f8f63013", Some(DeployError::MicrosoftAudience)),
        ("https://management.azure.com", Some(DeployError::MicrosoftAudience)),
        ("https://management.core.windows.net/", Some(DeployError::MicrosoftAudience)),
        ("https://outlook.office.com", Some(DeployError::MicrosoftAudience)),
        ("https://outlook.office365.com/", Some(DeployError::MicrosoftAudience)),
        ("https://vault.azure.net", Some(DeployError::MicrosoftAudience)),
        ("https://storage.azure.com/", Some(DeployError::MicrosoftAudience)),
        ("https://api.securitycenter.microsoft.com", Some(DeployError::MicrosoftAudience)),
        ("https://contoso.sharepoint.com", Some(DeployError::MicrosoftAudience)),
        ("api://AzureADTokenExchange", Some(DeployError::MicrosoftAudience)),
        ("https://gateway.contoso.com", Some(DeployError::ForeignAudience)),
        ("https://some-new-api.example", Some(DeployError::ForeignAudience)),
        ("spn:11112222-bbbb-3333-cccc-4444dddd5555", Some(DeployError::ForeignAudience)),
        ("11112222-bbbb-3333-cccc-4444dddd5555/.default", Some(DeployError::ForeignAudience)),
        ("gateway", Some(DeployError::ForeignAudience)),
        ("api://", Some(DeployError::ForeignAudience)),
    ] {
        assert_eq!(audience::find_error(text), expected, "{text}");
        let file = with("AUDIENCE = [", &format!("AUDIENCE = [{text:?}, "));
        let expected: Vec<_> = expected.map(|error| ("AUDIENCE[0]".to_owned(), error)).into_iter().collect();
        assert_eq!(found(&file), expected, "{text}");
    }
}

/// wrangler lets its command line override the file, which would undo the check.
#[test]
fn flags_that_override_the_file_are_found() {
    let found = |flags: &str| {
        let flags: Vec<_> = flags.split(' ').map(str::to_owned).collect();
        let findings =
            check_deployment(&filled(), "production", &flags, DeployedFolder::Checkout).err().unwrap_or_default();
        findings.into_iter().map(|finding| (finding.key, finding.error)).collect::<Vec<_>>()
    };
    assert_eq!(found("--dry-run --outdir out --tag v1.0.0 --message=text"), []);
    for (flags, key) in [
        ("--keep-vars", "--keep-vars"),
        ("--dry-run --var LOGIN_URL:https://contoso.com", "--var"),
        ("--compatibility-date=2025-01-01", "--compatibility-date"),
        ("--compatibilityDate 2025-01-01", "--compatibilityDate"),
        ("--route contoso.com/*", "--route"),
        ("-e staging", "-e"),
        ("--no-dry-run", "--no-dry-run"),
    ] {
        assert_eq!(found(flags), [(key.to_owned(), E::UncheckedFlag)], "{flags}");
    }
}

#[test]
fn syntax_error_is_reported_with_its_line_number() {
    assert_eq!(keys("a = 1\nb = \"open"), ["line 2"]);
}

#[test]
fn all_mistakes_are_reported_at_once_without_their_values() {
    let text = with_variable(r#"CLIENT_SECRET = "hunter2""#)
        .replace("https://login.microsoftonline.com", "http://hunter2")
        .replace(r#"GRAPH_VERSION = "v1.0""#, r#"GRAPH_VERSION = "hunter2""#)
        .replace("[\"api://", "[\"https://hunter2\", \"api://")
        .replace("gateway.contoso.com", "<host>")
        .replace("head_sampling_rate = 1", "head_sampling_rate = \"hunter2\"")
        .replace("workers_dev = false", "workers_dev = true")
        .replace("2026-10-23", "2025-01-01");
    let findings = production(&text).unwrap_err();
    let keys: BTreeSet<_> = findings.iter().map(|finding| finding.key.as_str()).collect();
    assert_eq!(
        keys,
        BTreeSet::from([
            "AUDIENCE[0]",
            "CLIENT_SECRET",
            "GRAPH_VERSION",
            "LOGIN_URL",
            "compatibility_date",
            "observability",
            "routes[0].pattern",
            "workers_dev",
        ])
    );
    assert!(!findings.iter().any(|finding| finding.to_string().contains("hunter2")), "{findings:?}");
}

#[test]
fn committed_development_part_has_no_mistake() {
    let of = |part| find_variable_errors(&EffectiveConfig::merge(&part, &part, "development", &mut Vec::new()));
    assert_eq!(of(parse(COMMITTED).unwrap()), []);
    let mut empty = Map::new();
    empty.insert("vars".to_owned(), Map::new().into());
    empty.insert("durable_objects".to_owned(), Map::new().into());
    assert_eq!(
        of(empty).iter().map(|finding| finding.key.as_str()).collect::<Vec<_>>(),
        ["TENANT_ID", "CLIENT_ID", "CALLERS", "LEDGER"]
    );
}
