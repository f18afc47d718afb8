//! Rate limit of a client's network, before any credential is read.
//!
//! Requests pass if no rate limiting binding is there, and also if the binding fails: authentication still follows, and
//! a failure of the limiter must not stop remediations.

use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;

use futures_util::future::{Either, select};

use crate::caches::Environment;
use crate::deadline::RATE_LIMIT_DEADLINE;
use crate::log;
use crate::problem::error::GatewayError;
use crate::runtime::{Log, Timers};
use crate::secret::Secret;

/// Counts a request from `address` with the binding, which `environment` must have.
pub(super) async fn check(
    runtime: &(impl Timers + Log),
    environment: &impl Environment,
    address: Option<&Secret>,
) -> Result<(), GatewayError> {
    let key = rate_limit_key(address.map_or("", Secret::expose));
    match select(pin!(environment.count_request(&key)), pin!(runtime.sleep(RATE_LIMIT_DEADLINE))).await {
        Either::Left((Some(true), _)) => Ok(()),
        Either::Left((Some(false), _)) => Err(GatewayError::TooManyRequests),
        Either::Left((None, _)) | Either::Right(_) => {
            runtime.log(&log::rate_limiter_line());
            Ok(())
        }
    }
}

/// Returns the key that counts for `address`: the address, or the /64 network of an IPv6 address.
///
/// One client usually has a whole /64. All requests without an address count together.
fn rate_limit_key(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
        _ => address.to_owned(),
    }
}
