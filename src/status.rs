//! Status of a remediation: the observed state of each pair of message and recipient, from Graph's list.
//!
//! A state reports only what Graph's list shows. The list's location reflects actions of the system and of
//! administrators, and ignores mail that users move, so it "doesn't guarantee the current location" (facts, section 1).
//! No pair is observed without evidence.

use std::time::Duration;

use serde::Serialize;

use crate::graph::email_page::AnalyzedEmailRow;
use crate::remediation::{Action, AnalyzedEmail, PairIndex};
use crate::time::Timestamp;

/// Time after the acceptance in which a remediation's effect may become visible. A pair that is unclear by then stays
/// unclear: a status can take hours (facts, section 1).
pub const SETTLED_AFTER: Duration = Duration::from_hours(4);

/// Maximum length of a location that is passed on, in characters: several times the longest documented one.
const MAX_LOCATION: usize = 100;

/// State of one pair in Graph's list, in ascending order: if a pair has several rows, [`Observations::add`] keeps the
/// greatest state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PairState {
    /// No row.
    NotFound,
    /// The message is at a location that no remediation reaches.
    Unreachable,
    /// The remediation has been observed.
    Observed,
    /// Neither the location nor an event shows whether the remediation took effect.
    Unclear,
    /// The message is at a location that the action would change.
    NotYet,
}

/// Documented locations, as far as the states distinguish them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryLocation {
    /// The inbox.
    Inbox,
    /// The junk folder.
    Junk,
    /// The deleted folder.
    Deleted,
    /// The quarantine.
    Quarantine,
    /// Where no remediation reaches the message.
    Unreachable,
    /// Any other.
    Unknown,
}

impl DeliveryLocation {
    /// Parses a location in any case, with or without underscores. Undocumented locations are unknown.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut letters = text.replace('_', "");
        letters.make_ascii_lowercase();
        match letters.as_str() {
            "inbox" | "inboxfolder" => Self::Inbox,
            "junkfolder" => Self::Junk,
            "deletedfolder" => Self::Deleted,
            "quarantine" => Self::Quarantine,
            "onpremexternal" | "failed" | "dropped" => Self::Unreachable,
            _ => Self::Unknown,
        }
    }

    /// Returns the target of an action. Graph has no location for a soft or hard delete. The gateway expects the
    /// deleted folder, which is an inference (facts, section 1).
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
    /// Returns the state that a row shows for a remediation with this action, which Graph accepted at `accepted_at`.
    #[must_use]
    pub fn of(action: Action, row: &AnalyzedEmailRow<'_>, accepted_at: Option<Timestamp>) -> Self {
        let location = DeliveryLocation::parse(&row.location);
        if location == DeliveryLocation::Unreachable {
            return Self::Unreachable;
        }
        if location == DeliveryLocation::target(action) {
            return Self::Observed;
        }
        // The time of acceptance is in whole seconds, so an event of the same second counts.
        if accepted_at.is_some() && row.last_success >= accepted_at {
            return Self::Observed;
        }
        match location {
            DeliveryLocation::Inbox | DeliveryLocation::Junk | DeliveryLocation::Deleted => Self::NotYet,
            // Only `moveToInbox` is known to change mail in quarantine.
            DeliveryLocation::Quarantine if action == Action::MoveToInbox => Self::NotYet,
            DeliveryLocation::Quarantine | DeliveryLocation::Unknown | DeliveryLocation::Unreachable => Self::Unclear,
        }
    }
}

/// Number of pairs in each state.
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
    /// Returns whether the status is settled (contract, section 12): no pair is `notYet`, and either none is `unclear`
    /// or `notFound`, or [`SETTLED_AFTER`] has passed since the acceptance.
    #[must_use]
    pub fn is_settled(&self, accepted_at: Option<Timestamp>, now: Timestamp) -> bool {
        let is_past_settling = accepted_at.is_some_and(|accepted_at| now.since(accepted_at) > SETTLED_AFTER);
        self.not_yet == 0 && (self.unclear == 0 && self.not_found == 0 || is_past_settling)
    }
}

/// State of a remediation's pairs while the list is read.
pub struct Observations<'e> {
    index: PairIndex<'e>,
    /// State and location of each pair, in the order of the remediation. An observed pair has no location.
    pairs: Vec<(PairState, Option<String>)>,
    action: Action,
    accepted_at: Option<Timestamp>,
}

impl<'e> Observations<'e> {
    /// Returns the initial state, in which no pair is found.
    #[must_use]
    pub fn new(action: Action, emails: &'e [AnalyzedEmail<'e>], accepted_at: Option<Timestamp>) -> Self {
        Self {
            index: PairIndex::new(emails),
            pairs: vec![(PairState::NotFound, None); emails.len()],
            action,
            accepted_at,
        }
    }

    /// Adds a row if it belongs to one of the pairs.
    pub fn add(&mut self, row: &AnalyzedEmailRow<'_>) {
        let position = row.network_message_id.and_then(|id| self.index.find(id, &row.recipient));
        let Some(pair) = position.and_then(|position| self.pairs.get_mut(position)) else { return };
        let state = PairState::of(self.action, row, self.accepted_at);
        if state > pair.0 {
            let location = || row.location.chars().filter(|c| !c.is_control()).take(MAX_LOCATION).collect();
            *pair = (state, (state != PairState::Observed).then(location));
        }
    }

    /// Counts the pairs.
    #[must_use]
    pub fn counts(&self) -> StateCounts {
        let count = |counted: PairState| {
            let count = self.pairs.iter().filter(|(state, _)| *state == counted).count();
            u64::try_from(count).unwrap_or(u64::MAX)
        };
        StateCounts {
            observed: count(PairState::Observed),
            not_yet: count(PairState::NotYet),
            unclear: count(PairState::Unclear),
            unreachable: count(PairState::Unreachable),
            not_found: count(PairState::NotFound),
        }
    }

    /// Returns the state and the location of each pair, in the order of the remediation.
    pub fn pairs(&self) -> impl Iterator<Item = (PairState, Option<&str>)> {
        self.pairs.iter().map(|(state, location)| (*state, location.as_deref()))
    }
}
