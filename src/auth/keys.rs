//! The cache of the issuers' keys.
//!
//! A request must never await a promise of another request (facts, section 7). So a request that needs keys while
//! another request fetches them polls the cache. [`IssuerKeys::plan`] has the rules and is pure; the other functions
//! carry them out.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::issuer::Issuer;
use super::jwks;
use super::token_error::TokenError;
use crate::config::Config;
use crate::deadline::KEYS_DEADLINE;
use crate::runtime::{HttpRequest, Runtime};
use crate::time::Timestamp;

/// Age from which keys are refreshed in the background (facts, section 3: hourly).
const REFRESH_AFTER: Duration = Duration::from_hours(1);
/// Age from which keys are fetched again before they are used (facts, section 3: about a day).
const LIFETIME: Duration = Duration::from_hours(24);
/// Cool-down: the minimum time between two fetches that unknown key IDs cause.
///
/// Microsoft advises 5 minutes (facts, section 3). But during a key rollover, a response of the issuer can be outdated.
/// Until the next fetch, the gateway then rejects each token that the missing key signed. The retries of workflows and
/// SDKs last longer than 30 s (facts, sections 4 and 5).
const UNKNOWN_KEY_COOLDOWN: Duration = Duration::from_secs(30);
/// Time after the first set without a former key. During this time, a token with that key causes an immediate fetch.
const FORMER_KEY_MEMORY: Duration = Duration::from_hours(24);
/// Maximum number of remembered keys that the issuer no longer lists: as many as one set may have.
const MAX_FORMER_KEYS: usize = jwks::MAX_KEYS;
/// Minimum time between a failed fetch and the next one.
///
/// It is long enough that many requests cause few fetches. It ends before the second retry of a workflow, whose retries
/// are at least 5 s apart (facts, section 4).
const FAILURE_COOLDOWN: Duration = Duration::from_secs(10);

/// Age from which a running fetch counts as cancelled with its request: the deadline of a fetch, and one second for
/// late timers and the import of the keys. Without that second a waiting request would start another fetch just before
/// the first one fails.
const ABANDONED_AFTER: Duration = KEYS_DEADLINE.saturating_add(Duration::from_secs(1));
/// Interval at which a request checks whether the fetch of another request has ended: a fraction of a fetch's duration.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Maximum size of a key set in bytes. Entra's are about 15 KiB with certificates.
pub(crate) const MAX_KEY_SET_BYTES: usize = 256 * 1024;

/// The key sets of both issuers.
pub struct KeyCache<K> {
    v1: RefCell<IssuerKeys<K>>,
    v2: RefCell<IssuerKeys<K>>,
}

impl<K> Default for KeyCache<K> {
    fn default() -> Self {
        Self { v1: RefCell::default(), v2: RefCell::default() }
    }
}

/// One issuer's keys, and the state of their fetches.
pub(crate) struct IssuerKeys<K> {
    keys: Vec<(String, K)>,
    /// Time at which `keys` were fetched.
    fetched_at: Option<Timestamp>,
    /// Time at which the running fetch began. A cancelled fetch never ends, so the value counts only for
    /// [`ABANDONED_AFTER`].
    fetch_began: Option<Timestamp>,
    /// Time at which the last fetch failed, if it failed.
    failed_at: Option<Timestamp>,
    /// End of the last fetch for a key that the old or the new set lacked. It starts the cool-down.
    unknown_at: Option<Timestamp>,
    /// Time at which a former key last caused a fetch during the cool-down.
    former_fetched_at: Option<Timestamp>,
    /// Keys that an earlier set listed and the latest set lacks, the most recently dropped last.
    former: Vec<FormerKey>,
}

/// A key that an earlier set listed and the latest set lacks.
struct FormerKey {
    kid: String,
    /// Time of the first set without the key.
    left_out_at: Timestamp,
    /// Whether a fetch has been made for this key since then.
    was_refetched: bool,
}

impl<K> Default for IssuerKeys<K> {
    fn default() -> Self {
        Self {
            keys: vec![],
            fetched_at: None,
            fetch_began: None,
            failed_at: None,
            unknown_at: None,
            former_fetched_at: None,
            former: vec![],
        }
    }
}

/// Returns the time between `moment` and `now`.
///
/// A clock may be set back. A moment in the future counts by its distance: a small step back changes nothing, and a
/// large one ends the period.
fn age(moment: Timestamp, now: Timestamp) -> Duration {
    now.since(moment).max(moment.since(now))
}

