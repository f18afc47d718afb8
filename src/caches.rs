//! What an isolate keeps between requests: plain cached values, nothing else (facts, section 7).

use std::cell::OnceCell;
use std::rc::Rc;

use crate::caller::keys::KeyCache;
use crate::caller::verified::VerifiedTokens;
use crate::config::{Config, Variables};
use crate::graph::app_token::AppTokenCache;
use crate::log;
use crate::ports::{Clock, Domains, Log};

/// The caches of one isolate. `K` is the platform's imported public key.
pub struct Isolate<K> {
    config: OnceCell<Option<Rc<Config>>>,
    /// The issuers' keys.
    pub keys: Rc<KeyCache<K>>,
    /// Callers' tokens that were found good.
    pub verified: VerifiedTokens,
    /// The gateway's own token for Graph.
    pub app_token: AppTokenCache,
}

impl<K> Default for Isolate<K> {
    fn default() -> Self {
        Self {
            config: OnceCell::new(),
            keys: Rc::default(),
            verified: VerifiedTokens::default(),
            app_token: AppTokenCache::default(),
        }
    }
}

impl<K> Isolate<K> {
    /// The configuration, checked at the first request of the isolate. `None` where it has faults: each was logged then, with its variable's name.
    pub fn config(
        &self,
        platform: &(impl Clock + Domains + Log),
        variables: impl FnOnce() -> Variables,
    ) -> Option<Rc<Config>> {
        self.config
            .get_or_init(|| match Config::check(&variables(), platform, platform.now()) {
                Ok(config) => Some(Rc::new(config)),
                Err(faults) => {
                    for fault in &faults {
                        platform.log(&log::config_line(fault));
                    }
                    None
                }
            })
            .clone()
    }
}
