//! Every deadline of a request, in one place.
//!
//! All of them count from the moment at which the Worker gets the request, or are cut short by the one around them:
//!
//! ```text
//! 0 s                                                                        89 s  90 s    94 s    100 s
//! │                                                                            │     │       │       │
//! ├─ Worker ────────────────────┬─ object ─────────────────────────────────────┼─────┤       │       │
//! │  keys        ≤ KEYS_DEADLINE│  token      ≤ TOKEN_DEADLINE, once more      │record       │       │
//! │  body        as it comes    │  Graph      ≤ GRAPH_DEADLINE, ≥ MIN_GRAPH_TIME     │       │       │
//! │                             │  Retry-After ≤ MAX_GRAPH_WAIT, MAX_GRAPH_WAITS     │       │       │
//! │                             │                                    RECORD_MARGIN ┘ │       │       │
//! ├─ REQUEST_DEADLINE ───────────────────────────────────────────────────────────────┤       │       │
//! ├─ REQUEST_DEADLINE + LEDGER_GRACE: the Worker gives up an object that is silent ──────────┤       │
//! └─ the caller's own timeout: 100 s of the SDKs, 120 s of Logic Apps ───────────────────────────────┘
//! ```
//!
//! A status is read in the Worker: the token and each page of Graph's list have their deadlines from above, and all of it ends [`RECORD_MARGIN`] before
//! [`REQUEST_DEADLINE`].
//!
//! What is left for Graph never falls below [`MIN_GRAPH_TIME`]: with less left, nothing is sent.

use std::time::Duration;

/// The whole time that a request may take (contract, section 8).
///
/// Below the 100 s of the SDKs and the 120 s of Logic Apps (facts, sections 4 and 5).
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(90);

/// How long after [`REQUEST_DEADLINE`] the Worker gives up an object that has not answered.
///
/// The object answers by [`REQUEST_DEADLINE`] if the platform lets it. With the grace the whole is still below the 100 s of the SDKs
/// (facts, section 5).
pub const LEDGER_GRACE: Duration = Duration::from_secs(4);

/// What is left of [`REQUEST_DEADLINE`] when an attempt must have ended.
///
/// One second in which the object records the outcome and the response reaches the caller, so that the caller learns the outcome and does not
/// run into its own timeout.
pub const RECORD_MARGIN: Duration = Duration::from_secs(1);

/// How long the rate limiting binding may take. A request passes after that.
///
/// The platform counts on the same machine, so a second means that the binding fails.
pub const RATE_LIMIT_DEADLINE: Duration = Duration::from_secs(1);

/// How long Entra ID may take for its whole response with its public keys.
///
/// As long as the contract gives the token endpoint (section 8). With this, two fetches of the gateway's own token and
/// [`GRAPH_DEADLINE`], a request is at its whole [`REQUEST_DEADLINE`].
pub const KEYS_DEADLINE: Duration = Duration::from_secs(10);

/// How long the token endpoint may take for its whole response (contract, section 8).
pub const TOKEN_DEADLINE: Duration = Duration::from_secs(10);

/// How long Graph may take for its whole response (contract, section 8).
pub const GRAPH_DEADLINE: Duration = Duration::from_mins(1);

/// The least time for a call to Graph. With less left, none is begun.
///
/// A rejection by Graph is certain, and a call that is cut short is not. Five seconds: no caller's retry comes sooner (facts, section 4),
/// and it has a whole [`REQUEST_DEADLINE`].
pub const MIN_GRAPH_TIME: Duration = Duration::from_secs(5);

/// The longest `Retry-After` of Graph that is waited out (contract, section 8).
pub const MAX_GRAPH_WAIT: Duration = Duration::from_secs(10);

/// How often a `Retry-After` is waited out (contract, section 8).
pub const MAX_GRAPH_WAITS: u32 = 2;

/// The longest that the object's one timer is set for.
///
/// It is left to go off when no request waits any more, since setting and clearing one for each request costs more than all checks. While it
/// is set, it keeps the object in memory, which is paid for by its time.
pub const MAX_TIMER: Duration = Duration::from_secs(1);
