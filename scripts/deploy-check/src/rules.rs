//! The rules for the deployed configuration, one line for each.

use crate::audience;
use crate::check::DeployedFolder;
use crate::effective::{EffectiveConfig, Migration, Route};
use crate::error::{DeployError, Finding};
use crate::limits::{MIN_COMPATIBILITY_DATE, MIN_CPU_MS, MIN_SUBREQUESTS};
use remediation_gateway::config::{LEDGER, RATE_LIMITER, STOPPED, VARIABLES};
use serde_json::Value;

/// The gateway's secrets. Exactly one is required. Their values are never in the file.
pub(crate) const SECRETS: [&str; 2] = ["CLIENT_SECRET", "CLIENT_CERTIFICATE"];
/// Class of the ledger's Durable Objects.
const LEDGER_CLASS: &str = "Ledger";
/// The file that `make build` writes.
const MAIN: &str = "build/index.js";
/// The command that builds it.
const BUILD_COMMAND: &str = "make --no-print-directory build";
/// Variables with the URLs of Microsoft's services, and their only accepted values.
///
/// `LOGIN_URL` receives the gateway's credential, and `GRAPH_URL` a token that can delete any mail of the tenant.
const MICROSOFT_URLS: [(&str, &str); 2] =
    [("LOGIN_URL", "https://login.microsoftonline.com"), ("GRAPH_URL", "https://graph.microsoft.com")];
/// Flags of `wrangler deploy` that do not change the deployment.
const HARMLESS_FLAGS: [&str; 6] = ["--dry-run", "--message", "--metafile", "--outdir", "--strict", "--tag"];

/// Returns every rule that `config` violates.
pub(crate) fn find_violations(config: &EffectiveConfig, folder: DeployedFolder) -> Vec<Finding> {
    let mut found = Violations(Vec::new());
    check_platform(config, folder, &mut found);
    check_reachability(config, &mut found);
    check_logs(config, &mut found);
    check_ledger(config, &mut found);
    check_cron(config, &mut found);
    check_rate_limit(config, &mut found);
    check_variables(config, &mut found);
    found.0
}

fn check_platform(config: &EffectiveConfig, folder: DeployedFolder, found: &mut Violations) {
    let EffectiveConfig { build, limits, .. } = config;
    found.add_all(config.unknown.iter(), |key| Some((key.clone(), DeployError::UnknownSetting)));
    found.add_all(config.not_inherited.iter(), |key| Some(((*key).to_owned(), DeployError::NotInherited)));
    found.add_if(config.name.is_none(), "name", DeployError::NoName);
    found.add_if(config.main.as_deref() != Some(MAIN), "main", DeployError::Main);
    if let Some(command) = &build.command {
        match folder {
            DeployedFolder::Checkout => {
                found.add_if(command != BUILD_COMMAND, "build.command", DeployError::BuildCommand);
            }
            DeployedFolder::Archive => found.add("build.command", DeployError::BuildInArchive),
        }
    }
    found.add_if(
        !is_late_enough(config.compatibility_date.as_deref()),
        "compatibility_date",
        DeployError::CompatibilityDate,
    );
    found.add_if(!config.compatibility_flags.is_empty(), "compatibility_flags", DeployError::CompatibilityFlags);
    let is_below = |limit: Option<f64>, least: u32| limit.is_some_and(|limit| limit < f64::from(least));
    let least_cpu_ms = u32::try_from(MIN_CPU_MS).unwrap_or(u32::MAX);
    found.add_if(is_below(limits.cpu_ms, least_cpu_ms), "limits.cpu_ms", DeployError::CpuLimit);
    found.add_if(is_below(limits.subrequests, MIN_SUBREQUESTS), "limits.subrequests", DeployError::SubrequestLimit);
    found.add_if(config.keep_vars, "keep_vars", DeployError::KeepVars);
}

fn check_reachability(config: &EffectiveConfig, found: &mut Violations) {
    found.add_if(config.workers_dev, "workers_dev", DeployError::WorkersDev);
    found.add_if(config.preview_urls != Some(false), "preview_urls", DeployError::PreviewUrls);
    found.add_if(config.route.is_some(), "route", DeployError::NotCustomDomain);
    found.add_if(config.route.is_none() && config.routes.is_empty(), "routes", DeployError::NoRoute);
    for (index, route) in config.routes.iter().enumerate() {
        let key = format!("routes[{index}]");
        let Route::Table { pattern, custom_domain: true, enabled, previews_enabled } = route else {
            found.add(key, DeployError::NotCustomDomain);
            continue;
        };
        found.add_if(!is_own_host(pattern), format!("{key}.pattern"), DeployError::RoutePattern);
        found.add_if(!enabled, format!("{key}.enabled"), DeployError::RouteDisabled);
        found.add_if(*previews_enabled, format!("{key}.previews_enabled"), DeployError::RoutePreviews);
    }
}

