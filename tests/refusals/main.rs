//! Every rejection of section 4 of the contract over HTTP: its status and code, both forms of its body, its headers,
//! and that nothing was done.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod bodies;
mod case;
mod formats;
mod incoming;
mod order;
mod permissions;
mod size;
mod upstream;

use std::{collections::BTreeSet, process::ExitCode};

use acceptance::{TestResult, World, tests};
use remediation_gateway::code::Code;

/// Tests of `/remediate/messages`.
const RECIPIENTS: &str = include_str!("../messages/recipients.rs");

/// Codes that need more than one request, a lost object or a list, with the test that provokes each.
const PROVOKED_ELSEWHERE: [(Code, &str, &str); 11] = [
    (Code::HttpsRequired, include_str!("../identity/credentials.rs"), "plain_http_is_rejected_before_authentication"),
    (Code::IdempotencyKeyReused, include_str!("../once/keys.rs"), "key_reused_with_another_payload_returns_422"),
    (
        Code::InProgress,
        include_str!("../faults/hanging.rs"),
        "caller_receives_response_by_each_deadline_if_microsoft_hangs",
    ),
    (Code::Internal, include_str!("../panic/main.rs"), "trapped_object_in_another_isolate_returns_500"),
    (Code::LedgerUnavailable, include_str!("../unavailable/main.rs"), "overloaded_or_reset_object_is_safe_to_retry"),
    (Code::MessageNotFound, RECIPIENTS, "unlisted_message_returns_404_and_is_accepted_once_listed"),
    (Code::NothingToRemediate, RECIPIENTS, "quarantined_unreachable_and_protected_recipients_are_left_out"),
    (Code::QuotaExceeded, include_str!("../quota.rs"), "exceeded_quota_returns_429_with_retry_after"),
    (Code::TooManyRecipients, RECIPIENTS, "eight_hundred_recipients_are_remediated_in_one_call_and_settle"),
    (
        Code::TooManyRequests,
        include_str!("../rate_limit/main.rs"),
        "request_above_rate_limit_is_rejected_before_authentication",
    ),
    (Code::WholeMessagesNotAllowed, RECIPIENTS, "message_rejection_reveals_no_recipient"),
];

fn main() -> ExitCode {
    acceptance::run(tests![
        every_error_code_has_a_test,
        incoming::invalid_head_is_rejected_before_the_body_arrives,
        incoming::unsupported_method_returns_405,
        incoming::head_response_has_no_body,
        permissions::request_without_permission_is_rejected,
        permissions::rejected_recipients_are_named_by_pointer,
        upstream::graph_errors_are_mapped_to_gateway_errors,
        upstream::entra_errors_are_mapped_to_gateway_errors,
        upstream::graph_message_is_returned_only_for_status_400,
        bodies::body_that_is_not_json_returns_400_invalid_json,
        bodies::each_payload_error_has_its_pointer_and_detail,
        bodies::common_payload_errors_are_reported_at_their_member,
        bodies::all_payload_errors_are_reported_together_up_to_a_limit,
        bodies::error_response_truncates_and_sanitizes_echoed_input,
        formats::each_spelling_of_utf_8_is_accepted,
        formats::gzip_body_replays_the_success_of_its_plain_body,
        formats::hostile_gzip_is_rejected_with_its_cause,
        formats::unsupported_body_format_is_named_in_the_error,
        formats::duplicate_header_is_named_in_the_error,
        formats::largest_payload_indented_by_powershell_is_accepted,
        formats::graph_paths_accept_double_slash_and_return_graph_errors,
        size::body_of_exactly_the_limit_is_accepted,
        size::declared_length_above_limit_is_rejected_without_the_body,
        size::stream_is_rejected_once_it_exceeds_the_limit,
        size::body_above_limit_is_rejected_despite_a_smaller_declared_length,
        order::first_failed_check_determines_the_response,
        order::unauthenticated_client_gets_the_same_response_for_any_payload,
    ])
}

/// A new code, or one that no test can provoke, makes this test fail.
async fn every_error_code_has_a_test(_: &World) -> TestResult {
    let tables = [incoming::cases(), permissions::cases(), upstream::graph_cases(), upstream::entra_cases()];
    let mut provoked: BTreeSet<&str> = tables.iter().flatten().map(|case| case.code).collect();
    provoked.extend([bodies::NOT_JSON, bodies::NOT_VALID, size::TOO_LARGE]);
    for (code, source, test) in PROVOKED_ELSEWHERE {
        let code = code.as_str();
        assert!(provoked.insert(code), "{code} is provoked here too");
        let body = source.split_once(&format!("async fn {test}(")).ok_or(test)?.1;
        let body = body.split("\n}\n").next().unwrap_or_default();
        assert!(body.contains(&format!("{code:?}")), "{test} does not provoke {code}");
    }
    assert_eq!(provoked, Code::ALL.iter().map(|code| code.as_str()).collect());
    Ok(())
}
