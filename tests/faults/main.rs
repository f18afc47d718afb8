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
        statuses::every_status_has_its_meaning,
        statuses::retry_after_is_waited_out_when_short_and_passed_on_when_not,
        statuses::a_location_is_passed_on_only_if_it_is_an_https_url,
        statuses::what_graph_says_of_a_refusal_is_passed_on_within_bounds,
        statuses::bodies_of_any_kind_do_no_harm,
        statuses::a_conflict_that_quotes_the_caller_is_no_duplicate,
        statuses::redirects_are_not_followed,
        token::the_token_endpoint_fails_in_each_way,
        token::rejected_token_is_fetched_again_once,
        token::a_token_is_kept_no_longer_than_it_lasts,
        wire::connections_fail_in_each_way,
        wire::a_location_that_is_not_ascii_is_not_passed_on,
        hanging::nobody_waits_longer_than_the_deadlines_say,
    ])
}
