//! Log of the gateway: one line per POST that describes the outcome, without credentials and personal data.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod hostile;
mod lines;

use acceptance::tests;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        lines::each_post_has_one_line_with_exactly_these_members,
        lines::a_line_says_what_happened,
        lines::a_location_that_is_not_passed_on_is_logged,
        lines::valid_ids_of_the_caller_are_logged,
        lines::a_credential_in_place_of_an_id_is_neither_logged_nor_echoed,
        lines::other_methods_log_no_line,
        lines::a_caller_that_disconnects_has_its_line,
        hostile::nothing_that_anybody_sent_is_logged,
    ])
}
