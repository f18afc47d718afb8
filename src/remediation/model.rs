//! A remediation as Microsoft Graph defines it. It holds only validated values.
//!
//! The vocabulary is that of the Graph action `analyzedEmail: remediate` and its enums `remediationSeverity` and
//! `remediationAction` (namespace `microsoft.graph.security`).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::guid::Guid;
use crate::time::Timestamp;

/// A remediation: an action on a list of emails. It borrows from the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remediation<'a> {
    /// Name in the Action center.
    pub display_name: Cow<'a, str>,
    /// Note for the Action center.
    pub description: Cow<'a, str>,
    /// Severity of the threat; a label without effect.
    pub severity: Severity,
    /// Action on each email.
    pub action: Action,
    /// Whether the action also applies to the copy in the sender's mailbox (mail within the tenant, and outbound mail).
    pub remediate_senders_copy: bool,
    /// Emails in the caller's order, without duplicates.
    pub emails: Vec<AnalyzedEmail<'a>>,
    /// Number of removed duplicates.
    pub duplicates_removed: usize,
}

/// A request for the status of a remediation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusQuery<'a> {
    /// The remediation.
    pub remediation: Remediation<'a>,
    /// Time at which Graph accepted the remediation, if given.
    pub accepted_at: Option<Timestamp>,
    /// Messages of the remediation, without duplicates.
    pub messages: Vec<Guid>,
}

/// Remediation of messages whose recipients Graph's list names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagesRemediation<'a> {
    /// The remediation without emails. Its `duplicates_removed` counts repeated messages.
    pub remediation: Remediation<'a>,
    /// The messages, each once.
    pub messages: Vec<Guid>,
    /// Maximum number of emails.
    pub max_recipients: usize,
    /// Time before which no message was received, if the caller knows one.
    pub received_after: Option<Timestamp>,
}

/// Counts of the recipients that Graph lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recipients {
    /// Number of listed pairs of message and recipient.
    #[serde(rename = "recipientsFound")]
    pub found: u64,
    /// Number of these pairs that are not remediated.
    pub left_out: LeftOut,
    /// Number of messages without a listed recipient.
    pub messages_not_found: u64,
}

/// The recipients that are not remediated, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The message is in quarantine, and the action does not release it.
    pub quarantine: u64,
    /// The message is where no remediation reaches it.
    pub unreachable: u64,
    /// The recipient is one that no caller may remediate.
    pub protected: u64,
}

impl Recipients {
    /// Returns the number of remediated emails.
    #[must_use]
    pub const fn emails(&self) -> u64 {
        let LeftOut { quarantine, unreachable, protected } = self.left_out;
        self.found.saturating_sub(quarantine).saturating_sub(unreachable).saturating_sub(protected)
    }
}

/// One email in one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalyzedEmail<'a> {
    /// GUID that Exchange assigned when it first received the message, equal in every recipient's mailbox.
    pub network_message_id: Guid,
    /// Address of the mailbox.
    pub recipient: Cow<'a, str>,
    /// Position in the caller's array, for JSON Pointers. Removed duplicates leave gaps.
    pub index: usize,
}

impl AnalyzedEmail<'_> {
    /// Returns the recipient's domain: the text after the last `@`. An accepted address has only one `@`, and
    /// no notation that Exchange would read as another domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.recipient.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// Returns the text before the last `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.recipient.rsplit_once('@').map_or("", |(local_part, _)| local_part)
    }
}

/// Defines an enum of Graph from its members and their names, in Graph's order and spelling.
macro_rules! graph_enum {
    ($(#[$attribute:meta])* $enum:ident: $($(#[$doc:meta])* $member:ident = $name:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        $(#[$attribute])*
        pub enum $enum {
            $($(#[$doc])* $member,)+
        }

        impl $enum {
            /// Names of [`Self::ALL`], in Graph's spelling.
            pub const NAMES: [&'static str; [$($name),+].len()] = [$($name),+];

            /// All members, in Graph's order.
            pub const ALL: [Self; Self::NAMES.len()] = [$(Self::$member),+];

            /// Returns the member's name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$member => $name,)+
                }
            }

            /// Returns the member with exactly this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|member| member.as_str() == name)
            }
        }
    };
}

graph_enum! {
    /// The members of `remediationSeverity`.
    #[serde(rename_all = "camelCase")]
    Severity:
    /// `low`
    Low = "low";
    /// `medium`
    Medium = "medium";
    /// `high`
    High = "high";
}

graph_enum! {
    /// The members of `remediationAction`.
    #[serde(rename_all = "camelCase")]
    Action:
    /// `moveToJunk`
    MoveToJunk = "moveToJunk";
    /// `moveToInbox`: for an email that is not a threat
    MoveToInbox = "moveToInbox";
    /// `hardDelete`: the user cannot recover it
    HardDelete = "hardDelete";
    /// `softDelete`: the user can recover it
    SoftDelete = "softDelete";
    /// `moveToDeletedItems`
    MoveToDeletedItems = "moveToDeletedItems";
    /// `moveToQuarantine`
    MoveToQuarantine = "moveToQuarantine";
}

impl Action {
    /// Returns whether Graph added the member after it published the enum. Graph accepts such a member only with
    /// `Prefer: include-unknown-enum-members` ("evolvable enums" in its documentation).
    #[must_use]
    pub const fn is_newer_member(self) -> bool {
        matches!(self, Self::MoveToQuarantine)
    }
}

graph_enum! {
    /// A version of Graph. Its name is the first segment of the version's paths.
    GraphVersion:
    /// `beta`, as in the document that the gateway implements.
    Beta = "beta";
    /// `v1.0`.
    V1 = "v1.0";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_and_severity_names_are_parsed_only_in_exact_case() {
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
    fn move_to_quarantine_is_only_newer_member() {
        let newer: Vec<_> = Action::ALL.into_iter().filter(|action| action.is_newer_member()).collect();
        assert_eq!(newer, [Action::MoveToQuarantine]);
    }
}
