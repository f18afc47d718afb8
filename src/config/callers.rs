//! `CALLERS`: the callers and their permissions.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::domains::{DomainRule, RecipientDomains};
use super::error::ConfigErrors;
use super::variables::from_text;
use crate::guid::Guid;
use crate::remediation::Action;
use crate::remediation::limits::MAX_ANALYZED_EMAILS;
use crate::runtime::Domains;

/// Default of `max_emails_per_request`, unless `max_emails_per_hour` is lower (contract, section 6).
const DEFAULT_EMAILS_PER_REQUEST: usize = 1_000;
/// Default of `max_emails_per_hour` (contract, section 6).
const DEFAULT_EMAILS_PER_HOUR: usize = 10_000;
/// Maximum of `max_emails_per_hour`. Graph advises batches of at most 50,000 and allows 50 active remediations per
/// organization (facts, section 1): 50 × 50,000.
const MAX_EMAILS_PER_HOUR: usize = 2_500_000;
/// Maximum length of a caller's name, in characters. Log lines and Basic credentials contain the name.
const MAX_NAME_LENGTH: usize = 64;
/// Maximum length of a role, in characters: that of an app role's value in Entra ID.
const MAX_ROLE_LENGTH: usize = 120;

/// Members of a caller's entry.
const MEMBERS: [&str; 11] = [
    "name",
    "tenant_id",
    "object_id",
    "api_key_sha256",
    "actions",
    "role",
    "recipient_domains",
    "senders_copy",
    "whole_messages",
    "max_emails_per_request",
    "max_emails_per_hour",
];

/// SHA-256 of the empty text: the digest of a key that was not set when the digest was computed.
const EMPTY_KEY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A caller with its identities and permissions. Everything that the entry does not grant is denied.
#[derive(Debug)]
pub struct Caller {
    /// Name, unique among the callers.
    pub name: String,
    /// Tenant of the mailboxes that the caller may remediate. `None` is `TENANT_ID`.
    pub tenant_id: Option<Guid>,
    /// The `oid` of the caller's tokens: the object ID of the service principal, managed identity or user.
    pub object_id: Option<Guid>,
    /// SHA-256 of each of the caller's API keys.
    pub api_key_sha256: Vec<[u8; 32]>,
    /// Permitted actions.
    pub actions: Vec<Action>,
    /// App role that the caller's tokens must have.
    pub role: Option<String>,
    /// Domains of the mailboxes that the caller may remediate.
    pub recipient_domains: RecipientDomains,
    /// Whether the caller may remediate the sender's copy, which can be in a mailbox of any domain.
    pub senders_copy: bool,
    /// Whether the caller may remediate messages without their recipients, and so learn their number.
    pub whole_messages: bool,
    /// Maximum number of emails in a request, without repeated pairs.
    pub max_emails_per_request: usize,
    /// Maximum number of emails per hour.
    pub max_emails_per_hour: usize,
}

fn entries(value: Option<&Value>) -> Result<Vec<Value>, &'static str> {
    let value = value.filter(|value| *value != "").ok_or("is required")?;
    let entries = from_text(value);
    match entries.ok_or("is a text that is not JSON, or repeats a member: it must be an array of tables")?.into_owned()
    {
        Value::Array(entries) if entries.is_empty() => Err("is empty: no caller could send requests"),
        Value::Array(entries) => Ok(entries),
        Value::Null | Value::String(_) => Err("is required"),
        _ => Err("must be an array of tables"),
    }
}

/// Parses the callers, and records each error. Returns the callers, which are incomplete if there is an error, and
/// whether an entry has `object_id`, valid or not.
pub(super) fn read(value: Option<&Value>, domains: &impl Domains, errors: &mut ConfigErrors) -> (Vec<Caller>, bool) {
    let entries = errors.check("CALLERS", entries(value)).unwrap_or_default();
    let (mut callers, mut any_with_object_id) = (Vec::with_capacity(entries.len()), false);
    let mut seen = SeenIdentities::default();
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("CALLERS[{index}]");
        let Value::Object(members) = entry else {
            errors.add(path, "must be a table");
            continue;
        };
        any_with_object_id |= members.contains_key("object_id");
        let caller = CallerTable { path: path.clone(), members, errors }.into_caller(domains);
        seen.reject_duplicates(&caller, &path, errors);
        callers.push(caller);
    }
    (callers, any_with_object_id)
}

