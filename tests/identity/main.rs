//! Authentication of callers by the built Worker, with real signatures and published keys.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod credentials;
mod keys;
mod tokens;

use acceptance::tests;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        tokens::every_bad_token_gets_one_and_the_same_answer,
        tokens::clocks_may_be_five_minutes_apart,
        tokens::only_the_object_id_says_who_calls,
        tokens::the_size_of_a_token_is_bounded,
        credentials::without_credentials_there_is_a_challenge_and_no_error,
        credentials::every_bad_key_gets_one_and_the_same_answer,
        credentials::credentials_come_once_and_of_one_kind,
        credentials::token_in_the_query_or_the_body_is_ignored,
        credentials::plain_http_is_rejected_before_the_credential_is_looked_at,
        credentials::only_loopback_hosts_may_be_called_over_plain_http,
        tokens::only_an_application_token_needs_no_scope,
        keys::a_roll_in_the_middle_of_traffic_is_not_noticed,
        keys::a_thousand_unknown_keys_cause_one_fetch,
        keys::a_flood_at_once_causes_two_fetches_at_most,
        keys::an_unknown_key_under_claims_that_do_not_fit_is_401_and_fetches_nothing,
        keys::a_key_that_one_response_leaves_out_is_not_lost,
        keys::unavailable_keys_are_503_with_a_retry_after,
        keys::keys_of_another_issuer_are_not_taken,
    ])
}
