//! The check: the file is parsed, merged as wrangler merges it, and compared with every rule.

use remediation_gateway::config::{Config, LEDGER, RATE_LIMITER, VARIABLES, Variables};
use remediation_gateway::runtime::Domains;
use remediation_gateway::time::Timestamp;
use serde_json::{Map, Value};

use crate::effective::EffectiveConfig;
use crate::error::{DeployError, Finding};
use crate::rules::{self, SECRETS};

/// Replaces the value of the secret. The file says only that the secret exists.
const DUMMY_SECRET: (&str, &str) = ("CLIENT_SECRET", "not-in-the-file");

/// The folder that is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeployedFolder {
    /// The sources, from which `make` builds the Worker.
    Checkout,
    /// A release, which has the built Worker and no sources.
    Archive,
}

/// Checks the configuration that wrangler would deploy from `text` for `environment` with `flags`. Returns the name of
/// the required secret.
pub(crate) fn check_deployment(
    text: &str,
    environment: &str,
    flags: &[String],
    folder: DeployedFolder,
) -> Result<&'static str, Vec<Finding>> {
    let file = parse(text).map_err(|finding| vec![finding])?;
    let part = file.get("env").and_then(|env| env.get(environment)).and_then(Value::as_object);
    let Some(part) = part else {
        return Err(vec![Finding::new(format!("env.{environment}"), DeployError::NoEnvironment)]);
    };
    let placeholders = find_placeholders(part);
    let mut mistyped = Vec::new();
    let config = EffectiveConfig::merge(&file, part, environment, &mut mistyped);
    let mut broken = rules::find_violations(&config, folder);
    // One mistake gives one finding: a placeholder, or the default instead of a mistyped value, also breaks other
    // rules.
    broken.retain(|finding| !placeholders.iter().chain(&mistyped).any(|outer| is_member(&outer.key, &finding.key)));
    // A finding about a placeholder, or of a rule of this program, is more precise than the Worker's error.
    let mut variables = find_variable_errors(&config);
    variables.retain(|finding| !placeholders.iter().chain(&broken).any(|inner| is_item(&finding.key, &inner.key)));

    let elsewhere = secrets_elsewhere(&file, environment);
    let unchecked = rules::unchecked_flags(flags.iter());
    let found: Vec<_> =
        [placeholders, mistyped, variables, elsewhere, broken, unchecked].into_iter().flatten().collect();
    let required: Vec<_> = config.required_secrets.iter().map(String::as_str).collect();
    rules::required_secret(&required).filter(|_| found.is_empty()).ok_or(found)
}

/// Returns the file as JSON, in the form in which the Worker receives its tables and arrays.
pub(crate) fn parse(text: &str) -> Result<Map<String, Value>, Finding> {
    // The message names the line. The full message would show its text.
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
        Finding::new(format!("line {}", line.saturating_add(1)), DeployError::NotToml(error.message().to_owned()))
    })
}

/// Returns the errors that the Worker would find in its variables and bindings.
pub(crate) fn find_variable_errors(config: &EffectiveConfig) -> Vec<Finding> {
    let lacks = |key: &str| config.not_inherited.contains(&key);
    if lacks("vars") {
        return Vec::new();
    }
    let mut variables: Variables =
        VARIABLES.into_iter().filter_map(|name| Some((name, config.vars.get(name)?.clone()))).collect();
    variables.remove(LEDGER);
    // Rules check the rate limiter, and the other properties of the ledger's binding.
    variables.remove(RATE_LIMITER);
    if lacks("durable_objects") || config.durable_objects.bindings.iter().any(|binding| binding.name == LEDGER) {
        variables.insert(LEDGER, Value::Object(Map::new()));
    }
    for name in SECRETS {
        variables.remove(name);
    }
    variables.insert(DUMMY_SECRET.0, DUMMY_SECRET.1.into());
    // The value replaces a certificate, too, so no error depends on the time.
    let now = Timestamp::from_seconds(0);
    let errors = Config::check(&variables, &IdnaDomains, now).err().unwrap_or_default();
    errors.into_iter().map(|error| Finding::new(error.variable, DeployError::Variable(error.problem))).collect()
}

/// Returns every `<…>` in the texts of `part`. No valid value has both brackets.
pub(crate) fn find_placeholders(part: &Map<String, Value>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (key, value) in part {
        collect_placeholders(value, key, &mut found);
    }
    found
}

fn collect_placeholders(value: &Value, key: &str, found: &mut Vec<Finding>) {
    match value {
        Value::String(text) => {
            if let Some((_, (placeholder, _))) =
                text.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
            {
                let key = key.strip_prefix("vars.").unwrap_or(key);
                found.push(Finding::new(key, DeployError::Placeholder(placeholder.to_owned())));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_placeholders(item, &format!("{key}[{index}]"), found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                collect_placeholders(member, &format!("{key}.{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns the secrets in the variables of the top level or of another environment. They are not deployed, but every
/// reader of the file sees them.
fn secrets_elsewhere(file: &Map<String, Value>, environment: &str) -> Vec<Finding> {
    let environments = file.get("env").and_then(Value::as_object).into_iter().flatten();
    let others = environments.filter(|(name, _)| *name != environment);
    let parts = others.map(|(name, part)| (format!("env.{name}.vars"), part.get("vars")));
    let has = |vars: Option<&Value>, secret: &str| vars.is_some_and(|vars| vars.get(secret).is_some());
    parts
        .chain([("vars".to_owned(), file.get("vars"))])
        .flat_map(|(key, vars)| SECRETS.map(|secret| has(vars, secret).then(|| format!("{key}.{secret}"))))
        .flatten()
        .map(|key| Finding::new(key, DeployError::SecretInFile))
        .collect()
}

/// Returns whether `key` is `outer`, or an item in it.
fn is_item(outer: &str, key: &str) -> bool {
    key.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
}

/// Returns whether `key` is `outer`, or a member of it.
fn is_member(outer: &str, key: &str) -> bool {
    key.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Internationalised domain names by a library; in the Worker the platform parses them.
struct IdnaDomains;

impl Domains for IdnaDomains {
    fn to_ascii(&self, domain: &str) -> Option<String> {
        idna::domain_to_ascii(domain).ok()
    }
}
