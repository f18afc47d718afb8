//! Error texts that depend on their values.

use serde_json::Value;

use super::support::error_response;
use crate::graph::error::{GraphError, GraphErrorKind, GraphOperation};
use crate::problem::error::GatewayError;
use crate::remediation::limits::MAX_ERRORS;
use crate::remediation::parse;

fn problem_body(error: &GatewayError) -> Value {
    serde_json::from_str(&error_response(error).1.body).unwrap()
}

fn error(body: &str) -> GatewayError {
    parse(body.as_bytes()).unwrap_err().into()
}

#[test]
fn error_message_lists_every_payload_error_as_a_sentence() {
    let missing = "/displayName: is required, and missing. /description: is required, and missing. \
                   /severity: is required, and missing. /action: is required, and missing.";
    for (body, expected) in [
        ("[]", "The payload has an error. Nothing was sent. The body must be an object, not an array.".to_owned()),
        (
            r#"{"emailIds":[]}"#,
            format!(
                "The payload has 7 errors. Nothing was sent. /emailIds: must have 1 to 10000 items, and has 0. {missing}"
            ),
        ),
        (
            r#"{"analyzedEmails":[1,2,3],"displayName":"x","description":"","severity":"low","action":"softDelete"}"#,
            "The payload has 4 errors. Nothing was sent. /analyzedEmails/0 and 2 more: must be an object of \
             \"networkMessageId\" and \"recipientEmailAddress\", not a number. /remediateSendersCopy: is required, and missing."
                .to_owned(),
        ),
        (
            r#"{"a":1,"a":1}"#,
            "The member /a is given twice in one object. Nothing was sent. /a: is given twice in one object.".to_owned(),
        ),
    ] {
        assert_eq!(problem_body(&error(body))["error"]["message"], expected, "{body}");
    }
}

#[test]
fn payload_error_count_is_the_same_in_response_and_log() {
    let of = |count: usize| {
        let members: Vec<String> = (0..count - 6).map(|number| format!("\"{number}\":0")).collect();
        error(&format!("{{{}}}", members.join(",")))
    };
    for (error, logged, detail) in [
        (error("0"), "the payload has an error", "The payload has an error. Nothing was sent."),
        (of(50), "the payload has 50 errors", "The payload has 50 errors. Nothing was sent."),
        (of(51), "the payload has 51 errors", "The payload has 51 errors, of which 50 are listed. Nothing was sent."),
    ] {
        assert_eq!(error.to_string(), logged);
        let body = problem_body(&error);
        assert_eq!(body["detail"], detail);
        assert!(body["errors"].as_array().is_some_and(|errors| errors.len() <= MAX_ERRORS));
    }
}

#[test]
fn unexpected_graph_status_reports_unknown_outcome_only_for_5xx() {
    for (status, certain) in [(302, true), (404, true), (500, false), (502, false)] {
        let error = GraphError { status: Some(status), ..GraphOperation::Remediate.error(GraphErrorKind::Unexpected) };
        let error = GatewayError::from(error);
        let detail = problem_body(&error)["detail"].to_string();
        assert_eq!(detail.contains("did not accept"), certain, "{status}: {detail}");
        assert_eq!(detail.contains("is unknown"), !certain, "{status}: {detail}");
    }
}
