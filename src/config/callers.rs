//! `CALLERS`: the callers and their permissions.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::domains::{DomainRule, RecipientDomains};
use super::error::ConfigErrors;
use crate::guid::Guid;
use crate::json;
use crate::remediation::Action;
use crate::remediation::limits::MAX_ANALYZED_EMAILS;
use crate::runtime::Domains;

/// Default of `max_emails_per_request`, unless `max_emails_per_hour` is lower (contract, section 6).
const DEFAULT_EMAILS_PER_REQUEST: usize = 1_000;
/// Default of `max_emails_per_hour` (contract, section 6).
const DEFAULT_EMAILS_PER_HOUR: usize = 10_000;
/// Maximum of `max_emails_per_hour`. Graph advises batches of at most 50,000 and allows 50 active remediations per
/// organisation (facts, section 1): 50 × 50,000.
const MOST_EMAILS_PER_HOUR: usize = 2_500_000;
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
const DIGEST_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

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

/// Parsed `CALLERS`.
#[derive(Default)]
pub(super) struct Callers {
    /// The callers. Incomplete if there is an error.
    pub(super) list: Vec<Caller>,
    /// Whether an entry identifies its caller by a token, or was meant to.
    pub(super) any_by_token: bool,
}

/// Parses the callers, and records each error.
pub(super) fn read(value: Option<&Value>, domains: &impl Domains, errors: &mut ConfigErrors) -> Callers {
    // A dashboard's text variable can contain the array as JSON.
    let parsed;
    let value = match value {
        Some(Value::String(text)) if !text.is_empty() => {
            let Some(value) = json::read(text.as_bytes()) else {
                errors.add("CALLERS", "is a text that is not JSON, or repeats a member: it must be an array of tables");
                return Callers::default();
            };
            parsed = value;
            Some(&parsed)
        }
        other => other,
    };
    let items = match value {
        None | Some(Value::Null | Value::String(_)) => {
            errors.add("CALLERS", "is required");
            return Callers::default();
        }
        Some(Value::Array(items)) => items,
        Some(_) => {
            errors.add("CALLERS", "must be an array of tables");
            return Callers::default();
        }
    };
    if items.is_empty() {
        errors.add("CALLERS", "is empty: nobody could call");
    }
    let mut callers = Callers::default();
    let mut seen = Seen::default();
    for (index, item) in items.iter().enumerate() {
        let place = format!("CALLERS[{index}]");
        let Value::Object(members) = item else {
            errors.add(place, "must be a table");
            continue;
        };
        callers.any_by_token |= members.contains_key("object_id");
        let caller = CallerTable { place: place.clone(), members, errors }.caller(domains);
        seen.refuse_shared(&caller, &place, errors);
        callers.list.push(caller);
    }
    callers
}

/// Identities of the callers so far. A name or a credential must identify one caller.
#[derive(Default)]
struct Seen {
    names: BTreeSet<String>,
    object_ids: BTreeSet<Guid>,
    keys: BTreeSet<[u8; 32]>,
}

impl Seen {
    fn refuse_shared(&mut self, caller: &Caller, place: &str, errors: &mut ConfigErrors) {
        let mut error = |member: &str, problem: &str| errors.add(format!("{place}.{member}"), problem);
        if !caller.name.is_empty() && !self.names.insert(caller.name.to_ascii_lowercase()) {
            error("name", "is another caller's too");
        }
        if caller.object_id.is_some_and(|object_id| !self.object_ids.insert(object_id)) {
            error("object_id", "is another caller's too");
        }
        for key in &caller.api_key_sha256 {
            if !self.keys.insert(*key) {
                error("api_key_sha256", "holds a key that stands in CALLERS twice");
            }
        }
    }
}

/// A caller's entry during parsing.
struct CallerTable<'a> {
    place: String,
    members: &'a Map<String, Value>,
    errors: &'a mut ConfigErrors,
}

impl<'a> CallerTable<'a> {
    fn error(&mut self, member: &str, problem: &str) {
        self.errors.add(format!("{}.{member}", self.place), problem);
    }

    /// Returns the caller. Invalid members are missing, which has no effect: a configuration with an error is not used.
    fn caller(mut self, domains: &impl Domains) -> Caller {
        for member in self.members.keys() {
            if !MEMBERS.contains(&member.as_str()) {
                // The text may be a value in the wrong place, so the error does not contain it.
                self.errors
                    .add(self.place.as_str(), format!("has an unknown member; the members are {}", MEMBERS.join(", ")));
            }
        }
        let name = self.name();
        let tenant_id = self.guid("tenant_id");
        let object_id = self.guid("object_id");
        let api_key_sha256 = self.api_keys();
        let actions = self.actions();
        let role = self.role();
        let recipient_domains = self.recipient_domains(domains);
        let senders_copy = self.flag("senders_copy");
        let whole_messages = self.flag("whole_messages");
        let per_request = self.count("max_emails_per_request", MAX_ANALYZED_EMAILS);
        let per_hour = self.count("max_emails_per_hour", MOST_EMAILS_PER_HOUR);
        if per_request.zip(per_hour).is_some_and(|(per_request, per_hour)| per_request > per_hour) {
            self.error(
                "max_emails_per_request",
                "is more than max_emails_per_hour: such a request could never be sent",
            );
        }
        let max_emails_per_hour = per_hour.unwrap_or(DEFAULT_EMAILS_PER_HOUR);
        if !self.members.contains_key("object_id") && !self.members.contains_key("api_key_sha256") {
            self.errors
                .add(self.place.as_str(), "has neither object_id nor api_key_sha256: nobody could ever be this caller");
        }
        if self.members.contains_key("role") && !self.members.contains_key("object_id") {
            self.error("role", "needs object_id: an API key carries no roles");
        }
        Caller {
            name: name.unwrap_or_default(),
            tenant_id,
            object_id,
            api_key_sha256,
            actions,
            role,
            recipient_domains,
            senders_copy,
            whole_messages,
            // A request above the hourly limit could never succeed, and its caller would retry forever.
            max_emails_per_request: per_request.unwrap_or(DEFAULT_EMAILS_PER_REQUEST.min(max_emails_per_hour)),
            max_emails_per_hour,
        }
    }

