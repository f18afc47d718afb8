//! Variables and secrets become a [`Config`], or a list of every error in them.
//!
//! An error names the variable and what is wrong, never its value: the list goes to the log.

mod callers;
pub(crate) mod certificate;
mod credential;
mod der;
mod domains;
mod error;
mod jurisdiction;
mod pem;
mod protected;
mod url;
mod variables;

use serde_json::Value;

use crate::guid::Guid;
use crate::remediation::GraphVersion;
use crate::runtime::Domains;
use crate::time::Timestamp;
use error::ConfigErrors;
use variables::{guid, text};

pub use callers::Caller;
pub use certificate::ClientCertificate;
pub use credential::Credential;
pub use domains::{DomainRule, RecipientDomains, to_ascii};
pub use error::ConfigError;
pub use jurisdiction::Jurisdiction;
pub use protected::ProtectedRecipients;
pub use variables::{LEDGER, STOPPED, VARIABLES, Variables};

/// Graph itself as an audience: a token for it must never be taken as one for the gateway (confused deputy; facts, section 3).
pub const GRAPH_AUDIENCES: [&str; 2] = ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com"];

const DEFAULT_GRAPH_URL: &str = "https://graph.microsoft.com";
const DEFAULT_LOGIN_URL: &str = "https://login.microsoftonline.com";

/// The configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// The Entra tenant whose tokens are taken, and whose mailboxes are remediated unless a caller has another tenant.
    pub tenant_id: Guid,
    /// The gateway's own application, which holds the permission in Graph.
    pub client_id: Guid,
    /// The secret or the certificate of that application.
    pub credential: Credential,
    /// The audiences that a caller's token may be for, each without a trailing slash.
    pub audience: Vec<String>,
    /// Who may call.
    pub callers: Vec<Caller>,
    /// The mailboxes that no caller may touch.
    pub protected_recipients: ProtectedRecipients,
    /// The version of Graph that `/remediate` uses.
    pub graph_version: GraphVersion,
    /// Graph's scheme and authority, without a trailing slash.
    pub graph_url: String,
    /// Entra's scheme and authority, without a trailing slash.
    pub login_url: String,
    /// The jurisdiction of the callers' ledgers, if one is set.
    pub ledger_jurisdiction: Option<Jurisdiction>,
    /// Whether every remediation is refused: the operator's emergency stop.
    pub stopped: bool,
}

impl Config {
    /// Checks all of `variables` at once, as of `now`.
    ///
    /// # Errors
    ///
    /// Every error, in the order of the variables in the contract.
    pub fn check(variables: &Variables, domains: &impl Domains, now: Timestamp) -> Result<Self, Vec<ConfigError>> {
        let mut errors = ConfigErrors::default();
        let tenant_id = guid(variables, "TENANT_ID", &mut errors);
        let client_id = guid(variables, "CLIENT_ID", &mut errors);
        let credential = credential::read(variables, now, &mut errors);
        let audience = audience(variables, &mut errors);
        // Whether there must be an audience is known from the callers, whose errors come after its own.
        let mut errors_of_callers = ConfigErrors::default();
        let callers = callers::read(variables.get("CALLERS"), domains, &mut errors_of_callers);
        if audience.as_ref().is_some_and(Vec::is_empty) && callers.any_by_token {
            errors.add("AUDIENCE", "is required, since a caller in CALLERS has an object_id");
        }
        errors.0.append(&mut errors_of_callers.0);
        let mut callers = callers.list;
        for caller in &mut callers {
            // The default tenant is the same tenant, and the same ledger, whether it is named or not.
            caller.tenant_id = caller.tenant_id.filter(|id| Some(*id) != tenant_id);
        }
        let protected_recipients =
            ProtectedRecipients::read(variables.get("PROTECTED_RECIPIENTS"), domains, &mut errors);
        let graph_version = match text(variables, "GRAPH_VERSION", &mut errors) {
            None => Some(GraphVersion::Beta),
            Some(segment) => {
                let version = GraphVersion::from_segment(segment);
                if version.is_none() {
                    errors.add("GRAPH_VERSION", "must be \"beta\" or \"v1.0\"");
                }
                version
            }
        };
        let graph_url = base_url(variables, "GRAPH_URL", DEFAULT_GRAPH_URL, &mut errors);
        let login_url = base_url(variables, "LOGIN_URL", DEFAULT_LOGIN_URL, &mut errors);
        let ledger_jurisdiction = Jurisdiction::read(variables.get("LEDGER_JURISDICTION"), &mut errors);
        let stopped = stopped(variables, &mut errors);
        if matches!(variables.get(LEDGER), None | Some(Value::Null)) {
            errors.add(LEDGER, "is required: the binding of the Durable Object class Ledger");
        }

        // Whatever is missing here has left its error above; a value that is there may have left one too.
        match (tenant_id, client_id, credential, audience, graph_version, graph_url, login_url) {
            (
                Some(tenant_id),
                Some(client_id),
                Some(credential),
                Some(audience),
                Some(graph_version),
                Some(graph_url),
                Some(login_url),
            ) if errors.0.is_empty() => Ok(Self {
                tenant_id,
                client_id,
                credential,
                audience,
                callers,
                protected_recipients,
                graph_version,
                graph_url,
                login_url,
                ledger_jurisdiction,
                stopped,
            }),
            _ => Err(errors.0),
        }
    }
}

