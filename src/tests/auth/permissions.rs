//! Limits of authorized callers, and the precision of the error messages.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::auth::permissions::check;
use crate::http::Response;
use crate::remediation::{Action, parse};
use crate::tests::support::entra::Draft;
use crate::tests::support::gateway::{GRAPH_URL, Gateway, api_key, authorization, code, payload};
use crate::tests::support::runtime::TestRuntime;
use crate::tests::support::{ROLE, ROLE_BEARER, sha256, variables_with};

/// Returns a gateway with one caller that has these permissions.
fn gateway_with(permissions: &Value) -> Gateway {
    let mut caller = json!({
        "name": "script", "api_key_sha256": [sha256("key")], "actions": ["softDelete"], "recipient_domains": ["*"],
    });
    caller.as_object_mut().unwrap().extend(permissions.as_object().unwrap().clone());
    Gateway::new(variables_with("CALLERS", json!([caller])))
}

/// Sends a remediation. A permitted one must reach Graph once, and a forbidden one must cause no call.
fn ask(permissions: &Value, payload: &Value) -> (Response, Value) {
    let mut gateway = gateway_with(permissions);
    let response = gateway.remediate(api_key("key"), payload);
    let upstream = gateway.stage.runtime.upstream();
    assert_eq!(upstream.count(GRAPH_URL), usize::from(response.status == 202), "{payload}");
    assert!(response.status == 202 || upstream.calls().is_empty(), "{payload}");
    (response, gateway.logged())
}

fn pointers(response: &Response) -> Vec<String> {
    let body: Value = serde_json::from_str(&response.body).unwrap();
    let errors = body["errors"].as_array().unwrap();
    let pointers = errors.iter().flat_map(|error| error["pointers"].as_array().unwrap());
    pointers.map(|pointer| pointer.as_str().unwrap().to_owned()).collect()
}

#[test]
fn action_is_accepted_only_if_granted_by_name() {
    let all = ["moveToJunk", "moveToInbox", "hardDelete", "softDelete", "moveToDeletedItems", "moveToQuarantine"];
    for granted in all {
        for asked in all {
            let (response, line) = ask(&json!({ "actions": [granted] }), &payload(asked, &["a@contoso.com"]));
            let expected = if granted == asked { "accepted" } else { "actionNotAllowed" };
            assert_eq!(code(&response), expected, "{granted} {asked}");
            assert_eq!((&line["caller"], &line["action"]), (&json!("script"), &json!(asked)));
        }
    }
}

