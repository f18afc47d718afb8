//! Variables and secrets become a [`Config`], or a list of every error in them.
//!
//! An error names the variable and the violated rule. It never contains the value, because the errors go to the log.

mod access;
mod callers;
pub(crate) mod certificate;
mod credential;
mod domains;
mod error;
mod protected;
mod url;
mod variables;

use std::slice;

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
pub use protected::ProtectedRecipients;
pub use variables::{LEDGER, RATE_LIMITER, STOPPED, VARIABLES, Variables};

/// Graph's own audiences: its client ID and its URI. The gateway must never accept a token for Graph (confused deputy;
/// facts, section 3).
pub const GRAPH_AUDIENCES: [&str; 2] = ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com"];

/// Cloudflare's names of the jurisdictions of Durable Objects: the European Union, and data centers that comply with
/// `FedRAMP`. An object runs and stores its data in its jurisdiction only.
const JURISDICTIONS: [&str; 2] = ["eu", "fedramp"];

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
    /// Jurisdiction of the callers' ledgers, if set, by Cloudflare's name.
    pub ledger_jurisdiction: Option<&'static str>,
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
        let value = |name: &str| variables.get(name).filter(|value| !value.is_null());
        let mut errors = ConfigErrors::default();
        let tenant_id = errors.check("TENANT_ID", guid(value("TENANT_ID")));
        let client_id = errors.check("CLIENT_ID", guid(value("CLIENT_ID")));
        let credential = credential::read(value("CLIENT_SECRET"), value("CLIENT_CERTIFICATE"), now, &mut errors);
        let audience = audience(value("AUDIENCE"), &mut errors);
        // The callers decide whether an audience is required. Their errors come after the audience's.
        let mut caller_errors = ConfigErrors::default();
        let (mut callers, any_with_object_id) = callers::read(value("CALLERS"), domains, &mut caller_errors);
        if audience.as_ref().is_some_and(Vec::is_empty) && any_with_object_id {
            errors.add("AUDIENCE", "is required, since a caller in CALLERS has an object_id");
        }
        errors.0.append(&mut caller_errors.0);
        for caller in &mut callers {
            // The default tenant is the same tenant, and the same ledger, whether it is named or not.
            caller.tenant_id = caller.tenant_id.filter(|id| Some(*id) != tenant_id);
        }
        let protected_recipients = ProtectedRecipients::read(value("PROTECTED_RECIPIENTS"), domains, &mut errors);
        let graph_version = errors.check("GRAPH_VERSION", graph_version(value("GRAPH_VERSION")));
        let graph_url = errors.check("GRAPH_URL", base_url(value("GRAPH_URL"), DEFAULT_GRAPH_URL));
        let login_url = errors.check("LOGIN_URL", base_url(value("LOGIN_URL"), DEFAULT_LOGIN_URL));
        let ledger_jurisdiction = errors.check("LEDGER_JURISDICTION", jurisdiction(value("LEDGER_JURISDICTION")));
        let stopped = errors.check(STOPPED, parse_stopped(value(STOPPED)));
        if value(LEDGER).is_none() {
            errors.add(LEDGER, "is required: the binding of the Durable Object class Ledger");
        }
        let rate_limiter = value(RATE_LIMITER);
        if rate_limiter.is_some_and(|is_binding| *is_binding != Value::Bool(true)) {
            errors.add(RATE_LIMITER, "must be a rate limiting binding, and not a variable");
        }

        // If a value is missing, its error is in the list. Other variables can have errors, too.
        let config = || {
            Some(Self {
                tenant_id: tenant_id?,
                client_id: client_id?,
                credential: credential?,
                audience: audience?,
                callers,
                protected_recipients,
                graph_version: graph_version?,
                graph_url: graph_url?,
                login_url: login_url?,
                ledger_jurisdiction: ledger_jurisdiction?,
                stopped: stopped?,
                has_rate_limiter: rate_limiter.is_some(),
            })
        };
        config().filter(|_| errors.0.is_empty()).ok_or(errors.0)
    }
}

fn graph_version(value: Option<&Value>) -> Result<GraphVersion, &'static str> {
    let version = text(value)?.map_or(Some(GraphVersion::Beta), GraphVersion::parse);
    version.ok_or("must be \"beta\" or \"v1.0\"")
}

fn base_url(value: Option<&Value>, default: &str) -> Result<String, &'static str> {
    text(value)?.map_or_else(|| Ok(default.to_owned()), url::parse_base)
}

/// Parses the jurisdiction. An empty text is an error, because the ledgers could be in a region that the operator did
/// not intend.
fn jurisdiction(value: Option<&Value>) -> Result<Option<&'static str>, &'static str> {
    let Some(value) = value else { return Ok(None) };
    let jurisdiction = JURISDICTIONS.into_iter().find(|name| value == name);
    jurisdiction.map(Some).ok_or("must be \"eu\" or \"fedramp\"; remove it to set no jurisdiction")
}

/// Parses the emergency stop.
///
/// A secret and a dashboard's variable are texts; a variable in `wrangler.toml` may be a boolean. Any other value,
/// including an empty text, is an error: the operator's intention is unclear, so nothing is sent.
fn parse_stopped(value: Option<&Value>) -> Result<bool, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(stopped)) => Ok(*stopped),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err("must be true or false"),
    }
}

/// Returns whether this value of [`STOPPED`] stops an object. An invalid value stops it, too.
#[must_use]
pub fn is_stopped(value: Option<&Value>) -> bool {
    parse_stopped(value).unwrap_or(true)
}

/// Returns the audiences, an empty list if the variable is not set, or `None` if it has an error.
fn audience(value: Option<&Value>, errors: &mut ConfigErrors) -> Option<Vec<String>> {
    let given: &[Value] = match value {
        None => &[],
        Some(Value::String(text)) if text.is_empty() => &[],
        Some(Value::Array(items)) if items.is_empty() => {
            return errors.check("AUDIENCE", Err("must not be an empty array"));
        }
        Some(Value::Array(items)) => items.as_slice(),
        Some(single) => slice::from_ref(single),
    };
    // All audiences are checked, also after an error.
    let audiences: Vec<_> = given.iter().map(|value| errors.check("AUDIENCE", one_audience(value))).collect();
    audiences.into_iter().collect()
}

/// Returns an audience in the form that tokens have: without the trailing slash, which Entra may or may not write
/// (facts, section 3), and a GUID in lower case.
fn one_audience(value: &Value) -> Result<String, &'static str> {
    let text = value.as_str().map(without_trailing_slash).filter(|text| !text.is_empty());
    let text = text.ok_or("must be a text, or an array of texts, none empty")?;
    if is_graph(text) {
        return Err("must not be Microsoft Graph's: a token for Graph is not one for the gateway");
    }
    if !text.bytes().all(is_uri_byte) {
        return Err("has a character that an App ID URI cannot have; write several audiences as an array of texts");
    }
    Ok(text.parse().map_or_else(|_| text.to_owned(), |guid: Guid| guid.to_string()))
}

/// Returns whether a URI may contain `byte` (RFC 3986, appendix A). The brackets of an IPv6 address and the comma are
/// excluded, because they show that the text is a list.
fn is_uri_byte(byte: u8) -> bool {
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
