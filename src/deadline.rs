//! Every deadline of a request, in one place.
//!
//! [`REQUEST_DEADLINE`] counts from the time at which the Worker receives the request. The deadline of a call counts
//! from the start of the call. The calls of an attempt also end [`RECORD_MARGIN`] before [`REQUEST_DEADLINE`].
//!
//! ```text
//! 0 s                                                                        89 s  90 s    94 s    100 s
//! │                                                                            │     │       │       │
//! ├─ Worker ────────────────────┬─ object ─────────────────────────────────────┼─────┤       │       │
//! │  keys        ≤ KEYS_DEADLINE│  token      ≤ TOKEN_DEADLINE, at most twice  │record       │       │
//! │  body        no own deadline│  Graph      ≤ GRAPH_DEADLINE, ≥ MIN_GRAPH_TIME     │       │       │
//! │                             │  Retry-After ≤ MAX_GRAPH_WAIT, MAX_GRAPH_RETRIES   │       │       │
//! │                             │                                    RECORD_MARGIN ┘ │       │       │
//! ├─ REQUEST_DEADLINE ───────────────────────────────────────────────────────────────┤       │       │
//! ├─ REQUEST_DEADLINE + LEDGER_GRACE: the Worker stops waiting for the object ───────────────┤       │
//! └─ the caller's own timeout: 100 s of the SDKs, 120 s of Logic Apps ───────────────────────────────┘
//! ```
//!
//! The Worker reads a status itself: the token and each page of Graph's list have the deadlines above. The read, with
//! its wait for other pages, ends [`RECORD_MARGIN`] before [`REQUEST_DEADLINE`].
//!
//! If less than [`MIN_GRAPH_TIME`] is left for Graph, the gateway sends nothing.

use std::time::Duration;

/// Maximum duration of a request (contract, section 8).
///
/// It is below the 100 s of the SDKs and the 120 s of Logic Apps (facts, sections 4 and 5).
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(90);

/// Time after [`REQUEST_DEADLINE`] from which the Worker no longer waits for an object's response.
///
/// The object normally responds by [`REQUEST_DEADLINE`]. With this grace, the sum is still below the 100 s of the SDKs
/// (facts, section 5).
pub const LEDGER_GRACE: Duration = Duration::from_secs(4);

/// Part of [`REQUEST_DEADLINE`] that remains when an attempt must have ended.
///
/// In this second the object records the outcome and the response reaches the caller, before the caller's own timeout.
pub const RECORD_MARGIN: Duration = Duration::from_secs(1);

/// Maximum duration of the rate limiting binding's response. After that, the request passes.
///
/// The platform counts on the same machine, so a second without a response means that the binding fails.
pub const RATE_LIMIT_DEADLINE: Duration = Duration::from_secs(1);

/// Maximum duration of Entra ID's entire response with its public keys.
///
/// It equals the contract's deadline of the token endpoint (section 8). The sum with two fetches of the gateway's own
/// token and [`GRAPH_DEADLINE`] is [`REQUEST_DEADLINE`].
pub const KEYS_DEADLINE: Duration = Duration::from_secs(10);

/// Maximum duration of the token endpoint's entire response (contract, section 8).
pub const TOKEN_DEADLINE: Duration = Duration::from_secs(10);

/// Maximum duration of Graph's entire response (contract, section 8).
pub const GRAPH_DEADLINE: Duration = Duration::from_mins(1);

/// Minimum time for a submission to Graph. If less is left, no call begins.
///
/// If a call is cut short, its outcome is unknown. If no call begins, it is certain that nothing was sent. Callers wait
/// at least five seconds before a retry (facts, section 4), and the retry has a new [`REQUEST_DEADLINE`].
pub const MIN_GRAPH_TIME: Duration = Duration::from_secs(5);

/// Longest `Retry-After` of Graph after which the gateway retries (contract, section 8).
pub const MAX_GRAPH_WAIT: Duration = Duration::from_secs(10);

/// Maximum number of retries after a short `Retry-After` (contract, section 8).
pub const MAX_GRAPH_RETRIES: u32 = 2;

/// Maximum duration of the object's one timer.
///
/// The timer is not cleared when the last waiting request ends, because setting and clearing a timer for each request
/// would cost more CPU time than all checks of a request. A pending timer keeps the object in memory, which Cloudflare
/// bills as duration.
pub const MAX_TIMER: Duration = Duration::from_secs(1);
