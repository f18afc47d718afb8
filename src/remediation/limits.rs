//! Every limit on the payload, with the reason for its figure.
//!
//! "Characters" are Unicode scalar values. Microsoft documents no limit for any of these members, so the project chose
//! each figure: as high as a real remediation needs.

/// Maximum length of `displayName` in characters. It is the name in the Action center. Graph cuts most display names of
/// a tenant at 256.
pub const MAX_DISPLAY_NAME: usize = 256;

/// Maximum length of `description` in characters. It is a note for people in a side pane: about one page of text.
pub const MAX_DESCRIPTION: usize = 1024;

/// Maximum number of items in `analyzedEmails`, with repeated pairs. Microsoft advises at most 50,000 emails per
/// remediation. An item has about 120 bytes, so 10,000 items (1.2 MB) fit into the 4 MiB of a request.
pub const MAX_ANALYZED_EMAILS: usize = 10_000;

/// Maximum number of messages in a request that reads from Graph. The gateway reads each separately; with 20, each read
/// has 4 s of a request's 90 s.
pub const MAX_MESSAGES: usize = 20;

/// Maximum length of an address before the `@`, in characters (RFC 5321, section 4.5.3.1.1).
pub const MAX_LOCAL_PART: usize = 64;

/// Maximum length of an address after the `@`, in characters (RFC 5321, section 4.5.3.1.2).
pub const MAX_DOMAIN: usize = 255;

/// Maximum length of an address in characters: the local part, the `@` and the domain.
pub const MAX_ADDRESS: usize = MAX_LOCAL_PART + 1 + MAX_DOMAIN;

/// Maximum depth of objects and arrays. A payload has 3 levels, and the annotations of an SDK add a few. The reader
/// recurses once per level, so the limit also bounds its stack.
pub const MAX_DEPTH: usize = 32;

/// Maximum number of listed causes; further ones are only counted. A person reads about one screen of them before a
/// correction. The limit also bounds the work and the response.
pub const MAX_ERRORS: usize = 50;

/// Maximum number of pointers for one cause, and for all causes of one kind (values, unknown members). Each cause has
/// its first pointer even above this maximum. A script can leave out that many items and submit the rest, and a
/// response stays below 100 KiB.
pub const MAX_POINTERS: usize = 100;

/// Maximum number of the caller's characters in an error text: three times the longest required name
/// (`recipientEmailAddress`, 21), so that a misspelt name is not cut.
pub const MAX_EXCERPT: usize = 64;

/// Maximum edit distance of a misspelt name. Long names often have two errors; with three, `location` would match
/// `action`.
pub(super) const MAX_MISSPELLINGS: usize = 2;

/// Maximum number of an object's names that are compared one by one; further names are sorted. An item of a pair has
/// 2 members, each perhaps with an annotation. So the objects that occur by the thousand need no allocation.
pub(super) const MAX_UNSORTED_NAMES: usize = 4;
