//! Variables and secrets become a [`Config`], or a list of every fault in them.
//!
//! A fault names the variable and what is wrong, never its value: the list goes to the log.

mod callers;
mod certificate;
mod credential;
mod der;
mod domains;
mod pem;
#[cfg(test)]
mod tests;
mod url;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use callers::Caller;
pub use certificate::ClientCertificate;
pub use credential::Credential;
pub use domains::DomainRule;

use crate::ports::Domains;
use crate::remediation::Guid;
use crate::time::Timestamp;

/// The names of all variables and secrets, for the one reader of the environment.
pub const VARIABLES: [&str; 11] = [
    "TENANT_ID",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "CLIENT_CERTIFICATE",
    "AUDIENCE",
    "CALLERS",
    "GRAPH_VERSION",
    "GRAPH_URL",
    "LOGIN_URL",
    "STOPPED",
    LEDGER,
];

/// The binding of the ledger's Durable Objects. It is no variable, but without it nothing can be sent.
pub const LEDGER: &str = "LEDGER";

/// Graph itself as an audience: a token for it must never be taken as one for the gateway (confused deputy; facts, section 3).
pub const GRAPH_AUDIENCES: [&str; 2] = ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com"];

const DEFAULT_GRAPH_URL: &str = "https://graph.microsoft.com";
const DEFAULT_LOGIN_URL: &str = "https://login.microsoftonline.com";

/// The variables and secrets as the platform gives them: texts as strings, tables and arrays as JSON.
pub type Variables = BTreeMap<&'static str, Value>;

/// The configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// The Entra tenant whose mailboxes are remediated, and whose tokens are taken.
    pub tenant_id: Guid,
    /// The gateway's own application, which holds the permission in Graph.
    pub client_id: Guid,
    /// The secret or the certificate of that application.
    pub credential: Credential,
    /// The audiences that a caller's token may be for, each without a trailing slash.
    pub audience: Vec<String>,
    /// Who may call.
    pub callers: Vec<Caller>,
    /// The version of Graph that `/remediate` uses.
    pub graph_version: GraphVersion,
    /// Graph's scheme and authority, without a trailing slash.
    pub graph_url: String,
    /// Entra's scheme and authority, without a trailing slash.
    pub login_url: String,
    /// Whether every remediation is refused: the operator's emergency stop.
    pub stopped: bool,
}

/// A version of Graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GraphVersion {
    /// `beta`, the one of the document that the gateway implements.
    Beta,
    /// `v1.0`.
    V1,
}

impl GraphVersion {
    /// The version as the first segment of Graph's paths.
    #[must_use]
    pub const fn segment(self) -> &'static str {
        match self {
            Self::Beta => "beta",
            Self::V1 => "v1.0",
        }
    }

    /// The version whose segment is exactly `segment`.
    #[must_use]
    pub fn from_segment(segment: &str) -> Option<Self> {
        [Self::Beta, Self::V1].into_iter().find(|version| version.segment() == segment)
    }
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigFault {
    /// The variable, or the place in it: `CALLERS[1].actions`.
    pub variable: String,
    /// What is wrong, and what would be right. Holds no value.
    pub problem: String,
}

/// The faults found so far.
#[derive(Debug, Default)]
struct Faults(Vec<ConfigFault>);

impl Faults {
    fn add(&mut self, variable: impl Into<String>, problem: impl Into<String>) {
        self.0.push(ConfigFault { variable: variable.into(), problem: problem.into() });
    }
}

impl Config {
    /// Checks all of `variables` at once, as of `now`.
    ///
    /// # Errors
    ///
    /// Every fault, in the order of the variables in the contract.
    pub fn check(variables: &Variables, domains: &impl Domains, now: Timestamp) -> Result<Self, Vec<ConfigFault>> {
        let mut faults = Faults::default();
        let tenant_id = guid(variables, "TENANT_ID", &mut faults);
        let client_id = guid(variables, "CLIENT_ID", &mut faults);
        let credential = credential::read(variables, now, &mut faults);
        let audience = audience(variables, &mut faults);
        // Whether there must be an audience is known from the callers, whose faults come after its own.
        let mut faults_of_callers = Faults::default();
        let callers = callers::read(variables.get("CALLERS"), domains, &mut faults_of_callers);
        if audience.as_ref().is_some_and(Vec::is_empty) && callers.any_by_token {
            faults.add("AUDIENCE", "is required, since a caller in CALLERS has an object_id");
        }
        faults.0.append(&mut faults_of_callers.0);
        let callers = callers.list;
        let graph_version = match text(variables, "GRAPH_VERSION", &mut faults) {
            None => Some(GraphVersion::Beta),
            Some(segment) => {
                let version = GraphVersion::from_segment(segment);
                if version.is_none() {
                    faults.add("GRAPH_VERSION", "must be \"beta\" or \"v1.0\"");
                }
                version
            }
        };
        let graph_url = base_url(variables, "GRAPH_URL", DEFAULT_GRAPH_URL, &mut faults);
        let login_url = base_url(variables, "LOGIN_URL", DEFAULT_LOGIN_URL, &mut faults);
        let stopped = stopped(variables, &mut faults);
        if matches!(variables.get(LEDGER), None | Some(Value::Null)) {
            faults.add(LEDGER, "is required: the binding of the Durable Object class Ledger");
        }

        // Whatever is missing here has left its fault above; a value that is there may have left one too.
        match (tenant_id, client_id, credential, audience, graph_version, graph_url, login_url) {
            (
                Some(tenant_id),
                Some(client_id),
                Some(credential),
                Some(audience),
                Some(graph_version),
                Some(graph_url),
                Some(login_url),
            ) if faults.0.is_empty() => Ok(Self {
                tenant_id,
                client_id,
                credential,
                audience,
                callers,
                graph_version,
                graph_url,
                login_url,
                stopped,
            }),
            _ => Err(faults.0),
        }
    }
}

