//! Collects the errors of a payload, one entry per cause and member name.
//!
//! One mistake of a script is in each of its thousands of items. So an entry has its first pointers and a count, and other mistakes keep
//! their place in the list.

use super::error::{Location, PayloadError, PayloadErrors, Target};
use super::limits::{MAX_ERRORS, MAX_POINTERS};
use super::sanitize::excerpt;
use super::suggestions::{self, Level, Unknown};

/// The errors found so far. Their number does not grow the memory beyond two bounded lists.
#[derive(Debug, Default)]
pub(super) struct ErrorCollector {
    /// Wrong and missing values.
    values: Entries<()>,
    /// Unknown members, each with the member that its name was meant for.
    unknown: Entries<Option<&'static str>>,
}

impl ErrorCollector {
    /// Notes a wrong or missing value.
    pub(super) fn add(&mut self, location: Location<'_>, detail: String) {
        self.insert(usize::MAX, location, detail);
    }

    /// Notes a wrong value whose entry belongs before those listed since `at` was their number.
    pub(super) fn insert(&mut self, at: usize, location: Location<'_>, detail: String) {
        let is_same = |error: &PayloadError| error.detail == detail;
        if self.values.repeat(location, is_same).is_none() {
            self.values.insert(at, location, detail, ());
        }
    }

    /// Notes an unknown member. Returns the member whose name is misspelt there.
    ///
    /// The name is compared with the known names when its entry is made, not when it repeats or when the list is full: a body can have
    /// hundreds of thousands of unknown members.
    pub(super) fn add_unknown(&mut self, level: Level, location: Location<'_>, name: &str) -> Option<&'static str> {
        if let Some(meant) = self.unknown.repeat(location, |_| true) {
            return meant;
        }
        if self.unknown.listed.len() >= MAX_ERRORS {
            return None;
        }
        let Unknown { detail, meant } = suggestions::unknown_member(level, name);
        self.unknown.insert(usize::MAX, location, detail, meant);
        meant
    }

    /// Returns the number of entries for values.
    pub(super) fn listed_values(&self) -> usize {
        self.values.listed.len()
    }

    /// Returns the errors, values before unknown members; `None` if there are none.
    pub(super) fn finish(self) -> Option<PayloadErrors> {
        let total = self.values.total + self.unknown.total;
        let values = self.values.listed.into_iter().map(|entry| entry.error);
        let unknown = self.unknown.listed.into_iter().map(|entry| entry.error);
        (total > 0).then(|| PayloadErrors::new(values.chain(unknown).take(MAX_ERRORS).collect(), total))
    }
}

/// Errors of one kind, at most [`MAX_ERRORS`] entries. Each has its first pointer, and repetitions add theirs up to [`MAX_POINTERS`].
#[derive(Debug)]
struct Entries<T> {
    listed: Vec<Entry<T>>,
    /// Pointers in all entries.
    pointers: usize,
    /// Errors, whether or not they are in the list.
    total: usize,
}

#[derive(Debug)]
struct Entry<T> {
    target: Target,
    /// The member's name as it is shown.
    name: String,
    error: PayloadError,
    meant: T,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { listed: Vec::new(), pointers: 0, total: 0 }
    }
}

impl<T: Copy> Entries<T> {
    /// Counts an error. Returns what its entry is about if the list has its entry.
    fn repeat(&mut self, location: Location<'_>, is_same: impl Fn(&PayloadError) -> bool) -> Option<T> {
        self.total += 1;
        let (target, name) = location.target();
        let name = excerpt(name);
        let mut listed = self.listed.iter_mut();
        let entry = listed.find(|entry| entry.target == target && entry.name == name && is_same(&entry.error))?;
        entry.error.count += 1;
        if self.pointers < MAX_POINTERS {
            self.pointers += 1;
            entry.error.pointers.push(location.pointer());
        }
        Some(entry.meant)
    }

    /// Lists an error that has no entry, as long as there is a place before [`MAX_ERRORS`].
    fn insert(&mut self, at: usize, location: Location<'_>, detail: String, meant: T) {
        let at = at.min(self.listed.len());
        if at < MAX_ERRORS {
            let (target, name) = location.target();
            let error = PayloadError::new(location.pointer(), detail);
            self.listed.insert(at, Entry { target, name: excerpt(name), error, meant });
            self.listed.truncate(MAX_ERRORS);
            self.pointers += 1;
        }
    }
}