fn is_within(moment: Option<Timestamp>, span: Duration, now: Timestamp) -> bool {
    moment.is_some_and(|moment| age(moment, now) < span)
}

/// Next step for a request that needs a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan<K> {
    Use(K),
    UseAndRefresh(K),
    Fetch,
    Wait,
    Reject(TokenError),
}

impl<K: Clone> IssuerKeys<K> {
    pub(crate) fn plan(&self, kid: &str, now: Timestamp) -> Plan<K> {
        let running = is_within(self.fetch_began, ABANDONED_AFTER, now);
        let cooling = is_within(self.failed_at, FAILURE_COOLDOWN, now);
        let key = self.keys.iter().find(|(known, _)| known == kid).map(|(_, key)| key.clone());
        match (self.fetched_at.map(|fetched| age(fetched, now)), key) {
            (None, _) if running => Plan::Wait,
            (None, _) if cooling => Plan::Reject(TokenError::KeysUnavailable),
            // If the endpoint fails, the last valid set remains in use: during the cool-down, at any age.
            (Some(age), Some(key)) if age < REFRESH_AFTER || cooling => Plan::Use(key),
            (Some(age), Some(key)) if age < LIFETIME => {
                if running {
                    Plan::Use(key)
                } else {
                    Plan::UseAndRefresh(key)
                }
            }
            (Some(_), _) if running => Plan::Wait,
            (Some(_), None) => match self.cooldown_left(now) {
                Some(left) if cooling || !self.may_refetch_former(kid, now) => Plan::Reject(match self.failed_at {
                    // After a failed fetch it is unknown whether the issuer lists the key.
                    Some(_) => TokenError::KeysUnavailable,
                    None => TokenError::UnknownKey { retry_after: seconds_rounded_up(left) },
                }),
                _ => Plan::Fetch,
            },
            _ => Plan::Fetch,
        }
    }

    /// Returns the rest of the cool-down, in which unknown keys cause no fetch, or `None` if it is over.
    fn cooldown_left(&self, now: Timestamp) -> Option<Duration> {
        let left = UNKNOWN_KEY_COOLDOWN.saturating_sub(age(self.unknown_at?, now));
        (!left.is_zero()).then_some(left)
    }

    /// Returns whether `kid` causes a fetch during the cool-down: the issuer listed the key within the last day, and no
    /// fetch has been made for it since.
    ///
    /// At most one such fetch happens per cool-down. Otherwise two servers of the issuer with different sets would
    /// cause a fetch for each token.
    fn may_refetch_former(&self, kid: &str, now: Timestamp) -> bool {
        !is_within(self.former_fetched_at, UNKNOWN_KEY_COOLDOWN, now)
            && self.former.iter().any(|former| {
                former.kid == kid
                    && !former.was_refetched
                    && is_within(Some(former.left_out_at), FORMER_KEY_MEMORY, now)
            })
    }

    /// Records the start of a fetch, for the key `kid` if a request waits for one.
    pub(crate) fn begin_fetch(&mut self, kid: Option<&str>, now: Timestamp) {
        self.fetch_began = Some(now);
        let Some(kid) = kid else { return };
        if let Some(former) = self.former.iter_mut().find(|former| former.kid == kid) {
            former.was_refetched = true;
            if is_within(self.unknown_at, UNKNOWN_KEY_COOLDOWN, now) {
                self.former_fetched_at = Some(now);
            }
        }
    }

    /// Records the outcome of the fetch that began at `began`, unless a later fetch has replaced it.
    ///
    /// `kid` is the key that a request waits for. If an earlier set lacked the key, or this set lacks it, the cool-down
    /// starts.
    pub(crate) fn end_fetch(
        &mut self,
        began: Timestamp,
        outcome: Option<Vec<(String, K)>>,
        kid: Option<&str>,
        now: Timestamp,
    ) {
        if self.fetch_began != Some(began) {
            return;
        }
        self.fetch_began = None;
        let lacked = |keys: &[(String, K)]| kid.is_some_and(|kid| !keys.iter().any(|(known, _)| known == kid));
        let was_missing = self.fetched_at.is_some() && lacked(&self.keys);
        match outcome {
            Some(keys) => {
                self.replace(keys, now);
                self.fetched_at = Some(now);
                self.failed_at = None;
            }
            None => self.failed_at = Some(now),
        }
        if was_missing || self.fetched_at.is_some() && lacked(&self.keys) {
            self.unknown_at = Some(now);
        }
    }

