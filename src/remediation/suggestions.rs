//! Suggestions for unknown names and values. Each text names the mistake and the correction, and repeats none of the
//! input.

use super::declared;
use super::limits::MAX_MISSPELLINGS;
use super::sanitize::{InvisibleCharacter, starts_with_ignoring_case};
use crate::guid::Guid;

/// The members of the body, in the order of Graph's documentation.
pub(crate) const BODY_MEMBERS: [&str; 6] =
    ["displayName", "description", "severity", "action", "remediateSendersCopy", "analyzedEmails"];

/// The members of the body of a status request.
const STATUS_MEMBERS: [&str; 7] =
    ["displayName", "description", "severity", "action", "remediateSendersCopy", "analyzedEmails", ACCEPTED_AT];

/// Members of a remediation of messages.
pub(crate) const MESSAGES_MEMBERS: [&str; 8] = [
    "displayName",
    "description",
    "severity",
    "action",
    "remediateSendersCopy",
    MESSAGE_IDS,
    MAX_RECIPIENTS,
    RECEIVED_AFTER,
];

/// The member that only a status request has.
pub(super) const ACCEPTED_AT: &str = "acceptedAt";

/// The members that a remediation of messages has instead of `analyzedEmails`.
pub(super) const MESSAGE_IDS: &str = "networkMessageIds";
/// See [`MESSAGE_IDS`].
pub(super) const MAX_RECIPIENTS: &str = "maxRecipients";
/// See [`MESSAGE_IDS`].
pub(super) const RECEIVED_AFTER: &str = "receivedAfter";

/// The members of an item of `analyzedEmails`.
pub(crate) const ITEM_MEMBERS: [&str; 2] = ["networkMessageId", "recipientEmailAddress"];

/// Kind of the object that contains the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Body,
    StatusBody,
    MessagesBody,
    Item,
}

impl Level {
    /// Returns the members of the object.
    pub(super) const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Body => &BODY_MEMBERS,
            Self::StatusBody => &STATUS_MEMBERS,
            Self::MessagesBody => &MESSAGES_MEMBERS,
            Self::Item => &ITEM_MEMBERS,
        }
    }

    /// Returns the members that a caller may have misplaced here, and the text for where they belong.
    const fn elsewhere(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Body | Self::StatusBody => (&ITEM_MEMBERS, "in each item of \"analyzedEmails\""),
            Self::MessagesBody => {
                (&["analyzedEmails", "recipientEmailAddress"], "in a request to /remediate, not to /remediate/messages")
            }
            Self::Item => (&BODY_MEMBERS, "at the top of the body, not in an item"),
        }
    }
}

/// Names that public clients send, and the members that they mean. The names in this list and in the next two are from
/// playbooks, scripts and older revisions of the documentation.
const OTHER_NAMES: [(&str, &str); 3] =
    [("remediationAction", "action"), ("analyzedEmailIdentifiers", "analyzedEmails"), ("emailIds", "analyzedEmails")];

/// Names that public clients send and that match no single member, with the correction at any level.
const WITHOUT_EQUIVALENT: [(&str, &str); 2] = [
    (
        "remediateBy",
        "unknown member with no equivalent: Graph records the application that submits the remediation; leave it out",
    ),
    ("approverUpn", "unknown member of an older revision with no equivalent today; leave it out"),
];

/// Like [`WITHOUT_EQUIVALENT`], for bodies with `analyzedEmails`.
const WITHOUT_EQUIVALENT_BESIDE_EMAILS: [(&str, &str); 2] = [
    (
        "id",
        "unknown member; each item of \"analyzedEmails\" names an email by \"networkMessageId\" and \
         \"recipientEmailAddress\"",
    ),
    (
        "recipientEmailAddresses",
        "unknown member; send one item of \"analyzedEmails\" per recipient, each with \"recipientEmailAddress\"",
    ),
];

