//! The member names of one object, to notice one that repeats.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::remediation::limits::FEW_NAMES;

/// Names compare as they are after their escapes are read.
///
/// A sorted set, not a hash map: on `wasm32-unknown-unknown` the standard library has no randomness, so that a `HashMap`'s
/// keys are the same in every isolate, and a caller could craft names that all collide. A set needs n·log n comparisons at
/// worst.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    few: [Option<Cow<'a, str>>; FEW_NAMES],
    many: BTreeSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.few.iter().map_while(Option::as_deref).any(|other| other == name) || self.many.contains(name)
    }

    pub(super) fn insert(&mut self, name: Cow<'a, str>) {
        match self.few.iter_mut().find(|slot| slot.is_none()) {
            Some(free) => *free = Some(name),
            None => {
                self.many.insert(name);
            }
        }
    }
}
