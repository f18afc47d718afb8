//! What an isolate keeps between requests: plain cached values, nothing else (facts, section 7).

use std::cell::OnceCell;
use std::rc::Rc;

use crate::auth::TokenCaches;
use crate::config::{Config, Variables};
use crate::graph::app_token::AppTokenCache;
use crate::log;
use crate::runtime::{Clock, Domains, Log};

/// The caches of one isolate. `K` is the platform's imported public key.
pub struct IsolateCaches<K> {
    config: OnceCell<Option<Rc<Config>>>,
    /// Signing keys, and tokens that were verified with them.
    pub tokens: TokenCaches<K>,
    /// The gateway's own token for Graph.
    pub app_token: AppTokenCache,
}

impl<K> Default for IsolateCaches<K> {
    fn default() -> Self {
        Self { config: OnceCell::new(), tokens: TokenCaches::default(), app_token: AppTokenCache::default() }
    }
}

impl<K> IsolateCaches<K> {
    /// The configuration, checked at the first request of the isolate. `None` where it has errors: each was logged then, with its variable's name.
    pub fn config(
        &self,
        runtime: &(impl Clock + Domains + Log),
        variables: impl FnOnce() -> Variables,
    ) -> Option<Rc<Config>> {
        self.config
            .get_or_init(|| match Config::check(&variables(), runtime, runtime.now()) {
                Ok(config) => Some(Rc::new(config)),
                Err(errors) => {
                    for error in &errors {
                        runtime.log(&log::config_line(error));
                    }
                    None
                }
            })
            .clone()
    }
}
