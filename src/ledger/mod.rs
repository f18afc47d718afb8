//! Exactly once: one caller's record of remediations (contract, section 7). A retry gets the recorded success, and
//! nothing is sent. After an unknown outcome the retry is sent, and Graph's 409 reports a duplicate.
//!
//! # Who calls Graph
//!
//! One Durable Object per caller keeps the caller's ledger. The Worker authenticates the caller, validates the payload
//! and passes the remediation on. *The object* calls Graph, records the outcome, builds the response and logs it.
//!
//! - **Correctness.** A Worker's request ends at most 30 s after its caller disconnects, and Graph may need 60 s. The
//!   object stays in memory while it has work, so a caller that disconnects stops nothing. The thread that receives
//!   Graph's response also records the outcome, so no message between Worker and object can get lost in between. The
//!   requests of one object share its I/O context, so a second request can await the outcome of the first one. Requests
//!   of a Worker must not do that (facts, section 7).
//! - **Cost.** One call to the object instead of two (begin, finish). The Worker passes the response through and reads
//!   one header of it. The app token is cached per isolate and settings. An object mostly shares an isolate with the
//!   Worker or with other objects; otherwise it fetches one token per hour.
//!
//! The payload must cross to the object. It is the body for Graph, serialized from validated values, and is not parsed
//! again. The object receives only validated values.
//!
//! A remediation of messages crosses as a plan. The object reads the recipients and adds the emails to the body, within
//! the same attempt. So retries wait for the one expansion. If the expansion fails, nothing was sent, and no record
//! remains.
//!
//! # Guarantees that the steps rely on
//!
//! - *Check and insert are atomic*: [`engine::begin`] runs without an await on synchronous SQL, and an object has one
//!   thread.
//! - *The record is durable before the call to Graph*: the platform's output gate holds back each outgoing message,
//!   including a `fetch`, until earlier writes are on disk. The code does not wait for it.
//! - *Statements without an await between them are committed together*: an old record moves to its `archived` record
//!   key and the new one is written, or neither happens.
//! - *The work continues without its caller*: the platform ends no request of an object when its client disconnects,
//!   and keeps an object in memory while one of its timers is pending (from compatibility date 2026-10-01 on; facts,
//!   section 7). While an attempt waits for Microsoft, the timer of its deadline is pending.
//! - *Storage is bounded*: every record expires, and the alarm removes expired records. A start of the object does not
//!   postpone the alarm, since an alarm that each start postponed might never go off. A lost alarm is set again with
//!   the next record.
//! - *A crash leaves the record pending*: the next attempt finds no attempt in memory and submits again; Graph's 409
//!   reports a duplicate.

pub mod engine;
mod error;
pub mod in_flight;
pub mod quota;
pub mod service;
pub mod storage;
pub mod types;

pub use error::{LedgerError, StorageError};
pub use service::LedgerService;
pub use types::{LedgerOutcome, LedgerRequest, LedgerResponse, Quota, Work};
