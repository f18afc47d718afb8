//! `POST /remediate/status`: Graph's list entry for each pair of a remediation (contract, section 12).
//!
//! The Worker reads from Graph. Reading changes nothing, so the ledger is not used and nothing is stored.

use serde::Serialize;

use super::authenticated_request::AuthenticatedRequest;
use super::response;
use crate::graph::analyzed_emails::{EmailQuery, read_analyzed_emails};
use crate::http::Response;
use crate::log::LogEntry;
use crate::problem::error::GatewayError;
use crate::remediation::{StatusQuery, parse_status};
use crate::runtime::Runtime;
use crate::status::{Observations, PairState, StateCounts};
use crate::time::Timestamp;

/// Maximum number of pairs in a response; further ones are only counted. People read no more, and a response stays
/// below about 500 KB.
pub const MAX_ITEMS: usize = 1000;

/// `Retry-After` of a pending status in seconds: a remediation takes effect within minutes (facts, section 1).
const PENDING_RETRY_AFTER: u32 = 300;

/// Body of a status (contract, section 12).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusBody<'a> {
    status: &'static str,
    emails: usize,
    #[serde(flatten)]
    counts: StateCounts,
    items: Vec<StatusItem<'a>>,
    items_omitted: usize,
}

/// A pair that is not observed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusItem<'a> {
    network_message_id: String,
    recipient_email_address: &'a str,
    state: PairState,
    location: Option<&'a str>,
}

/// Validates a request for the status, and reads the states from Graph.
pub(super) async fn respond<P: Runtime, E>(
    request: &AuthenticatedRequest<'_, P, E>,
    body: &[u8],
    entry: &mut LogEntry,
) -> Result<Response, GatewayError> {
    // 8. JSON and payload.
    let query = parse_status(body)?;
    let StatusQuery { remediation, accepted_at, messages } = &query;

    // 9. Permissions: those of the remediation.
    request.check_permissions(remediation, entry)?;
    if request.validate_only {
        let (emails, repeated, messages) = (remediation.emails.len(), remediation.duplicates_removed, messages.len());
        return Ok(response::json(format!(
            r#"{{"status":"valid","emails":{emails},"duplicatesRemoved":{repeated},"messages":{messages}}}"#
        )));
    }

    // 10. Graph.
    let (access, until) = request.graph_access()?;
    let mut observations = Observations::new(remediation.action, &remediation.emails, *accepted_at);
    let version = request.config().graph_version;
    let list = EmailQuery { version, messages, received_after: None, until };
    read_analyzed_emails(request.runtime, &access, list, |row| observations.add(row)).await?;
    let counts = observations.counts();
    entry.states = Some(counts);
    Ok(to_response(&query, &observations, counts, request.runtime.now()))
}

fn to_response(
    query: &StatusQuery<'_>,
    observations: &Observations<'_>,
    counts: StateCounts,
    now: Timestamp,
) -> Response {
    let emails = &query.remediation.emails;
    let open = || emails.iter().zip(observations.pairs()).filter(|(_, (state, _))| *state != PairState::Observed);
    let items = open().take(MAX_ITEMS).map(|(email, (state, location))| StatusItem {
        network_message_id: email.network_message_id.to_string(),
        recipient_email_address: &email.recipient,
        state,
        location,
    });
    let is_settled = counts.is_settled(query.accepted_at, now);
    let body = StatusBody {
        status: if is_settled { "settled" } else { "pending" },
        emails: emails.len(),
        counts,
        items: items.collect(),
        items_omitted: open().count().saturating_sub(MAX_ITEMS),
    };
    let mut response = response::json(serde_json::to_string(&body).unwrap_or_default());
    if !is_settled {
        response.headers.push(("Retry-After", PENDING_RETRY_AFTER.to_string()));
    }
    response
}