fn check_logs(config: &EffectiveConfig, found: &mut Violations) {
    let observability = &config.observability;
    let logs = &observability.logs;
    let is_sampled = |rate: f64| !(1.0..=1.0).contains(&rate);
    let is_lost = !logs.persist && logs.destinations.is_empty();
    found.add_if(!observability.enabled, "observability.enabled", DeployError::LogsDisabled);
    found.add_if(logs.enabled == Some(false), "observability.logs.enabled", DeployError::LogsDisabled);
    found.add_if(
        is_sampled(observability.head_sampling_rate),
        "observability.head_sampling_rate",
        DeployError::LogsSampled,
    );
    found.add_if(
        is_sampled(logs.head_sampling_rate),
        "observability.logs.head_sampling_rate",
        DeployError::LogsSampled,
    );
    found.add_if(is_lost, "observability.logs.persist", DeployError::LogsNotKept);
    found.add_if(logs.invocation_logs, "observability.logs.invocation_logs", DeployError::InvocationLogs);
    found.add_if(observability.traces.enabled, "observability.traces.enabled", DeployError::Traces);
    found.add_if(!config.tail_consumers.is_empty(), "tail_consumers", DeployError::TailConsumers);
    found.add_if(!config.streaming_tail_consumers.is_empty(), "streaming_tail_consumers", DeployError::TailConsumers);
}

fn check_ledger(config: &EffectiveConfig, found: &mut Violations) {
    let makes_ledger = |migration: &Migration| migration.new_sqlite_classes.iter().any(|class| class == LEDGER_CLASS);
    found.add_if(!config.migrations.iter().any(makes_ledger), "migrations", DeployError::LedgerNotCreated);
    for (index, migration) in config.migrations.iter().enumerate() {
        let key = |list: &str| format!("migrations[{index}].{list}");
        let is_extra = |classes: &[String]| classes.iter().any(|class| class != LEDGER_CLASS);
        found.add_if(!migration.deleted_classes.is_empty(), key("deleted_classes"), DeployError::LedgerLost);
        found.add_if(!migration.renamed_classes.is_empty(), key("renamed_classes"), DeployError::LedgerLost);
        found.add_if(!migration.transferred_classes.is_empty(), key("transferred_classes"), DeployError::LedgerLost);
        found.add_if(is_extra(&migration.new_classes), key("new_classes"), DeployError::ExtraClass);
        found.add_if(is_extra(&migration.new_sqlite_classes), key("new_sqlite_classes"), DeployError::ExtraClass);
    }
    for (index, binding) in config.durable_objects.bindings.iter().enumerate() {
        let key = |member: &str| format!("durable_objects.bindings[{index}].{member}");
        found.add_if(binding.script_name.is_some(), key("script_name"), DeployError::LedgerElsewhere);
        found.add_if(binding.environment.is_some(), key("environment"), DeployError::LedgerElsewhere);
        found.add_if(binding.class_name != LEDGER_CLASS, key("class_name"), DeployError::ExtraClass);
    }
}

fn check_cron(config: &EffectiveConfig, found: &mut Violations) {
    let is_below = |field: &str, most: u32| unsigned(field).is_some_and(|number| number < most);
    let is_daily = |cron: &str| match cron.split(' ').collect::<Vec<_>>()[..] {
        [minute, hour, "*", "*", "*"] => is_below(minute, 60) && is_below(hour, 24),
        _ => false,
    };
    let [cron] = &config.triggers.crons[..] else { return found.add("triggers.crons", DeployError::NotDaily) };
    found.add_if(!is_daily(cron), "triggers.crons[0]", DeployError::NotDaily);
}

fn check_rate_limit(config: &EffectiveConfig, found: &mut Violations) {
    for (index, limiter) in config.ratelimits.iter().enumerate() {
        let key = |member: &str| format!("ratelimits[{index}].{member}");
        let is_positive = |number: f64| number >= 1.0 && number.fract() == 0.0;
        let is_namespace = unsigned(&limiter.namespace_id).is_some_and(|id| id > 0);
        found.add_if(index > 0 || limiter.name != RATE_LIMITER, key("name"), DeployError::ExtraRateLimiter);
        found.add_if(!is_namespace, key("namespace_id"), DeployError::RateNamespace);
        found.add_if(!is_positive(limiter.simple.limit), key("simple.limit"), DeployError::RateLimit);
        found.add_if(![10.0, 60.0].contains(&limiter.simple.period), key("simple.period"), DeployError::RatePeriod);
    }
}

