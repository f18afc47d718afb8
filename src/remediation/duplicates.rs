//! Duplicate emails: equal GUIDs, and addresses that are equal ignoring case.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::digest::{digest, mix};
use super::model::AnalyzedEmail;
use crate::guid::Guid;

/// Keeps the first email of each group of duplicates, in the given order. Returns the number of removed emails.
pub(super) fn remove_duplicates(emails: &mut Vec<AnalyzedEmail<'_>>) -> usize {
    let mut is_duplicate = vec![false; emails.len()];
    let order = canonical_order(emails);
    for (earlier, later) in order.iter().zip(order.iter().skip(1)) {
        if earlier.cmp_pair(later) == Ordering::Equal
            && let Some(flag) = is_duplicate.get_mut(later.position)
        {
            *flag = true;
        }
    }
    let before = emails.len();
    let mut flags = is_duplicate.into_iter();
    emails.retain(|_| flags.next() != Some(true));
    before - emails.len()
}

/// Returns the emails in an order that depends on their content and not on the given order. The earlier of two
/// duplicates comes first.
///
/// The emails are sorted and not put into a hash map. On `wasm32-unknown-unknown` the standard library has no
/// randomness, so each isolate's `HashMap` has the same keys, and a caller could send addresses that all collide. Here,
/// digests that collide only cause comparisons of the texts, n·log n in the worst case.
pub(super) fn canonical_order<'e>(emails: &'e [AnalyzedEmail<'e>]) -> Vec<Ranked<'e>> {
    let mut order: Vec<_> = emails.iter().enumerate().map(|(position, email)| Ranked::new(position, email)).collect();
    order.sort_unstable_by(|a, b| a.cmp_pair(b).then_with(|| a.position.cmp(&b.position)));
    order
}

/// An email with its sort key.
#[derive(Debug)]
pub(super) struct Ranked<'e> {
    /// Digest of the address ignoring case. It avoids nearly all text comparisons, since a campaign is one GUID in
    /// thousands of mailboxes of one domain.
    digest: u64,
    position: usize,
    pub(super) email: &'e AnalyzedEmail<'e>,
}

impl<'e> Ranked<'e> {
    fn new(position: usize, email: &'e AnalyzedEmail<'e>) -> Self {
        Self { digest: digest(&email.recipient), position, email }
    }

    /// Compares by content; `Equal` means the same email in the same mailbox.
    fn cmp_pair(&self, other: &Self) -> Ordering {
        self.digest
            .cmp(&other.digest)
            .then_with(|| self.email.network_message_id.cmp(&other.email.network_message_id))
            .then_with(|| without_case(&self.email.recipient).cmp(without_case(&other.email.recipient)))
    }
}

/// Index of a remediation's pairs by message and recipient.
#[derive(Debug)]
pub struct PairIndex<'e>(Vec<Ranked<'e>>);

impl<'e> PairIndex<'e> {
    /// Returns the index of these pairs.
    #[must_use]
    pub fn new(emails: &'e [AnalyzedEmail<'e>]) -> Self {
        Self(canonical_order(emails))
    }

    /// Returns the position of the pair among the emails. Addresses are compared ignoring case.
    #[must_use]
    pub fn find(&self, network_message_id: Guid, recipient: &str) -> Option<usize> {
        let email = AnalyzedEmail { network_message_id, recipient: Cow::Borrowed(recipient), index: 0 };
        let wanted = Ranked::new(0, &email);
        let rank = self.0.binary_search_by(|ranked| ranked.cmp_pair(&wanted)).ok()?;
        self.0.get(rank).map(|ranked| ranked.position)
    }
}

/// Returns the characters of an address in lower case.
pub(crate) fn without_case(address: &str) -> impl Iterator<Item = char> {
    address.chars().flat_map(char::to_lowercase)
}

/// Returns a digest that is equal for duplicate pairs. The digests are added up, so the bits of each are spread well
/// (the finalizer of `SplitMix64`).
pub(super) fn digest_of_pair(email: &AnalyzedEmail<'_>) -> u64 {
    let id = email.network_message_id.to_bytes();
    let (words, _) = id.as_chunks();
    let mut digest = words.iter().fold(digest(&email.recipient), |sum, word| mix(sum, u64::from_be_bytes(*word)));
    digest = (digest ^ digest >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    digest = (digest ^ digest >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    digest ^ digest >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "73ca4154-58d8-43d0-a890-08dc18c52e6d";
    const OTHER: &str = "73ca4154-58d8-43d0-a890-08dc18c52e6e";

    /// Returns the indices of the remaining pairs.
    fn remaining(pairs: &[(&str, &'static str)]) -> Vec<usize> {
        let mut emails: Vec<_> = pairs
            .iter()
            .enumerate()
            .map(|(index, (guid, recipient))| AnalyzedEmail {
                network_message_id: guid.parse().unwrap(),
                recipient: Cow::Borrowed(*recipient),
                index,
            })
            .collect();
        let removed = remove_duplicates(&mut emails);
        assert_eq!(removed + emails.len(), pairs.len());
        emails.iter().map(|email| email.index).collect()
    }

    #[test]
    fn duplicate_pair_is_removed_and_first_keeps_its_order() {
        let pairs = [
            (ONE, "b@x.org"),
            (ONE, "a@x.org"),
            (ONE, "B@X.org"),
            (OTHER, "a@x.org"),
            (ONE, "a@x.org"),
            (ONE, "c@x.org"),
        ];
        assert_eq!(remaining(&pairs), [0, 1, 3, 5]);
    }

    #[test]
    fn duplicate_pair_is_removed_regardless_of_unicode_case() {
        assert_eq!(remaining(&[(ONE, "ÉMILE.ДОМ@x.org"), (ONE, "émile.дом@X.ORG")]), [0]);
        assert_eq!(remaining(&[(&ONE.to_uppercase(), "a@x.org"), (ONE, "a@x.org")]), [0]);
    }

    #[test]
    fn pair_with_equal_digest_but_other_recipient_is_kept() {
        // `@` and the backtick differ only in the bit of the case, as do `^` and `~`.
        assert_eq!(digest("a^b@x.org"), digest("a~b@x.org"));
        assert_eq!(remaining(&[(ONE, "a^b@x.org"), (ONE, "a~b@x.org"), (ONE, "A^B@x.org")]), [0, 1]);
    }

    #[test]
    fn pair_index_finds_pair_in_any_case_and_no_other() {
        let (one, other) = (ONE.parse().unwrap(), OTHER.parse().unwrap());
        let pairs = [(one, "a^b@x.org"), (one, "É@x.org"), (other, "a~b@x.org"), (one, "c@x.org")];
        let emails = pairs.map(|(network_message_id, recipient)| AnalyzedEmail {
            network_message_id,
            recipient: Cow::Borrowed(recipient),
            index: 0,
        });
        let index = PairIndex::new(&emails);
        for (id, recipient, position) in [
            (one, "A^B@X.org", Some(0)),
            (one, "é@x.ORG", Some(1)),
            (other, "a~b@x.org", Some(2)),
            (one, "c@x.org", Some(3)),
            (one, "a~b@x.org", None),
            (other, "a^b@x.org", None),
            (one, "", None),
        ] {
            assert_eq!(index.find(id, recipient), position, "{recipient}");
        }
        assert_eq!(PairIndex::new(&[]).find(one, "c@x.org"), None);
    }

    #[test]
    fn list_of_zero_or_one_pair_is_unchanged() {
        assert!(remaining(&[]).is_empty());
        assert_eq!(remaining(&[(ONE, "a@x.org")]), [0]);
    }
}
