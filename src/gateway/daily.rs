//! Daily check of the configuration, which the Cron trigger in `wrangler.toml` starts.
//!
//! Isolates are many and short-lived, and each caller has its own object. The trigger starts one isolate a day, so the
//! gateway logs once a day without stored state. The check needs no request.

use crate::config::{Config, Credential, Variables};
use crate::log;
use crate::runtime::{Clock, Domains, Log};

/// Number of days before the certificate's expiry from which each check logs a warning.
const WARNING_DAYS: u64 = 30;

/// Logs each error of the configuration, or a warning if the certificate expires soon.
pub fn check(runtime: &(impl Clock + Domains + Log), variables: &Variables) {
    let now = runtime.now();
    match Config::check(variables, runtime, now) {
        Ok(Config { credential: Credential::Certificate(certificate), .. }) => {
            let days_left = certificate.not_after.since(now).as_secs() / (24 * 60 * 60);
            if days_left <= WARNING_DAYS {
                runtime.log(&log::expiry_line(&certificate, days_left));
            }
        }
        Ok(_) => {}
        Err(errors) => errors.iter().for_each(|error| runtime.log(&log::config_line(error))),
    }
}
