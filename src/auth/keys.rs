//! The cache of the issuers' keys.
//!
//! An isolate must never await what another request started (facts, section 7), so a request that needs keys which another is fetching
//! looks again from time to time instead. The rules are in [`IssuerKeys::plan`], pure; the rest carries them out.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::issuer::Issuer;
use super::jwks;
use super::token_error::TokenError;
use crate::config::Config;
use crate::deadline::KEYS_DEADLINE;
use crate::runtime::{HttpRequest, Runtime, Verifier};
use crate::time::Timestamp;

/// Keys older than this are refreshed while a request goes on with them (facts, section 3: hourly).
const REFRESH_AFTER: Duration = Duration::from_hours(1);
/// Keys older than this are fetched before they are used (facts, section 3: about a day).
const LIFETIME: Duration = Duration::from_hours(24);
/// However many tokens name keys that nobody knows, they cause one fetch in this time.
///
/// Microsoft advises 5 minutes (facts, section 3). But one response may lag behind while keys roll, and until the next fetch every token that the
/// missing key signed is turned away. The retries of a workflow and of an SDK outlast 30 s (facts, sections 4 and 5).
const UNKNOWN_KEY_COOLDOWN: Duration = Duration::from_secs(30);
/// A key that the issuer listed within this time is fetched again at once when it is missing.
const REMEMBERED: Duration = Duration::from_hours(24);
/// Maximum number of keys that are remembered after the issuer stopped listing them: as many as one set may hold.
const MAX_FORMER_KEYS: usize = jwks::MAX_KEYS;
/// After a fetch that failed, the next is not tried before this: long enough that a flood of requests does not become a flood of fetches, and over
/// before the second retry of a workflow, whose retries are 5 s apart or more (facts, section 4).
const FAILURE_COOLDOWN: Duration = Duration::from_secs(10);

/// A fetch that began longer ago than this was cancelled with its request: its deadline, and a second in which timers may be late and keys
/// are imported. Were it the deadline alone, whoever waits for an endpoint that hangs would start another fetch just before the first fails.
const ABANDONED_AFTER: Duration = KEYS_DEADLINE.saturating_add(Duration::from_secs(1));
/// How often a request looks whether another's fetch has ended: a fraction of what the fetch takes.
const POLL: Duration = Duration::from_millis(20);
/// The largest key set that is read, in bytes. Entra's are about 15 KiB, certificates included.
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

/// One issuer's keys, and what was done to have them.
pub(crate) struct IssuerKeys<K> {
    keys: Vec<(String, K)>,
    /// When `keys` were fetched.
    fetched: Option<Timestamp>,
    /// When the last fetch began, while it runs. A fetch whose request was cancelled never ends, so it counts only for [`ABANDONED_AFTER`].
    running: Option<Timestamp>,
    /// When the last fetch failed, if the last one did.
    failed: Option<Timestamp>,
    /// When a missing key last caused a fetch.
    unknown: Option<Timestamp>,
    /// When a former key last caused a fetch during the cool-down.
    recalled: Option<Timestamp>,
    /// The keys that the issuer listed and then left out, the latest last.
    former: Vec<Former>,
}

/// A key that the issuer listed once, and that its latest set leaves out.
struct Former {
    kid: String,
    /// When a set first left the key out.
    left_out: Timestamp,
    /// Whether the issuer was asked again for this key since.
    asked: bool,
}

impl<K> Default for IssuerKeys<K> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            fetched: None,
            running: None,
            failed: None,
            unknown: None,
            recalled: None,
            former: Vec::new(),
        }
    }
}

/// How far apart `moment` and `now` are.
///
/// A clock may be set back. A moment in the future counts by its distance, so a small step back changes nothing and a large one ends the span.
fn age(moment: Timestamp, now: Timestamp) -> Duration {
    now.since(moment).max(moment.since(now))
}

fn within(moment: Option<Timestamp>, span: Duration, now: Timestamp) -> bool {
    moment.is_some_and(|moment| age(moment, now) < span)
}

/// What to do for a request that needs a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan<K> {
    Use(K),
    UseAndRefresh(K),
    Fetch,
    Wait,
    Refuse(TokenError),
}

