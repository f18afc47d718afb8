//! The emergency stop in the pipeline. What the other steps do is tested where they stand.

use serde_json::{Value, json};

use crate::http::{Answer, Request, RequestHeaders};
use crate::testing::gateway::{Gateway, api_key, payload};
use crate::testing::{CRON_KEY, variables_with};

fn stopped() -> Gateway {
    Gateway::new(variables_with("STOPPED", json!("true")))
}

fn code(answer: &Answer) -> Value {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    body["error"]["code"].clone()
}

fn post(path: &str, query: &str, headers: RequestHeaders) -> Request {
    Request { method: "POST".to_owned(), path: path.to_owned(), query: query.to_owned(), headers }
}

#[test]
fn a_stopped_gateway_sends_nothing_and_still_validates() {
    let good = payload("softDelete", &["hannah@contoso.com"]);
    let mut gateway = stopped();
    for path in ["/remediate", "/v1.0/security/collaboration/analyzedEmails/remediate"] {
        let answer = gateway.ask(post(path, "", api_key(CRON_KEY)), good.to_string().into_bytes());
        assert_eq!((answer.status, code(&answer)), (503, json!("stopped")), "{path}");
        assert!(answer.headers.contains(&("Retry-After", "300".to_owned())), "{:?}", answer.headers);
        let line = gateway.logged();
        assert_eq!((&line["code"], &line["caller"]), (&json!("stopped"), &json!("cron")));
        assert_eq!(line["reason"], "remediations are stopped");
    }
    let answer = gateway.validate(api_key(CRON_KEY));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(gateway.stage.platform.upstream().calls().len(), 0, "Microsoft was asked for something");

    let mut gateway = Gateway::new(variables_with("STOPPED", json!(false)));
    assert_eq!(gateway.remediate(api_key(CRON_KEY), &good).status, 202);
}

/// Whoever is nobody gets the same answers as ever; who is known need not send a body to learn of the stop, nor one that is any good.
#[test]
fn the_stop_comes_after_identity_and_before_the_body() {
    let mut gateway = stopped();
    for (headers, query, expected) in [
        (RequestHeaders { api_key: None, ..api_key("") }, "", "unauthenticated"),
        (api_key("rgk_of-nobody"), "", "invalidCredentials"),
        (RequestHeaders { content_type: None, ..api_key(CRON_KEY) }, "", "unsupportedMediaType"),
        (api_key(CRON_KEY), "validateOnly=perhaps", "invalidRequest"),
        (api_key(CRON_KEY), "validateOnly=false", "stopped"),
        (api_key(CRON_KEY), "validateOnly=true", "invalidJson"),
        (api_key(CRON_KEY), "", "stopped"),
    ] {
        let answer = gateway.ask(post("/remediate", query, headers), b"{".to_vec());
        assert_eq!(code(&answer), expected, "{query}");
    }
    assert_eq!(
        gateway.ask(Request { method: "GET".to_owned(), ..post("/healthz", "", api_key("")) }, Vec::new()).status,
        200
    );
}

/// What cannot be read as a stop stops too, though by another name: nobody who meant to stop the gateway is let down by a slip.
#[test]
fn a_stop_that_cannot_be_read_sends_nothing_either() {
    for value in [json!("yes"), json!(""), json!(1)] {
        let mut gateway = Gateway::new(variables_with("STOPPED", value.clone()));
        let answer = gateway.remediate(api_key(CRON_KEY), &payload("softDelete", &["hannah@contoso.com"]));
        assert_eq!((answer.status, code(&answer)), (500, json!("misconfigured")), "{value}");
        let lines = gateway.stage.platform.take_log();
        assert!(lines[0].contains("\"variable\":\"STOPPED\""), "{lines:?}");
        assert_eq!(gateway.stage.platform.upstream().calls().len(), 0, "{value}");
    }
}
