//! The member names of one object, which detect a repeated name.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::remediation::limits::FEW_NAMES;

/// Names are compared after their escapes are resolved.
///
/// The names are in a sorted set and not in a hash map. On `wasm32-unknown-unknown` the standard library has no
/// randomness, so each isolate's `HashMap` has the same keys, and a caller could send names that all collide. A set
/// needs at most n·log n comparisons.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    few: [Option<Cow<'a, str>>; FEW_NAMES],
    many: BTreeSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    /// Adds a name. Returns `false` if the set already has it.
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
