//! Correctly signed tokens whose claims have the wrong tenant, audience or time, or are ambiguous (facts, section 3).

use serde_json::{Value, json};

use super::Forged;
use crate::auth::token_error::TokenError::{
    Audience, Bound, ClaimsNotObject, Client, Contradictory, Expired, ExpiryMalformed, GraphAudience, Issuer,
    MalformedGrants, NotBeforeMalformed, NotYetValid, ObjectId, Tenant, Version,
};
use crate::tests::support::entra::Draft;
use crate::tests::support::runtime::START;
use crate::tests::support::{AUDIENCE, AUDIENCE_GUID, OTHER_TENANT, TENANT};

pub(super) fn cases() -> Vec<Forged> {
    [form(), issuer(), time(), audience(), identity(), grants()].concat()
}

fn v1(name: &str, value: impl Into<Value>) -> String {
    Draft::v1().claim(name, value).token()
}

fn v2(name: &str, value: impl Into<Value>) -> String {
    Draft::v2().claim(name, value).token()
}

fn without(name: &str) -> String {
    Draft::v2().without_claim(name).token()
}

fn form() -> Vec<Forged> {
    let rewritten = |rewrite: fn(String) -> Vec<u8>| Draft::v2().rewrite_claims(rewrite).token();
    let inserted =
        |member: &str| Draft::v2().rewrite_claims(|json| json.replacen('{', &format!("{{{member},"), 1).into()).token();
    vec![
        ("aud twice", inserted(r#""aud":"https://graph.microsoft.com""#), ClaimsNotObject),
        ("oid twice", inserted(r#""oid":"11111111-0000-0000-0000-00000000000f""#), ClaimsNotObject),
        (
            "oid twice, once by escapes",
            inserted(r#""\u006fid":"11111111-0000-0000-0000-00000000000f""#),
            ClaimsNotObject,
        ),
        ("exp twice", inserted(r#""exp":1"#), ClaimsNotObject),
        ("iss twice", inserted(r#""i\u0073s":"https://evil.example""#), ClaimsNotObject),
        ("roles twice", inserted(r#""roles":[],"roles":[]"#), ClaimsNotObject),
        ("an array of the claims", rewritten(|json| format!("[{json}]").into()), ClaimsNotObject),
        ("a text of the claims", rewritten(|json| Value::String(json).to_string().into()), ClaimsNotObject),
        ("null for claims", rewritten(|_| b"null".into()), ClaimsNotObject),
        ("two sets of claims", rewritten(|json| format!("{json}\n{json}").into()), ClaimsNotObject),
        ("something behind the claims", rewritten(|json| format!("{json}}}").into()), ClaimsNotObject),
        ("a byte order mark before the claims", rewritten(|json| format!("\u{feff}{json}").into()), ClaimsNotObject),
        ("claims that are not UTF-8", rewritten(|_| b"{\"iss\":\"\xe9\"}".into()), ClaimsNotObject),
        ("claims that are not JSON", rewritten(|_| b"iss=https".into()), ClaimsNotObject),
        ("claims without members", rewritten(|_| b"{}".into()), Issuer),
    ]
}

fn issuer() -> Vec<Forged> {
    let v2_issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let v1_issuer = format!("https://sts.windows.net/{TENANT}/");
    let iss = |iss: &str| v2("iss", iss);
    let other_tenant = format!("https://login.microsoftonline.com/{OTHER_TENANT}/v2.0");
    vec![
        ("iss missing", without("iss"), Issuer),
        ("iss null", v2("iss", Value::Null), Issuer),
        ("iss an array", v2("iss", json!([v2_issuer])), Issuer),
        ("iss empty", iss(""), Issuer),
        ("iss of another tenant", iss(&other_tenant), Issuer),
        (
            "iss and tid of another tenant",
            Draft::v2().claim("iss", other_tenant).claim("tid", OTHER_TENANT).token(),
            Issuer,
        ),
        ("iss of another tenant in version 1.0", v1("iss", format!("https://sts.windows.net/{OTHER_TENANT}/")), Issuer),
        (
            "iss of the consumers' tenant",
            iss("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
            Issuer,
        ),
        ("iss common", iss("https://login.microsoftonline.com/common/v2.0"), Issuer),
        ("iss organizations", iss("https://login.microsoftonline.com/organizations/v2.0"), Issuer),
        ("iss a template", iss("https://login.microsoftonline.com/{tenantid}/v2.0"), Issuer),
        ("iss with a slash at its end", iss(&format!("{v2_issuer}/")), Issuer),
        ("iss of version 1.0 without its slash", v1("iss", v1_issuer.trim_end_matches('/')), Issuer),
        ("iss in another case", iss(&v2_issuer.to_uppercase()), Issuer),
        ("iss with the tenant in another case", iss(&v2_issuer.replace(TENANT, &TENANT.to_uppercase())), Issuer),
        ("iss by http", iss(&v2_issuer.replace("https", "http")), Issuer),
        ("iss with a port", iss(&v2_issuer.replace(".com/", ".com:443/")), Issuer),
        ("iss with a dot behind the host", iss(&v2_issuer.replace(".com/", ".com./")), Issuer),
        ("iss with a user name", iss(&v2_issuer.replace("://", "://login.microsoftonline.com@")), Issuer),
        ("iss of an attacker, ours in the user name", iss(&v2_issuer.replace(".com/", ".com@evil.example/")), Issuer),
        ("iss of an attacker, ours in the path", iss(&format!("https://evil.example/{v2_issuer}")), Issuer),
        ("iss of an attacker, ours in the query", iss(&format!("https://evil.example/?{v2_issuer}")), Issuer),
        ("iss that ours begins", iss(&format!("{v2_issuer}.evil.example")), Issuer),
        ("iss cut short", iss(&v2_issuer[..v2_issuer.len() - 1]), Issuer),
        ("iss with a query", iss(&format!("{v2_issuer}?p=policy")), Issuer),
        ("iss with a blank", iss(&format!("{v2_issuer} ")), Issuer),
        ("iss with dots in its path", iss(&v2_issuer.replace("/v2.0", "/x/../v2.0")), Issuer),
        ("iss of a sovereign cloud", iss(&v2_issuer.replace(".com", ".us")), Issuer),
        ("iss of the older host in version 2.0", iss(&format!("{v1_issuer}v2.0")), Issuer),
        ("iss of the newer host in version 1.0", v1("iss", v2_issuer.trim_end_matches("v2.0")), Issuer),
        ("ver 1.0 from the issuer of version 2.0", v2("ver", "1.0"), Version),
        ("ver 2.0 from the issuer of version 1.0", v1("ver", "2.0"), Version),
        ("iss of version 1.0 in a token of version 2.0", v2("iss", v1_issuer), Version),
        ("iss of version 2.0 in a token of version 1.0", v1("iss", v2_issuer), Version),
        ("ver missing", without("ver"), Version),
        ("ver a number", v2("ver", 2.0), Version),
        ("ver in another spelling", v2("ver", "2"), Version),
        ("ver empty", v2("ver", ""), Version),
        ("ver of the future", v2("ver", "3.0"), Version),
    ]
}

fn time() -> Vec<Forged> {
    let raw = |from: &'static str, to: &'static str| {
        let exp = format!("\"{from}\":{}", if from == "exp" { START + 3600 } else { START - 60 });
        let draft = Draft::v2().rewrite_claims(|json| {
            assert!(json.contains(&exp));
            json.replace(&exp, &format!("\"{from}\":{to}")).into()
        });
        draft.token()
    };
    vec![
        ("exp missing", without("exp"), ExpiryMalformed),
        ("exp null", v2("exp", Value::Null), ExpiryMalformed),
        ("exp a text", v2("exp", (START + 3600).to_string()), ExpiryMalformed),
        ("exp a date", v2("exp", "2099-01-01T00:00:00Z"), ExpiryMalformed),
        ("exp an array", v2("exp", json!([START + 3600])), ExpiryMalformed),
        ("exp true", v2("exp", true), ExpiryMalformed),
        ("exp negative", v2("exp", -1), ExpiryMalformed),
        ("exp with a fraction", raw("exp", "1800003600.5"), ExpiryMalformed),
        ("exp with an exponent", raw("exp", "1.8e9"), ExpiryMalformed),
        ("exp infinite to some", raw("exp", "1e300"), ExpiryMalformed),
        ("exp beyond 64 bits", raw("exp", "18446744073709551616"), ExpiryMalformed),
        ("exp nought", v2("exp", 0), Expired),
        ("exp past by all the skew", v2("exp", START - 300), Expired),
        ("exp long past", v2("exp", START - 86_400), Expired),
        ("nbf null", v2("nbf", Value::Null), NotBeforeMalformed),
        ("nbf a text", v2("nbf", "0"), NotBeforeMalformed),
        ("nbf negative", v2("nbf", -1), NotBeforeMalformed),
        ("nbf with a fraction", raw("nbf", "0.5"), NotBeforeMalformed),
        ("nbf beyond the skew", v2("nbf", START + 301), NotYetValid),
        ("nbf at the end of time", v2("nbf", u64::MAX), NotYetValid),
        (
            "in milliseconds",
            Draft::v2().claim("nbf", START * 1000).claim("exp", (START + 3600) * 1000).token(),
            NotYetValid,
        ),
    ]
}

fn audience() -> Vec<Forged> {
    let aud = |aud: &str| v1("aud", aud);
    vec![
        ("aud missing", without("aud"), Audience),
        ("aud null", v2("aud", Value::Null), Audience),
        ("aud empty", aud(""), Audience),
        ("aud a slash", aud("/"), Audience),
        ("aud an array of ours", v1("aud", json!([AUDIENCE])), Audience),
        ("aud an array of ours and another's", v1("aud", json!([AUDIENCE, "api://other"])), Audience),
        ("aud an object", v1("aud", json!({ "0": AUDIENCE })), Audience),
        ("aud of another API", aud("api://another"), Audience),
        ("aud of another application", v2("aud", OTHER_TENANT), Audience),
        ("aud that ours begins", aud("api://remediation-gateway-staging"), Audience),
        ("aud below ours", aud("api://remediation-gateway/x"), Audience),
        ("aud cut short", aud(&AUDIENCE[..AUDIENCE.len() - 1]), Audience),
        ("aud in another case", aud("api://Remediation-Gateway"), Audience),
        ("aud with two slashes", aud("api://remediation-gateway//"), Audience),
        ("aud with a blank", aud("api://remediation-gateway "), Audience),
        ("aud two of ours in one text", aud(&format!("{AUDIENCE} {AUDIENCE_GUID}")), Audience),
        ("aud in the old form", aud(&format!("spn:{AUDIENCE_GUID}")), Audience),
        ("aud Graph", aud("https://graph.microsoft.com"), GraphAudience),
        ("aud Graph with a slash", aud("https://graph.microsoft.com/"), GraphAudience),
        ("aud Graph with two slashes", aud("https://graph.microsoft.com//"), GraphAudience),
        ("aud Graph's GUID", v2("aud", "00000003-0000-0000-c000-000000000000"), GraphAudience),
        ("aud Graph's GUID with a slash", v2("aud", "00000003-0000-0000-c000-000000000000/"), GraphAudience),
        ("aud Graph in another case", aud("HTTPS://Graph.Microsoft.com"), GraphAudience),
        ("aud Graph's GUID in another case", v2("aud", "00000003-0000-0000-C000-000000000000"), GraphAudience),
        (
            "aud Graph, signed over the hash of the nonce in its header",
            Draft::v1().header("nonce", "x").claim("aud", "https://graph.microsoft.com").signature([1; 256]).token(),
            GraphAudience,
        ),
        (
            "aud Graph, of another tenant, expired, and under an unknown key",
            Draft::v1()
                .header("kid", "unknown")
                .claim("iss", "https://sts.windows.net/00000000-0000-0000-0000-000000000001/")
                .claim("exp", 1)
                .claim("aud", "00000003-0000-0000-c000-000000000000")
                .token(),
            GraphAudience,
        ),
        ("aud Azure Resource Manager", aud("https://management.azure.com/"), Audience),
        ("aud what Graph begins", aud("https://graph.microsoft.com.evil.example"), Audience),
    ]
}

fn identity() -> Vec<Forged> {
    let nil = "00000000-0000-0000-0000-00000000000";
    vec![
        ("tid missing", without("tid"), Tenant),
        ("tid null", v2("tid", Value::Null), Tenant),
        ("tid of another tenant", v2("tid", OTHER_TENANT), Tenant),
        ("tid an array", v2("tid", json!([TENANT])), Tenant),
        ("tid in braces", v2("tid", format!("{{{TENANT}}}")), Tenant),
        ("tid without hyphens", v2("tid", TENANT.replace('-', "")), Tenant),
        ("tid a domain", v2("tid", "contoso.onmicrosoft.com"), Tenant),
        ("oid missing", without("oid"), ObjectId),
        ("oid null", v2("oid", Value::Null), ObjectId),
        ("oid empty", v2("oid", ""), ObjectId),
        ("oid a name", v2("oid", "playbook"), ObjectId),
        ("oid an array", v2("oid", json!([crate::tests::support::PLAYBOOK])), ObjectId),
        ("oid a number", v2("oid", 1), ObjectId),
        ("oid a digit short", v2("oid", nil), ObjectId),
        ("oid with a blank", v2("oid", format!("{} ", crate::tests::support::PLAYBOOK)), ObjectId),
        (
            "the object ID in sub alone",
            Draft::v2().without_claim("oid").claim("sub", crate::tests::support::PLAYBOOK).token(),
            ObjectId,
        ),
        ("an ID token of version 2.0: no azp", without("azp"), Client),
        ("an ID token of version 1.0: no appid", Draft::v1().without_claim("appid").token(), Client),
        ("appid where azp belongs", Draft::v2().without_claim("azp").claim("appid", OTHER_TENANT).token(), Client),
        ("azp no GUID", v2("azp", "playbook"), Client),
    ]
}

fn grants() -> Vec<Forged> {
    vec![
        ("scp null", v2("scp", Value::Null), MalformedGrants),
        ("scp an array", v2("scp", json!(["Remediation.Submit"])), MalformedGrants),
        ("scp a number", v2("scp", 1), MalformedGrants),
        ("roles null", v2("roles", Value::Null), MalformedGrants),
        ("roles a text", v2("roles", "Remediation.Execute"), MalformedGrants),
        ("roles an object", v2("roles", json!({ "Remediation.Execute": true })), MalformedGrants),
        ("roles of numbers", v2("roles", json!(["Remediation.Execute", 1])), MalformedGrants),
        ("roles within roles", v2("roles", json!([["Remediation.Execute"]])), MalformedGrants),
        ("idtyp null", v2("idtyp", Value::Null), MalformedGrants),
        ("idtyp a list", v2("idtyp", json!(["app"])), MalformedGrants),
        ("idtyp true", v2("idtyp", true), MalformedGrants),
        ("an application's with a scope", v2("scp", "Remediation.Submit"), Contradictory),
        ("an application's with no scope in scp", v1("scp", ""), Contradictory),
        ("bound to a key by its name", v2("cnf", json!({ "kid": "x" })), Bound),
        ("bound to a key that it holds", v2("cnf", json!({ "jwk": { "kty": "RSA", "e": "AQAB", "n": "AQ" } })), Bound),
        ("bound to a certificate", v1("cnf", json!({ "x5t#S256": "x" })), Bound),
        ("bound to a key in a text, as Entra writes it", v1("cnf", r#"{"kid":"x"}"#), Bound),
        ("bound to nothing", v2("cnf", json!({})), Bound),
        ("cnf null", v2("cnf", Value::Null), Bound),
        (
            "a user's that is bound",
            Draft::v2().delegated("Remediation.Submit").claim("cnf", json!({ "kid": "x" })).token(),
            Bound,
        ),
    ]
}