    fn name(&mut self) -> Option<String> {
        let is_name = |name: &str| {
            (1..=MAX_NAME_LENGTH).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte))
                && name.trim() == name
        };
        match self.members.get("name").map(Value::as_str) {
            Some(Some(name)) if is_name(name) => Some(name.to_owned()),
            None => {
                self.error("name", "is required");
                None
            }
            Some(_) => {
                self.error(
                    "name",
                    "must be a text of 1 to 64 ASCII letters, digits, inner spaces, dots, hyphens and underscores",
                );
                None
            }
        }
    }

    /// A member that is a GUID; `None` where it is not there.
    fn guid(&mut self, member: &str) -> Option<Guid> {
        let value = self.members.get(member)?;
        let guid = value.as_str().and_then(|text| text.parse().ok());
        if guid.is_none() {
            self.error(member, "must be a GUID, written 8-4-4-4-12");
        }
        guid
    }

    fn api_keys(&mut self) -> Vec<[u8; 32]> {
        let Some(digests) = self.texts("api_key_sha256") else { return Vec::new() };
        let mut keys = Vec::with_capacity(digests.len());
        for digest in digests {
            match hex_digest(digest) {
                Some(_) if digest.eq_ignore_ascii_case(DIGEST_OF_NOTHING) => {
                    self.error("api_key_sha256", "holds the digest of an empty key");
                }
                Some(key) => keys.push(key),
                None => self.error("api_key_sha256", "must hold SHA-256 digests, each of 64 hexadecimal digits"),
            }
        }
        keys
    }

    fn actions(&mut self) -> Vec<Action> {
        if !self.members.contains_key("actions") {
            self.error("actions", "is required: what is not granted is denied");
        }
        let Some(names) = self.texts("actions") else { return Vec::new() };
        let mut actions = Vec::with_capacity(names.len());
        for name in names {
            match Action::parse(name) {
                Some(action) => actions.push(action),
                None => self.error(
                    "actions",
                    &format!("holds an unknown action; the actions are {}", Action::ALL.map(Action::as_str).join(", ")),
                ),
            }
        }
        actions
    }

    fn role(&mut self) -> Option<String> {
        match self.members.get("role")?.as_str() {
            Some(role) if (1..=MAX_ROLE_LENGTH).contains(&role.len()) && !role.contains(char::is_whitespace) => {
                Some(role.to_owned())
            }
            _ => {
                self.error("role", "must be the value of an app role: 1 to 120 characters without spaces");
                None
            }
        }
    }

    fn recipient_domains(&mut self, domains: &impl Domains) -> RecipientDomains {
        if !self.members.contains_key("recipient_domains") {
            self.error(
                "recipient_domains",
                "is required: add the domains of the mailboxes, or [\"*\"] to grant every domain",
            );
        }
        let texts = self.texts("recipient_domains").unwrap_or_default();
        if texts == [RecipientDomains::WILDCARD] {
            return RecipientDomains::All;
        }
        if texts.contains(&RecipientDomains::WILDCARD) {
            self.error("recipient_domains", "holds \"*\" beside other texts; [\"*\"] alone grants every domain");
            return RecipientDomains::Listed(Vec::new());
        }
        let rules: Vec<Option<DomainRule>> = texts.iter().map(|text| DomainRule::parse(text, domains)).collect();
        if rules.iter().any(Option::is_none) {
            self.error(
                "recipient_domains",
                "holds a domain that no recipient can have; write contoso.com, or *.contoso.com for it and its \
                 subdomains, or [\"*\"] alone for every domain",
            );
        }
        RecipientDomains::Listed(rules.into_iter().flatten().collect())
    }

    /// Returns whether a member grants its permission. An absent member grants nothing.
    fn flag(&mut self, member: &str) -> bool {
        match self.members.get(member) {
            None => false,
            Some(Value::Bool(is_granted)) => *is_granted,
            Some(_) => {
                self.error(member, "must be true or false, without quotes");
                false
            }
        }
    }

    /// Returns a member that is a list of texts, or `None` if it is absent. An empty list is an error, because it could
    /// mean "none" or "all".
    fn texts(&mut self, member: &str) -> Option<Vec<&'a str>> {
        let value = self.members.get(member)?;
        let texts: Option<Vec<&str>> = value.as_array().and_then(|items| items.iter().map(Value::as_str).collect());
        if texts.as_ref().is_none_or(Vec::is_empty) {
            self.error(member, "must be an array of one text at least");
        }
        texts
    }

    /// Returns a member that is a number from 1 to `most`, or `None` if it is absent.
    fn count(&mut self, member: &str, most: usize) -> Option<usize> {
        let value = self.members.get(member)?;
        let count =
            value.as_u64().and_then(|count| usize::try_from(count).ok()).filter(|count| (1..=most).contains(count));
        if count.is_none() {
            self.error(member, &format!("must be a whole number from 1 to {most}"));
        }
        count
    }
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
