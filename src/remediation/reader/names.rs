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
    /// Adds a name, unless it is there: then the answer is `false`.
    pub(super) fn add(&mut self, name: Cow<'a, str>) -> bool {
        for slot in &mut self.few {
            match slot {
                Some(other) if *other == name => return false,
                Some(_) => {}
                None => {
                    *slot = Some(name);
                    return true;
                }
            }
        }
        self.many.insert(name)
    }
}
