//! Digests of a remediation's effect, by which the ledger compares payloads (contract, section 7).

use sha2::{Digest, Sha256};

use super::duplicates::{Ranked, canonical_order, digest_of_pair, without_case};
use super::model::{AnalyzedEmail, MessagesRemediation, Remediation};
use crate::guid::Guid;

impl Remediation<'_> {
    /// Returns the SHA-256 of the action, the sender's-copy flag and the *set* of pairs, in any order and any case.
    /// `displayName`, `description` and `severity` are labels, so they do not change it.
    #[must_use]
    pub fn payload_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        // Each part has a fixed length or ends in a byte that it cannot contain, so different remediations have
        // different inputs.
        hash.update([u8::from(self.remediate_senders_copy)]);
        hash.update(self.action.as_str());
        let mut line = Vec::new();
        for Ranked { email, .. } in canonical_order(&self.emails) {
            line.clear();
            line.push(b'\n');
            line.extend_from_slice(&email.network_message_id.to_bytes());
            if email.recipient.is_ascii() {
                line.extend(email.recipient.bytes().map(|byte| byte.to_ascii_lowercase()));
            } else {
                line.extend_from_slice(without_case(&email.recipient).collect::<String>().as_bytes());
            }
            hash.update(&line);
        }
        hash.finalize().into()
    }

    /// Returns a digest of the set of pairs, without the action and the sender's-copy flag: equal for equal sets.
    ///
    /// A caller can make different sets collide and gains nothing, because the digest only ends replays to the same
    /// caller. It is a sum, so the order of the pairs does not matter. It costs a fraction of the SHA-256 above,
    /// because nothing is sorted.
    #[must_use]
    pub fn pairs_digest(&self) -> u64 {
        self.emails.iter().fold(0, |sum, email| sum.wrapping_add(digest_of_pair(email)))
    }
}

impl MessagesRemediation<'_> {
    /// Returns the SHA-256 of the action, the sender's-copy flag and the set of messages. It never equals the hash of a
    /// remediation with pairs. The limits are not part of it: another limit is not another remediation.
    #[must_use]
    pub fn payload_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        // The hash of a remediation with pairs begins with 0 or 1.
        hash.update([2 + u8::from(self.remediation.remediate_senders_copy)]);
        hash.update(self.remediation.action.as_str());
        for message in &self.messages {
            hash.update(b"\n");
            hash.update(message.to_bytes());
        }
        hash.finalize().into()
    }

    /// Returns a digest of the set of messages. Its input differs from each pair's, since no pair has an empty
    /// recipient.
    #[must_use]
    pub fn messages_digest(&self) -> u64 {
        let email = |message: &Guid| AnalyzedEmail { network_message_id: *message, recipient: "".into(), index: 0 };
        self.messages.iter().fold(0, |sum, message| sum.wrapping_add(digest_of_pair(&email(message))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::remediation::parse;

    fn payload_hash(action: &str, copy: bool, display_name: &str, pairs: &[(u8, String)]) -> [u8; 32] {
        digests(action, copy, display_name, pairs).0
    }

    /// Returns the payload hash, and the digest of the pairs.
    fn digests(action: &str, copy: bool, display_name: &str, pairs: &[(u8, String)]) -> ([u8; 32], u64) {
        let emails: Vec<_> = pairs
            .iter()
            .map(|(id, recipient)| {
                serde_json::json!({
                    "networkMessageId": format!("73ca4154-58d8-43d0-a890-08dc18c52e{id:02x}"),
                    "recipientEmailAddress": recipient,
                })
            })
            .collect();
        let body = serde_json::json!({
            "displayName": display_name, "description": display_name, "severity": "low", "action": action,
            "remediateSendersCopy": copy, "analyzedEmails": emails,
        });
        let body = body.to_string();
        let remediation = parse(body.as_bytes()).unwrap();
        (remediation.payload_hash(), remediation.pairs_digest())
    }

    fn pairs(recipients: &[&str]) -> Vec<(u8, String)> {
        recipients.iter().map(|recipient| (1, (*recipient).to_owned())).collect()
    }

    #[test]
    fn payload_hash_covers_action_copy_and_pairs_but_not_display_name() {
        let one = payload_hash("softDelete", false, "a", &pairs(&["a@x.org", "É@x.org"]));
        assert_eq!(one, payload_hash("softDelete", false, "b", &pairs(&["é@X.org", "A@x.org", "a@x.ORG"])));
        for other in [
            payload_hash("hardDelete", false, "a", &pairs(&["a@x.org", "É@x.org"])),
            payload_hash("softDelete", true, "a", &pairs(&["a@x.org", "É@x.org"])),
            payload_hash("softDelete", false, "a", &pairs(&["a@x.org"])),
            payload_hash("softDelete", false, "a", &pairs(&["a@x.org", "é@x.org", "b@x.org"])),
            payload_hash("softDelete", false, "a", &[(2, "a@x.org".to_owned()), (1, "é@x.org".to_owned())]),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn pairs_digest_depends_only_on_set_of_pairs() {
        let digest = |action, copy, pairs: &[(u8, String)]| digests(action, copy, "a", pairs).1;
        let one = digest("softDelete", false, &pairs(&["a@x.org", "É@x.org"]));
        assert_eq!(one, digest("moveToInbox", true, &pairs(&["é@X.org", "A@x.org", "a@x.ORG"])));
        for other in [
            digest("softDelete", false, &pairs(&["a@x.org"])),
            digest("softDelete", false, &pairs(&["a@x.org", "é@x.org", "b@x.org"])),
            digest("softDelete", false, &[(2, "a@x.org".to_owned()), (1, "é@x.org".to_owned())]),
            digest("softDelete", false, &[(1, "a@x.org".to_owned()), (2, "é@x.org".to_owned())]),
        ] {
            assert_ne!(one, other);
        }
    }

    proptest! {
        #[test]
        fn payload_hash_and_pairs_digest_ignore_order_and_duplicates(
            given in prop::collection::vec((any::<u8>(), "[a-z]{1,9}@[a-z]{1,9}\\.org"), 1..40),
            seed in any::<u64>(),
        ) {
            let mut shuffled = given.clone();
            shuffled.extend(given.iter().take(5).cloned());
            shuffled.sort_by_key(|(id, recipient)| (u64::from(*id) ^ seed).wrapping_mul(seed | 1) ^ u64::from(recipient.as_bytes()[0]));
            prop_assert_eq!(digests("softDelete", false, "a", &given), digests("softDelete", false, "a", &shuffled));
        }
    }
}
