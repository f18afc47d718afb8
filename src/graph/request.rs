//! The call to Graph: made anew from checked values, never from the caller's bytes, headers or query.

use std::time::Duration;

use crate::config::{Config, GraphVersion};
use crate::ports::{Call, Http, Received, SendFailure};
use crate::remediation::{Action, Remediation};
use crate::secret::Secret;

/// How long Graph may take for its whole answer (contract, section 8).
const DEADLINE: Duration = Duration::from_mins(1);
/// The largest error body that is read, in bytes. Graph's error objects are about 1 KiB.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Sends the remediation to `version` of Graph with `token`, under `client_request_id`, which Graph logs.
///
/// # Errors
///
/// [`SendFailure`]: whether Graph acted is unknown then.
pub async fn remediate(
    http: &impl Http,
    config: &Config,
    version: GraphVersion,
    token: &Secret,
    client_request_id: &str,
    remediation: &Remediation<'_>,
) -> Result<Received, SendFailure> {
    let url = format!("{}/{}/security/collaboration/analyzedEmails/remediate", config.graph_url, version.segment());
    let authorization = format!("Bearer {}", token.expose());
    let body = remediation.to_graph_json();
    let mut headers = vec![
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
        ("client-request-id", client_request_id),
        ("User-Agent", crate::USER_AGENT),
    ];
    if remediation.action == Action::MoveToQuarantine {
        headers.push(("Prefer", "include-unknown-enum-members"));
    }
    http.send(Call {
        url: &url,
        headers: &headers,
        body: Some(&body),
        deadline: DEADLINE,
        wanted: &["location", "request-id", "retry-after"],
        body_cap: MAX_ANSWER_BYTES,
        skip_success_body: true,
    })
    .await
}
