//! `POST /remediate/status`: Graph's list entry for each pair of a remediation (contract, section 12).
//!
//! The Worker reads from Graph. Reading changes nothing, so the ledger is not used and nothing is stored.

use serde::Serialize;

use super::response;
use crate::deadline::RECORD_MARGIN;
use crate::graph::access::GraphAccess;
use crate::graph::analyzed_emails::{EmailQuery, read_analyzed_emails};
use crate::http::Response;
use crate::log::LogEntry;
use crate::problem::error::GatewayError;
use crate::remediation::{GraphVersion, StatusQuery};
use crate::runtime::{Clock, Guids, HttpClient, Signer};
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
    observed: u64,
    not_yet: u64,
    unclear: u64,
    unreachable: u64,
    not_found: u64,
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

/// Reads the status from Graph, and ends before `deadline`.
pub(super) async fn read(
    runtime: &(impl HttpClient + Clock + Guids + Signer),
    access: &GraphAccess,
    version: GraphVersion,
    query: &StatusQuery<'_>,
    deadline: Timestamp,
    entry: &mut LogEntry,
) -> Result<Response, GatewayError> {
    let StatusQuery { remediation, accepted_at, messages } = query;
    let mut observations = Observations::new(remediation.action, &remediation.emails, *accepted_at);
    let emails = EmailQuery { version, messages, until: deadline.minus(RECORD_MARGIN) };
    if let Err(error) = read_analyzed_emails(runtime, access, emails, |row| observations.add(row)).await {
        entry.graph_status = error.status;
        entry.graph_request_id.clone_from(&error.graph_request_id);
        return Err(error.into());
    }
    let counts = observations.counts();
    entry.states = Some(counts);
    Ok(to_response(query, &observations, counts, runtime.now()))
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
    let StateCounts { observed, not_yet, unclear, unreachable, not_found } = counts;
    let body = StatusBody {
        status: if is_settled { "settled" } else { "pending" },
        emails: emails.len(),
        observed,
        not_yet,
        unclear,
        unreachable,
        not_found,
        items: items.collect(),
        items_omitted: open().count().saturating_sub(MAX_ITEMS),
    };
    let mut response = response::json(serde_json::to_string(&body).unwrap_or_default());
    if !is_settled {
        response.headers.push(("Retry-After", PENDING_RETRY_AFTER.to_string()));
    }
    response
}