/// Identities of the callers so far. A name or a credential must identify one caller.
#[derive(Default)]
struct SeenIdentities {
    names: BTreeSet<String>,
    object_ids: BTreeSet<Guid>,
    keys: BTreeSet<[u8; 32]>,
}

impl SeenIdentities {
    fn reject_duplicates(&mut self, caller: &Caller, path: &str, errors: &mut ConfigErrors) {
        let mut error = |member: &str, problem: &str| errors.add(format!("{path}.{member}"), problem);
        if !caller.name.is_empty() && !self.names.insert(caller.name.to_ascii_lowercase()) {
            error("name", "is another caller's too");
        }
        if caller.object_id.is_some_and(|object_id| !self.object_ids.insert(object_id)) {
            error("object_id", "is another caller's too");
        }
        for key in &caller.api_key_sha256 {
            if !self.keys.insert(*key) {
                error("api_key_sha256", "has a digest that CALLERS lists twice");
            }
        }
    }
}

/// A caller's entry during parsing.
struct CallerTable<'a> {
    path: String,
    members: &'a Map<String, Value>,
    errors: &'a mut ConfigErrors,
}

impl<'a> CallerTable<'a> {
    /// Reads a member, or adds its problem. Returns `None` if the member is absent or has a problem.
    fn read<T, P: Into<String>>(&mut self, member: &str, read: impl FnOnce(&'a Value) -> Result<T, P>) -> Option<T> {
        let value = read(self.members.get(member)?);
        self.errors.check(format!("{}.{member}", self.path), value)
    }

    /// Reads each text of a list, or adds its problem.
    fn read_each<T, P: Into<String>>(&mut self, member: &str, read: impl Fn(&str) -> Result<T, P>) -> Vec<T> {
        let texts = self.read(member, texts).unwrap_or_default();
        texts.into_iter().filter_map(|text| self.read(member, |_| read(text))).collect()
    }

    /// Adds `problem` if the member is absent.
    fn require(&mut self, member: &str, problem: &str) {
        if !self.members.contains_key(member) {
            self.add_error(member, problem);
        }
    }

    fn add_error(&mut self, member: &str, problem: &str) {
        self.errors.add(format!("{}.{member}", self.path), problem);
    }

    /// Returns the caller. Invalid members are missing, which has no effect: a configuration with an error is not used.
    fn into_caller(mut self, domains: &impl Domains) -> Caller {
        for member in self.members.keys() {
            if !MEMBERS.contains(&member.as_str()) {
                // The text may be a value in the wrong place, so the error does not contain it.
                self.errors
                    .add(self.path.as_str(), format!("has an unknown member; the members are {}", MEMBERS.join(", ")));
            }
        }
        self.require("name", "is required");
        let name = self.read("name", name);
        let tenant_id = self.read("tenant_id", guid);
        let object_id = self.read("object_id", guid);
        let api_key_sha256 = self.read_each("api_key_sha256", api_key);
        self.require("actions", "is required: the gateway denies each action that is not listed");
        let actions = self.read_each("actions", action);
        let role = self.read("role", role);
        self.require(
            "recipient_domains",
            "is required: add the domains of the mailboxes, or [\"*\"] to grant every domain",
        );
        let recipient_domains = self.read("recipient_domains", |value| recipient_domains(value, domains));
        let senders_copy = self.read("senders_copy", flag);
        let whole_messages = self.read("whole_messages", flag);
        let per_request = self.read("max_emails_per_request", |value| count(value, MAX_ANALYZED_EMAILS));
        let per_hour = self.read("max_emails_per_hour", |value| count(value, MAX_EMAILS_PER_HOUR));
        if per_request.zip(per_hour).is_some_and(|(per_request, per_hour)| per_request > per_hour) {
            self.add_error(
                "max_emails_per_request",
                "is more than max_emails_per_hour: such a request could never be sent",
            );
        }
        let max_emails_per_hour = per_hour.unwrap_or(DEFAULT_EMAILS_PER_HOUR);
        if !self.members.contains_key("object_id") && !self.members.contains_key("api_key_sha256") {
            self.errors.add(
                self.path.as_str(),
                "has neither object_id nor api_key_sha256: no request could come from this caller",
            );
        }
        if self.members.contains_key("role") && !self.members.contains_key("object_id") {
            self.add_error("role", "needs object_id: an API key carries no roles");
        }
        Caller {
            name: name.unwrap_or_default(),
            tenant_id,
            object_id,
            api_key_sha256,
            actions,
            role,
            recipient_domains: recipient_domains.unwrap_or(RecipientDomains::Listed(Vec::new())),
            // An absent member grants nothing.
            senders_copy: senders_copy.unwrap_or(false),
            whole_messages: whole_messages.unwrap_or(false),
            // A request above the hourly limit could never succeed, and its caller would retry forever.
            max_emails_per_request: per_request.unwrap_or(DEFAULT_EMAILS_PER_REQUEST.min(max_emails_per_hour)),
            max_emails_per_hour,
        }
    }
}

fn name(value: &Value) -> Result<String, &'static str> {
    let is_name = |name: &&str| {
        (1..=MAX_NAME_LENGTH).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte))
            && name.trim() == *name
    };
    let name = value.as_str().filter(is_name).map(str::to_owned);
    name.ok_or("must be a text of 1 to 64 ASCII letters, digits, inner spaces, dots, hyphens and underscores")
}

