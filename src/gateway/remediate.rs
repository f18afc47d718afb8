//! `POST /remediate` and Graph's own paths: steps 8 and 9 of the pipeline.

use sha2::{Digest, Sha256};

use super::admitted::{Admitted, Handled, count};
use super::response;
use crate::auth::permissions;
use crate::ledger::LedgerRequest;
use crate::ledger::types::Hash;
use crate::log::LogEntry;
use crate::problem::error::GatewayError;
use crate::remediation::{self, GraphVersion};
use crate::runtime::Runtime;

/// Validates a remediation for this version of Graph.
pub(super) fn validate<P: Runtime, E>(
    admitted: &Admitted<'_, P, E>,
    version: GraphVersion,
    body: &[u8],
    entry: &mut LogEntry,
) -> Result<Handled, GatewayError> {
    // 8. JSON and payload.
    let remediation = remediation::parse(body)?;
    let emails = count(remediation.emails.len());
    entry.action = Some(remediation.action.as_str());
    entry.emails = Some(emails);

    // 9. Permissions.
    permissions::check(admitted.config(), admitted.caller, &remediation, admitted.runtime)
        .map_err(|error| admitted.denied(error))?;
    let graph_request = remediation.to_graph_json();
    if admitted.validate_only {
        let repeated = remediation.duplicates_removed;
        return Ok(Handled::Response(response::json(format!(
            r#"{{"status":"valid","emails":{emails},"duplicatesRemoved":{repeated},"request":{graph_request}}}"#
        ))));
    }
    let ledger_request = LedgerRequest {
        key: admitted.idempotency_key.map(|key| Hash(Sha256::digest(key).into())),
        payload_hash: Hash(remediation.payload_hash()),
        pairs: remediation.pairs(),
        action: remediation.action,
        emails,
        emails_per_hour: count(admitted.caller.max_emails_per_hour),
        version,
        newer_member: remediation.action.is_newer_member(),
    };
    admitted.hand_over(ledger_request, false, graph_request)
}
