//! `recipient_domains`: whose mailboxes a caller may touch.

use std::borrow::Cow;

use crate::dns::{MAX_NAME_LENGTH, is_label};
use crate::runtime::Domains;

/// The domains that a caller is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientDomains {
    /// Every domain, as `["*"]` says.
    All,
    /// The domains that one of these rules covers.
    Listed(Vec<DomainRule>),
}

impl RecipientDomains {
    /// What grants every domain.
    pub(super) const WILDCARD: &str = "*";

    /// Whether a recipient in `domain`, given in lower-case ASCII, is granted.
    #[must_use]
    pub fn covers(&self, domain: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(rules) => rules.iter().any(|rule| rule.covers(domain)),
        }
    }
}

/// A domain of recipients, in lower-case ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainRule {
    domain: String,
    subdomains: bool,
}

impl DomainRule {
    /// Reads `contoso.com` (that domain alone) or `*.contoso.com` (that domain and all below it).
    pub(super) fn parse(text: &str, domains: &impl Domains) -> Option<Self> {
        let (subdomains, domain) = match text.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, text),
        };
        let domain = to_ascii(domain, domains)?.into_owned();
        is_domain(&domain).then_some(Self { domain, subdomains })
    }

    /// Whether a recipient in `domain`, given in lower-case ASCII, falls under the rule.
    #[must_use]
    pub fn covers(&self, domain: &str) -> bool {
        match domain.strip_suffix(self.domain.as_str()) {
            Some("") => true,
            Some(below) => self.subdomains && below.ends_with('.'),
            None => false,
        }
    }
}

/// A domain in the form in which rules and recipients are compared: in lower-case ASCII. `None` if it has no such form, and
/// no rule covers it, not even `*`.
///
/// A label such as `xn--024` has none: no domain name can have it, and lenient readers decode an `@` out of it
/// (`PortSwigger`, "Splitting the Email Atom", 2024). So the platform reads each domain that has a label with `--`.
pub fn to_ascii<'a>(domain: &'a str, domains: &impl Domains) -> Option<Cow<'a, str>> {
    if !domain.is_ascii() || domain.contains("--") {
        domains.to_ascii(domain).map(Cow::Owned)
    } else if domain.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Some(Cow::Owned(domain.to_ascii_lowercase()))
    } else {
        Some(Cow::Borrowed(domain))
    }
}

/// Whether `domain` can be the domain of a recipient: two labels at least, letters, digits and inner hyphens, and a top-level domain that is
/// not a number, so that no IP address passes.
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
    fn a_rule_covers_its_domain_and_no_domain_that_only_looks_like_it() {
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
    fn what_no_recipient_can_have_is_no_rule() {
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
