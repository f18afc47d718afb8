//! The member names of one object, to detect a repeated one.

use std::borrow::Cow;

use crate::remediation::digest::digest;
use crate::remediation::limits::MAX_UNSORTED_NAMES;

/// Member names of one object. They are compared after their escapes are resolved.
///
/// The first names are compared immediately, and further ones at the end of the object: sorted by a digest, without a
/// hash map. On `wasm32-unknown-unknown` the standard library has no randomness, so each isolate's `HashMap` has the
/// same keys, and a caller could send names that all collide. Here, digests that collide only cause a sort of these
/// names.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    few: [Option<Cow<'a, str>>; MAX_UNSORTED_NAMES],
    /// Digest and offset of each further name.
    many: Vec<(u64, usize)>,
}

impl<'a> Names<'a> {
    /// Adds the name at `offset`. Returns `false` if it repeats one of the first names.
    pub(super) fn add(&mut self, name: Cow<'a, str>, offset: usize) -> bool {
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
        self.many.push((digest(&name), offset));
        true
    }

    /// Returns the first of the further names that repeats another one. `name_at` returns the name at an offset.
    pub(super) fn find_repeated(&mut self, name_at: impl Fn(usize) -> Cow<'a, str>) -> Option<Cow<'a, str>> {
        self.many.sort_unstable();
        let collisions = self.many.chunk_by(|one, other| one.0 == other.0).filter(|equal| equal.len() > 1);
        let repeated = collisions.filter_map(|equal| {
            let mut names: Vec<_> = equal.iter().map(|&(_, offset)| (name_at(offset), offset)).collect();
            names.sort_unstable();
            let again = names.windows(2).filter(|pair| matches!(pair, [one, other] if one.0 == other.0));
            again.filter_map(|pair| pair.last().map(|(_, offset)| *offset)).min()
        });
        repeated.min().map(name_at)
    }
}
