//! The daily check, started by the runtime's own scheduled event.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use acceptance::{Failure, Gateway, Response, Setup, TestResult, Worker, World, tests};
use sandbox::SelfSigned;
use serde_json::{Value, json};

const BEFORE: &[(&str, &str)] = &[("main.js", include_str!("main.js"))];

/// 2100-01-01, when the certificate of the test expires, in days since the Unix epoch.
const EXPIRY: u64 = 47_482;
/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![daily_check_warns_of_certificate_expiry, daily_check_logs_each_invalid_variable])
}

/// Starts a gateway with these variables, whose scheduled event a test can start.
async fn gateway(world: &World, over: Value) -> Result<Gateway, Failure> {
    let mut worker = Worker::built()?;
    // With this flag, a Worker can send itself the event.
    worker.wrangler.compatibility_flags.push("service_binding_extra_handlers".to_owned());
    let setup = Setup { before: BEFORE, ..world.bindings_with(over).into() };
    Gateway::start_worker(worker, &setup).await
}

/// Returns the lines that the check at the start of this day logs.
async fn check(gateway: &mut Gateway, day: u64) -> Result<Vec<Value>, Failure> {
    gateway.forget_output();
    let outcome = Response::to(gateway.post("/cron").body((day * DAY).to_string())).await?;
    assert_eq!(outcome.body, b"ok");
    // The line of a later request follows all lines of the check.
    let last = Response::to(gateway.post("/nowhere")).await?;
    gateway.wait_for_line(|line| line.contains(last.request_id())).await?;
    let lines = gateway.output();
    assert!(!lines.join("\n").contains("MII"), "a key or certificate was logged: {lines:?}");
    let lines = lines.iter().filter(|line| !line.contains(last.request_id()));
    Ok(lines.map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?)
}

async fn daily_check_warns_of_certificate_expiry(world: &World) -> TestResult {
    let own = SelfSigned::until(2100);
    let pem = format!("{}{}", own.key, own.certificate);
    let mut gateway = gateway(world, json!({ "CLIENT_SECRET": null, "CLIENT_CERTIFICATE": pem })).await?;
    for (before, days_left) in [(31, None), (30, Some(30)), (14, Some(14)), (7, Some(7)), (0, Some(0))] {
        let lines = check(&mut gateway, EXPIRY - before).await?;
        assert_eq!(lines.len(), usize::from(days_left.is_some()), "{before} days before: {lines:?}");
        if let Some(days_left) = days_left {
            let line = &lines[0];
            assert_eq!(
                (&line["warning"], &line["daysLeft"]),
                (&json!("certificateExpires"), &json!(days_left)),
                "{line}"
            );
            assert!(line["problem"].as_str().is_some_and(|text| text.ends_with("at 2100-01-01T00:00:00Z")), "{line}");
        }
    }
    let expired = check(&mut gateway, EXPIRY + 1).await?;
    assert_eq!(expired.len(), 1, "{expired:?}");
    assert_eq!(expired[0]["problem"], "has a certificate that has expired");
    Ok(())
}

/// Each check logs, not only the first one of an isolate.
async fn daily_check_logs_each_invalid_variable(world: &World) -> TestResult {
    let mut gateway = gateway(world, json!({ "TENANT_ID": null, "GRAPH_VERSION": "v3" })).await?;
    for _ in 0..2 {
        let lines = check(&mut gateway, EXPIRY).await?;
        let names: Vec<_> = lines.iter().map(|line| (&line["code"], &line["variable"])).collect();
        let code = json!("misconfigured");
        assert_eq!(names, [(&code, &json!("TENANT_ID")), (&code, &json!("GRAPH_VERSION"))]);
    }
    Ok(())
}
