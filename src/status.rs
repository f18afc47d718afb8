//! Whether a remediation has been observed: the state of each pair of message and recipient, from what Graph lists.
//!
//! A state says what Graph's list shows and no more. The list's location reflects what the system and administrators did, and ignores what users
//! move, so it "doesn't guarantee the current location" (facts, section 1). Without evidence nothing is observed.

use std::time::Duration;

use serde::Serialize;

use crate::graph::email_page::{AnalyzedEmailRow, TimelineEvent};
use crate::remediation::{Action, AnalyzedEmail, PairIndex};
use crate::time::Timestamp;

/// How long after the acceptance a remediation's effect may take to show. What is unclear by then stays unclear: a status can take hours
/// (facts, section 1).
pub const SETTLED_AFTER: Duration = Duration::from_hours(4);

/// The longest location that is passed on, in characters: several times the longest that Graph documents.
const MAX_LOCATION: usize = 100;

/// What Graph's list says of one pair. The order is that of [`Observations::add`]: of several rows of one pair, the greatest state counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PairState {
    /// No row.
    NotFound,
    /// The message is where no remediation reaches it.
    Unreachable,
    /// The remediation has been observed.
    Observed,
    /// Neither the location nor an event says whether the remediation took effect.
    Unclear,
    /// The message is in a location that the action would change.
    NotYet,
}

/// A location that Graph documents, as far as the states tell them apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DeliveryLocation {
    Inbox,
    Junk,
    Deleted,
    Quarantine,
    Unreachable,
    Unknown,
}

impl DeliveryLocation {
    /// Reads a location in any case, with or without underscores. What is not documented is unknown.
    fn parse(text: &str) -> Self {
        const NAMES: [(&str, DeliveryLocation); 8] = [
            ("inbox", DeliveryLocation::Inbox),
            ("inboxfolder", DeliveryLocation::Inbox),
            ("junkfolder", DeliveryLocation::Junk),
            ("deletedfolder", DeliveryLocation::Deleted),
            ("quarantine", DeliveryLocation::Quarantine),
            ("onpremexternal", DeliveryLocation::Unreachable),
            ("failed", DeliveryLocation::Unreachable),
            ("dropped", DeliveryLocation::Unreachable),
        ];
        let letters = || text.bytes().filter(|&byte| byte != b'_').map(|byte| byte.to_ascii_lowercase());
        NAMES.iter().find(|(name, _)| letters().eq(name.bytes())).map_or(Self::Unknown, |(_, location)| *location)
    }

    /// Where an action leads. Graph has no location for a soft or hard delete; the deleted folder is the candidate that a reader can recognise
    /// (facts, section 1).
    const fn target(action: Action) -> Self {
        match action {
            Action::MoveToJunk => Self::Junk,
            Action::MoveToInbox => Self::Inbox,
            Action::MoveToQuarantine => Self::Quarantine,
            Action::HardDelete | Action::SoftDelete | Action::MoveToDeletedItems => Self::Deleted,
        }
    }
}

impl PairState {
    /// Returns the state that a row shows of a remediation with this action, which Graph accepted at `accepted_at`.
    #[must_use]
    pub fn of(action: Action, row: &AnalyzedEmailRow<'_>, accepted_at: Option<Timestamp>) -> Self {
        let location = DeliveryLocation::parse(&row.location);
        if location == DeliveryLocation::Unreachable {
            return Self::Unreachable;
        }
        if location == DeliveryLocation::target(action) {
            return Self::Observed;
        }
        if accepted_at.is_some_and(|accepted_at| row.events.iter().any(|event| is_proof(event, accepted_at))) {
            return Self::Observed;
        }
        match location {
            DeliveryLocation::Inbox | DeliveryLocation::Junk | DeliveryLocation::Deleted => Self::NotYet,
            // Only a release is known to change what is in quarantine.
            DeliveryLocation::Quarantine if action == Action::MoveToInbox => Self::NotYet,
            DeliveryLocation::Quarantine | DeliveryLocation::Unknown | DeliveryLocation::Unreachable => Self::Unclear,
        }
    }
}

