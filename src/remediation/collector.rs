//! Collects the errors of a payload, one entry per cause and member name.
//!
//! A script repeats one mistake in each of its thousands of items. So an entry has the first pointers and a count,
//! which leaves room in the list for other mistakes.

use std::borrow::Cow;

use super::error::{Location, PayloadError, PayloadErrors, Target};
use super::limits::{MAX_ERRORS, MAX_EXCERPT, MAX_POINTERS};
use super::sanitize::excerpt;
use super::suggestions::{self, Level, Unknown};

/// Errors found so far, in two bounded lists.
#[derive(Debug, Default)]
pub(super) struct ErrorCollector {
    /// Wrong and missing values.
    values: Entries<()>,
    /// Unknown members, each with the member that the name probably means.
    unknown: Entries<Option<&'static str>>,
}

impl ErrorCollector {
    /// Records a wrong or missing value.
    pub(super) fn add(&mut self, location: Location<'_>, detail: String) {
        self.insert(usize::MAX, location, detail);
    }

    /// Records a wrong value before the entries that were added after the list had `at` entries.
    pub(super) fn insert(&mut self, at: usize, location: Location<'_>, detail: String) {
        let is_same = |error: &PayloadError| error.detail == detail;
        if self.values.repeat(location, is_same).is_none() {
            self.values.insert(at, location, detail, ());
        }
    }

    /// Records an unknown member. Returns the member that the name probably means.
    ///
    /// The function compares the name with the known names only for a new entry. A body can have hundreds of thousands
    /// of unknown members, so it compares neither repeated names nor names beyond the list's limit.
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

/// Returns the name in its printable form. It is copied only if that differs from the name.
fn shown(name: &str) -> Cow<'_, str> {
    let is_short_and_visible = name.len() <= MAX_EXCERPT && name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_short_and_visible { Cow::Borrowed(name) } else { Cow::Owned(excerpt(name)) }
}

/// Errors of one kind, at most [`MAX_ERRORS`] entries. Each entry has its first pointer, and repeated errors add
/// pointers up to [`MAX_POINTERS`].
#[derive(Debug)]
struct Entries<T> {
    listed: Vec<Entry<T>>,
    /// Number of pointers in all entries.
    pointers: usize,
    /// Number of errors, including those that are not in the list.
    total: usize,
}

#[derive(Debug)]
struct Entry<T> {
    target: Target,
    /// The member's name in its printable form.
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
    /// Counts an error. Returns the subject of its entry if the list has one.
    fn repeat(&mut self, location: Location<'_>, is_same: impl Fn(&PayloadError) -> bool) -> Option<T> {
        self.total += 1;
        let (target, name) = location.target();
        let name = shown(name);
        let mut listed = self.listed.iter_mut();
        let entry = listed.find(|entry| entry.target == target && entry.name == name && is_same(&entry.error))?;
        entry.error.count += 1;
        if self.pointers < MAX_POINTERS {
            self.pointers += 1;
            entry.error.pointers.push(location.pointer());
        }
        Some(entry.meant)
    }

    /// Adds an entry for a new error, unless the list has [`MAX_ERRORS`] entries.
    fn insert(&mut self, at: usize, location: Location<'_>, detail: String, meant: T) {
        let at = at.min(self.listed.len());
        if at < MAX_ERRORS {
            let (target, name) = location.target();
            let error = PayloadError::new(location.pointer(), detail);
            self.listed.insert(at, Entry { target, name: shown(name).into_owned(), error, meant });
            self.listed.truncate(MAX_ERRORS);
            self.pointers += 1;
        }
    }
}
