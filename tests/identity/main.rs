//! Authentication of callers by the built Worker, with real signatures and published keys.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod credentials;
mod keys;
mod tokens;

use acceptance::tests;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        tokens::every_invalid_token_gets_the_same_response,
        tokens::token_within_five_minutes_of_clock_skew_is_accepted,
        tokens::caller_is_identified_only_by_object_id,
        tokens::oversized_token_is_rejected,
        credentials::request_without_credentials_gets_challenge_without_error_code,
        credentials::every_invalid_api_key_gets_the_same_response,
        credentials::duplicate_or_mixed_credentials_are_rejected,
        credentials::credential_in_query_or_body_is_ignored,
        credentials::plain_http_is_rejected_before_authentication,
        credentials::remediation_over_plain_http_is_accepted_only_on_loopback_hosts,
        tokens::token_without_scope_is_accepted_only_from_an_application,
        keys::key_rotation_during_traffic_rejects_no_token,
        keys::thousand_unknown_key_ids_cause_one_fetch,
        keys::concurrent_unknown_key_ids_cause_at_most_two_fetches,
        keys::unknown_key_id_with_invalid_claims_returns_401_without_fetch,
        keys::key_missing_from_one_response_is_refetched_or_returns_503,
        keys::unavailable_keys_return_503_with_retry_after,
        keys::key_with_unsupported_issuer_or_parameters_is_ignored,
    ])
}