/// Returns whether an event shows that an administrator's action ended well after a remediation was accepted.
///
/// The acceptance is known in whole seconds, so an event of the same second counts. The result is a free text. A text without the words of a
/// failure, or of something unfinished, counts as a success, and "not found in the original folder" does too, as at Microsoft.
fn is_proof(event: &TimelineEvent<'_>, accepted_at: Timestamp) -> bool {
    const OTHER_WORDS: [&str; 16] = [
        "fail",
        "error",
        "denied",
        "reject",
        "unsuccess",
        "not ",
        "timeout",
        "timed out",
        "cancel",
        "abort",
        "skip",
        "pending",
        "progress",
        "queued",
        "started",
        "partial",
    ];
    let result = event.result.to_ascii_lowercase().replace("not found", "");
    event.source.eq_ignore_ascii_case("admin")
        && Timestamp::parse_rfc3339(&event.time).is_some_and(|at| at >= accepted_at)
        && !OTHER_WORDS.iter().any(|word| result.contains(word))
}

/// How many pairs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateCounts {
    /// Pairs of [`PairState::Observed`].
    pub observed: u64,
    /// Pairs of [`PairState::NotYet`].
    pub not_yet: u64,
    /// Pairs of [`PairState::Unclear`].
    pub unclear: u64,
    /// Pairs of [`PairState::Unreachable`].
    pub unreachable: u64,
    /// Pairs of [`PairState::NotFound`].
    pub not_found: u64,
}

impl StateCounts {
    /// Returns whether asking again could show nothing better: no pair is open, or what is open has had its time.
    #[must_use]
    pub fn is_settled(&self, accepted_at: Option<Timestamp>, now: Timestamp) -> bool {
        let had_its_time = accepted_at.is_some_and(|accepted_at| now.since(accepted_at) > SETTLED_AFTER);
        self.not_yet == 0 && (self.unclear == 0 && self.not_found == 0 || had_its_time)
    }
}

/// What was read of the pairs of a remediation.
pub struct Observations<'e> {
    index: PairIndex<'e>,
    /// By the pair's place in the remediation. The location is kept if the pair is not observed.
    pairs: Vec<(PairState, Option<String>)>,
    action: Action,
    accepted_at: Option<Timestamp>,
}

impl<'e> Observations<'e> {
    /// Starts with no pair found.
    #[must_use]
    pub fn new(action: Action, emails: &'e [AnalyzedEmail<'e>], accepted_at: Option<Timestamp>) -> Self {
        Self {
            index: PairIndex::new(emails),
            pairs: vec![(PairState::NotFound, None); emails.len()],
            action,
            accepted_at,
        }
    }

    /// Takes a row into account, if it is of one of the pairs.
    pub fn add(&mut self, row: &AnalyzedEmailRow<'_>) {
        let place = row.network_message_id.and_then(|id| self.index.find(id, &row.recipient));
        let Some(pair) = place.and_then(|place| self.pairs.get_mut(place)) else { return };
        let state = PairState::of(self.action, row, self.accepted_at);
        if state > pair.0 {
            let location = || row.location.chars().filter(|c| !c.is_control()).take(MAX_LOCATION).collect();
            *pair = (state, (state != PairState::Observed).then(location));
        }
    }

    /// Counts the pairs.
    #[must_use]
    pub fn counts(&self) -> StateCounts {
        let mut counts = StateCounts::default();
        for (state, _) in &self.pairs {
            let count = match state {
                PairState::NotFound => &mut counts.not_found,
                PairState::Unreachable => &mut counts.unreachable,
                PairState::Observed => &mut counts.observed,
                PairState::Unclear => &mut counts.unclear,
                PairState::NotYet => &mut counts.not_yet,
            };
            *count += 1;
        }
        counts
    }

    /// Returns the state and the location of each pair, in the order of the remediation.
    pub fn pairs(&self) -> impl Iterator<Item = (PairState, Option<&str>)> {
        self.pairs.iter().map(|(state, location)| (*state, location.as_deref()))
    }
}
