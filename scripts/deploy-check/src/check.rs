//! The rules.

use remediation_gateway::config::{Config, LEDGER, VARIABLES, Variables};
use remediation_gateway::ports::Domains;
use remediation_gateway::time::Timestamp;
use serde_json::Value;

/// The gateway's secrets, of which it needs exactly one. Their values are never in the file.
const SECRETS: [&str; 2] = ["CLIENT_SECRET", "CLIENT_CERTIFICATE"];
/// Stands in for the secret, whichever it is: of a secret the file says no more than that there is one.
const STAND_IN: (&str, &str) = ("CLIENT_SECRET", "not-in-the-file");
/// The emergency stop.
const STOP: &str = "STOPPED";
/// The class of the ledger's Durable Objects.
const LEDGER_CLASS: &str = "Ledger";

/// One thing that is wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub(crate) struct Fault {
    /// The variable, or the place in it, or the place in the part.
    pub(crate) place: String,
    /// What is wrong. Of the file's values it shows placeholders alone.
    pub(crate) problem: String,
}

impl Fault {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

/// Checks `[env.production]` of the file `text`, and gives the name of the secret that it asks for.
pub(crate) fn production(text: &str) -> Result<&'static str, Vec<Fault>> {
    let file = parse(text).map_err(|fault| vec![fault])?;
    let Some(part) = file.pointer("/env/production").filter(|part| part.is_object()) else {
        return Err(vec![Fault::new("env.production", "is required: the part that is deployed")]);
    };
    let mut faults = placeholders(part);
    let open: Vec<_> = faults.iter().map(|fault| fault.place.clone()).collect();
    // A placeholder is told as what it is, not also as a bad value.
    faults.extend(variables(part).into_iter().filter(|fault| !open.iter().any(|place| is_within(place, &fault.place))));
    faults.extend(names(part));
    faults.extend(loopback(part));
    faults.extend(migration(&file, part));
    match secret(part) {
        Ok(secret) if faults.is_empty() => return Ok(secret),
        Ok(_) => {}
        Err(fault) => faults.push(fault),
    }
    Err(faults)
}

/// The file as JSON, as the Worker gets its tables and arrays.
pub(crate) fn parse(text: &str) -> Result<Value, Fault> {
    // The message that names the line; the whole one would show it.
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
        Fault::new(format!("line {}", line.saturating_add(1)), error.message())
    })
}

/// What the Worker itself would find in the variables and bindings of `part`, the file or an environment of it.
pub(crate) fn variables(part: &Value) -> Vec<Fault> {
    let vars = part.get("vars");
    let mut variables: Variables =
        VARIABLES.into_iter().filter_map(|name| Some((name, vars?.get(name)?.clone()))).collect();
    variables.remove(LEDGER);
    let is_ledger = |binding: &Value| {
        text(binding, "/name") == Some(LEDGER)
            && text(binding, "/class_name") == Some(LEDGER_CLASS)
            && binding.get("script_name").is_none()
    };
    if items(part, "/durable_objects/bindings").any(is_ledger) {
        variables.insert(LEDGER, Value::Object(serde_json::Map::new()));
    }
    for name in SECRETS {
        variables.remove(name);
    }
    variables.insert(STAND_IN.0, STAND_IN.1.into());
    // For a certificate, in whose place the secret stands.
    let now = Timestamp::from_seconds(0);
    match Config::check(&variables, &Names, now) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| Fault::new(fault.variable, fault.problem)).collect(),
    }
}

/// Every `<…>` in the texts of `part`. No value that the gateway takes has both brackets.
pub(crate) fn placeholders(part: &Value) -> Vec<Fault> {
    let mut found = Vec::new();
    collect(part, "", &mut found);
    found
}

fn collect(value: &Value, place: &str, found: &mut Vec<Fault>) {
    match value {
        Value::String(text) => {
            if let Some((_, (placeholder, _))) =
                text.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
            {
                let place = place.strip_prefix("vars.").unwrap_or(place);
                found.push(Fault::new(place, format!("still has its placeholder <{placeholder}>")));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{place}[{index}]"), found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                collect(member, &place, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether `place` is `outer`, or an item in it.
fn is_within(place: &str, outer: &str) -> bool {
    place.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
}

/// Variables that are none of the gateway's: a slip that would leave a default in force, or a secret for everyone to read.
fn names(part: &Value) -> Vec<Fault> {
    let Some(vars) = part.get("vars").and_then(Value::as_object) else { return Vec::new() };
    let problem = |name: &str| match name {
        secret if SECRETS.contains(&secret) => {
            Some("is a secret and must not stand in a file: remove it, make a new one, and use `wrangler secret put`")
        }
        LEDGER => Some("is a binding and no variable"),
        STOP => Some(
            "must not stand in a file: Cloudflare would then refuse `wrangler secret put STOPPED`, the stop that takes effect at once",
        ),
        known if VARIABLES.contains(&known) => None,
        _ => Some("is no variable of the gateway: nobody would read it"),
    };
    vars.keys().filter_map(|name| Some(Fault::new(name, problem(name)?))).collect()
}

/// The Worker takes http on loopback, for development. On the edge nobody answers there.
fn loopback(part: &Value) -> Vec<Fault> {
    let is_http = |name: &&str| text(part, &format!("/vars/{name}")).is_some_and(|url| url.starts_with("http:"));
    ["GRAPH_URL", "LOGIN_URL"]
        .into_iter()
        .filter(is_http)
        .map(|name| Fault::new(name, "is for development: remove it for Microsoft's own"))
        .collect()
}

/// The ledger keeps its records in `SQLite`, which a class is given when it is made, and never after.
fn migration(file: &Value, part: &Value) -> Option<Fault> {
    let of = if part.get("migrations").is_some() { part } else { file };
    let makes_ledger = items(of, "/migrations")
        .flat_map(|migration| items(migration, "/new_sqlite_classes"))
        .any(|class| class.as_str() == Some(LEDGER_CLASS));
    (!makes_ledger).then(|| Fault::new("migrations", "must have the class Ledger in new_sqlite_classes"))
}

/// The one name in `secrets.required`, by which wrangler refuses to deploy where the secret itself is missing.
fn secret(part: &Value) -> Result<&'static str, Fault> {
    let mut required = items(part, "/secrets/required");
    let named = |value: &Value| SECRETS.into_iter().find(|secret| value.as_str() == Some(secret));
    match (required.next().map(named), required.next()) {
        (Some(Some(secret)), None) => Ok(secret),
        _ => Err(Fault::new("secrets.required", format!("must hold one of {}, and that alone", SECRETS.join(" and ")))),
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Internationalised domain names by a library; in the Worker the platform does this.
struct Names;

impl Domains for Names {
    fn to_ascii(&self, domain: &str) -> Option<String> {
        idna::domain_to_ascii(domain).ok()
    }
}
