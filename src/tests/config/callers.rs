//! Every rule of `CALLERS` (contract, sections 6 and 9).

use serde_json::{Value, json};

use super::{caller, callers, check, invalid_variables, with};
use crate::tests::support::{OTHER_TENANT, PLAYBOOK, ROLE_BEARER, TENANT, sha256, variables};

#[test]
fn each_caller_member_is_validated() {
    let label = |length: usize| "a".repeat(length);
    let role = |role: &str| json!({ "object_id": PLAYBOOK, "role": role });
    for (changes, faulty_member) in [
        (json!({}), None),
        (json!({ "name": "Nightly clean-up_2.0" }), None),
        (json!({ "name": label(64) }), None),
        (json!({ "name": label(65) }), Some("name")),
        (json!({ "name": null }), Some("name")),
        (json!({ "name": "" }), Some("name")),
        (json!({ "name": " script" }), Some("name")),
        (json!({ "name": "script:1" }), Some("name")),
        (json!({ "name": "scr\u{ef}pt" }), Some("name")),
        (json!({ "name": "a\nb" }), Some("name")),
        (json!({ "name": 1 }), Some("name")),
        (json!({ "object_id": PLAYBOOK }), None),
        (json!({ "object_id": PLAYBOOK.to_uppercase(), "api_key_sha256": null }), None),
        (json!({ "object_id": "playbook" }), Some("object_id")),
        (json!({ "object_id": [PLAYBOOK] }), Some("object_id")),
        (json!({ "object_id": "" }), Some("object_id")),
        (json!({ "api_key_sha256": [sha256("k").to_uppercase()] }), None),
        (json!({ "api_key_sha256": [sha256("k"), sha256("l"), sha256("m")] }), None),
        (json!({ "tenant_id": OTHER_TENANT }), None),
        (json!({ "tenant_id": OTHER_TENANT.to_uppercase() }), None),
        (json!({ "tenant_id": TENANT }), None),
        (json!({ "tenant_id": "" }), Some("tenant_id")),
        (json!({ "tenant_id": "fabrikam.onmicrosoft.com" }), Some("tenant_id")),
        (json!({ "tenant_id": "common" }), Some("tenant_id")),
        (json!({ "tenant_id": [OTHER_TENANT] }), Some("tenant_id")),
        (json!({ "api_key_sha256": [] }), Some("api_key_sha256")),
        (json!({ "api_key_sha256": sha256("k") }), Some("api_key_sha256")),
        (json!({ "api_key_sha256": [1] }), Some("api_key_sha256")),
        (json!({ "api_key_sha256": ["k"] }), Some("api_key_sha256")),
        (json!({ "api_key_sha256": [label(63)] }), Some("api_key_sha256")),
        (json!({ "api_key_sha256": [label(65)] }), Some("api_key_sha256")),
        (json!({ "api_key_sha256": ["g".repeat(64)] }), Some("api_key_sha256")),
        (json!({ "api_key_sha256": [format!("+{}", label(63))] }), Some("api_key_sha256")),
        (json!({ "api_key_sha256": ["\u{e9}".repeat(32)] }), Some("api_key_sha256")),
        (json!({ "api_key_sha256": [sha256("")] }), Some("api_key_sha256")),
        (json!({ "api_key_sha256": [sha256("").to_uppercase()] }), Some("api_key_sha256")),
        (json!({ "api_key_sha256": [sha256("k"), sha256("k")] }), Some("api_key_sha256")),
        (
            json!({ "actions": ["moveToJunk", "moveToInbox", "hardDelete", "softDelete", "moveToDeletedItems", "moveToQuarantine"] }),
            None,
        ),
        (json!({ "actions": null }), Some("actions")),
        (json!({ "actions": [] }), Some("actions")),
        (json!({ "actions": "softDelete" }), Some("actions")),
        (json!({ "actions": ["SoftDelete"] }), Some("actions")),
        (json!({ "actions": ["*"] }), Some("actions")),
        (json!({ "actions": ["unknownFutureValue"] }), Some("actions")),
        (json!({ "actions": ["softDelete", null] }), Some("actions")),
        (role("Remediation.Execute"), None),
        (role(&label(120)), None),
        (role(&label(121)), Some("role")),
        (role(""), Some("role")),
        (role("Remediation Execute"), Some("role")),
        (json!({ "object_id": PLAYBOOK, "role": ["x"] }), Some("role")),
        (json!({ "role": "Remediation.Execute" }), Some("role")),
        (json!({ "senders_copy": true }), None),
        (json!({ "senders_copy": false }), None),
        (json!({ "senders_copy": "true" }), Some("senders_copy")),
        (json!({ "senders_copy": 1 }), Some("senders_copy")),
        (json!({ "senders_copy": ["*"] }), Some("senders_copy")),
        (json!({ "whole_messages": true }), None),
        (json!({ "whole_messages": "true" }), Some("whole_messages")),
        (json!({ "whole_messages": 1 }), Some("whole_messages")),
        (json!({ "recipient_domains": ["*."] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["*.com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["*contoso.com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["*.*.contoso.com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["mail.*.com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": [".contoso.com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["contoso.com."] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["contoso..com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["@contoso.com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["hannah@contoso.com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["https://contoso.com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": [" contoso.com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["-contoso.com"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["10.0.0.1"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": ["[::1]"] }), Some("recipient_domains")),
        (json!({ "recipient_domains": [format!("{}.com", label(64))] }), Some("recipient_domains")),
        (json!({ "max_emails_per_request": 1 }), None),
        (json!({ "max_emails_per_request": 10_000 }), None),
        (json!({ "max_emails_per_request": 0 }), Some("max_emails_per_request")),
        (json!({ "max_emails_per_request": 10_001 }), Some("max_emails_per_request")),
        (json!({ "max_emails_per_request": -1 }), Some("max_emails_per_request")),
        (json!({ "max_emails_per_request": 1.5 }), Some("max_emails_per_request")),
        (json!({ "max_emails_per_request": "100" }), Some("max_emails_per_request")),
        (json!({ "max_emails_per_request": [] }), Some("max_emails_per_request")),
        (json!({ "max_emails_per_hour": 2_500_000 }), None),
        (json!({ "max_emails_per_hour": 0 }), Some("max_emails_per_hour")),
        (json!({ "max_emails_per_hour": 2_500_001 }), Some("max_emails_per_hour")),
        (json!({ "max_emails_per_hour": u64::MAX }), Some("max_emails_per_hour")),
    ] {
        let expected: Vec<String> = faulty_member.map(|member| format!("CALLERS[0].{member}")).into_iter().collect();
        assert_eq!(invalid_variables(&callers([caller(changes.clone())])), expected, "{changes}");
    }
}

#[test]
fn recipient_domains_are_accepted_only_as_valid_domains_or_star() {
    let label = |length: usize| "a".repeat(length);
    let domain = |length: usize| format!("{}.{}.{}.{}", label(63), label(63), label(63), label(length - 192));
    for (changes, accepted) in [
        (
            json!({ "recipient_domains": ["contoso.com", "*.fabrikam.com", "b\u{fc}cher.example", "*.xn--bcher-kva.example"] }),
            true,
        ),
        (json!({ "recipient_domains": [domain(253)] }), true),
        (json!({ "recipient_domains": [domain(254)] }), false),
        (json!({ "recipient_domains": [] }), false),
        (json!({ "recipient_domains": "contoso.com" }), false),
        (json!({ "recipient_domains": [1] }), false),
        (json!({ "recipient_domains": [""] }), false),
        (json!({ "recipient_domains": ["*"] }), true),
        (json!({ "recipient_domains": ["*", "contoso.com"] }), false),
        (json!({ "recipient_domains": ["*", "*"] }), false),
        (json!({ "recipient_domains": ["contoso.com", "*"] }), false),
        (json!({ "recipient_domains": "*" }), false),
        (json!({ "recipient_domains": [" *"] }), false),
        (json!({ "recipient_domains": ["**"] }), false),
        (json!({ "recipient_domains": ["\u{ff0a}"] }), false),
        (json!({ "recipient_domains": null }), false),
    ] {
        let expected: &[&str] = if accepted { &[] } else { &["CALLERS[0].recipient_domains"] };
        assert_eq!(invalid_variables(&callers([caller(changes.clone())])), expected, "{changes}");
    }
}

#[test]
fn request_limit_above_hourly_quota_is_rejected_and_default_is_capped() {
    for (per_request, per_hour, faulty_member) in [
        (501, 500, Some("max_emails_per_request")),
        (500, 500, None),
        (10_001, 500, Some("max_emails_per_request")),
        (10_000, 0, Some("max_emails_per_hour")),
    ] {
        let limits = json!({ "max_emails_per_request": per_request, "max_emails_per_hour": per_hour });
        let expected: Vec<String> = faulty_member.map(|member| format!("CALLERS[0].{member}")).into_iter().collect();
        assert_eq!(invalid_variables(&callers([caller(limits)])), expected, "{per_request} {per_hour}");
    }
    for (per_hour, per_request) in [(500, 500), (1_000, 1_000), (5_000, 1_000)] {
        let config = check(&callers([caller(json!({ "max_emails_per_hour": per_hour }))])).unwrap();
        assert_eq!(config.callers[0].max_emails_per_request, per_request, "where only the hour is limited");
    }
}

#[test]
fn invalid_caller_is_reported_by_its_index() {
    for (item, expected) in [
        (json!(1), "CALLERS[0]"),
        (json!([]), "CALLERS[0]"),
        (caller(json!({ "api_key_sha256": null })), "CALLERS[0]"),
        (caller(json!({ "recipient_domain": ["contoso.com"] })), "CALLERS[0]"),
        (caller(json!({ "sender_copy": true })), "CALLERS[0]"),
        (caller(json!({ "Actions": ["hardDelete"] })), "CALLERS[0]"),
        (caller(json!({ "api_key": "rgk_in-the-clear" })), "CALLERS[0]"),
    ] {
        assert_eq!(invalid_variables(&callers([item.clone()])), [expected], "{item}");
    }
}

#[test]
fn duplicate_caller_name_object_id_or_key_is_rejected() {
    let one = || caller(json!({ "object_id": PLAYBOOK }));
    let other = |changes: Value| {
        let mut caller =
            caller(json!({ "name": "other", "api_key_sha256": [sha256("other")], "object_id": ROLE_BEARER }));
        caller.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        caller
    };
    for (changes, member) in [
        (json!({ "name": "script" }), "name"),
        (json!({ "name": "SCRIPT" }), "name"),
        (json!({ "object_id": PLAYBOOK }), "object_id"),
        (json!({ "object_id": PLAYBOOK.to_uppercase() }), "object_id"),
        (json!({ "api_key_sha256": [sha256("k")] }), "api_key_sha256"),
        (json!({ "api_key_sha256": [sha256("x"), sha256("k").to_uppercase()] }), "api_key_sha256"),
    ] {
        let place = format!("CALLERS[1].{member}");
        assert_eq!(invalid_variables(&callers([one(), other(changes.clone())])), [place], "{changes}");
    }
    assert!(invalid_variables(&callers([one(), other(json!({}))])).is_empty());
}

#[test]
fn duplicate_identity_is_reported_for_correct_caller_among_other_errors() {
    let nameless = caller(json!({ "name": null }));
    let second = caller(json!({ "name": "second", "api_key_sha256": [sha256("second")] }));
    let third = caller(json!({ "name": "third" }));
    assert_eq!(
        invalid_variables(&callers([nameless, json!("no table"), second, third])),
        ["CALLERS[0].name", "CALLERS[1]", "CALLERS[3].api_key_sha256"]
    );
}

#[test]
fn callers_as_json_text_are_accepted_and_invalid_text_is_rejected() {
    let array = variables()["CALLERS"].clone();
    assert_eq!(check(&with("CALLERS", json!(array.to_string()))).unwrap().callers.len(), 4);
    let twice = r#"[{"name":"a","actions":["softDelete"],"actions":["hardDelete"],"recipient_domains":["*"],"object_id":"11111111-0000-0000-0000-000000000001"}]"#;
    assert_eq!(invalid_variables(&with("CALLERS", json!(twice))), ["CALLERS"], "a member twice says two things");
    assert_eq!(invalid_variables(&with("CALLERS", json!(format!("{array}{array}")))), ["CALLERS"]);
    assert_eq!(
        invalid_variables(&with("CALLERS", json!(Value::String(array.to_string()).to_string()))),
        ["CALLERS"],
        "a text of a text"
    );
}

/// Without a text that says so, an upgrade would only show that something is missing.
#[test]
fn caller_without_recipient_domains_is_rejected_with_instruction() {
    let errors = check(&callers([caller(json!({ "recipient_domains": null }))])).unwrap_err();
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!(error.variable, "CALLERS[0].recipient_domains");
    assert_eq!(error.problem, r#"is required: add the domains of the mailboxes, or ["*"] to grant every domain"#);
}
