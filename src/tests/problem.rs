//! The words of refusals that depend on what they are of.

use serde_json::Value;

use crate::graph::answer::{GraphFault, GraphFaultKind};
use crate::ledger::SubmitFault;
use crate::problem::Refusal;
use crate::remediation::limits::MAX_FAULTS;
use crate::remediation::read;
use crate::testing::refused;

fn told(refusal: &Refusal) -> Value {
    serde_json::from_str(&refused(refusal).1.body).unwrap()
}

fn unreadable(body: &str) -> Refusal {
    read(body.as_bytes()).unwrap_err().into()
}

#[test]
fn the_message_of_the_error_object_is_whole_sentences() {
    let missing = "/displayName: is required, and missing. /description: is required, and missing. \
                   /severity: is required, and missing. /action: is required, and missing.";
    for (body, expected) in [
        ("[]", "The payload has a fault. The body must be an object, not an array.".to_owned()),
        (
            r#"{"emailIds":[]}"#,
            format!("The payload has 7 faults. /emailIds: unknown member; did you mean \"analyzedEmails\"? {missing}"),
        ),
        (
            r#"{"a":1,"a":1}"#,
            "The member /a is given twice in one object. /a: is given twice in one object.".to_owned(),
        ),
    ] {
        assert_eq!(told(&unreadable(body))["error"]["message"], expected, "{body}");
    }
}

#[test]
fn faults_are_counted_in_the_same_words_for_the_caller_and_the_log() {
    let of = |count: usize| {
        let members: Vec<String> = (0..count - 6).map(|number| format!("\"{number}\":0")).collect();
        unreadable(&format!("{{{}}}", members.join(",")))
    };
    for (refusal, logged, detail) in [
        (unreadable("0"), "the payload has a fault", "The payload has a fault."),
        (of(50), "the payload has 50 faults", "The payload has 50 faults."),
        (of(51), "the payload has 51 faults", "The payload has 51 faults: the first 50 are listed and 1 left out."),
    ] {
        assert_eq!(refusal.to_string(), logged);
        let body = told(&refusal);
        assert_eq!(body["detail"], detail);
        assert!(body["errors"].as_array().is_some_and(|errors| errors.len() <= MAX_FAULTS));
    }
}

#[test]
fn an_outcome_of_graphs_that_is_certain_is_not_called_unknown() {
    for (status, certain) in [(302, true), (404, true), (500, false), (502, false)] {
        let fault = GraphFault { kind: GraphFaultKind::Unexpected, status: Some(status), graph_request_id: None };
        let refusal = Refusal::from(SubmitFault::from(fault));
        let detail = told(&refusal)["detail"].to_string();
        assert_eq!(detail.contains("was not accepted"), certain, "{status}: {detail}");
        assert_eq!(detail.contains("is unknown"), !certain, "{status}: {detail}");
    }
}
