//! Every refusal of section 4 of the contract, over HTTP: its status and code, its body in both of its forms, its headers, and that
//! nothing was done. Those of the ledger are provoked where it is tested.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod bodies;
mod case;
mod incoming;
mod order;
mod rights;
mod size;
mod upstream;

use std::{collections::BTreeSet, process::ExitCode};

use acceptance::{TestResult, World, tests};

/// The codes of section 4 of the contract.
const CODES: [&str; 27] = [
    "invalidJson",
    "invalidPayload",
    "invalidRequest",
    "graphRefused",
    "unauthenticated",
    "invalidCredentials",
    "unknownCaller",
    "actionNotAllowed",
    "recipientNotAllowed",
    "tooManyEmails",
    "notFound",
    "methodNotAllowed",
    "inProgress",
    "graphConflict",
    "payloadTooLarge",
    "unsupportedMediaType",
    "idempotencyKeyReused",
    "quotaExceeded",
    "graphThrottled",
    "misconfigured",
    "internal",
    "graphCredentialRejected",
    "graphPermissionMissing",
    "graphError",
    "stopped",
    "graphUnavailable",
    "graphTimeout",
];

/// Those that only the ledger's own tests can provoke.
const OF_THE_LEDGER: [&str; 4] = ["idempotencyKeyReused", "inProgress", "internal", "quotaExceeded"];

fn main() -> ExitCode {
    acceptance::run(tests![
        every_code_of_the_contract_is_provoked,
        incoming::requests_are_refused_before_their_body_is_read,
        incoming::no_other_method_is_answered,
        incoming::head_is_answered_without_a_body,
        rights::what_is_not_granted_is_refused,
        rights::each_recipient_outside_is_named,
        upstream::graphs_failures_become_the_callers,
        upstream::entras_failures_become_the_callers,
        upstream::a_redirect_is_not_followed,
        upstream::graphs_own_refusal_is_passed_on,
        bodies::what_is_no_json_is_refused_as_such,
        bodies::each_fault_of_a_payload_is_named_where_it_stands,
        bodies::wrong_bodies_seen_in_the_wild_are_named_at_the_right_member,
        bodies::all_faults_are_told_together_up_to_a_number,
        bodies::no_text_echoes_much_of_the_input,
        size::a_body_of_exactly_the_limit_is_read,
        size::one_byte_more_is_refused_as_declared,
        size::a_stream_is_refused_as_soon_as_it_is_too_large,
        size::a_length_that_lies_gets_no_larger_body_in,
        order::the_first_check_that_fails_answers,
        order::who_is_nobody_learns_nothing,
    ])
}

/// So that a new code, or one that nothing can provoke any more, does not go unnoticed.
async fn every_code_of_the_contract_is_provoked(_: &World) -> TestResult {
    let tables = [incoming::cases(), rights::cases(), upstream::of_graph(), upstream::of_entra()];
    let mut provoked: BTreeSet<&str> = tables.iter().flatten().map(|case| case.code).collect();
    provoked.extend([bodies::NOT_JSON, bodies::NOT_VALID, size::TOO_LARGE]);
    assert!(provoked.iter().all(|code| !OF_THE_LEDGER.contains(code)), "{provoked:?}");
    provoked.extend(OF_THE_LEDGER);
    assert_eq!(provoked, BTreeSet::from(CODES));
    Ok(())
}
