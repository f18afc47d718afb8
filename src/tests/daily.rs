//! The daily check, on each of the days around a certificate's expiry.

use serde_json::{Value, json};

use super::support::certificate::{good_der, of, pem, pkcs8};
use super::support::entra::CURRENT;
use super::support::runtime::TestRuntime;
use super::support::{variables, variables_with};
use crate::config::Variables;
use crate::gateway::daily;
use crate::time::Timestamp;

/// Returns a configuration with a certificate that is valid from 2026-01-01 to 2028-01-01.
fn with_certificate() -> Variables {
    let mut variables =
        variables_with("CLIENT_CERTIFICATE", json!(format!("{}{}", pkcs8(&CURRENT.private), of(&CURRENT))));
    variables.remove("CLIENT_SECRET");
    variables
}

/// Returns what the check of these variables logs at this time.
fn logged(variables: &Variables, (date, time): ((u64, u64, u64), (u64, u64, u64))) -> Vec<Value> {
    let runtime = TestRuntime::default();
    runtime.set_clock(Timestamp::from_utc(date, time).unwrap());
    daily::check(&runtime, variables);
    runtime.take_log().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn daily_check_logs_the_days_left_in_the_last_thirty_days() {
    for (now, days_left) in [
        (((2027, 1, 1), (0, 0, 0)), None),
        (((2027, 12, 1), (0, 0, 0)), None),
        (((2027, 12, 1), (0, 0, 1)), Some(30)),
        (((2027, 12, 2), (6, 17, 0)), Some(29)),
        (((2027, 12, 18), (0, 0, 0)), Some(14)),
        (((2027, 12, 25), (0, 0, 0)), Some(7)),
        (((2027, 12, 31), (23, 59, 59)), Some(0)),
        (((2028, 1, 1), (0, 0, 0)), Some(0)),
    ] {
        let days: Vec<_> = logged(&with_certificate(), now).iter().map(|line| line["daysLeft"].as_u64()).collect();
        assert_eq!(days, days_left.map(Some).into_iter().collect::<Vec<_>>(), "{now:?}");
    }
}

#[test]
fn expiry_warning_names_the_certificate_and_no_secret() {
    use crate::tests::support::entra::base64url;
    use rsa::sha2::{Digest, Sha256};
    let thumbprint = base64url(Sha256::digest(good_der(&CURRENT)));
    let expected = json!({
        "warning": "certificateExpires", "variable": "CLIENT_CERTIFICATE", "daysLeft": 12,
        "problem": format!("the certificate with the thumbprint {thumbprint} expires at 2028-01-01T00:00:00Z"),
    });
    assert_eq!(logged(&with_certificate(), ((2027, 12, 20), (0, 0, 0))), [expected]);
}

/// An expired certificate is an error of the configuration, as at a request.
#[test]
fn daily_check_logs_each_configuration_error() {
    let expired = logged(&with_certificate(), ((2028, 1, 1), (0, 0, 1)));
    let problem = "has a certificate that has expired";
    assert_eq!(expired, [json!({ "code": "misconfigured", "variable": "CLIENT_CERTIFICATE", "problem": problem })]);

    let mut faulty = variables_with("GRAPH_VERSION", json!("v3"));
    faulty.insert("CLIENT_CERTIFICATE", json!(pem("CERTIFICATE", b"x")));
    let names: Vec<Value> =
        logged(&faulty, ((2027, 1, 1), (0, 0, 0))).iter().map(|line| line["variable"].clone()).collect();
    assert_eq!(names, ["CLIENT_SECRET", "GRAPH_VERSION"]);
}

#[test]
fn daily_check_of_configuration_with_client_secret_logs_nothing() {
    assert_eq!(logged(&variables(), ((2027, 12, 31), (0, 0, 0))), Vec::<Value>::new());
}
