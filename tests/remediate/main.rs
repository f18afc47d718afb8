//! Remediations: the gateway receives one, Graph gets it, and the caller gets Graph's `Location`.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod accepted;
mod callers;
mod sent;
mod validate_only;

use acceptance::tests;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        accepted::the_seeds_example_is_accepted,
        accepted::valid_client_request_id_is_echoed,
        accepted::a_workflow_engine_gets_200,
        accepted::minimal_response_is_202_and_empty,
        accepted::a_duplicate_of_graphs_is_a_success,
        accepted::any_2xx_of_graph_is_a_success,
        accepted::the_location_is_graphs_whatever_its_query_holds,
        accepted::a_body_may_be_declared_in_each_of_these_ways,
        sent::nothing_else_of_the_request_goes_to_graph,
        sent::each_call_has_a_client_request_id_of_its_own,
        sent::graphs_own_paths_lead_to_their_version,
        sent::the_configured_version_is_used_by_remediate_alone,
        sent::every_action_and_severity_goes_to_graph_as_it_is,
        sent::the_senders_copy_is_sent_as_a_boolean,
        sent::texts_arrive_as_they_were_meant,
        sent::repeated_pairs_are_sent_once,
        sent::annotations_are_dropped,
        sent::ten_thousand_emails_go_in_one_call,
        validate_only::nothing_is_called_and_what_is_shown_is_what_is_sent,
        validate_only::every_route_validates,
        validate_only::invalid_request_is_rejected_as_without_validation_only,
        validate_only::a_query_in_the_wrong_place_never_sends,
        validate_only::other_parameters_are_ignored,
        callers::tokens_of_either_version_and_audience_are_taken,
        callers::a_delegated_token_needs_its_scope_and_no_role,
        callers::api_keys_are_taken_in_either_header,
        callers::permissions_are_those_of_the_authenticated_caller,
        callers::keys_and_app_token_are_fetched_once,
    ])
}
