//! Caches of an isolate between requests: plain values only (facts, section 7).
//!
//! The platform may give an isolate another environment at any request, and two environments may alternate: during a
//! rollout, and because a Worker and an object in one isolate need not have the same one. So each cache belongs to the
//! environment that it was made from. A request keeps the environment with which it began, and writes only to the
//! caches of that environment.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::auth::TokenCaches;
use crate::config::{Config, Variables};
use crate::graph::access::GraphAccess;
use crate::graph::app_token::AppTokenCache;
use crate::graph::page_reads::PageReads;
use crate::graph::settings::GraphSettings;
use crate::log;
use crate::runtime::{Clock, Domains, Log};
use crate::secret::Secret;

/// Number of environments with caches in an isolate: the one before a deployment and the one after it.
const MAX_ENVIRONMENTS: usize = 2;

/// Variables and secrets that the platform passes with a request.
pub trait Environment: Clone {
    /// Returns whether both are the same object of the platform, which has the same values.
    fn is_same(&self, other: &Self) -> bool;

    /// Reads all variables.
    fn variables(&self) -> Variables;

    /// Counts a request with `key` in the rate limiting binding. Returns whether the request is within the limit, or
    /// `None` if the binding fails.
    #[expect(async_fn_in_trait, reason = "an isolate is single-threaded: no caller could want `Send` futures")]
    async fn count_request(&self, key: &str) -> Option<bool>;
}

/// Caches of one isolate. `E` is the platform's environment, `K` its imported public key.
pub struct IsolateCaches<E, K> {
    environments: RefCell<Recent<CachedEnvironment<E, K>>>,
    graph: RefCell<Recent<CachedSettings>>,
    page_reads: Rc<PageReads>,
}

/// Settings that came with a job.
struct CachedSettings {
    line: Secret,
    /// Settings and token of each tenant that a job named. Only tenants that the line lists can be here.
    tenants: Vec<(Option<String>, Rc<GraphAccess>)>,
}

/// An environment of an earlier request.
struct CachedEnvironment<E, K> {
    environment: E,
    variables: Variables,
    /// `None` if the variables have errors.
    configured: Option<Rc<Configured<K>>>,
}

/// A configuration, with the caches of its requests.
pub struct Configured<K> {
    /// The validated configuration.
    pub config: Rc<Config>,
    /// Issuers' keys, and verified tokens.
    pub tokens: TokenCaches<K>,
    /// Settings for a caller's object: see [`GraphSettings::line`].
    pub graph_settings: Secret,
}

impl<E, K> Default for IsolateCaches<E, K> {
    fn default() -> Self {
        Self { environments: RefCell::default(), graph: RefCell::default(), page_reads: Rc::default() }
    }
}

impl<E: Environment, K> IsolateCaches<E, K> {
    /// Returns the configuration of `environment`, or `None` if it has errors. The first request with an environment
    /// validates the variables, and logs each error with the variable's name.
    pub fn configured(&self, runtime: &(impl Clock + Domains + Log), environment: &E) -> Option<Rc<Configured<K>>> {
        let mut environments = self.environments.borrow_mut();
        if let Some(known) = environments.find(|known| known.environment.is_same(environment)) {
            return known.configured.clone();
        }
        let variables = environment.variables();
        if let Some(known) = environments.find(|known| known.variables == variables) {
            // The next request finds it by identity again.
            known.environment = environment.clone();
            return known.configured.clone();
        }
        let checked = Config::check(&variables, runtime, runtime.now());
        let configured = checked.map(|config| Configured {
            graph_settings: GraphSettings::line(&config),
            config: Rc::new(config),
            tokens: TokenCaches::default(),
        });
        let report = |errors: Vec<_>| errors.iter().for_each(|error| runtime.log(&log::config_line(error)));
        let configured = configured.map_err(report).ok().map(Rc::new);
        let known = CachedEnvironment { environment: environment.clone(), variables, configured: configured.clone() };
        environments.insert(known);
        configured
    }
}

impl<E, K> IsolateCaches<E, K> {
    /// Returns the settings of a job for a tenant, with the tenant's cached token. The tenant `None` means `TENANT_ID`.
    /// Returns `None` if the settings cannot be parsed, or do not list the tenant.
    ///
    /// Cached settings are not parsed again.
    pub fn graph_access(&self, settings: &[u8], tenant_id: Option<&str>) -> Option<Rc<GraphAccess>> {
        let mut graph = self.graph.borrow_mut();
        let known = graph.find(|known| known.line.expose().as_bytes() == settings);
        if let Some((_, access)) =
            known.as_ref().and_then(|known| known.tenants.iter().find(|(id, _)| id.as_deref() == tenant_id))
        {
            return Some(Rc::clone(access));
        }
        let access = Rc::new(GraphAccess {
            settings: GraphSettings::parse(settings, tenant_id)?,
            app_token: AppTokenCache::default(),
            page_reads: Rc::clone(&self.page_reads),
        });
        let of_tenant = (tenant_id.map(str::to_owned), Rc::clone(&access));
        if let Some(known) = known {
            known.tenants.push(of_tenant);
        } else {
            let line = Secret::new(str::from_utf8(settings).ok()?.to_owned());
            graph.insert(CachedSettings { line, tenants: vec![of_tenant] });
        }
        Some(access)
    }
}

/// The most recently used values, latest first.
struct Recent<T>(VecDeque<T>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(VecDeque::with_capacity(MAX_ENVIRONMENTS + 1))
    }
}

impl<T> Recent<T> {
    /// Returns the first value that matches, and makes it the most recent one.
    fn find(&mut self, matches: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let index = self.0.iter().position(matches)?;
        if index > 0
            && let Some(found) = self.0.remove(index)
        {
            self.0.push_front(found);
        }
        self.0.front_mut()
    }

    /// Adds a value, and removes the least recently used one if there are too many.
    fn insert(&mut self, value: T) {
        self.0.push_front(value);
        self.0.truncate(MAX_ENVIRONMENTS);
    }
}