/// The text of `name`, `None` where it is not set. An empty text counts as not set, since dashboards and templates leave such.
fn text<'a>(variables: &'a Variables, name: &'static str, faults: &mut Faults) -> Option<&'a str> {
    match variables.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::String(text)) => Some(text),
        Some(_) => {
            faults.add(name, "must be a text");
            None
        }
    }
}

fn required_text<'a>(variables: &'a Variables, name: &'static str, faults: &mut Faults) -> Option<&'a str> {
    let before = faults.0.len();
    let text = text(variables, name, faults);
    if text.is_none() && faults.0.len() == before {
        faults.add(name, "is required");
    }
    text
}

fn guid(variables: &Variables, name: &'static str, faults: &mut Faults) -> Option<Guid> {
    let guid = required_text(variables, name, faults)?.parse().ok();
    if guid.is_none() {
        faults.add(name, "must be a GUID, written 8-4-4-4-12");
    }
    guid
}

fn base_url(variables: &Variables, name: &'static str, default: &str, faults: &mut Faults) -> Option<String> {
    let before = faults.0.len();
    match text(variables, name, faults) {
        None if faults.0.len() == before => Some(default.to_owned()),
        None => None,
        Some(text) => url::base(text).map_err(|problem| faults.add(name, problem)).ok(),
    }
}

/// The emergency stop. A secret and a variable of a dashboard are texts, one of `wrangler.toml` may be a boolean. Whoever sets it to anything else
/// meant something by it, an empty text included: that is a fault, so that nothing is sent until it is clear what.
fn stopped(variables: &Variables, faults: &mut Faults) -> bool {
    match variables.get("STOPPED") {
        None | Some(Value::Null) => return false,
        Some(Value::Bool(stopped)) => return *stopped,
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => return true,
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => return false,
        Some(_) => faults.add("STOPPED", "must be true or false"),
    }
    true
}

/// The audiences as tokens have them: without the trailing slash (Entra writes an App ID URI with or without one; facts, section 3), and a
/// GUID in lower case. `None` where the variable has a fault, an empty list where it is not set.
fn audience(variables: &Variables, faults: &mut Faults) -> Option<Vec<String>> {
    let before = faults.0.len();
    let given: Vec<&Value> = match variables.get("AUDIENCE") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::Array(items)) if items.is_empty() => {
            faults.add("AUDIENCE", "must not be an empty array");
            Vec::new()
        }
        Some(Value::Array(items)) => items.iter().collect(),
        Some(single) => vec![single],
    };
    let mut audience = Vec::with_capacity(given.len());
    for value in given {
        match value.as_str().map(without_trailing_slash) {
            None | Some("") => faults.add("AUDIENCE", "must be a text, or an array of texts, none empty"),
            Some(text) if is_graph(text) => {
                faults.add("AUDIENCE", "must not be Microsoft Graph's: a token for Graph is not one for the gateway");
            }
            Some(text) if !text.bytes().all(is_of_uri) => {
                faults.add(
                    "AUDIENCE",
                    "holds a character that no App ID URI has; several audiences are an array of texts",
                );
            }
            Some(text) => audience.push(text.parse().map_or_else(|_| text.to_owned(), |guid: Guid| guid.to_string())),
        }
    }
    (faults.0.len() == before).then_some(audience)
}

/// Whether `byte` can stand in a URI (RFC 3986, appendix A), but for the brackets of an IPv6 address and the comma, which are the signs of a list
/// that was written as one text.
fn is_of_uri(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+;=%".contains(&byte)
}

/// `audience` without one trailing slash.
#[must_use]
pub fn without_trailing_slash(audience: &str) -> &str {
    audience.strip_suffix('/').unwrap_or(audience)
}

/// Whether `audience` is Graph itself, with however many trailing slashes: Entra copies them from the scope that was asked for.
#[must_use]
pub fn is_graph(audience: &str) -> bool {
    GRAPH_AUDIENCES.iter().any(|graph| graph.eq_ignore_ascii_case(audience.trim_end_matches('/')))
}
