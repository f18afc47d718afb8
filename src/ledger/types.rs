//! Requests to a ledger, and its responses.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::expansion::{AttemptError, ExpansionPlan};
use crate::graph::response::Accepted;
use crate::remediation::{Action, GraphVersion};
use crate::time::Timestamp;

/// A SHA-256.
pub type Hash = [u8; 32];

/// A remediation that must happen exactly once. Its [`Work`] is a separate value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerRequest {
    /// SHA-256 of the idempotency key, if the caller sent one. The key itself is the caller's text and is not stored.
    #[serde(with = "optional")]
    pub key: Option<Hash>,
    /// Payload hash of [`Remediation`](crate::remediation::Remediation::payload_hash) or
    /// [`MessagesRemediation`](crate::remediation::MessagesRemediation::payload_hash).
    #[serde(with = "base64")]
    pub payload_hash: Hash,
    /// Digest of the pairs, or of the messages if the pairs are not known yet.
    pub pairs: u64,
    /// Action.
    pub action: Action,
    /// Number of emails that count against the quota. Of messages, the maximum; the rest is refunded.
    pub emails: u64,
    /// Maximum number of the caller's emails per hour.
    pub emails_per_hour: u64,
    /// Version of Graph.
    pub version: GraphVersion,
    /// Whether Graph needs `Prefer: include-unknown-enum-members`.
    pub newer_member: bool,
}

/// The content of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Work {
    /// Body for Graph.
    Submit(Vec<u8>),
    /// Messages whose recipients must be read first.
    Expand {
        /// The messages, and the permissions of their caller.
        plan: Box<ExpansionPlan<'static>>,
        /// Body for Graph without emails.
        graph_request: String,
    },
}

/// Serializes a hash as a text. An array of numbers would be three times as long, and slower.
mod base64 {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Hash;

    pub(super) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let bytes = BASE64_STANDARD.decode(<&str>::deserialize(deserializer)?).map_err(D::Error::custom)?;
        Hash::try_from(bytes).map_err(|_| D::Error::custom("no hash"))
    }
}

/// Serializes an optional hash.
mod optional {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Hash;

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Text(#[serde(with = "super::base64")] Hash);

    #[expect(clippy::ref_option, reason = "it is what serde calls")]
    pub(super) fn serialize<S: Serializer>(hash: &Option<Hash>, serializer: S) -> Result<S::Ok, S::Error> {
        hash.map(Text).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Hash>, D::Error> {
        Ok(Option::<Text>::deserialize(deserializer)?.map(|Text(hash)| hash))
    }
}

/// Key of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey(pub Hash);

impl RecordKey {
    fn of(kind: &[u8], hash: &Hash) -> Self {
        Self(Sha256::new().chain_update(kind).chain_update(hash).finalize().into())
    }

    /// Returns the record key of requests without an idempotency key for the payload with this hash.
    #[must_use]
    pub fn of_payload(payload_hash: &Hash) -> Self {
        Self::of(b"payload", payload_hash)
    }

    /// Returns the record key for this key's old record, which another remediation has replaced. The old record is kept
    /// while it counts against the quota.
    #[must_use]
    pub fn archived(&self, began: Timestamp) -> Self {
        Self(
            Sha256::new()
                .chain_update(b"past")
                .chain_update(self.0)
                .chain_update(began.millis().to_be_bytes())
                .finalize()
                .into(),
        )
    }
}

impl LedgerRequest {
    /// Returns the remediation's record key: from the idempotency key, or else from the payload.
    #[must_use]
    pub fn record_key(&self) -> RecordKey {
        self.key.as_ref().map_or_else(|| self.payload_key(), |key| RecordKey::of(b"key", key))
    }

    /// Returns the record key of requests without an idempotency key for this payload.
    #[must_use]
    pub fn payload_key(&self) -> RecordKey {
        RecordKey::of_payload(&self.payload_hash)
    }
}

/// Outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerOutcome {
    /// Graph has accepted the remediation, for this request or for an earlier one.
    Accepted {
        /// Graph's acceptance.
        accepted: Accepted,
        /// Whether another request had sent it.
        replayed: bool,
    },
    /// The attempt failed.
    Failed(AttemptError),
    /// The same remediation is in flight, and its outcome did not arrive in time.
    InProgress,
    /// The idempotency key belongs to another payload.
    KeyReused,
    /// The request exceeds the quota.
    QuotaExceeded,
}

/// The caller's quota after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Emails per hour.
    pub limit: u64,
    /// Emails left.
    pub remaining: u64,
    /// Seconds until a rejected request is within the quota; otherwise 0.
    pub reset: u64,
}

/// The object's response to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerResponse {
    /// Outcome of the request.
    pub outcome: LedgerOutcome,
    /// Quota.
    pub quota: Quota,
}
