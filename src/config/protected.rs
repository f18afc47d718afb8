//! `PROTECTED_RECIPIENTS`: the mailboxes that no caller may remediate.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::domains::{DomainRule, to_ascii};
use super::error::ConfigErrors;
use super::variables::from_text;
use crate::remediation::is_address;
use crate::runtime::Domains;

const NAME: &str = "PROTECTED_RECIPIENTS";

/// Addresses and domains, for example those of journaling, legal hold and evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectedRecipients {
    domains: Vec<DomainRule>,
    /// `local@domain`: the local part as [`fold_case`] returns it, and the domain in lower-case ASCII.
    addresses: BTreeSet<String>,
}

impl ProtectedRecipients {
    /// Parses the list. An entry that can never match a recipient is an error, because an operator relies on its
    /// protection.
    pub(super) fn read(value: Option<&Value>, domains: &impl Domains, errors: &mut ConfigErrors) -> Self {
        let mut protected = Self::default();
        let Some(value) = value else { return protected };
        let entries = from_text(value);
        // A text that is not JSON is an error, because the operator meant to protect a mailbox with it.
        let Some(entries) = entries.as_deref().and_then(Value::as_array).filter(|entries| !entries.is_empty()) else {
            errors.add(NAME, "must be an array of at least one text; remove it to protect no mailbox");
            return protected;
        };
        for (index, entry) in entries.iter().enumerate() {
            if entry.as_str().and_then(|text| protected.add(text, domains)).is_none() {
                errors.add(
                    format!("{NAME}[{index}]"),
                    "is neither an address nor a domain that a recipient can have; write an address, or \
                     contoso.com, or *.contoso.com for it and its subdomains",
                );
            }
        }
        protected
    }

    fn add(&mut self, text: &str, domains: &impl Domains) -> Option<()> {
        match text.rsplit_once('@') {
            // No address has a wildcard in its local part, so such an entry protects no mailbox and is rejected.
            Some((local_part, domain)) if is_address(text) && !text.contains('*') => {
                self.addresses.insert(format!("{}@{}", fold_case(local_part), to_ascii(domain, domains)?));
            }
            Some(_) => return None,
            None => self.domains.push(DomainRule::parse(text, domains)?),
        }
        Some(())
    }

    /// Returns whether the recipient `local_part@domain` is protected. The domain is in lower-case ASCII.
    ///
    /// A plus address (`user+tag@contoso.com`) reaches the mailbox without the tag, so it is protected, too.
    #[must_use]
    pub fn covers(&self, local_part: &str, domain: &str) -> bool {
        if self.domains.iter().any(|rule| rule.covers(domain)) {
            return true;
        }
        if self.addresses.is_empty() {
            return false;
        }
        let local_part = fold_case(local_part);
        let mailbox = local_part.split_once('+').map(|(mailbox, _)| mailbox);
        [Some(local_part.as_str()), mailbox]
            .into_iter()
            .flatten()
            .any(|local_part| self.addresses.contains(&format!("{local_part}@{domain}")))
    }
}

/// Returns the text without differences of case, also for a letter with two small forms, such as sigma.
fn fold_case(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}
