//! Remediations: the gateway receives one, Graph gets it, and the caller gets Graph's `Location`.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod accepted;
mod callers;
mod sent;
mod validate_only;

use acceptance::tests;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        accepted::documented_graph_example_is_accepted,
        accepted::client_request_id_is_echoed_only_if_valid,
        accepted::request_with_workflow_run_id_returns_200,
        accepted::minimal_response_is_202_without_body,
        accepted::graph_duplicate_is_returned_as_success,
        accepted::graph_status_2xx_is_a_success,
        accepted::graph_location_is_returned_unchanged_with_any_query,
        accepted::equivalent_content_type_and_encoding_headers_are_accepted,
        sent::caller_headers_query_and_annotations_are_not_forwarded,
        sent::each_graph_call_has_a_unique_client_request_id,
        sent::each_path_selects_its_graph_version,
        sent::configured_graph_version_applies_only_to_remediate_path,
        sent::every_action_and_severity_is_sent_unchanged,
        sent::senders_copy_is_sent_as_a_boolean,
        sent::text_with_special_characters_is_sent_unchanged,
        sent::duplicate_pairs_are_sent_once,
        sent::annotations_are_dropped,
        sent::ten_thousand_emails_are_sent_in_one_call,
        validate_only::validate_only_sends_nothing_and_returns_the_graph_request,
        validate_only::every_remediation_path_supports_validate_only,
        validate_only::invalid_request_or_ambiguous_validate_only_is_rejected,
        validate_only::validate_only_in_the_path_returns_404,
        validate_only::unrelated_query_parameters_are_ignored,
        callers::token_of_each_version_and_audience_is_accepted,
        callers::delegated_token_needs_scope_and_application_token_needs_role,
        callers::api_key_is_accepted_in_either_header,
        callers::permissions_are_those_of_the_authenticated_caller,
        callers::keys_and_app_token_are_fetched_once,
    ])
}
