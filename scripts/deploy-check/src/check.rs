//! The whole check: the file is parsed, merged as wrangler merges it, and held to every rule.

use remediation_gateway::config::{Config, LEDGER, RATE_LIMITER, VARIABLES, Variables};
use remediation_gateway::runtime::Domains;
use remediation_gateway::time::Timestamp;
use serde_json::{Map, Value};

use crate::effective::Effective;
use crate::error::{DeployError, Finding};
use crate::rules::{self, SECRETS};

/// Stands in for the secret, whichever it is: of a secret the file says no more than that there is one.
const STAND_IN: (&str, &str) = ("CLIENT_SECRET", "not-in-the-file");

/// Checks what wrangler would deploy of the file `text` for `environment` with `flags`, and returns the name of the secret that it
/// asks for.
pub(crate) fn deployed(text: &str, environment: &str, flags: &[String]) -> Result<&'static str, Vec<Finding>> {
    let file = parse(text).map_err(|finding| vec![finding])?;
    let part = file.get("env").and_then(|env| env.get(environment)).and_then(Value::as_object);
    let Some(part) = part else {
        return Err(vec![Finding::new(format!("env.{environment}"), DeployError::NoEnvironment)]);
    };
    let placeholders = placeholders(part);
    let mut mistyped = Vec::new();
    let config = Effective::merge(&file, part, environment, &mut mistyped);
    let mut broken = rules::broken(&config);
    // One mistake is one finding: a placeholder, and the default in the place of a mistyped value, break other rules.
    broken.retain(|finding| !placeholders.iter().chain(&mistyped).any(|outer| is_member(&outer.key, &finding.key)));
    // Likewise a placeholder, or a rule here, says more than the Worker's check.
    let mut variables = variables(&config);
    variables.retain(|finding| !placeholders.iter().chain(&broken).any(|inner| is_item(&finding.key, &inner.key)));

    let elsewhere = secrets_elsewhere(&file, environment);
    let unchecked = rules::unchecked_flags(flags.iter());
    let found: Vec<_> =
        [placeholders, mistyped, variables, elsewhere, broken, unchecked].into_iter().flatten().collect();
    let required: Vec<_> = config.required_secrets.iter().map(String::as_str).collect();
    rules::secret(&required).filter(|_| found.is_empty()).ok_or(found)
}

/// The file as JSON, as the Worker gets its tables and arrays.
pub(crate) fn parse(text: &str) -> Result<Map<String, Value>, Finding> {
    // The message that names the line; the whole one would show it.
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
        Finding::new(format!("line {}", line.saturating_add(1)), DeployError::NotToml(error.message().to_owned()))
    })
}

/// What the Worker itself would find in its variables and bindings.
pub(crate) fn variables(config: &Effective) -> Vec<Finding> {
    let lacks = |key: &str| config.not_inherited.contains(&key);
    if lacks("vars") {
        return Vec::new();
    }
    let mut variables: Variables =
        VARIABLES.into_iter().filter_map(|name| Some((name, config.vars.get(name)?.clone()))).collect();
    variables.remove(LEDGER);
    // The binding has rules.
    variables.remove(RATE_LIMITER);
    // What else may be wrong with the binding has rules.
    if lacks("durable_objects") || config.durable_objects.bindings.iter().any(|binding| binding.name == LEDGER) {
        variables.insert(LEDGER, Value::Object(Map::new()));
    }
    for name in SECRETS {
        variables.remove(name);
    }
    variables.insert(STAND_IN.0, STAND_IN.1.into());
    // For a certificate, in whose place the secret stands.
    let now = Timestamp::from_seconds(0);
    let faults = Config::check(&variables, &Names, now).err().unwrap_or_default();
    faults.into_iter().map(|fault| Finding::new(fault.variable, DeployError::Variable(fault.problem))).collect()
}

/// Every `<…>` in the texts of `part`. No value that the gateway takes has both brackets.
pub(crate) fn placeholders(part: &Map<String, Value>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (key, value) in part {
        collect(value, key, &mut found);
    }
    found
}

fn collect(value: &Value, key: &str, found: &mut Vec<Finding>) {
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
                collect(item, &format!("{key}[{index}]"), found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, &format!("{key}.{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Secrets in the variables of the top level or of another environment: they are not deployed, but anybody who has
/// the file reads them.
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

/// Whether `key` is `outer`, or an item in it.
fn is_item(outer: &str, key: &str) -> bool {
    key.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
}

/// Whether `key` is `outer`, or a member of it.
fn is_member(outer: &str, key: &str) -> bool {
    key.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Internationalised domain names by a library; in the Worker the platform does this.
struct Names;

impl Domains for Names {
    fn to_ascii(&self, domain: &str) -> Option<String> {
        idna::domain_to_ascii(domain).ok()
    }
}
