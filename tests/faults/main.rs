//! Faults of Microsoft's services: the caller's response, the requests to Microsoft, and the ledger's state afterwards
//! (contract, sections 4, 7 and 8).

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fake_graph;
mod hanging;
mod outcome;
mod statuses;
mod token;
mod wire;

use acceptance::tests;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        statuses::each_graph_status_determines_response_and_ledger_state,
        statuses::retry_after_is_awaited_if_short_and_returned_if_long,
        statuses::location_is_returned_only_if_it_is_a_valid_https_url,
        statuses::graph_rejection_message_is_returned_sanitized_and_truncated,
        statuses::graph_body_affects_outcome_only_for_status_409,
        statuses::conflict_with_duplicate_phrase_in_payload_is_not_a_duplicate,
        statuses::redirects_are_not_followed,
        token::each_token_endpoint_fault_has_its_response_and_log_entry,
        token::app_token_rejected_by_graph_is_refetched_once,
        token::app_token_that_expires_within_five_minutes_is_not_cached,
        wire::each_connection_fault_has_its_response_and_ledger_state,
        wire::location_with_invalid_bytes_or_duplicate_header_is_replaced,
        hanging::caller_receives_response_by_each_deadline_if_microsoft_hangs,
    ])
}
