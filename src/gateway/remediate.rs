//! `POST /remediate` and Graph's own paths: steps 8 and 9 of the pipeline.

use super::authenticated_request::{AuthenticatedRequest, Handled};
use super::response;
use crate::ledger::LedgerRequest;
use crate::log::LogEntry;
use crate::problem::error::GatewayError;
use crate::remediation::{self, GraphVersion};
use crate::runtime::Runtime;

/// Validates a remediation for this version of Graph.
pub(super) fn validate<P: Runtime, E>(
    request: &AuthenticatedRequest<'_, P, E>,
    version: GraphVersion,
    body: &[u8],
    entry: &mut LogEntry,
) -> Result<Handled, GatewayError> {
    // 8. JSON and payload.
    let remediation = remediation::parse(body)?;

    // 9. Permissions.
    request.check_permissions(&remediation, entry)?;
    let emails = remediation.emails.len();
    let graph_request = remediation.to_graph_json();
    if request.validate_only {
        let repeated = remediation.duplicates_removed;
        return Ok(Handled::Response(response::json(format!(
            r#"{{"status":"valid","emails":{emails},"duplicatesRemoved":{repeated},"request":{graph_request}}}"#
        ))));
    }
    let (hash, pairs) = (remediation.payload_hash(), remediation.pairs_digest());
    let ledger_request = request.ledger_request(remediation.action, hash, pairs, emails);
    request.hand_over(LedgerRequest { version, ..ledger_request }, false, graph_request)
}
