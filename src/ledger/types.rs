//! Requests to a ledger, and its responses.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::expansion::{AttemptError, ExpansionPlan};
use crate::graph::response::Accepted;
use crate::remediation::{Action, GraphVersion, Recipients};
use crate::time::Timestamp;

/// A SHA-256. It is serialized as base64: an array of numbers would be three times as long, and slower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Hash(pub [u8; 32]);

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        BASE64_STANDARD.encode(hash.0)
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = BASE64_STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("no hash")
    }
}

/// A remediation that must happen exactly once. Its [`Work`] is a separate value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerRequest {
    /// SHA-256 of the idempotency key, if the caller sent one. The key itself is the caller's text and is not stored.
    pub key: Option<Hash>,
    /// Payload hash of [`Remediation`](crate::remediation::Remediation::payload_hash) or
    /// [`MessagesRemediation`](crate::remediation::MessagesRemediation::payload_hash).
    pub payload_hash: Hash,
    /// Digest of the pairs, or of the messages if the pairs are not known yet.
    pub pairs: u64,
    /// Action.
    pub action: Action,
    /// Number of emails that count against the quota. For messages, the maximum; the rest is refunded.
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

/// Key of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey(pub [u8; 32]);

impl RecordKey {
    fn of(parts: &[&[u8]]) -> Self {
        Self(parts.iter().fold(Sha256::new(), Sha256::chain_update).finalize().into())
    }

    /// Returns the record key of requests without an idempotency key for the payload with this hash.
    #[must_use]
    pub fn of_payload(payload_hash: &Hash) -> Self {
        Self::of(&[b"payload", &payload_hash.0])
    }

    /// Returns the record key under which this key's replaced record is archived. The archived record still counts
    /// against the quota, and still ends the replay of another action.
    #[must_use]
    pub fn archived(&self, began: Timestamp) -> Self {
        Self::of(&[b"past", &self.0, &began.millis().to_be_bytes()])
    }
}

impl LedgerRequest {
    /// Returns the remediation's record key: from the idempotency key, or else from the payload.
    #[must_use]
    pub fn record_key(&self) -> RecordKey {
        self.key.as_ref().map_or_else(|| self.payload_key(), |key| RecordKey::of(&[b"key", &key.0]))
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
    Failed {
        /// Its error.
        error: AttemptError,
        /// Counts of the recipients that were submitted, if Graph's list named them.
        recipients: Option<Recipients>,
        /// Whether Graph certainly did not accept this attempt, but may have accepted an earlier one.
        is_retry: bool,
    },
    /// The same remediation is in flight, and this request did not get its outcome.
    InProgress,
    /// The idempotency key belongs to another payload.
    KeyReused,
    /// The request exceeds the quota.
    QuotaExceeded {
        /// Whether Graph may have accepted an earlier attempt.
        is_retry: bool,
    },
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