impl<K: Clone> IssuerKeys<K> {
    pub(crate) fn plan(&self, kid: &str, now: Timestamp) -> Plan<K> {
        let running = within(self.running, ABANDONED_AFTER, now);
        let cooling = within(self.failed, FAILURE_COOLDOWN, now);
        let key = self.keys.iter().find(|(known, _)| known == kid).map(|(_, key)| key.clone());
        match (self.fetched.map(|fetched| age(fetched, now)), key) {
            (None, _) if running => Plan::Wait,
            (None, _) if cooling => Plan::Refuse(TokenError::KeysUnavailable),
            // The last good set is kept when the endpoint fails, so `cooling` goes on with it however old it is.
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
                Some(left) if cooling || !self.may_recall(kid, now) => Plan::Refuse(match self.failed {
                    // If the last fetch failed, the issuer has not said that it lacks the key.
                    Some(_) => TokenError::KeysUnavailable,
                    None => TokenError::UnknownKey { retry_after: whole_seconds(left) },
                }),
                _ => Plan::Fetch,
            },
            _ => Plan::Fetch,
        }
    }

    /// Returns how long no missing key causes a fetch; `None` when the next one does.
    fn cooldown_left(&self, now: Timestamp) -> Option<Duration> {
        let left = UNKNOWN_KEY_COOLDOWN.saturating_sub(age(self.unknown?, now));
        (!left.is_zero()).then_some(left)
    }

    /// Whether `kid` causes a fetch although the cool-down runs: the issuer listed the key within the last day and was not asked again since.
    ///
    /// At most one such fetch is made per cool-down. Otherwise two servers of the issuer that list different keys would be asked for each token.
    fn may_recall(&self, kid: &str, now: Timestamp) -> bool {
        !within(self.recalled, UNKNOWN_KEY_COOLDOWN, now)
            && self
                .former
                .iter()
                .any(|former| former.kid == kid && !former.asked && within(Some(former.left_out), REMEMBERED, now))
    }

    /// Notes that a fetch begins, for the key `kid` if a request waits for one.
    pub(crate) fn begin(&mut self, kid: Option<&str>, now: Timestamp) {
        self.running = Some(now);
        let Some(kid) = kid else { return };
        if let Some(former) = self.former.iter_mut().find(|former| former.kid == kid) {
            former.asked = true;
            if within(self.unknown, UNKNOWN_KEY_COOLDOWN, now) {
                self.recalled = Some(now);
            }
        }
    }

    /// Takes the outcome of the fetch that began at `began`, unless that fetch was given up and another began since. `kid` is the key that a request
    /// waits for. A fetch for a key that an earlier set lacked, or that this set lacks, starts the cool-down.
    pub(crate) fn end(
        &mut self,
        began: Timestamp,
        outcome: Option<Vec<(String, K)>>,
        kid: Option<&str>,
        now: Timestamp,
    ) {
        if self.running != Some(began) {
            return;
        }
        self.running = None;
        let lacked = |keys: &[(String, K)]| kid.is_some_and(|kid| !keys.iter().any(|(known, _)| known == kid));
        let was_missing = self.fetched.is_some() && lacked(&self.keys);
        match outcome {
            Some(keys) => {
                self.replace(keys, now);
                self.fetched = Some(now);
                self.failed = None;
            }
            None => self.failed = Some(now),
        }
        if was_missing || self.fetched.is_some() && lacked(&self.keys) {
            self.unknown = Some(now);
        }
    }

    /// Replaces the keys, and remembers those that `keys` leaves out.
    fn replace(&mut self, keys: Vec<(String, K)>, now: Timestamp) {
        let is_listed = |kid: &str| keys.iter().any(|(listed, _)| listed == kid);
        self.former.retain(|former| !is_listed(&former.kid) && within(Some(former.left_out), REMEMBERED, now));
        let left_out = self.keys.iter().filter(|(kid, _)| !is_listed(kid));
        self.former.extend(left_out.map(|(kid, _)| Former { kid: kid.clone(), left_out: now, asked: false }));
        let excess = self.former.len().saturating_sub(MAX_FORMER_KEYS);
        self.former.drain(..excess);
        self.keys = keys;
    }
}

/// `duration` in seconds, rounded up, and at least 1.
fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

impl<K: Clone + 'static> KeyCache<K> {
    const fn issuer_keys(&self, issuer: Issuer) -> &RefCell<IssuerKeys<K>> {
        match issuer {
            Issuer::V1 => &self.v1,
            Issuer::V2 => &self.v2,
        }
    }

    /// The key `kid` of `issuer`, from the cache or from the issuer.
    ///
    /// # Errors
    ///
    /// [`TokenError::UnknownKey`] if the issuer's latest set has no such key, [`TokenError::KeysUnavailable`] if the issuer could not be asked.
    pub async fn find<P>(
        self: &Rc<Self>,
        runtime: &P,
        config: &Rc<Config>,
        issuer: Issuer,
        kid: &str,
    ) -> Result<K, TokenError>
    where
        P: Runtime + Verifier<Key = K>,
    {
        loop {
            let now = runtime.now();
            // The borrow ends with the statement: none is held over an await.
            let plan = self.issuer_keys(issuer).borrow().plan(kid, now);
            match plan {
                Plan::Use(key) => return Ok(key),
                Plan::Refuse(error) => return Err(error),
                Plan::Wait => runtime.sleep(POLL).await,
                Plan::Fetch => {
                    self.issuer_keys(issuer).borrow_mut().begin(Some(kid), now);
                    self.refresh(runtime, config, issuer, Some(kid), now).await;
                }
                Plan::UseAndRefresh(key) => {
                    self.issuer_keys(issuer).borrow_mut().begin(None, now);
                    let (cache, runtime, config) = (Rc::clone(self), runtime.clone(), Rc::clone(config));
                    runtime.clone().defer(async move { cache.refresh(&runtime, &config, issuer, None, now).await });
                    return Ok(key);
                }
            }
        }
    }

    async fn refresh<P>(&self, runtime: &P, config: &Config, issuer: Issuer, kid: Option<&str>, began: Timestamp)
    where
        P: Runtime + Verifier<Key = K>,
    {
        let keys = fetch(runtime, config, issuer).await;
        self.issuer_keys(issuer).borrow_mut().end(began, keys, kid, runtime.now());
    }
}

/// Fetches and imports the keys of `issuer`. A set without one usable key is as good as none.
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