fn check_variables(config: &EffectiveConfig, found: &mut Violations) {
    let required: Vec<_> = config.required_secrets.iter().map(String::as_str).collect();
    let has_part = !config.not_inherited.contains(&"secrets");
    found.add_if(has_part && required_secret(&required).is_none(), "secrets.required", DeployError::RequiredSecret);
    found.add_all(config.vars.keys(), |name| Some((name.clone(), misplacement(name)?)));
    for (name, expected) in MICROSOFT_URLS {
        let url = config.vars.get(name).and_then(Value::as_str);
        found.add_if(url.is_some_and(|url| !is_url(url, expected)), name, DeployError::ForeignHost { expected });
    }
    for (key, audience) in audience::entries(config.vars.get("AUDIENCE")) {
        found.add_all(audience::find_error(audience).into_iter(), |error| Some((key.clone(), error)));
    }
}

/// Parses digits only. Rust's own parser also takes a plus sign, which Cloudflare may reject or read differently.
fn unsigned(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns the secret in `required` if it is one of the gateway's and the only one.
pub(crate) fn required_secret(required: &[&str]) -> Option<&'static str> {
    let [name] = required else { return None };
    SECRETS.into_iter().find(|secret| secret == name)
}

/// Returns the reason why the file must not have a variable `name`, if there is one.
fn misplacement(name: &str) -> Option<DeployError> {
    match name {
        secret if SECRETS.contains(&secret) => Some(DeployError::SecretInFile),
        LEDGER => Some(DeployError::BindingAsVariable { table: "durable_objects.bindings" }),
        RATE_LIMITER => Some(DeployError::BindingAsVariable { table: "ratelimits" }),
        STOPPED => Some(DeployError::StopInFile),
        known if VARIABLES.contains(&known) => None,
        _ => Some(DeployError::UnknownVariable),
    }
}

/// Returns whether `url` is `expected` as the Worker reads it: ignoring a trailing slash and the host's case.
fn is_url(url: &str, expected: &str) -> bool {
    url.strip_suffix('/').unwrap_or(url).eq_ignore_ascii_case(expected)
}

/// Returns whether `date` is a date, and not before the first one that the ledger supports. Dates of this form sort as
/// texts.
fn is_late_enough(date: Option<&str>) -> bool {
    let has_form = |date: &str| {
        let pattern = MIN_COMPATIBILITY_DATE.bytes();
        date.len() == pattern.len()
            && date.bytes().zip(pattern).all(|(byte, of)| byte.is_ascii_digit() == of.is_ascii_digit())
    };
    date.is_some_and(|date| has_form(date) && date >= MIN_COMPATIBILITY_DATE)
}

/// Returns whether `pattern` is only a host name, outside `workers.dev`.
fn is_own_host(pattern: &str) -> bool {
    let host = pattern.to_ascii_lowercase();
    let has_only_labels = host
        .split('.')
        .all(|label| !label.is_empty() && label.chars().all(|each| each.is_alphanumeric() || each == '-'));
    host.contains('.') && has_only_labels && !host.ends_with(".workers.dev")
}

/// Returns each flag of wrangler's command line that would change the checked configuration.
pub(crate) fn unchecked_flags<'a>(flags: impl Iterator<Item = &'a String>) -> Vec<Finding> {
    let names = flags.filter(|flag| flag.starts_with('-')).map(|flag| flag.split('=').next().unwrap_or_default());
    names
        .filter(|name| !HARMLESS_FLAGS.contains(name))
        .map(|name| Finding::new(name, DeployError::UncheckedFlag))
        .collect()
}

/// Violated rules.
struct Violations(Vec<Finding>);

impl Violations {
    fn add(&mut self, key: impl Into<String>, error: DeployError) {
        self.0.push(Finding::new(key, error));
    }

    /// Adds `error` if the rule is violated.
    fn add_if(&mut self, is_broken: bool, key: impl Into<String>, error: DeployError) {
        if is_broken {
            self.add(key, error);
        }
    }

    /// Adds each error that `check` finds in `items`.
    fn add_all<T>(&mut self, items: impl Iterator<Item = T>, check: impl Fn(T) -> Option<(String, DeployError)>) {
        self.0.extend(items.filter_map(check).map(|(key, error)| Finding { key, error }));
    }
}
