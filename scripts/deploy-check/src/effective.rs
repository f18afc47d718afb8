//! The configuration that wrangler deploys for one environment: the top level merged with the environment's part.
//!
//! wrangler merges key by key and never within a value: a key of the part replaces the whole value of the top level
//! (`normalizeAndValidateEnvironment` in wrangler's source). wrangler's defaults apply to keys that are in neither.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{DeployError, Finding};

/// Keys that a rule checks, or that do not affect the gateway's promises.
const KNOWN: [&str; 23] = [
    "account_id",
    "build",
    "compatibility_date",
    "compatibility_flags",
    "compliance_region",
    "durable_objects",
    "limits",
    "logpush",
    "main",
    "migrations",
    "name",
    "observability",
    "placement",
    "preview_urls",
    "ratelimits",
    "route",
    "routes",
    "secrets",
    "streaming_tail_consumers",
    "tail_consumers",
    "triggers",
    "vars",
    "workers_dev",
];
/// Keys of the top level only.
const TOP_LEVEL: [&str; 5] = ["$schema", "dev", "env", "keep_vars", "send_metrics"];

/// The configuration that is deployed. `None` means an absent key with Cloudflare's default.
#[derive(Debug)]
pub(crate) struct EffectiveConfig {
    pub(crate) name: Option<String>,
    pub(crate) main: Option<String>,
    pub(crate) build: Build,
    pub(crate) compatibility_date: Option<String>,
    pub(crate) compatibility_flags: Vec<String>,
    /// If absent, wrangler enables it unless there is a route.
    pub(crate) workers_dev: bool,
    pub(crate) preview_urls: Option<bool>,
    pub(crate) route: Option<Value>,
    pub(crate) routes: Vec<Route>,
    pub(crate) limits: Limits,
    pub(crate) observability: Observability,
    pub(crate) tail_consumers: Vec<Value>,
    pub(crate) streaming_tail_consumers: Vec<Value>,
    pub(crate) migrations: Vec<Migration>,
    pub(crate) keep_vars: bool,
    pub(crate) durable_objects: DurableObjects,
    pub(crate) ratelimits: Vec<RateLimiter>,
    pub(crate) triggers: Triggers,
    pub(crate) required_secrets: Vec<String>,
    pub(crate) vars: Map<String, Value>,
    /// Keys of either level that no rule checks.
    pub(crate) unknown: Vec<String>,
    /// Keys that the part must have itself, and does not have.
    pub(crate) not_inherited: Vec<&'static str>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Build {
    pub(crate) command: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Route {
    Table {
        pattern: String,
        #[serde(default)]
        custom_domain: bool,
        #[serde(default = "default_true")]
        enabled: bool,
        #[serde(default)]
        previews_enabled: bool,
    },
    Pattern(#[expect(dead_code, reason = "a bare pattern is no custom domain, whatever it says")] String),
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Limits {
    pub(crate) cpu_ms: Option<f64>,
    pub(crate) subrequests: Option<f64>,
}

/// Settings of the logs, with the defaults that `wrangler deploy` assumes (`normalizeObservability` in its source).
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Observability {
    pub(crate) enabled: bool,
    pub(crate) head_sampling_rate: f64,
    pub(crate) logs: Logs,
    pub(crate) traces: Traces,
}

impl Default for Observability {
    fn default() -> Self {
        Self { enabled: false, head_sampling_rate: 1.0, logs: Logs::default(), traces: Traces::default() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the names are wrangler's")]
pub(crate) struct Logs {
    /// If absent, wrangler takes `observability.enabled`.
    pub(crate) enabled: Option<bool>,
    pub(crate) head_sampling_rate: f64,
    pub(crate) invocation_logs: bool,
    pub(crate) persist: bool,
    pub(crate) destinations: Vec<String>,
}

impl Default for Logs {
    fn default() -> Self {
        Self { enabled: None, head_sampling_rate: 1.0, invocation_logs: true, persist: true, destinations: Vec::new() }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Traces {
    pub(crate) enabled: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the names are wrangler's")]
pub(crate) struct Migration {
    pub(crate) new_classes: Vec<String>,
    pub(crate) new_sqlite_classes: Vec<String>,
    pub(crate) deleted_classes: Vec<Value>,
    pub(crate) renamed_classes: Vec<Value>,
    pub(crate) transferred_classes: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct DurableObjects {
    #[serde(default)]
    pub(crate) bindings: Vec<DurableObject>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DurableObject {
    pub(crate) name: String,
    pub(crate) class_name: String,
    pub(crate) script_name: Option<Value>,
    pub(crate) environment: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RateLimiter {
    pub(crate) name: String,
    pub(crate) namespace_id: String,
    pub(crate) simple: Rate,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Rate {
    pub(crate) limit: f64,
    pub(crate) period: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Triggers {
    pub(crate) crons: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Secrets {
    #[serde(default)]
    required: Vec<String>,
}

impl EffectiveConfig {
    /// Merges `part`, the environment `environment` of `file`, with the top level, and adds each value of a wrong
    /// type to `findings`.
    pub(crate) fn merge(
        file: &Map<String, Value>,
        part: &Map<String, Value>,
        environment: &str,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let mut typed = TypedReader(findings);
        let inherited = |key: &str| part.get(key).or_else(|| file.get(key));
        let own = |key: &str| part.get(key);

        let route: Option<Value> = inherited("route").cloned();
        let routes: Vec<Route> = typed.get("routes", inherited("routes"));
        let workers_dev: Option<bool> = typed.get("workers_dev", inherited("workers_dev"));
        let own_name: Option<String> = typed.get("name", own("name"));
        let top_name: Option<String> = if own_name.is_some() { None } else { typed.get("name", file.get("name")) };
        let secrets: Secrets = typed.get("secrets", own("secrets"));
        Self {
            name: own_name.or_else(|| Some(format!("{}-{environment}", top_name?))),
            main: typed.get("main", inherited("main")),
            build: typed.get("build", inherited("build")),
            compatibility_date: typed.get("compatibility_date", inherited("compatibility_date")),
            compatibility_flags: typed.get("compatibility_flags", inherited("compatibility_flags")),
            workers_dev: workers_dev.unwrap_or(routes.is_empty() && route.is_none()),
            preview_urls: typed.get("preview_urls", inherited("preview_urls")),
            route,
            routes,
            limits: typed.get("limits", inherited("limits")),
            observability: typed.get("observability", inherited("observability")),
            tail_consumers: typed.get("tail_consumers", own("tail_consumers")),
            streaming_tail_consumers: typed.get("streaming_tail_consumers", own("streaming_tail_consumers")),
            migrations: typed.get("migrations", inherited("migrations")),
            keep_vars: typed.get("keep_vars", file.get("keep_vars")),
            durable_objects: typed.get("durable_objects", own("durable_objects")),
            ratelimits: typed.get("ratelimits", own("ratelimits")),
            triggers: typed.get("triggers", inherited("triggers")),
            required_secrets: secrets.required,
            vars: typed.get("vars", own("vars")),
            unknown: unknown_keys(file.keys().filter(|key| !TOP_LEVEL.contains(&key.as_str())).chain(part.keys())),
            not_inherited: ["vars", "durable_objects", "secrets", "ratelimits"]
                .into_iter()
                // A rate limit is optional, but a rate limit at the top level is meant for this part too.
                .filter(|key| own(key).is_none() && (*key != "ratelimits" || file.contains_key(*key)))
                .collect(),
        }
    }
}

/// Returns the keys that no rule checks, each once.
fn unknown_keys<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<String> {
    let unknown: BTreeSet<_> = keys.filter(|key| !KNOWN.contains(&key.as_str())).collect();
    unknown.into_iter().cloned().collect()
}

/// Reads typed values.
struct TypedReader<'a>(&'a mut Vec<Finding>);

impl TypedReader<'_> {
    /// Returns the value of `key`, or the default if it is absent or has the wrong type.
    fn get<T: DeserializeOwned + Default>(&mut self, key: &str, value: Option<&Value>) -> T {
        let Some(value) = value else { return T::default() };
        // serde's message may show the value.
        serde_json::from_value(value.clone()).unwrap_or_else(|_| {
            self.0.push(Finding::new(key, DeployError::WrongType));
            T::default()
        })
    }
}

const fn default_true() -> bool {
    true
}
