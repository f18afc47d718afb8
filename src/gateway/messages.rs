//! `POST /remediate/messages`: steps 8 and 9 for a remediation of messages (contract, section 13).
//!
//! The caller names messages, and Graph's list names their recipients. The caller's object reads the list and submits
//! the remediation in one attempt, so that retries read once and send once. A validation reads in the Worker.

use std::borrow::Cow;

use serde::Serialize;

use super::authenticated_request::{AuthenticatedRequest, Handled};
use super::{handover, response};
use crate::auth::permissions;
use crate::expansion::{self, ExpansionPlan};
use crate::log::LogEntry;
use crate::problem::error::GatewayError;
use crate::remediation::{MessagesRemediation, Recipients, parse_messages};
use crate::runtime::Runtime;
use crate::time::Timestamp;

/// Body of a validation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ValidBody {
    status: &'static str,
    emails: u64,
    messages: usize,
    duplicates_removed: usize,
    #[serde(flatten)]
    recipients: Recipients,
}

/// Validates a remediation of messages. Only a validation reads their recipients here.
pub(super) async fn respond<P: Runtime, E>(
    request: &AuthenticatedRequest<'_, P, E>,
    body: &[u8],
    entry: &mut LogEntry,
) -> Result<Handled, GatewayError> {
    // 8. JSON and payload.
    let query = parse_messages(body)?;
    let MessagesRemediation { remediation, messages, max_recipients, received_after } = &query;
    entry.action = Some(remediation.action.as_str());

    // 9. Permissions, as far as they do not depend on the recipients.
    let (config, caller) = (request.config(), request.caller);
    permissions::check_messages(caller, &query).map_err(|error| request.permission_error(error))?;
    let plan = ExpansionPlan {
        version: config.graph_version,
        action: remediation.action,
        messages: Cow::Borrowed(messages),
        max_recipients: *max_recipients,
        received_after: received_after.map(Timestamp::millis),
        recipient_domains: Cow::Borrowed(&caller.recipient_domains),
        protected_recipients: Cow::Borrowed(&config.protected_recipients),
    };
    if request.validate_only {
        // 10. Graph.
        let (access, until) = request.graph_access()?;
        let recipients = expansion::expand(request.runtime, &access, &plan, until).await?.recipients;
        entry.count_recipients(Some(recipients));
        let body = ValidBody {
            status: "valid",
            emails: recipients.emails(),
            messages: messages.len(),
            duplicates_removed: remediation.duplicates_removed,
            recipients,
        };
        return Ok(Handled::Response(response::json(serde_json::to_string(&body).unwrap_or_default())));
    }
    let ledger_request =
        request.ledger_request(remediation.action, query.payload_hash(), query.messages_digest(), *max_recipients);
    let work = handover::serialize_expansion(&plan, &remediation.to_graph_json());
    request.hand_over(ledger_request, true, work)
}
