//! Tokens that must be accepted, so that strict checks never reject Entra ID's tokens; and deployments without tokens.

use serde_json::{Value, json};

use super::{BEARER_INVALID_TOKEN, invalid_credentials, shape, without_ids};
use crate::auth::token::MAX_TOKEN_BYTES;
use crate::auth::token_error::TokenError;
use crate::tests::support::entra::{Draft, ONLY_V1};
use crate::tests::support::gateway::{Gateway, authorization};
use crate::tests::support::runtime::START;
use crate::tests::support::{AUDIENCE, AUDIENCE_GUID, PLAYBOOK, ROLE, ROLE_BEARER, TENANT, sha256, variables};

fn cases() -> Vec<(&'static str, String, &'static str)> {
    let of_playbook = |draft: Draft| (draft.token(), "playbook");
    let of_role_bearer = |draft: Draft| (draft.claim("oid", ROLE_BEARER).token(), "role-bearer");
    let aud = |draft: Draft, aud: &str| of_playbook(draft.claim("aud", aud));
    [
        ("version 1.0", of_playbook(Draft::v1())),
        ("version 2.0", of_playbook(Draft::v2())),
        ("version 1.0, aud with a slash", aud(Draft::v1(), "api://remediation-gateway/")),
        ("version 1.0, aud the GUID", aud(Draft::v1(), AUDIENCE_GUID)),
        ("version 1.0, aud the GUID with a slash", aud(Draft::v1(), "00001111-aaaa-2222-bbbb-3333cccc4444/")),
        ("version 2.0, aud the App ID URI", aud(Draft::v2(), AUDIENCE)),
        ("a key of version 1.0 alone", of_playbook(Draft::v1().by(&ONLY_V1))),
        ("exp past by nearly all the skew", of_playbook(Draft::v2().claim("exp", START - 299))),
        ("exp this second", of_playbook(Draft::v2().claim("exp", START))),
        ("exp at the end of time", of_playbook(Draft::v2().claim("exp", u64::MAX))),
        ("nbf in the future by all the skew", of_playbook(Draft::v2().claim("nbf", START + 300))),
        ("nbf missing", of_playbook(Draft::v2().without_claim("nbf"))),
        ("typ missing", of_playbook(Draft::v2().without_header("typ"))),
        ("typ in lower case", of_playbook(Draft::v2().header("typ", "jwt"))),
        ("a header member that says nothing here", of_playbook(Draft::v2().header("nonce", "x"))),
        ("a claim that says nothing here", of_playbook(Draft::v2().claim("xms_az_rid", json!({ "a": [null, 1.5] })))),
        ("tid in upper case", of_playbook(Draft::v2().claim("tid", TENANT.to_uppercase()))),
        ("oid in upper case", of_playbook(Draft::v2().claim("oid", PLAYBOOK.to_uppercase()))),
        (
            "white space in the JSON",
            of_playbook(Draft::v2().rewrite_claims(|json| json.replace(',', " ,\r\n\t").into())),
        ),
        (
            "escapes in the JSON",
            of_playbook(Draft::v2().rewrite_claims(|json| json.replace("\"oid\"", r#""\u006fid""#).into())),
        ),
        ("a managed identity without roles, none being asked", of_playbook(Draft::v1().claim("idtyp", "app"))),
        ("a managed identity without roles and idtyp", of_playbook(Draft::v1().of_managed_identity())),
        ("the same in version 2.0", of_playbook(Draft::v2().of_managed_identity())),
        (
            "sub in a different case from oid",
            of_playbook(Draft::v2().of_managed_identity().claim("sub", PLAYBOOK.to_uppercase())),
        ),
        ("an application by idtyp, with any sub", of_playbook(Draft::v2().claim("sub", "x"))),
        ("an application by idtyp, without sub", of_playbook(Draft::v2().without_claim("sub"))),
        (
            "a user by idtyp, with the scope",
            of_playbook(Draft::v1().delegated("Remediation.Submit").claim("idtyp", "user")),
        ),
        ("unknown roles", of_playbook(Draft::v2().claim("roles", json!(["Other"])))),
        ("a user with the scope alone", of_playbook(Draft::v2().delegated("Remediation.Submit"))),
        (
            "a user with the scope among others",
            of_playbook(Draft::v2().delegated("openid Remediation.Submit User.Read")),
        ),
        ("a user with two blanks between scopes", of_playbook(Draft::v1().delegated("User.Read  Remediation.Submit"))),
        ("the role", of_role_bearer(Draft::v2().claim("roles", json!([ROLE])))),
        ("the role among others", of_role_bearer(Draft::v1().claim("roles", json!(["Other", ROLE, "More"])))),
        (
            "the role of an application, for which a user's scope stands in",
            of_role_bearer(Draft::v2().delegated("Remediation.Submit")),
        ),
        ("as large as can be", (shape::token_of_size(MAX_TOKEN_BYTES), "playbook")),
    ]
    .map(|(what, (token, caller))| (what, token, caller))
    .to_vec()
}

#[test]
fn every_valid_entra_token_is_accepted_for_its_caller() {
    for (what, token, caller) in cases() {
        let mut gateway = Gateway::default();
        let response = gateway.validate(authorization(&format!("Bearer {token}")));
        let line = gateway.logged();
        assert_eq!((response.status, &line["caller"]), (200, &json!(caller)), "{what}: {line}");
    }
}

#[test]
fn token_is_rejected_if_only_api_keys_are_configured() {
    let mut by_key = variables();
    by_key.remove("AUDIENCE");
    by_key.insert("CALLERS", json!([{ "name": "script", "api_key_sha256": [sha256("k")], "actions": ["softDelete"], "recipient_domains": ["*"] }]));
    for token in [Draft::v1().token(), Draft::v2().token(), Draft::v2().claim("aud", "").token(), "x".to_owned()] {
        let mut gateway = Gateway::new(by_key.clone());
        let response = gateway.validate(authorization(&format!("Bearer {token}")));
        assert_eq!(without_ids(&response), invalid_credentials(BEARER_INVALID_TOKEN));
        assert_eq!(gateway.logged()["reason"], format!("bearer token refused: {}", TokenError::NotAccepted));
        assert!(
            gateway.stage.runtime.upstream().calls().is_empty(),
            "keys were fetched although tokens are not accepted"
        );
    }
}

#[test]
fn caller_token_is_neither_sent_to_microsoft_nor_logged() {
    let token = Draft::v2().token();
    let mut gateway = Gateway::default();
    let payload = crate::tests::support::gateway::payload("softDelete", &["hannah@contoso.com"]);
    let response = gateway.remediate(authorization(&format!("Bearer {token}")), &payload);
    assert_eq!(response.status, 202);
    let calls = gateway.stage.runtime.upstream().calls();
    assert_eq!(calls.len(), 3, "keys, the gateway's own token, Graph");
    assert!(!format!("{calls:?}").contains(&token[..32]));
    assert!(!gateway.logged().to_string().contains(&token[..32]));
    assert_ne!(response.body, Value::Null.to_string());
}
