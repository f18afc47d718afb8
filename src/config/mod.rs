//! Variables and secrets become a [`Config`], or a list of every error in them.
//!
//! An error names the variable and the violated rule. It never contains the value, because the errors go to the log.

mod access;
mod callers;
pub(crate) mod certificate;
mod credential;
mod domains;
mod error;
mod jurisdiction;
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

pub use access::RecipientAccess;
pub use callers::Caller;
pub use certificate::ClientCertificate;
pub use credential::Credential;
pub use domains::{DomainRule, RecipientDomains};
pub use error::ConfigError;
pub use jurisdiction::Jurisdiction;
pub use protected::ProtectedRecipients;
pub use variables::{LEDGER, RATE_LIMITER, STOPPED, VARIABLES, Variables};

/// Graph's own audience. The gateway must never accept a token for Graph (confused deputy; facts, section 3).
pub const GRAPH_AUDIENCES: [&str; 2] = ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com"];

const DEFAULT_GRAPH_URL: &str = "https://graph.microsoft.com";
const DEFAULT_LOGIN_URL: &str = "https://login.microsoftonline.com";

/// The validated configuration.
#[derive(Debug)]
pub struct Config {
    /// Entra tenant of the callers' tokens, and of the mailboxes of callers without a tenant.
    pub tenant_id: Guid,
    /// The gateway's own application, which has the permission in Graph.
    pub client_id: Guid,
    /// Secret or certificate of that application.
    pub credential: Credential,
    /// Accepted audiences of callers' tokens, without a trailing slash.
    pub audience: Vec<String>,
    /// The callers.
    pub callers: Vec<Caller>,
    /// Mailboxes that no caller may remediate.
    pub protected_recipients: ProtectedRecipients,
    /// Version of Graph that `/remediate` uses.
    pub graph_version: GraphVersion,
    /// Scheme and authority of Graph, without a trailing slash.
    pub graph_url: String,
    /// Scheme and authority of Entra, without a trailing slash.
    pub login_url: String,
    /// Jurisdiction of the callers' ledgers, if set.
    pub ledger_jurisdiction: Option<Jurisdiction>,
    /// Whether the operator's emergency stop rejects every remediation.
    pub stopped: bool,
    /// Whether the environment has a rate limiting binding.
    pub has_rate_limiter: bool,
}

impl Config {
    /// Validates all `variables` at the time `now`.
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
        // The callers decide whether an audience is required. Their errors come after the audience's.
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
                let version = GraphVersion::parse(segment);
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

        let has_rate_limiter = match variables.get(RATE_LIMITER) {
            None | Some(Value::Null) => false,
            Some(Value::Object(_)) => true,
            Some(_) => {
                errors.add(RATE_LIMITER, "must be a rate limiting binding");
                false
            }
        };

        // A missing value has an error above. A present value may have one, too.
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
                has_rate_limiter,
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

/// Returns whether the emergency stop is set.
///
/// A secret and a dashboard's variable are texts; a variable in `wrangler.toml` may be a boolean. Any other value,
/// including an empty text, is an error: the operator's intention is unclear, so nothing is sent.
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

/// Returns whether this value of [`STOPPED`] stops an object. An invalid value stops it, too.
#[must_use]
pub fn is_stopped(value: Option<&Value>) -> bool {
    parse_stopped(value).unwrap_or(true)
}

/// Returns the audiences in the form that tokens have: without the trailing slash, which Entra may or may not write
/// (facts, section 3), and GUIDs in lower case. Returns `None` if the variable has an error, and an empty list if it is
/// not set.
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

/// Returns whether a URI may contain `byte` (RFC 3986, appendix A). The brackets of an IPv6 address and the comma are
/// excluded, because they show that the text is a list.
fn is_of_uri(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+;=%".contains(&byte)
}

/// Returns `audience` without one trailing slash.
#[must_use]
pub fn without_trailing_slash(audience: &str) -> &str {
    audience.strip_suffix('/').unwrap_or(audience)
}

/// Returns whether `audience` is Graph's, with any number of trailing slashes: Entra copies them from the requested
/// scope.
#[must_use]
pub fn is_graph(audience: &str) -> bool {
    GRAPH_AUDIENCES.iter().any(|graph| graph.eq_ignore_ascii_case(audience.trim_end_matches('/')))
}
