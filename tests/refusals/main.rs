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
    (
        Code::HttpsRequired,
        include_str!("../identity/credentials.rs"),
        "plain_http_is_rejected_before_the_credential_is_looked_at",
    ),
    (Code::IdempotencyKeyReused, include_str!("../once/keys.rs"), "a_key_stands_for_one_payload"),
    (Code::InProgress, include_str!("../faults/hanging.rs"), "nobody_waits_longer_than_the_deadlines_say"),
    (Code::Internal, include_str!("../panic/main.rs"), "an_object_that_is_lost_elsewhere_keeps_nobody_waiting"),
    (Code::LedgerUnavailable, include_str!("../unavailable/main.rs"), "an_overloaded_or_reset_object_is_safe_to_retry"),
    (Code::MessageNotFound, RECIPIENTS, "a_message_that_is_not_listed_yet_is_not_found"),
    (Code::NothingToRemediate, RECIPIENTS, "rows_that_no_remediation_reaches_are_left_out"),
    (Code::QuotaExceeded, include_str!("../quota.rs"), "request_beyond_the_quota_gets_a_retry_after"),
    (Code::TooManyRecipients, RECIPIENTS, "eight_hundred_recipients_are_remediated_in_one_call_and_settle"),
    (
        Code::TooManyRequests,
        include_str!("../rate_limit/main.rs"),
        "requests_beyond_the_limit_cost_no_key_and_no_signature",
    ),
    (Code::WholeMessagesNotAllowed, RECIPIENTS, "a_caller_learns_what_it_may_and_no_more"),
];

fn main() -> ExitCode {
    acceptance::run(tests![
        every_code_of_the_contract_is_provoked,
        incoming::requests_are_rejected_before_their_body_arrives,
        incoming::other_methods_are_rejected,
        incoming::head_gets_no_body,
        permissions::request_without_a_permission_is_rejected,
        permissions::each_recipient_outside_is_named,
        upstream::graph_failures_are_reported_to_the_caller,
        upstream::entra_failures_are_reported_to_the_caller,
        upstream::graphs_own_refusal_is_passed_on,
        bodies::body_that_is_not_json_is_rejected,
        bodies::each_payload_error_has_its_pointer,
        bodies::wrong_bodies_seen_in_the_wild_are_named_at_the_right_member,
        bodies::all_errors_are_listed_up_to_a_limit,
        bodies::no_text_echoes_much_of_the_input,
        formats::each_spelling_of_utf_8_is_accepted,
        formats::gzip_is_the_same_remediation_as_plain,
        formats::hostile_gzip_is_rejected_by_its_cause,
        formats::other_formats_are_named,
        formats::a_header_given_twice_is_named,
        formats::the_most_emails_fit_as_powershell_indents_them,
        formats::graphs_errors_and_paths_are_those_of_its_clients,
        size::a_body_of_exactly_the_limit_is_read,
        size::declared_size_above_the_limit_is_rejected,
        size::a_stream_is_refused_as_soon_as_it_is_too_large,
        size::a_length_that_lies_gets_no_larger_body_in,
        order::first_failed_check_decides_the_response,
        order::unauthenticated_request_does_not_reveal_payload_errors,
    ])
}

/// A new code, or one that no test can provoke, makes this test fail.
async fn every_code_of_the_contract_is_provoked(_: &World) -> TestResult {
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