/// Returns the error of a member that does not exist at this level, and the member of this level that the name probably
/// means.
pub(super) fn unknown_member(level: Level, name: &str) -> (String, Option<&'static str>) {
    if level == Level::Item
        && let Some(right) = declared::find_ignoring_case(name)
    {
        return (did_you_mean(right), None);
    }
    let listed_in = |names: &[(&str, &'static str)]| {
        names.iter().find(|(seen, _)| seen.eq_ignore_ascii_case(name)).map(|(_, listed)| *listed)
    };
    let text = listed_in(&WITHOUT_EQUIVALENT)
        .or_else(|| listed_in(&WITHOUT_EQUIVALENT_BESIDE_EMAILS).filter(|_| level != Level::MessagesBody));
    if let Some(text) = text {
        return (text.to_owned(), None);
    }
    let (here, (elsewhere, location)) = (level.members(), level.elsewhere());
    let meant = listed_in(&OTHER_NAMES);
    let meant_of =
        |members: &[&'static str]| meant.filter(|meant| members.contains(meant)).or_else(|| nearest(name, members));
    if let Some(right) = meant_of(here) {
        (did_you_mean(right), Some(right))
    } else if let Some(right) = meant_of(elsewhere) {
        (format!("unknown member here; \"{right}\" belongs {location}"), None)
    } else {
        (format!("unknown member; the members here are {}", quote_all(here)), None)
    }
}

fn did_you_mean(right: &str) -> String {
    format!("unknown member; did you mean \"{right}\"?")
}

/// Returns the error of a text that is not a member of an enum.
pub(super) fn not_in_enum(text: &str, members: &[&str]) -> String {
    if text.eq_ignore_ascii_case("unknownFutureValue") {
        return format!(
            "must be one of {}; \"unknownFutureValue\" is only Graph's placeholder for future members",
            quote_all(members)
        );
    }
    match nearest(text, members) {
        Some(right) => format!("must be one of {}; did you mean \"{right}\"?", quote_all(members)),
        None => format!("must be one of {}", quote_all(members)),
    }
}

/// Returns the error of a text that is not a GUID.
pub(super) fn not_a_guid(text: &str) -> String {
    if let Some(invisible) = InvisibleCharacter::find(text) {
        return format!("{invisible}, which is invisible; send only a GUID of 8-4-4-4-12 hexadecimal digits");
    }
    let hint = if is_analyzed_email_id(text) {
        "; this looks like the id of an analyzedEmail, of which the first 36 characters are the network message ID"
    } else if is_guid_in_other_notation(text) {
        "; this looks like a GUID in another notation: write it with four hyphens, and without braces, brackets, quotes or \
         prefix"
    } else if text.contains('@') || text.starts_with('<') {
        "; this looks like an internet message id, and the GUID is in the header \
         X-MS-Exchange-Organization-Network-Message-Id"
    } else if is_item_id(text) {
        "; this looks like an Exchange or Graph message id, and the GUID is the column NetworkMessageId in \
         advanced hunting"
    } else {
        ""
    };
    format!("must be a GUID of 8-4-4-4-12 hexadecimal digits{hint}")
}

/// Returns whether the text is a GUID and one or two numbers, as `analyzedEmail.id` and the `ReportId` of hunting are.
/// In an example of Graph's documentation, no hyphen separates the GUID from the number.
fn is_analyzed_email_id(text: &str) -> bool {
    let Some((guid, rest)) = text.split_at_checked(GUID_LENGTH) else { return false };
    let numbers = rest.strip_prefix('-').unwrap_or(rest);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (recipient, item) = numbers.split_once('-').unwrap_or((numbers, "0"));
    guid.parse::<Guid>().is_ok() && is_number(recipient) && is_number(item)
}

/// Returns whether the text without prefix, brackets and hyphens is exactly 32 hexadecimal digits. The caller has
/// excluded valid GUIDs.
fn is_guid_in_other_notation(text: &str) -> bool {
    let bare = if starts_with_ignoring_case(text, URN) { text.get(URN.len()..).unwrap_or_default() } else { text };
    let is_around_digits = |c| matches!(c, '{' | '}' | '(' | ')' | '<' | '>' | '[' | ']' | '"' | '\'' | '-');
    let digits = || bare.chars().filter(|&c| !is_around_digits(c));
    digits().count() == 32 && digits().all(|c| c.is_ascii_hexdigit())
}

/// Prefix of a GUID that is a URN (RFC 9562).
const URN: &str = "urn:uuid:";
/// Length of a GUID in its one accepted form, 8-4-4-4-12.
const GUID_LENGTH: usize = 36;
/// Prefixes of Exchange's IDs, for all kinds of mailboxes and IDs.
const ITEM_ID_PREFIXES: [&str; 5] = ["AAM", "AAk", "AQM", "AAA", "AAQ"];
/// Minimum length from which base64 counts as an Exchange ID with any prefix, in characters. Such IDs have 120 or more;
/// a client may have cut off half of one.
const LONG_ID: usize = 60;

/// Returns whether the text is base64, plain or for URLs, that is longer than a GUID and either has a prefix of
/// Exchange's IDs or is long.
fn is_item_id(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    let starts_like_one = ITEM_ID_PREFIXES.iter().any(|start| text.starts_with(start));
    (starts_like_one || text.len() >= LONG_ID) && text.len() > GUID_LENGTH && text.bytes().all(is_base64)
}

/// Returns the candidate that differs only in case, or else the first one with the fewest misspellings.
///
/// A misspelling is an extra, a missing or another character, or two neighbouring characters in the wrong order.
fn nearest<'c>(text: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let longest = candidates.iter().map(|candidate| candidate.len()).max()?;
    if text.len() > longest + MAX_MISSPELLINGS * char::MAX_LEN_UTF8 {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let misspellings = |candidate: &str| strsim::osa_distance(&text, &candidate.to_ascii_lowercase());
    let distances = candidates.iter().map(|&candidate| (misspellings(candidate), candidate));
    let (fewest, nearest) = distances.min_by_key(|(count, _)| *count)?;
    (fewest <= MAX_MISSPELLINGS).then_some(nearest)
}

/// Returns the names in quotes, separated by commas.
fn quote_all(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_within_two_misspellings_is_suggested_and_others_are_not() {
        let is_near = |text: &str| nearest(text, &["action"]).is_some();
        for misspelt in ["actoin", "actionn", "acion", "bction", "ation", "actio", "xaction", "atcino", "actionxy"] {
            assert!(is_near(misspelt), "{misspelt}");
        }
        for other in ["location", "actionxyz", "act", "", "xctxonx"] {
            assert!(!is_near(other), "{other}");
        }
    }

    #[test]
    fn case_difference_is_preferred_to_misspelling_and_long_text_is_ignored() {
        assert_eq!(nearest("ACTION", &["auction", "action"]), Some("action"));
        assert_eq!(nearest(&"a".repeat(1_000_000), &["action"]), None);
    }

    #[test]
    fn unknown_member_suggestion_fits_its_level() {
        for (name, top, item) in [
            ("emailIds", "did you mean \"analyzedEmails\"?", "\"analyzedEmails\" belongs at the top of the body"),
            ("remediationAction", "did you mean \"action\"?", "\"action\" belongs at the top of the body"),
            ("approverUpn", "leave it out", "leave it out"),
            ("Id", "\"networkMessageId\"", "did you mean \"id\"?"),
            ("Subject", "the members here are", "did you mean \"subject\"?"),
            ("networkMessageIds", "\"networkMessageId\" belongs in each item", "did you mean \"networkMessageId\"?"),
        ] {
            for (level, expected) in [(Level::Body, top), (Level::Item, item)] {
                let text = unknown_member(level, name).0;
                assert!(text.contains(expected), "{name} {level:?}: {text}");
            }
        }
        let elsewhere = "belongs in a request to /remediate";
        for (name, expected) in [
            ("networkMessageId", "did you mean \"networkMessageIds\"?"),
            ("maxrecipients", "did you mean \"maxRecipients\"?"),
            ("receivedafter", "did you mean \"receivedAfter\"?"),
            ("remediationAction", "did you mean \"action\"?"),
            ("analyzedEmails", elsewhere),
            ("emailIds", elsewhere),
            ("recipientEmailAddresses", elsewhere),
            ("approverUpn", "leave it out"),
            ("id", "the members here are"),
        ] {
            let text = unknown_member(Level::MessagesBody, name).0;
            assert!(text.contains(expected), "{name}: {text}");
        }
    }

    #[test]
    fn every_listed_name_is_unknown() {
        for (seen, _) in OTHER_NAMES.iter().chain(&WITHOUT_EQUIVALENT).chain(&WITHOUT_EQUIVALENT_BESIDE_EMAILS) {
            assert!(!BODY_MEMBERS.contains(seen) && !ITEM_MEMBERS.contains(seen), "{seen}");
        }
        assert!(OTHER_NAMES.iter().all(|(_, meant)| BODY_MEMBERS.contains(meant)));
    }
}