fn base_url(variables: &Variables, name: &'static str, default: &str, errors: &mut ConfigErrors) -> Option<String> {
    let before = errors.0.len();
    match text(variables, name, errors) {
        None if errors.0.len() == before => Some(default.to_owned()),
        None => None,
        Some(text) => url::base(text).map_err(|problem| errors.add(name, problem)).ok(),
    }
}

/// The emergency stop. A secret and a variable of a dashboard are texts, one of `wrangler.toml` may be a boolean. Whoever sets it to anything else
/// meant something by it, an empty text included: that is an error, so that nothing is sent until it is clear what.
fn stopped(variables: &Variables, errors: &mut ConfigErrors) -> bool {
    parse_stopped(variables.get(STOPPED)).unwrap_or_else(|| {
        errors.add(STOPPED, "must be true or false");
        true
    })
}

fn parse_stopped(value: Option<&Value>) -> Option<bool> {
    match value {
        None | Some(Value::Null) => Some(false),
        Some(Value::Bool(stopped)) => Some(*stopped),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Some(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Some(false),
        Some(_) => None,
    }
}

/// Returns whether this value of [`STOPPED`] stops an object. A value that cannot be read stops it too.
#[must_use]
pub fn is_stopped(value: Option<&Value>) -> bool {
    parse_stopped(value).unwrap_or(true)
}

/// The audiences as tokens have them: without the trailing slash (Entra writes an App ID URI with or without one; facts, section 3), and a
/// GUID in lower case. `None` where the variable has an error, an empty list where it is not set.
fn audience(variables: &Variables, errors: &mut ConfigErrors) -> Option<Vec<String>> {
    let before = errors.0.len();
    let given: Vec<&Value> = match variables.get("AUDIENCE") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::Array(items)) if items.is_empty() => {
            errors.add("AUDIENCE", "must not be an empty array");
            Vec::new()
        }
        Some(Value::Array(items)) => items.iter().collect(),
        Some(single) => vec![single],
    };
    let mut audience = Vec::with_capacity(given.len());
    for value in given {
        match value.as_str().map(without_trailing_slash) {
            None | Some("") => errors.add("AUDIENCE", "must be a text, or an array of texts, none empty"),
            Some(text) if is_graph(text) => {
                errors.add("AUDIENCE", "must not be Microsoft Graph's: a token for Graph is not one for the gateway");
            }
            Some(text) if !text.bytes().all(is_of_uri) => {
                errors.add(
                    "AUDIENCE",
                    "holds a character that no App ID URI has; several audiences are an array of texts",
                );
            }
            Some(text) => audience.push(text.parse().map_or_else(|_| text.to_owned(), |guid: Guid| guid.to_string())),
        }
    }
    (errors.0.len() == before).then_some(audience)
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
