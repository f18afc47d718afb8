//! Limits for reads of Graph's list of analyzed emails.

/// Number of rows that the gateway requests per page: the largest number that is known to work (facts, section 1).
pub(super) const PAGE_ROWS: usize = 1000;

/// Maximum size of a page in bytes: 8 KiB for each of [`PAGE_ROWS`], several times the size of a row.
pub(super) const MAX_PAGE_BYTES: usize = PAGE_ROWS * 8 * 1024;

/// Maximum number of pages that an isolate reads at the same time: half of the isolate's 128 MiB in pages of
/// [`MAX_PAGE_BYTES`]. The other half is for the page that is parsed, the code, and the other requests.
pub(super) const MAX_PAGE_READS: usize = 64 * 1024 * 1024 / MAX_PAGE_BYTES;

/// Maximum number of pages of one read: twice the 100 pages that 10,000 recipients fill if Graph returns only 100 rows
/// per page.
pub const MAX_PAGES: u32 = 200;

/// Maximum size of all pages of one read in bytes: 8 KiB for each of 10,000 recipients.
pub const MAX_READ_BYTES: usize = 10 * MAX_PAGE_BYTES;

/// Maximum number of pairs of message and recipient in one read: ten times the emails of a remediation. They take
/// about 20 MB, and 80 MB if each address has the maximum length and capitals.
pub const MAX_PAIRS: usize = 100_000;

/// Maximum length of an `@odata.nextLink` in bytes: the length of a URL that servers accept.
pub(super) const MAX_LINK_BYTES: usize = 8 * 1024;