/// A member of a caller's table, with a value that grants the request of the test, one that denies it, a misspelling of
/// the member's name, and the code of the denial. For `PROTECTED_RECIPIENTS`, an entry is misspelt.
type PermissionCase = (&'static str, Value, Value, &'static str, &'static str);

/// Returns a case for each permission. `PROTECTED_RECIPIENTS` is not in a caller's table, and applies to all callers.
fn permission_cases() -> [PermissionCase; 6] {
    [
        ("role", json!(ROLE), json!("Remediation.Another"), "roles", "unknownCaller"),
        ("actions", json!(["softDelete"]), json!(["moveToJunk"]), "action", "actionNotAllowed"),
        ("senders_copy", json!(true), json!(false), "sender_copy", "sendersCopyNotAllowed"),
        (
            "recipient_domains",
            json!(["contoso.com"]),
            json!(["*.fabrikam.com"]),
            "recipient_domain",
            "recipientNotAllowed",
        ),
        (
            PROTECTED,
            json!(["c@contoso.com", "fabrikam.com"]),
            json!(["B@contoso.com"]),
            "contoso.com.",
            "recipientProtected",
        ),
        ("max_emails_per_request", json!(2), json!(1), "max_emails_per_requests", "tooManyEmails"),
    ]
}

const PROTECTED: &str = "PROTECTED_RECIPIENTS";

/// The value of a permission in a configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
enum PermissionState {
    Granted,
    Denied,
    Misspelt,
    Nothing,
}

#[test]
fn every_pair_of_permission_states_is_enforced() {
    let all = [PermissionState::Granted, PermissionState::Denied, PermissionState::Misspelt, PermissionState::Nothing];
    let mut payload = payload("softDelete", &["a@contoso.com", "b@contoso.com"]);
    payload["remediateSendersCopy"] = json!("True");
    let token = Draft::v2().claim("oid", ROLE_BEARER).claim("roles", json!([ROLE])).token();
    for first in 0..permission_cases().len() {
        for second in first..permission_cases().len() {
            for (said, also_said) in all.into_iter().flat_map(|said| all.map(|also_said| (said, also_said))) {
                let mut caller = json!({ "name": "script", "object_id": ROLE_BEARER });
                let (mut protected, mut expected) = (Value::Null, Vec::new());
                for (place, (member, granting, denying, misspelt, code)) in permission_cases().into_iter().enumerate() {
                    let says = match place {
                        _ if place == second => also_said,
                        _ if place == first => said,
                        _ => PermissionState::Granted,
                    };
                    let is_required = ["actions", "recipient_domains"].contains(&member);
                    let said = if member == PROTECTED { &mut protected } else { &mut caller[member] };
                    match says {
                        PermissionState::Granted => *said = granting,
                        PermissionState::Denied => {
                            *said = denying;
                            expected.push(code);
                        }
                        PermissionState::Misspelt => {
                            if member == PROTECTED {
                                protected = json!([misspelt]);
                            } else {
                                caller[misspelt] = granting;
                            }
                            expected.insert(0, "misconfigured");
                        }
                        PermissionState::Nothing if is_required => expected.insert(0, "misconfigured"),
                        PermissionState::Nothing if member == "senders_copy" => expected.push(code),
                        PermissionState::Nothing => {}
                    }
                }
                caller.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                let mut variables = variables_with("CALLERS", json!([caller]));
                variables.insert(PROTECTED, protected);
                let mut gateway = Gateway::new(variables);
                let response = gateway.remediate(authorization(&format!("Bearer {token}")), &payload);
                assert_eq!(code(&response), *expected.first().unwrap_or(&"accepted"), "{caller}");
                assert_eq!(
                    gateway.stage.runtime.upstream().count(GRAPH_URL),
                    usize::from(expected.is_empty()),
                    "{caller}"
                );
            }
        }
    }
}

#[test]
fn senders_copy_is_accepted_only_with_its_permission() {
    for (permissions, copy, expected) in [
        (json!({}), json!(false), "accepted"),
        (json!({}), json!("FALSE"), "accepted"),
        (json!({}), json!(true), "sendersCopyNotAllowed"),
        (json!({}), json!("tRUE"), "sendersCopyNotAllowed"),
        (json!({ "senders_copy": false }), json!(true), "sendersCopyNotAllowed"),
        (json!({ "senders_copy": true }), json!(true), "accepted"),
        (json!({ "senders_copy": true }), json!("true"), "accepted"),
        (json!({ "senders_copy": true }), json!(false), "accepted"),
    ] {
        let mut payload = payload("softDelete", &["a@contoso.com"]);
        payload["remediateSendersCopy"] = copy;
        let (response, line) = ask(&permissions, &payload);
        assert_eq!(code(&response), expected, "{permissions} {payload}");
        if expected != "accepted" {
            assert_eq!((response.status, pointers(&response)), (403, vec!["/remediateSendersCopy".to_owned()]));
            assert!(response.body.contains("senders_copy") && response.body.contains("Nothing was sent."));
            assert_eq!(line["reason"], "script lacks a permission: the sender's copy is not granted");
        }
    }
}

#[test]
fn recipient_is_accepted_only_if_its_domain_is_granted_in_any_spelling() {
    for (rule, recipient, accepted) in [
        ("contoso.com", "hannah@contoso.com", true),
        ("contoso.com", "hannah@CONTOSO.com", true),
        ("contoso.com", "hannah@mail.contoso.com", false),
        ("contoso.com", "hannah@evil-contoso.com", false),
        ("contoso.com", "hannah@contoso.com.evil.example", false),
        ("contoso.com", "contoso.com@evil.example", false),
        ("contoso.com", "hannah+contoso.com@evil.example", false),
        ("*.contoso.com", "hannah@contoso.com", true),
        ("*.contoso.com", "hannah@Mail.Contoso.com", true),
        ("*.contoso.com", "hannah@evil-contoso.com", false),
        // No domain name can have these labels, which lenient parsers decode to an `@` or a comma.
        ("*.contoso.com", "hannah@xn--024.contoso.com", false),
        ("*.contoso.com", "hannah@XN--0049.contoso.com", false),
        ("*", "hannah@xn--024.contoso.com", false),
        ("*", "hannah@contoso.com", true),
        ("*", "hannah@mail.fabrikam.example", true),
        ("*", "hannah@xn--bcher-kva.example", true),
        ("*", "hannah@b\u{fc}cher.example", true),
        ("*.contoso.com", "hannah@xn--bcher-kva.contoso.com", true),
        ("*.contoso.com", "hannah@a--b.contoso.com", true),
        ("b\u{fc}cher.example", "hannah@xn--bcher-kva.example", true),
        ("b\u{fc}cher.example", "hannah@XN--BCHER-KVA.EXAMPLE", true),
        ("b\u{fc}cher.example", "hannah@b\u{fc}cher.example", true),
        ("b\u{fc}cher.example", "hannah@B\u{dc}CHER.example", true),
        ("xn--bcher-kva.example", "hannah@b\u{fc}cher.example", true),
        ("*.b\u{fc}cher.example", "hannah@post.b\u{fc}cher.example", true),
        ("b\u{fc}cher.example", "hannah@bucher.example", false),
        // A Cyrillic letter that looks like a Latin letter.
        ("contoso.com", "hannah@c\u{43e}ntoso.com", false),
    ] {
        let (response, _) = ask(&json!({ "recipient_domains": [rule] }), &payload("softDelete", &[recipient]));
        let expected = if accepted { "accepted" } else { "recipientNotAllowed" };
        assert_eq!(code(&response), expected, "{rule} {recipient}");
    }
}

#[test]
fn protected_recipient_is_rejected_in_every_spelling() {
    for (entry, recipient, is_protected) in [
        ("journal@contoso.com", "journal@contoso.com", true),
        ("journal@contoso.com", "JOURNAL@Contoso.COM", true),
        ("Journal@CONTOSO.com", "journal@contoso.com", true),
        ("journal@contoso.com", "journal+tag@contoso.com", true),
        ("journal@contoso.com", "Journal+a+b@contoso.com", true),
        ("journal@contoso.com", "journal+@contoso.com", true),
        ("journal@contoso.com", "journals@contoso.com", false),
        ("journal@contoso.com", "a.journal@contoso.com", false),
        ("journal@contoso.com", "hannah+journal@contoso.com", false),
        ("journal@contoso.com", "journal@mail.contoso.com", false),
        ("journal@contoso.com", "journal@fabrikam.com", false),
        ("journal+legal@contoso.com", "JOURNAL+Legal@contoso.com", true),
        ("journal+legal@contoso.com", "journal@contoso.com", false),
        ("journal+legal@contoso.com", "journal+other@contoso.com", false),
        ("\u{e9}mile@contoso.com", "\u{c9}MILE@contoso.com", true),
        ("\u{c9}mile@contoso.com", "\u{e9}mile@contoso.com", true),
        // Both small sigmas have one capital.
        (
            "\u{3ba}\u{3c9}\u{3c3}\u{3c4}\u{3b1}\u{3c2}@contoso.com",
            "\u{39a}\u{3a9}\u{3a3}\u{3a4}\u{391}\u{3a3}@contoso.com",
            true,
        ),
        (
            "\u{3ba}\u{3c9}\u{3c3}\u{3c4}\u{3b1}\u{3c2}@contoso.com",
            "\u{3ba}\u{3c9}\u{3c3}\u{3c4}\u{3b1}\u{3c3}@contoso.com",
            true,
        ),
        ("journal@b\u{fc}cher.example", "journal@xn--bcher-kva.example", true),
        ("journal@b\u{fc}cher.example", "journal@XN--BCHER-KVA.Example", true),
        ("journal@b\u{fc}cher.example", "journal@B\u{dc}CHER.example", true),
        ("journal@XN--BCHER-KVA.example", "journal@b\u{fc}cher.example", true),
        ("journal@b\u{fc}cher.example", "journal@bucher.example", false),
        ("contoso.com", "hannah@Contoso.com", true),
        ("contoso.com", "hannah@mail.contoso.com", false),
        ("contoso.com", "hannah@evil-contoso.com", false),
        ("*.contoso.com", "hannah@contoso.com", true),
        ("*.contoso.com", "hannah@a.MAIL.contoso.com", true),
        ("*.contoso.com", "hannah@fabrikam.com", false),
        ("*.b\u{fc}cher.example", "hannah@post.xn--bcher-kva.example", true),
        ("xn--bcher-kva.example", "hannah@b\u{fc}cher.example", true),
    ] {
        let caller = json!({
            "name": "script", "api_key_sha256": [sha256("key")], "actions": ["softDelete"], "recipient_domains": ["*"],
        });
        let mut variables = variables_with("CALLERS", json!([caller]));
        variables.insert(PROTECTED, json!(["hold@fabrikam.example", entry]));
        let mut gateway = Gateway::new(variables);
        let response = gateway.remediate(api_key("key"), &payload("softDelete", &["a@adatum.com", recipient]));
        if is_protected {
            assert_eq!(
                (response.status, code(&response)),
                (403, "recipientProtected".to_owned()),
                "{entry} {recipient}"
            );
            assert_eq!(pointers(&response), ["/analyzedEmails/1/recipientEmailAddress"]);
            assert!(response.body.contains("Nothing was sent.") && !response.body.contains('@'), "{}", response.body);
            let line = gateway.logged();
            assert_eq!(line["reason"], "script lacks a permission: protected recipients: 1");
            assert!(gateway.stage.runtime.upstream().calls().is_empty(), "{entry} {recipient}");
        } else {
            assert_eq!(code(&response), "accepted", "{entry} {recipient}");
        }
    }
}

/// The parser rejects a dot at the end and an impossible label before the list is compared.
#[test]
fn invalid_spelling_of_protected_recipient_is_rejected() {
    for (recipient, expected) in [
        ("journal@contoso.com.", "invalidPayload"),
        ("journal@contoso\u{3002}com", "invalidPayload"),
        ("journal@\u{ff43}ontoso.com", "invalidPayload"),
        ("\"journal\"@contoso.com", "invalidPayload"),
        ("journal@xn--contoso-.com", "invalidPayload"),
        ("journal@xn--024.contoso.com", "recipientNotAllowed"),
    ] {
        let mut variables = variables_with(PROTECTED, json!(["*.contoso.com", "journal@contoso.com"]));
        let caller = json!({
            "name": "script", "api_key_sha256": [sha256("key")], "actions": ["softDelete"], "recipient_domains": ["*"],
        });
        variables.insert("CALLERS", json!([caller]));
        let mut gateway = Gateway::new(variables);
        let response = gateway.remediate(api_key("key"), &payload("softDelete", &[recipient]));
        assert_eq!(code(&response), expected, "{recipient}");
        assert!(gateway.stage.runtime.upstream().calls().is_empty(), "{recipient}");
    }
}

#[test]
fn rejected_recipient_rejects_request_and_is_named_by_original_index() {
    let recipients =
        ["a@contoso.com", "A@contoso.com", "x@evil.example", "b@contoso.com", "X@evil.example", "y@evil-contoso.com"];
    let (response, line) = ask(&json!({ "recipient_domains": ["contoso.com"] }), &payload("softDelete", &recipients));
    assert_eq!((response.status, code(&response)), (403, "recipientNotAllowed".to_owned()));
    assert_eq!(
        pointers(&response),
        ["/analyzedEmails/2/recipientEmailAddress", "/analyzedEmails/5/recipientEmailAddress"],
        "the pointers must refer to the request, with its duplicates"
    );
    assert!(!response.body.contains("evil") && !line.to_string().contains("evil"), "no address is repeated");
}

#[test]
fn rejected_recipients_are_counted_and_first_hundred_are_listed() {
    let recipients: Vec<String> = (0..120).map(|number| format!("u{number}@evil.example")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let (response, line) = ask(&json!({ "recipient_domains": ["contoso.com"] }), &payload("softDelete", &recipients));
    assert_eq!(pointers(&response).len(), 100);
    assert!(response.body.contains("does not cover 120 of the recipients"));
    assert_eq!(line["reason"], "script lacks a permission: recipients outside the granted domains: 120");
}

#[test]
fn emails_are_limited_per_request_after_duplicates_are_removed() {
    let three = ["a@contoso.com", "b@contoso.com", "c@contoso.com"];
    let repeated = ["a@contoso.com", "b@contoso.com", "c@contoso.com", "A@contoso.com", "b@CONTOSO.com"];
    for (most, recipients, expected) in [
        (3, three.as_slice(), "accepted"),
        (2, &three, "tooManyEmails"),
        (3, &repeated, "accepted"),
        (2, &repeated, "tooManyEmails"),
        (1, &three[..1], "accepted"),
    ] {
        let (response, line) = ask(&json!({ "max_emails_per_request": most }), &payload("softDelete", recipients));
        assert_eq!(code(&response), expected, "{most} {recipients:?}");
        assert_eq!(line["emails"], recipients.len().min(3));
        if expected == "tooManyEmails" {
            assert_eq!(pointers(&response), ["/analyzedEmails"]);
        }
    }
}

#[test]
fn default_email_limit_per_request_is_1000() {
    let recipients: Vec<String> = (0..1001).map(|number| format!("u{number}@contoso.com")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    assert_eq!(code(&ask(&json!({}), &payload("softDelete", &recipients[..1000])).0), "accepted");
    assert_eq!(code(&ask(&json!({}), &payload("softDelete", &recipients)).0), "tooManyEmails");
}

/// A larger request would fail forever, with an error that asks the caller to retry in an hour.
#[test]
fn request_with_more_emails_than_hourly_quota_is_rejected() {
    let three = ["a@contoso.com", "b@contoso.com", "c@contoso.com"];
    let permissions = json!({ "max_emails_per_hour": 2 });
    assert_eq!(code(&ask(&permissions, &payload("softDelete", &three)).0), "tooManyEmails");
    assert_eq!(code(&ask(&permissions, &payload("softDelete", &three[..2])).0), "accepted");
}

#[test]
fn first_of_several_missing_permissions_is_reported() {
    let permissions = json!({ "recipient_domains": ["contoso.com"], "max_emails_per_request": 1 });
    let outside = ["a@evil.example", "b@evil.example"];
    for (action, recipients, expected) in [
        ("hardDelete", outside.as_slice(), "actionNotAllowed"),
        ("softDelete", &outside, "recipientNotAllowed"),
        ("softDelete", &["a@contoso.com", "b@contoso.com"], "tooManyEmails"),
        ("softDelete", &["a@contoso.com"], "accepted"),
    ] {
        assert_eq!(code(&ask(&permissions, &payload(action, recipients)).0), expected, "{action} {recipients:?}");
    }
}

#[test]
fn validate_only_request_without_permission_returns_403() {
    let mut gateway = gateway_with(&json!({ "actions": ["moveToJunk"] }));
    assert_eq!(gateway.validate(api_key("key")).status, 403);
}

/// A domain: in the form of the naive model, and in spellings of it.
type Domain = (&'static str, &'static [&'static str]);

const DOMAINS: [Domain; 6] = [
    ("contoso.com", &["contoso.com", "Contoso.COM"]),
    ("mail.contoso.com", &["mail.contoso.com", "MAIL.contoso.com"]),
    ("evil-contoso.com", &["evil-contoso.com", "Evil-Contoso.com"]),
    ("contoso.com.example", &["contoso.com.example"]),
    (
        "b\u{fc}cher.example",
        &["b\u{fc}cher.example", "B\u{dc}CHER.Example", "xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE"],
    ),
    ("post.b\u{fc}cher.example", &["post.b\u{fc}cher.example", "Post.XN--bcher-kva.example"]),
];

/// A mailbox in the form of the naive model, and spellings of the local part that reach it.
const MAILBOXES: [(&str, &[&str]); 3] = [
    ("journal", &["journal", "Journal", "JOURNAL+a", "journal+a+b"]),
    ("hannah", &["hannah", "HANNAH"]),
    ("\u{e9}mile", &["\u{e9}mile", "\u{c9}MILE"]),
];

/// Something in the form of the naive model, and in one of its spellings.
type Spelled = (String, String);

fn spelled(pool: &[(&str, &[&str])]) -> impl Strategy<Value = Spelled> + use<> {
    let all = pool.iter().flat_map(|(form, spellings)| spellings.iter().map(move |text| (*form, *text)));
    prop::sample::select(all.map(|(form, text)| (form.to_owned(), text.to_owned())).collect::<Vec<Spelled>>())
}

fn address() -> impl Strategy<Value = Spelled> {
    (spelled(&MAILBOXES), spelled(&DOMAINS))
        .prop_map(|(mailbox, domain)| (format!("{}@{}", mailbox.0, domain.0), format!("{}@{}", mailbox.1, domain.1)))
}

/// An address without a tag: with one, an entry protects the plus address alone.
fn protected_address() -> impl Strategy<Value = Spelled> {
    address().prop_filter("a tag", |(_, text)| !text.contains('+'))
}

fn rule() -> impl Strategy<Value = Spelled> {
    (spelled(&DOMAINS), any::<bool>()).prop_map(|((form, text), below)| {
        let star = if below { "*." } else { "" };
        (format!("{star}{form}"), format!("{star}{text}"))
    })
}

fn texts(spelled: &[Spelled]) -> Vec<&String> {
    spelled.iter().map(|(_, text)| text).collect()
}

/// Returns whether the rule names the domain of the address, all in the form of the naive model.
fn names(rule: &str, address: &str) -> bool {
    let (_, domain) = address.split_once('@').unwrap();
    match rule.strip_prefix("*.") {
        Some(parent) => format!(".{domain}").ends_with(&format!(".{parent}")),
        None => rule == "*" || rule == domain || rule == address,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The test also fails if a request is denied that the model grants.
    #[test]
    fn permission_check_agrees_with_simple_model(
        actions in prop::sample::subsequence(Action::ALL.to_vec(), 1..4),
        action in prop::sample::select(Action::ALL.to_vec()),
        copy_granted in prop::option::of(any::<bool>()),
        copy in any::<bool>(),
        granted in prop_oneof![
            Just(vec![("*".to_owned(), "*".to_owned())]),
            prop::collection::vec(rule(), 1..4),
        ],
        protected in prop::collection::vec(prop_oneof![rule(), protected_address()], 0..3),
        recipients in prop::collection::vec(address(), 1..4),
        most in prop::option::of(1_usize..4),
    ) {
        let mut caller = json!({ "name": "script", "api_key_sha256": [sha256("key")], "recipient_domains": texts(&granted) });
        caller["actions"] = actions.iter().map(|action| action.as_str()).collect();
        if let Some(granted) = copy_granted {
            caller["senders_copy"] = json!(granted);
        }
        if let Some(most) = most {
            caller["max_emails_per_request"] = json!(most);
        }
        let mut variables = variables_with("CALLERS", json!([caller]));
        if !protected.is_empty() {
            variables.insert(PROTECTED, json!(texts(&protected)));
        }
        let runtime = TestRuntime::default();
        let config = runtime.check(&variables).unwrap();
        let addresses: Vec<&str> = recipients.iter().map(|(_, text)| text.as_str()).collect();
        let mut payload = payload(action.as_str(), &addresses);
        payload["remediateSendersCopy"] = json!(copy);
        let body = payload.to_string();
        let remediation = parse(body.as_bytes()).unwrap();
        let answer = check(&config, &config.callers[0], &remediation, &runtime);

        let each = |rules: &[Spelled], address: &str| rules.iter().any(|(rule, _)| names(rule, address));
        let is_granted = actions.contains(&action)
            && (!copy || copy_granted == Some(true))
            && recipients.iter().all(|(address, _)| each(&granted, address) && !each(&protected, address))
            && most.is_none_or(|most| remediation.emails.len() <= most);
        prop_assert_eq!(answer.is_ok(), is_granted, "{} {} {:?}", caller, payload, answer);
    }
}
