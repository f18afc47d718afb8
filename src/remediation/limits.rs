//! Every limit on the payload, each with where its figure comes from.
//!
//! "Characters" are Unicode scalar values. Microsoft documents no limit for any of these, so each figure is the
//! gateway's own: as wide as a real remediation needs, and no wider.

/// Characters in `displayName`. It is a caption in the action center: 256 is the length at which Graph cuts most
/// display names in a tenant.
pub const MAX_DISPLAY_NAME: usize = 256;

/// Characters in `description`. It is a note for people, read in a side pane: about one page of text.
pub const MAX_DESCRIPTION: usize = 1024;

/// Items in `analyzedEmails`, counted as the caller gave them. Microsoft advises remediations of 50,000 emails or fewer; an
/// item takes about 120 bytes, so 10,000 of them (1.2 MB) also fit into the 4 MiB that a request may have.
pub const MAX_ANALYZED_EMAILS: usize = 10_000;

/// Messages that one status request may name. Each is a read of its own from Graph, and with 20 of them each has 4 s of the 90 s that a request
/// may take.
pub const MAX_STATUS_MESSAGES: usize = 20;

/// Characters in the part of an address before the `@` (RFC 5321, section 4.5.3.1.1).
pub const MAX_LOCAL_PART: usize = 64;

/// Characters in the part of an address after the `@` (RFC 5321, section 4.5.3.1.2).
pub const MAX_DOMAIN: usize = 255;

/// Characters in an address: the local part, the `@` and the domain at their longest.
pub const MAX_ADDRESS: usize = MAX_LOCAL_PART + 1 + MAX_DOMAIN;

/// Objects and arrays inside each other, the outermost included. A payload has 3; annotations of an SDK add a few. The
/// reader recurses once per level, so this also bounds its stack.
pub const MAX_DEPTH: usize = 32;

/// Causes told one by one; the rest is only counted. One screen of them is as much as a person reads before mending, and it
/// bounds the work and the answer.
pub const MAX_ERRORS: usize = 50;

/// Pointers to one cause, and to all causes of one kind (values, unknown members) beyond the first pointer of each. A script can leave out
/// so many items before it submits the rest, and an answer stays below 100 KiB.
pub const MAX_POINTERS: usize = 100;

/// Characters of the caller's input in any one text of ours. Three times the longest name that is right
/// (`recipientEmailAddress`, 21), so that a misspelt one is shown whole.
pub const MAX_EXCERPT: usize = 64;

/// Typing mistakes between two names that are still taken for the same: two are usual in a long name, and with three `location` would be taken
/// for `action`.
pub(super) const MAX_MISSPELLINGS: usize = 2;

/// Member names of one object that are compared one by one before a sorted set takes over. An item of a pair
/// has 2, each perhaps with an annotation: so the objects that come by the thousand allocate nothing, and cost little to set up.
pub(super) const FEW_NAMES: usize = 4;