    /// Replaces the keys, and remembers the keys that `keys` leaves out.
    fn replace(&mut self, keys: Vec<(String, K)>, now: Timestamp) {
        let is_listed = |kid: &str| keys.iter().any(|(listed, _)| listed == kid);
        self.former
            .retain(|former| !is_listed(&former.kid) && is_within(Some(former.left_out_at), FORMER_KEY_MEMORY, now));
        let left_out = self.keys.iter().filter(|(kid, _)| !is_listed(kid));
        self.former.extend(left_out.map(|(kid, _)| FormerKey {
            kid: kid.clone(),
            left_out_at: now,
            was_refetched: false,
        }));
        let excess = self.former.len().saturating_sub(MAX_FORMER_KEYS);
        self.former.drain(..excess);
        self.keys = keys;
    }
}

/// Returns `duration` in seconds, rounded up, and at least 1.
fn seconds_rounded_up(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

impl<K: Clone + 'static> KeyCache<K> {
    const fn issuer_keys(&self, issuer: Issuer) -> &RefCell<IssuerKeys<K>> {
        match issuer {
            Issuer::V1 => &self.v1,
            Issuer::V2 => &self.v2,
        }
    }

    /// Returns the key `kid` of `issuer`, from the cache or from the issuer.
    ///
    /// # Errors
    ///
    /// [`TokenError::UnknownKey`] if the issuer's latest set has no such key, [`TokenError::KeysUnavailable`] if the
    /// fetch failed.
    pub async fn find<P: Runtime<Key = K>>(
        self: &Rc<Self>,
        runtime: &P,
        config: &Rc<Config>,
        issuer: Issuer,
        kid: &str,
    ) -> Result<K, TokenError> {
        loop {
            let now = runtime.now();
            // The borrow ends with the statement, so none is held over an await.
            let plan = self.issuer_keys(issuer).borrow().plan(kid, now);
            match plan {
                Plan::Use(key) => return Ok(key),
                Plan::Reject(error) => return Err(error),
                Plan::Wait => runtime.sleep(POLL_INTERVAL).await,
                Plan::Fetch => {
                    self.issuer_keys(issuer).borrow_mut().begin_fetch(Some(kid), now);
                    self.refresh(runtime, config, issuer, Some(kid), now).await;
                }
                Plan::UseAndRefresh(key) => {
                    self.issuer_keys(issuer).borrow_mut().begin_fetch(None, now);
                    let (cache, runtime, config) = (Rc::clone(self), runtime.clone(), Rc::clone(config));
                    runtime.clone().defer(async move { cache.refresh(&runtime, &config, issuer, None, now).await });
                    return Ok(key);
                }
            }
        }
    }

    async fn refresh<P>(&self, runtime: &P, config: &Config, issuer: Issuer, kid: Option<&str>, began: Timestamp)
    where
        P: Runtime<Key = K>,
    {
        let keys = fetch(runtime, config, issuer).await;
        self.issuer_keys(issuer).borrow_mut().end_fetch(began, keys, kid, runtime.now());
    }
}

/// Fetches and imports the keys of `issuer`. A set without an accepted key counts as a failed fetch.
async fn fetch<P: Runtime>(runtime: &P, config: &Config, issuer: Issuer) -> Option<Vec<(String, P::Key)>> {
    let url = issuer.keys_url(config);
    let request = HttpRequest {
        url: &url,
        headers: &[("Accept", "application/json"), ("User-Agent", crate::runtime::USER_AGENT)],
        body: None,
        deadline: KEYS_DEADLINE,
        wanted: &[],
        body_cap: MAX_KEY_SET_BYTES,
        skip_success_body: false,
    };
    let response = runtime.send(request).await.ok().filter(crate::runtime::HttpResponse::is_success)?;
    let published = jwks::parse(&response.body.ok()?, &issuer.name(config), &config.tenant_id.to_string())?;
    let mut keys = Vec::with_capacity(published.len());
    for key in published {
        if let Some(imported) = runtime.import_rs256(&key.n, &key.e).await {
            keys.push((key.kid, imported));
        }
    }
    (!keys.is_empty()).then_some(keys)
}
