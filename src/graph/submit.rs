//! The call to Graph: made anew from checked values, never from the caller's bytes, headers or query.

use std::time::Duration;

use super::answer::{self, Accepted, GraphFaultKind};
use super::app_token::{AppTokenCache, TokenEndpointFault};
use crate::config::Config;
use crate::ledger::{Order, SubmitFault};
use crate::ports::{Call, Clock, Guids, Http, Received, SendFailure, Signing, Timers};
use crate::secret::Secret;
use crate::time::Timestamp;

/// How long Graph may take for its whole answer (contract, section 8).
const DEADLINE: Duration = Duration::from_mins(1);
/// The longest `Retry-After` that is waited out, in seconds (contract, section 8).
const MAX_WAIT_SECONDS: u32 = 10;
/// How often it is waited out (contract, section 8).
const MAX_WAITS: u32 = 2;
/// The least time that a call must have to be begun. Graph's refusal is certain, and a call that is cut short is not. Five seconds: no caller's own
/// retry comes sooner (facts, section 4), and it has a whole budget.
pub const MIN_CALL: Duration = Duration::from_secs(5);
/// The largest error body that is read, in bytes. Graph's error objects are about 1 KiB.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Has Graph accept a remediation, before `until`. `graph_request` is its body, `order` says what else Graph must know.
///
/// Once more after a 401, with a new token, and after a 429 or 503 that names a short `Retry-After`: Graph has said then that it did not
/// act. Nothing else is sent again, since the outcome may be unknown (contract, section 8).
///
/// # Errors
///
/// [`SubmitFault`].
pub async fn submit(
    platform: &(impl Http + Clock + Guids + Signing + Timers),
    app_token: &AppTokenCache,
    config: &Config,
    order: &Order,
    graph_request: &[u8],
    until: Timestamp,
) -> Result<Accepted, SubmitFault> {
    let mut renewed = false;
    let mut waits = 0;
    loop {
        let token = app_token.get(platform, config, until).await?;
        if platform.now().plus(MIN_CALL) > until {
            return Err(TokenEndpointFault::Send(SendFailure::Deadline).into());
        }
        let answer = send(platform, config, order, &token, graph_request, until).await;
        let fault = match answer::read(answer, config.tenant_id, graph_request) {
            Ok(accepted) => return Ok(accepted),
            Err(fault) => fault,
        };
        match fault.kind {
            GraphFaultKind::TokenRejected => {
                app_token.drop_rejected(&token);
                if renewed {
                    return Err(fault.into());
                }
                renewed = true;
            }
            GraphFaultKind::Throttled { retry_after: Some(seconds) }
            | GraphFaultKind::Unavailable { retry_after: Some(seconds) }
                if seconds <= MAX_WAIT_SECONDS && waits < MAX_WAITS =>
            {
                let wait = Duration::from_secs(seconds.into());
                if platform.now().plus(wait).plus(MIN_CALL) >= until {
                    return Err(fault.into());
                }
                waits += 1;
                platform.sleep(wait).await;
            }
            _ => return Err(fault.into()),
        }
    }
}

/// Sends the remediation under a client request id of its own, which Graph logs.
async fn send(
    platform: &(impl Http + Clock + Guids),
    config: &Config,
    order: &Order,
    token: &Secret,
    graph_request: &[u8],
    until: Timestamp,
) -> Result<Received, SendFailure> {
    let version = order.version.segment();
    let url = format!("{}/{version}/security/collaboration/analyzedEmails/remediate", config.graph_url);
    let authorization = format!("Bearer {}", token.expose());
    let client_request_id = platform.new_guid();
    let mut headers = vec![
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
        ("client-request-id", client_request_id.as_str()),
        ("User-Agent", crate::USER_AGENT),
    ];
    if order.newer_member {
        headers.push(("Prefer", "include-unknown-enum-members"));
    }
    let call = Call {
        url: &url,
        headers: &headers,
        body: Some(graph_request),
        deadline: DEADLINE.min(until.since(platform.now())),
        wanted: &["location", "request-id", "retry-after"],
        body_cap: MAX_ANSWER_BYTES,
        skip_success_body: true,
    };
    platform.send(call).await
}

#[cfg(test)]
mod tests;
