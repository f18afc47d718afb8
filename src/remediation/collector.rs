//! Collects the errors of a payload, one entry per cause and member name.
//!
//! A script repeats one mistake in each of its thousands of items. So an entry has the first pointers and a count,
//! which leaves room in the list for other mistakes.

use std::borrow::Cow;

use super::error::{Location, PayloadError, PayloadErrors};
use super::limits::{MAX_ERRORS, MAX_EXCERPT, MAX_POINTERS};
use super::sanitize::excerpt;
use super::suggestions::{self, Level};

/// Errors found so far, in two bounded lists.
#[derive(Debug, Default)]
pub(super) struct ErrorCollector {
    /// Wrong and missing values.
    values: Entries,
    /// Unknown members.
    unknown: Entries,
}

impl ErrorCollector {
    /// Records a wrong or missing value.
    pub(super) fn add(&mut self, location: Location<'_>, detail: String) {
        self.insert(usize::MAX, location, detail);
    }

    /// Inserts a wrong value at index `at` of the list, before the entries that were added later.
    pub(super) fn insert(&mut self, at: usize, location: Location<'_>, detail: String) {
        if self.values.count_and_find(location, |error| error.detail == detail).is_none() {
            self.values.insert(at, location, detail, None);
        }
    }

    /// Records an unknown member. Returns the member that the name probably means.
    ///
    /// The function compares the name with the known names only for a new entry. A body can have hundreds of thousands
    /// of unknown members, so it compares neither repeated names nor names beyond the list's limit.
    pub(super) fn add_unknown(&mut self, level: Level, location: Location<'_>, name: &str) -> Option<&'static str> {
        if let Some(entry) = self.unknown.count_and_find(location, |_| true) {
            return entry.suggestion;
        }
        if self.unknown.listed.len() >= MAX_ERRORS {
            return None;
        }
        let (detail, suggestion) = suggestions::unknown_member(level, name);
        self.unknown.insert(usize::MAX, location, detail, suggestion);
        suggestion
    }

    /// Returns the number of entries for values.
    pub(super) fn listed_values(&self) -> usize {
        self.values.listed.len()
    }

    /// Returns whether no error was recorded.
    pub(super) fn is_empty(&self) -> bool {
        self.values.total + self.unknown.total == 0
    }

    /// Returns the errors, values before unknown members.
    pub(super) fn finish(self) -> PayloadErrors {
        let total = self.values.total + self.unknown.total;
        let entries = self.values.listed.into_iter().chain(self.unknown.listed);
        PayloadErrors::new(entries.map(|entry| entry.error).take(MAX_ERRORS).collect(), total)
    }
}

/// Returns the name in its printable form. Copies the name only if the printable form differs.
fn printable(name: &str) -> Cow<'_, str> {
    let is_short_and_visible = name.len() <= MAX_EXCERPT && name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_short_and_visible { Cow::Borrowed(name) } else { Cow::Owned(excerpt(name)) }
}

/// Errors of one kind, at most [`MAX_ERRORS`] entries. Each entry has its first pointer, and repeated errors add
/// pointers up to [`MAX_POINTERS`].
#[derive(Debug, Default)]
struct Entries {
    listed: Vec<Entry>,
    /// Number of pointers in all entries.
    pointers: usize,
    /// Number of errors, including those that are not in the list.
    total: usize,
}

#[derive(Debug)]
struct Entry {
    is_in_item: bool,
    /// The member's name in its printable form.
    name: Option<String>,
    error: PayloadError,
    /// The member that an unknown name probably means.
    suggestion: Option<&'static str>,
}

impl Entries {
    /// Counts an error. If the list has an entry for its cause and name, adds the location to the entry and returns the
    /// entry.
    fn count_and_find(&mut self, location: Location<'_>, is_same: impl Fn(&PayloadError) -> bool) -> Option<&Entry> {
        self.total += 1;
        let (is_in_item, name) = location.target();
        let name = name.map(printable);
        let is_entry = |entry: &&mut Entry| {
            entry.is_in_item == is_in_item && entry.name.as_deref() == name.as_deref() && is_same(&entry.error)
        };
        let entry = self.listed.iter_mut().find(is_entry)?;
        entry.error.count += 1;
        if self.pointers < MAX_POINTERS {
            self.pointers += 1;
            entry.error.pointers.push(location.pointer());
        }
        Some(entry)
    }

    /// Adds an entry for a new error, unless the list has [`MAX_ERRORS`] entries.
    fn insert(&mut self, at: usize, location: Location<'_>, detail: String, suggestion: Option<&'static str>) {
        let at = at.min(self.listed.len());
        if at < MAX_ERRORS {
            let (is_in_item, name) = location.target();
            let error = PayloadError::new(location.pointer(), detail);
            let name = name.map(|name| printable(name).into_owned());
            self.listed.insert(at, Entry { is_in_item, name, error, suggestion });
            self.listed.truncate(MAX_ERRORS);
            self.pointers += 1;
        }
    }
}
