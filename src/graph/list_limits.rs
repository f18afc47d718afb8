//! What is read of Graph's list of analyzed emails at most.

/// The most rows that a page is asked for: the largest number that is known to work (facts, section 1).
pub(super) const PAGE_ROWS: usize = 1000;

/// The largest page in bytes: 8 KiB for each of [`PAGE_ROWS`], several times what a row has.
pub(super) const MAX_PAGE_BYTES: usize = PAGE_ROWS * 8 * 1024;

/// The most pages of one read: twice the pages of 100 rows that 10,000 recipients fill.
pub(super) const MAX_PAGES: u32 = 200;

/// The most bytes of all pages of one read: 8 KiB for each of 10,000 recipients.
pub(super) const MAX_READ_BYTES: usize = 10 * MAX_PAGE_BYTES;

/// The longest `@odata.nextLink` in bytes that is followed: what servers take of a URL.
pub(super) const MAX_LINK_BYTES: usize = 8 * 1024;
