//! Once: what was sent, kept per caller, so that no remediation happens twice and none is lost (contract, section 7).
//!
//! # Who calls Graph
//!
//! One Durable Object per caller keeps its ledger. The Worker finds out who calls, judges the payload, and hands the remediation on; *the object* calls Graph,
//! records the outcome, and answers and logs in the Worker's place.
//!
//! - **Correctness.** A Worker's request dies with its caller's connection, at most 30 s after it; Graph may take 60. The object lives on while it
//!   has work, so a caller that disconnects stops nothing. The outcome is recorded in the same place and the same thread in which it
//!   arrives: there is no message from Worker to object that could get lost between Graph's answer and the record. And the requests of one
//!   object share its I/O context, so that a second request may simply await the first one's outcome, which is forbidden between the
//!   requests of a Worker (facts, section 7).
//! - **Cost.** One hop in place of two (begin, finish), whose answer passes through the Worker, which looks at one header of it. The app token is cached
//!   per isolate and settings, and an object mostly shares its isolate with the Worker or with its neighbours; where it does not, it fetches one token
//!   an hour.
//!
//! The price is that the payload crosses the hop. It is the body for Graph already, made anew from what was checked, and is not parsed again. Nothing that was
//! not checked comes to an object.
//!
//! # What each step leans on
//!
//! - *Check and insert are atomic*: [`engine::begin`] runs without an await on synchronous SQL, and an object has one thread.
//! - *The record is durable before Graph is called*: the platform's output gate holds back every outgoing message, a `fetch` included, until
//!   what was written before it is on disk. Nothing here waits for it by hand.
//! - *Statements without an await between them are committed together*: an old record moves to its `past` record key and the new one is written, or neither.
//! - *The work goes on without its caller*: an object's requests are one to the platform, which ends none of them when its client has gone, and keeps an
//!   object in memory as long as a timer of its is pending (from compatibility date 2026-10-01 on; facts, section 7). While an attempt waits for
//!   Microsoft, one always is: that of its deadline.
//! - *Storage is bounded*: every record expires, and the alarm removes what has. It is looked up, not moved on, when an object starts, since
//!   one that is moved on with each start might never come; and it is set again with the next record where it was lost.
//! - *A crash leaves the record pending*: the next attempt finds no attempt in memory and sends again; Graph's own 409 tells a duplicate.

pub mod engine;
mod error;
pub mod in_flight;
pub mod quota;
pub mod service;
pub mod storage;
pub mod types;

pub use error::{LedgerError, StorageError};
pub use service::LedgerService;
pub use types::{LedgerOutcome, LedgerRequest, LedgerResponse, Quota};