fn guid(value: &Value) -> Result<Guid, &'static str> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or("must be a GUID, written 8-4-4-4-12")
}

fn api_key(digest: &str) -> Result<[u8; 32], &'static str> {
    if digest.eq_ignore_ascii_case(EMPTY_KEY_SHA256) {
        return Err("has the digest of an empty key");
    }
    hex_digest(digest).ok_or("must be SHA-256 digests, each of 64 hexadecimal digits")
}

fn action(name: &str) -> Result<Action, String> {
    Action::parse(name)
        .ok_or_else(|| format!("has an unknown action; the actions are {}", Action::ALL.map(Action::as_str).join(", ")))
}

fn role(value: &Value) -> Result<String, &'static str> {
    let is_role = |role: &&str| (1..=MAX_ROLE_LENGTH).contains(&role.len()) && !role.contains(char::is_whitespace);
    let role = value.as_str().filter(is_role).map(str::to_owned);
    role.ok_or("must be the value of an app role: 1 to 120 characters without spaces")
}

fn recipient_domains(value: &Value, domains: &impl Domains) -> Result<RecipientDomains, &'static str> {
    let texts = texts(value)?;
    if texts == [RecipientDomains::WILDCARD] {
        return Ok(RecipientDomains::All);
    }
    if texts.contains(&RecipientDomains::WILDCARD) {
        return Err("has \"*\" beside other texts; [\"*\"] alone grants every domain");
    }
    let rules: Option<Vec<DomainRule>> = texts.iter().map(|text| DomainRule::parse(text, domains)).collect();
    rules.map(RecipientDomains::Listed).ok_or(
        "has a domain that no recipient can have; write contoso.com, or *.contoso.com for it and its subdomains, or \
         [\"*\"] alone for every domain",
    )
}

fn flag(value: &Value) -> Result<bool, &'static str> {
    value.as_bool().ok_or("must be true or false, without quotes")
}

/// Parses a list of texts. An empty list is an error, because it could mean "none" or "all".
fn texts(value: &Value) -> Result<Vec<&str>, &'static str> {
    let texts: Option<Vec<&str>> = value.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
    texts.filter(|texts| !texts.is_empty()).ok_or("must be an array of at least one text")
}

/// Parses a number from 1 to `max`.
fn count(value: &Value, max: usize) -> Result<usize, String> {
    let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
    count.filter(|count| (1..=max).contains(count)).ok_or_else(|| format!("must be a whole number from 1 to {max}"))
}

/// Returns the 32 bytes of 64 hexadecimal digits.
fn hex_digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 {
        return None;
    }
    let mut digits = text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()));
    for byte in &mut digest {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(digest)
}
