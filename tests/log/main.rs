//! Log of the gateway: one line per POST that describes the outcome, without credentials and personal data.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod hostile;
mod lines;

use acceptance::tests;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        lines::each_post_has_one_log_entry_with_the_documented_members,
        lines::log_entry_has_caller_outcome_and_microsoft_ids,
        lines::rejected_location_is_logged_by_reason_without_its_value,
        lines::client_request_id_and_run_id_are_logged_only_if_valid,
        lines::credential_sent_as_an_id_is_neither_logged_nor_echoed,
        lines::get_requests_have_no_log_entry,
        lines::request_of_disconnected_caller_is_logged,
        hostile::untrusted_text_of_callers_and_microsoft_is_not_logged,
    ])
}
