//! A remediation as Microsoft Graph defines it, with nothing in it that has not been checked.
//!
//! The vocabulary is that of the Graph action `analyzedEmail: remediate` and its enums `remediationSeverity` and
//! `remediationAction` (namespace `microsoft.graph.security`).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::guid::Guid;
use crate::time::Timestamp;

/// What shall be done with which emails. It borrows from the body that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remediation<'a> {
    /// The caption in the action center.
    pub display_name: Cow<'a, str>,
    /// The note to the caption.
    pub description: Cow<'a, str>,
    /// How grave the threat is; a label without consequence.
    pub severity: Severity,
    /// What happens to each email.
    pub action: Action,
    /// Whether the copy in the sender's mailbox goes the same way (mail within the tenant, and outbound mail).
    pub remediate_senders_copy: bool,
    /// The emails in the caller's order, each once.
    pub emails: Vec<AnalyzedEmail<'a>>,
    /// How many items of the caller's said the same as an earlier one, and were left out of `emails`.
    pub duplicates_removed: usize,
}

/// A question for the status of a remediation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusQuery<'a> {
    /// The remediation.
    pub remediation: Remediation<'a>,
    /// When Graph accepted the remediation, if the caller says so.
    pub accepted_at: Option<Timestamp>,
    /// The messages of the remediation, each once.
    pub messages: Vec<Guid>,
}

/// One email in one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalyzedEmail<'a> {
    /// The GUID that Exchange gave the message when it first saw it; the same in every recipient's mailbox.
    pub network_message_id: Guid,
    /// The mailbox, as an address.
    pub recipient: Cow<'a, str>,
    /// Where it stands in the caller's array, for JSON Pointers. Duplicates leave gaps.
    pub index: usize,
}

impl AnalyzedEmail<'_> {
    /// The recipient's domain: what follows the last `@`. The rules for an address leave just one, and no way for Exchange to
    /// see another domain in it. Domains compare equal without regard to the case of ASCII letters, and of no others.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.recipient.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// What stands before the last `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.recipient.rsplit_once('@').map_or("", |(local_part, _)| local_part)
    }
}

/// The members of `remediationSeverity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
}

impl Severity {
    /// All of them, in Graph's order.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The names of [`Self::ALL`].
    pub const NAMES: [&'static str; 3] = [Self::Low.as_str(), Self::Medium.as_str(), Self::High.as_str()];

    /// The name in Graph's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The member of exactly this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }
}

/// The members of `remediationAction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// `moveToJunk`
    MoveToJunk,
    /// `moveToInbox`: for an email that was taken for a threat and is none
    MoveToInbox,
    /// `hardDelete`: beyond the user's reach
    HardDelete,
    /// `softDelete`: the user can still recover it
    SoftDelete,
    /// `moveToDeletedItems`
    MoveToDeletedItems,
    /// `moveToQuarantine`
    MoveToQuarantine,
}

impl Action {
    /// All of them, in Graph's order.
    pub const ALL: [Self; 6] = [
        Self::MoveToJunk,
        Self::MoveToInbox,
        Self::HardDelete,
        Self::SoftDelete,
        Self::MoveToDeletedItems,
        Self::MoveToQuarantine,
    ];

    /// The names of [`Self::ALL`].
    pub const NAMES: [&'static str; 6] = [
        Self::MoveToJunk.as_str(),
        Self::MoveToInbox.as_str(),
        Self::HardDelete.as_str(),
        Self::SoftDelete.as_str(),
        Self::MoveToDeletedItems.as_str(),
        Self::MoveToQuarantine.as_str(),
    ];

    /// The name in Graph's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MoveToJunk => "moveToJunk",
            Self::MoveToInbox => "moveToInbox",
            Self::HardDelete => "hardDelete",
            Self::SoftDelete => "softDelete",
            Self::MoveToDeletedItems => "moveToDeletedItems",
            Self::MoveToQuarantine => "moveToQuarantine",
        }
    }

    /// The member of exactly this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }

    /// Whether Graph added it after the enum was published. Graph understands such a member only in a request with
    /// `Prefer: include-unknown-enum-members` ("evolvable enums" in its documentation).
    #[must_use]
    pub const fn is_newer_member(self) -> bool {
        matches!(self, Self::MoveToQuarantine)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_in_no_other_case() {
        assert_eq!(Action::ALL.map(Action::as_str), Action::NAMES);
        assert_eq!(Severity::ALL.map(Severity::as_str), Severity::NAMES);
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
            assert_eq!(Action::parse(&action.as_str().to_uppercase()), None);
        }
        for severity in Severity::ALL {
            assert_eq!(Severity::parse(severity.as_str()), Some(severity));
            assert_eq!(Severity::parse(&severity.as_str().to_uppercase()), None);
        }
        assert_eq!(Action::parse("unknownFutureValue"), None);
        assert_eq!(Severity::parse("unknownFutureValue"), None);
    }

    #[test]
    fn only_quarantine_needs_the_preference() {
        let newer: Vec<_> = Action::ALL.into_iter().filter(|action| action.is_newer_member()).collect();
        assert_eq!(newer, [Action::MoveToQuarantine]);
    }
}
