//! Valid tokens of unknown callers or of callers without a required role: the documented 403s.

use serde_json::{Value, json};

use super::check_rejection;
use crate::auth::AuthError;
use crate::auth::AuthError::{MissingRole, MissingScope, NotAnApplication, UnknownObjectId};
use crate::tests::support::entra::{Draft, PERSONAL};
use crate::tests::support::gateway::authorization;
use crate::tests::support::{AUDIENCE_GUID, NOBODY, ROLE_BEARER, TENANT};

fn cases() -> Vec<(&'static str, Draft, AuthError)> {
    let of_role_bearer = || Draft::v2().claim("oid", ROLE_BEARER);
    let scp = |scp: &str| Draft::v2().delegated(scp);
    let no_scp = || Draft::v2().of_managed_identity();
    vec![
        ("an unknown oid", Draft::v2().claim("oid", NOBODY), UnknownObjectId),
        ("an unknown oid in version 1.0", Draft::v1().claim("oid", NOBODY), UnknownObjectId),
        (
            "an unknown oid, a caller in sub",
            Draft::v2().claim("oid", NOBODY).claim("sub", ROLE_BEARER),
            UnknownObjectId,
        ),
        (
            "an unknown oid, with every permission",
            Draft::v2().claim("oid", NOBODY).claim("roles", json!(["Remediation.Execute"])),
            UnknownObjectId,
        ),
        ("the gateway's own application as oid", Draft::v2().claim("oid", AUDIENCE_GUID), UnknownObjectId),
        ("the tenant as oid", Draft::v2().claim("oid", TENANT), UnknownObjectId),
        ("the nil GUID as oid", Draft::v2().claim("oid", "00000000-0000-0000-0000-000000000000"), UnknownObjectId),
        ("a user's token without the scope", scp("User.Read"), MissingScope),
        ("a user's token with no scope at all", scp(""), MissingScope),
        ("the scope in another case", scp("remediation.submit"), MissingScope),
        ("a scope that ours begins", scp("Remediation.Submit.All"), MissingScope),
        ("a scope that ours ends", scp("X.Remediation.Submit"), MissingScope),
        ("the scope as a URI", scp("api://remediation-gateway/Remediation.Submit"), MissingScope),
        ("scopes with commas", scp("User.Read,Remediation.Submit"), MissingScope),
        ("scopes with tabs", scp("User.Read\tRemediation.Submit"), MissingScope),
        ("the scope as a role", scp("User.Read").claim("roles", json!(["Remediation.Submit"])), MissingScope),
        (
            "the role, but a user's token without the scope",
            of_role_bearer().delegated("x").claim("roles", json!(["Remediation.Execute"])),
            MissingScope,
        ),
        ("a user's token without scp", Draft::v2().of_user(), NotAnApplication),
        ("a user's token of version 1.0 without scp", Draft::v1().of_user(), NotAnApplication),
        ("a user's by idtyp", no_scp().claim("idtyp", "user"), NotAnApplication),
        ("a device's", no_scp().claim("idtyp", "device"), NotAnApplication),
        ("an unknown type of token", no_scp().claim("idtyp", "agent"), NotAnApplication),
        ("an application's in another case", no_scp().claim("idtyp", "App"), NotAnApplication),
        ("an application's with a blank", no_scp().claim("idtyp", "app "), NotAnApplication),
        ("idtyp empty", no_scp().claim("idtyp", ""), NotAnApplication),
        ("sub of another", no_scp().claim("sub", ROLE_BEARER), NotAnApplication),
        ("sub missing", no_scp().without_claim("sub"), NotAnApplication),
        ("sub null", no_scp().claim("sub", Value::Null), NotAnApplication),
        ("sub a list", no_scp().claim("sub", json!([crate::tests::support::PLAYBOOK])), NotAnApplication),
        ("upn", no_scp().claim("upn", PERSONAL), NotAnApplication),
        ("upn in version 1.0", Draft::v1().of_managed_identity().claim("upn", PERSONAL), NotAnApplication),
        ("unique_name", Draft::v1().of_managed_identity().claim("unique_name", PERSONAL), NotAnApplication),
        ("preferred_username", no_scp().claim("preferred_username", PERSONAL), NotAnApplication),
        ("email", no_scp().claim("email", PERSONAL), NotAnApplication),
        ("name", no_scp().claim("name", "Hannah"), NotAnApplication),
        ("given_name", no_scp().claim("given_name", "Hannah"), NotAnApplication),
        ("family_name", no_scp().claim("family_name", "Jarvis"), NotAnApplication),
        ("upn null", no_scp().claim("upn", Value::Null), NotAnApplication),
        (
            "a user's with the scope as a role",
            Draft::v2().of_user().claim("roles", json!(["Remediation.Submit"])),
            NotAnApplication,
        ),
        (
            "a user's with the role of its caller",
            of_role_bearer().of_user().claim("roles", json!(["Remediation.Execute"])),
            NotAnApplication,
        ),
        ("no roles", of_role_bearer(), MissingRole),
        ("roles of nothing", of_role_bearer().claim("roles", json!([])), MissingRole),
        ("another role", of_role_bearer().claim("roles", json!(["Remediation.Read"])), MissingRole),
        ("the role in another case", of_role_bearer().claim("roles", json!(["remediation.execute"])), MissingRole),
        ("a role that ours begins", of_role_bearer().claim("roles", json!(["Remediation.Execute.All"])), MissingRole),
        (
            "two roles in one text",
            of_role_bearer().claim("roles", json!(["Remediation.Execute Remediation.Read"])),
            MissingRole,
        ),
        ("the role as a group", of_role_bearer().claim("groups", json!(["Remediation.Execute"])), MissingRole),
        ("the role as a directory role", of_role_bearer().claim("wids", json!(["Remediation.Execute"])), MissingRole),
    ]
}

#[test]
fn valid_token_without_access_returns_403_and_its_reason_is_logged() {
    for (what, draft, error) in cases() {
        let token = draft.token();
        let rejection = check_rejection(what, authorization(&format!("Bearer {token}")), &token, error);
        assert_eq!(rejection.response.status, 403, "{what}");
        let line: Value = serde_json::from_str(&rejection.log).unwrap();
        assert_eq!(line["code"], "unknownCaller", "{what}");
        let challenge = rejection.response.headers.iter().find(|(name, _)| *name == "WWW-Authenticate");
        let insufficient = challenge.is_some_and(|(_, value)| value.ends_with(r#"error="insufficient_scope""#));
        assert_eq!(insufficient, error != UnknownObjectId, "{what}");
    }
}
