//! `recipient_domains`: the domains of the mailboxes that a caller may remediate.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::dns::{MAX_NAME_LENGTH, is_label};
use crate::runtime::Domains;

/// The domains that a caller's entry grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecipientDomains {
    /// Every domain: `["*"]`.
    All,
    /// The domains that match one of these rules.
    Listed(Vec<DomainRule>),
}

impl RecipientDomains {
    /// The rule that grants every domain.
    pub(super) const WILDCARD: &str = "*";

    /// Returns whether a recipient in `domain`, in lower-case ASCII, is granted.
    #[must_use]
    pub fn covers(&self, domain: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(rules) => rules.iter().any(|rule| rule.covers(domain)),
        }
    }
}

/// A rule for domains, in lower-case ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainRule {
    domain: String,
    subdomains: bool,
}

impl DomainRule {
    /// Parses `contoso.com` (only that domain) or `*.contoso.com` (that domain and all its subdomains).
    pub(super) fn parse(text: &str, domains: &impl Domains) -> Option<Self> {
        let (subdomains, domain) = match text.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, text),
        };
        let domain = to_ascii(domain, domains)?.into_owned();
        is_domain(&domain).then_some(Self { domain, subdomains })
    }

    /// Returns whether the rule matches `domain`, in lower-case ASCII.
    #[must_use]
    pub fn covers(&self, domain: &str) -> bool {
        match domain.strip_suffix(self.domain.as_str()) {
            Some("") => true,
            Some(below) => self.subdomains && below.ends_with('.'),
            None => false,
        }
    }
}

/// Returns the domain in lower-case ASCII, the form in which rules and recipients are compared. Returns `None` if the
/// domain has no such form; then no rule matches it, not even `*`.
///
/// A label such as `xn--024` has no such form: no domain name can have it, and lenient readers decode an `@` from it
/// (`PortSwigger`, "Splitting the Email Atom", 2024). So the platform parses each domain that has a label with `--`.
pub(super) fn to_ascii<'a>(domain: &'a str, domains: &impl Domains) -> Option<Cow<'a, str>> {
    let (mut previous, mut has_uppercase) = (0, false);
    for byte in domain.bytes() {
        if !byte.is_ascii() || (previous, byte) == (b'-', b'-') {
            return domains.to_ascii(domain).map(Cow::Owned);
        }
        has_uppercase |= byte.is_ascii_uppercase();
        previous = byte;
    }
    Some(if has_uppercase { Cow::Owned(domain.to_ascii_lowercase()) } else { Cow::Borrowed(domain) })
}

/// Returns whether `domain` can be a recipient's: at least two labels of letters, digits and inner hyphens, and a
/// top-level domain that is not a number, so that no IP address matches.
fn is_domain(domain: &str) -> bool {
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    domain.len() <= MAX_NAME_LENGTH
        && domain.split('.').all(is_label)
        && domain.rsplit_once('.').is_some_and(|(_, top)| !is_number(top))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::runtime::TestRuntime;

    #[test]
    fn domain_rule_covers_its_domain_and_no_lookalike() {
        for (rule, domain, covered) in [
            ("contoso.com", "contoso.com", true),
            ("Contoso.COM", "contoso.com", true),
            ("contoso.com", "mail.contoso.com", false),
            ("contoso.com", "evil-contoso.com", false),
            ("contoso.com", "evilcontoso.com", false),
            ("contoso.com", "contoso.com.evil.example", false),
            ("contoso.com", "contoso.co", false),
            ("contoso.com", "ontoso.com", false),
            ("contoso.com", "contoso.com.", false),
            ("contoso.com", ".contoso.com", false),
            ("contoso.com", "com", false),
            ("contoso.com", "", false),
            ("*.contoso.com", "contoso.com", true),
            ("*.contoso.com", "mail.contoso.com", true),
            ("*.contoso.com", "a.b.contoso.com", true),
            ("*.contoso.com", "evil-contoso.com", false),
            ("*.contoso.com", "evilcontoso.com", false),
            ("*.contoso.com", "mail.evil-contoso.com", false),
            ("*.contoso.com", "contoso.com.evil.example", false),
            ("*.contoso.com", "mail.contoso.com.", false),
            ("*.contoso.com", "", false),
            ("*.mail.contoso.com", "contoso.com", false),
            ("b\u{fc}cher.example", "xn--bcher-kva.example", true),
            ("B\u{dc}CHER.example", "xn--bcher-kva.example", true),
            ("bu\u{308}cher.example", "xn--bcher-kva.example", true),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example", true),
            ("*.b\u{fc}cher.example", "post.xn--bcher-kva.example", true),
            ("b\u{fc}cher.example", "bucher.example", false),
            ("b\u{fc}cher.example", "buecher.example", false),
        ] {
            let rule_read = DomainRule::parse(rule, &TestRuntime::default()).unwrap();
            assert_eq!(rule_read.covers(domain), covered, "{rule} {domain}");
        }
    }

    #[test]
    fn domain_rule_that_no_recipient_can_match_is_rejected() {
        for rule in [
            "*\u{3002}contoso.com",
            "\u{ff0a}.contoso.com",
            "contoso\u{ff0e}",
            "b\u{fc}cher",
            "b\u{fc}cher..example",
            "b\u{fc}cher.example.",
            "b\u{fc}cher.example/x",
            "b\u{fc}cher@evil.example",
            "b\u{fc}cher .example",
            "b\u{fc}cher_.example",
            "\u{202e}contoso.com",
            "xn--024.contoso.com",
            "*.XN--0049.contoso.com",
            "\u{ff11}.\u{ff11}.\u{ff11}.\u{ff11}",
        ] {
            assert_eq!(DomainRule::parse(rule, &TestRuntime::default()), None, "{rule}");
        }
    }
}
