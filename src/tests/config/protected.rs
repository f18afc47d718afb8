//! Every rule of `PROTECTED_RECIPIENTS` (contract, sections 6 and 9).

use serde_json::{Value, json};

use super::{check, invalid_variables, with};

#[test]
fn protected_entry_is_accepted_only_if_valid_address_or_domain() {
    for (entry, accepted) in [
        (json!("contoso.com"), true),
        (json!("*.contoso.com"), true),
        (json!("b\u{fc}cher.example"), true),
        (json!("*.XN--BCHER-KVA.example"), true),
        (json!("journal@contoso.com"), true),
        (json!("Journal+2026@Contoso.COM"), true),
        (json!("\u{e9}mile@b\u{fc}cher.example"), true),
        (json!("journal@xn--bcher-kva.example"), true),
        (json!(""), false),
        (json!(1), false),
        (Value::Null, false),
        (json!(["contoso.com"]), false),
        (json!("*"), false),
        (json!("*.com"), false),
        (json!("com"), false),
        (json!("*.*.contoso.com"), false),
        (json!("contoso.com."), false),
        (json!("contoso.com "), false),
        (json!("@contoso.com"), false),
        (json!("*@contoso.com"), false),
        (json!("journal*@contoso.com"), false),
        (json!("journal@*.contoso.com"), false),
        (json!("journal@contoso.com."), false),
        (json!("journal@contoso"), false),
        (json!("journal@10.0.0.1"), false),
        (json!(" journal@contoso.com"), false),
        (json!("smtp:journal@contoso.com"), false),
        (json!("Journal <journal@contoso.com>"), false),
        (json!("journal@contoso.com, hold@contoso.com"), false),
        (json!("journal@contoso.com@contoso.com"), false),
        (json!("xn--024.contoso.com"), false),
        (json!("journal@xn--024.contoso.com"), false),
    ] {
        let expected: &[&str] = if accepted { &[] } else { &["PROTECTED_RECIPIENTS[1]"] };
        assert_eq!(
            invalid_variables(&with("PROTECTED_RECIPIENTS", json!(["fabrikam.com", entry]))),
            expected,
            "{entry}"
        );
    }
}

#[test]
fn protected_list_is_accepted_as_array_or_json_text_but_not_empty() {
    let array = json!(["journal@contoso.com", "*.evidence.contoso.com"]);
    for list in [array.clone(), json!(array.to_string())] {
        let protected = check(&with("PROTECTED_RECIPIENTS", list)).unwrap().protected_recipients;
        assert!(protected.covers("journal", "contoso.com") && protected.covers("hannah", "a.evidence.contoso.com"));
        assert!(!protected.covers("hannah", "contoso.com"));
    }
    let none = check(&with("PROTECTED_RECIPIENTS", Value::Null)).unwrap().protected_recipients;
    assert!(!none.covers("journal", "contoso.com"));
    for list in [
        json!(""),
        json!([]),
        json!("[]"),
        json!("null"),
        json!("journal@contoso.com"),
        json!(json!("[]").to_string()),
        json!({ "0": "journal@contoso.com" }),
        json!(true),
    ] {
        assert_eq!(invalid_variables(&with("PROTECTED_RECIPIENTS", list.clone())), ["PROTECTED_RECIPIENTS"], "{list}");
    }
}
