//! What an isolate keeps between requests: plain cached values, nothing else (facts, section 7).
//!
//! The platform may give an isolate another environment at any request, and two environments may take turns: while a
//! deployment spreads, and because a Worker and an object that share an isolate need not have the same one. So everything is
//! kept by the environment that it was made from. A request holds what it began with, and what it publishes later cannot
//! reach the caches of another environment.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::auth::TokenCaches;
use crate::config::{Config, Variables};
use crate::graph::access::GraphAccess;
use crate::graph::app_token::AppTokenCache;
use crate::graph::settings::GraphSettings;
use crate::log;
use crate::runtime::{Clock, Domains, Log};
use crate::secret::Secret;

/// How many environments an isolate keeps values of: the one from before a deployment and the one from after it.
const MAX_ENVIRONMENTS: usize = 2;

/// The variables and secrets that the platform gives with a request.
pub trait Environment: Clone {
    /// Returns whether both are the same object of the platform. The same object has the same values.
    fn is_same(&self, other: &Self) -> bool;

    /// Reads all variables.
    fn variables(&self) -> Variables;
}

/// The caches of one isolate. `E` is the platform's environment, `K` its imported public key.
pub struct IsolateCaches<E, K> {
    environments: RefCell<Recent<Known<E, K>>>,
    graph: RefCell<Recent<KnownSettings>>,
}

/// Settings that came with a job.
struct KnownSettings {
    line: Secret,
    /// What calls Microsoft for each tenant that was asked for. [`GraphSettings::parse`] limits the tenants to those of the line.
    tenants: Vec<(Option<String>, Rc<GraphAccess>)>,
}

/// An environment that the isolate has seen.
struct Known<E, K> {
    environment: E,
    variables: Variables,
    /// `None` if the variables have errors.
    configured: Option<Rc<Configured<K>>>,
}

/// A configuration, and what is kept of requests that it served.
pub struct Configured<K> {
    /// The configuration.
    pub config: Rc<Config>,
    /// Signer keys, and tokens that were verified with them.
    pub tokens: TokenCaches<K>,
    /// The settings for a caller's object: see [`GraphSettings::line`].
    pub graph_settings: Secret,
}

impl<E, K> Default for IsolateCaches<E, K> {
    fn default() -> Self {
        Self { environments: RefCell::default(), graph: RefCell::default() }
    }
}

impl<E: Environment, K> IsolateCaches<E, K> {
    /// Returns the configuration of `environment`, validated at the first request that has it. `None` if it has errors: each
    /// was logged then, with its variable's name.
    pub fn configured(&self, runtime: &(impl Clock + Domains + Log), environment: &E) -> Option<Rc<Configured<K>>> {
        let mut environments = self.environments.borrow_mut();
        if let Some(known) = environments.find(|known| known.environment.is_same(environment)) {
            return known.configured.clone();
        }
        let variables = environment.variables();
        if let Some(known) = environments.find(|known| known.variables == variables) {
            // The next request is found by identity again.
            known.environment = environment.clone();
            return known.configured.clone();
        }
        let configured = match Config::check(&variables, runtime, runtime.now()) {
            Ok(config) => Some(Rc::new(Configured {
                graph_settings: GraphSettings::line(&config),
                config: Rc::new(config),
                tokens: TokenCaches::default(),
            })),
            Err(errors) => {
                for error in &errors {
                    runtime.log(&log::config_line(error));
                }
                None
            }
        };
        let known = Known { environment: environment.clone(), variables, configured: configured.clone() };
        environments.insert(known);
        configured
    }
}

impl<E, K> IsolateCaches<E, K> {
    /// Returns what an object calls Microsoft with in a tenant, by the settings that came with a job. `None` if they cannot be read,
    /// or do not name the tenant.
    ///
    /// Equal bytes need no parsing.
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
        });
        let of_tenant = (tenant_id.map(str::to_owned), Rc::clone(&access));
        if let Some(known) = known {
            known.tenants.push(of_tenant);
        } else {
            let line = Secret::new(str::from_utf8(settings).ok()?.to_owned());
            graph.insert(KnownSettings { line, tenants: vec![of_tenant] });
        }
        Some(access)
    }
}

/// The values that were used last, the most recent first.
struct Recent<T>(VecDeque<T>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(VecDeque::with_capacity(MAX_ENVIRONMENTS + 1))
    }
}

impl<T> Recent<T> {
    /// Returns the first value that `is_it`, which becomes the most recent.
    fn find(&mut self, is_it: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let place = self.0.iter().position(is_it)?;
        if place > 0
            && let Some(found) = self.0.remove(place)
        {
            self.0.push_front(found);
        }
        self.0.front_mut()
    }

    /// Adds a value, and drops the one that was not used for longest if there are too many.
    fn insert(&mut self, value: T) {
        self.0.push_front(value);
        self.0.truncate(MAX_ENVIRONMENTS);
    }
}
