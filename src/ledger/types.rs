//! What a ledger is asked, and what it says.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::graph::error::GraphError;
use crate::graph::response::Accepted;
use crate::graph::submit::Submission;
use crate::remediation::{Action, GraphVersion};
use crate::time::Timestamp;

/// A SHA-256.
pub type Hash = [u8; 32];

/// A remediation to be made once. The body for Graph goes beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerRequest {
    /// The SHA-256 of the idempotency key, where the caller gave one. The key itself is the caller's text, and not kept.
    #[serde(with = "optional")]
    pub key: Option<Hash>,
    /// The payload hash of what is to be done: see [`crate::remediation::Remediation::payload_hash`].
    #[serde(with = "base64")]
    pub payload_hash: Hash,
    /// The digest of the pairs alone: see [`crate::remediation::Remediation::pairs`].
    pub pairs: u64,
    /// What is to be done to them.
    pub action: Action,
    /// How many emails count against the quota.
    pub emails: u64,
    /// How many emails the caller may have in an hour.
    pub emails_per_hour: u64,
    /// The version of Graph.
    pub version: GraphVersion,
    /// Whether Graph needs `Prefer: include-unknown-enum-members`.
    pub newer_member: bool,
}

/// A hash as a text. As an array of numbers it would be three times as long, and take longer still.
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

/// The same of a hash that need not be there.
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

/// Under what a record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey(pub Hash);

impl RecordKey {
    fn of(kind: &[u8], hash: &Hash) -> Self {
        Self(Sha256::new().chain_update(kind).chain_update(hash).finalize().into())
    }

    /// Returns the record key of requests without a key for the payload with this hash.
    #[must_use]
    pub fn of_payload(payload_hash: &Hash) -> Self {
        Self::of(b"payload", payload_hash)
    }

    /// Where what was in this record key is kept, once another remediation has taken it, as long as it counts against the quota.
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
    /// The record key of the remediation: that of its key, or without one that of its payload.
    #[must_use]
    pub fn record_key(&self) -> RecordKey {
        self.key.as_ref().map_or_else(|| self.payload_key(), |key| RecordKey::of(b"key", key))
    }

    /// The record key of requests without a key for this payload.
    #[must_use]
    pub fn payload_key(&self) -> RecordKey {
        RecordKey::of_payload(&self.payload_hash)
    }

    /// The submission to Graph, with the body that came beside the request.
    #[must_use]
    pub const fn submission<'a>(&self, body: &'a [u8]) -> Submission<'a> {
        Submission { version: self.version, newer_member: self.newer_member, body }
    }
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerOutcome {
    /// Graph has the remediation: since now, or since an earlier request.
    Accepted {
        /// What Graph said when it accepted.
        accepted: Accepted,
        /// Whether an earlier request, or one at the same time, had it accepted.
        replayed: bool,
    },
    /// The attempt failed.
    Failed(GraphError),
    /// The same remediation is on its way, and did not end within the wait.
    InProgress,
    /// The key stands for another payload.
    KeyReused,
    /// The quota has no room.
    QuotaExceeded,
}

/// The caller's quota after a request was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Emails per hour.
    pub limit: u64,
    /// Emails left.
    pub remaining: u64,
    /// Seconds until a refused order fits; 0 for any other.
    pub reset: u64,
}

/// The object's answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerResponse {
    /// How the request ended.
    pub outcome: LedgerOutcome,
    /// The quota.
    pub quota: Quota,
}
