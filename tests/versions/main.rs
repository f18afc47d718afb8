//! Two versions at once, as during a rollout: if a Worker and an object have different job formats, they send nothing,
//! and the caller gets an error that says to retry.

use std::fs;

use acceptance::{Failure, Gateway, Response, Setup, TestResult, World, payload, payload_with, root, tests};
use sandbox::Endpoint;

/// Job format in the Wasm, and the format of another build.
const FORMAT: &[u8] = b"remediation-job/2";
const OTHER_FORMAT: &[u8] = b"remediation-job/1";

const ANSWERS: &[(&str, &str)] = &[("answers.js", include_str!("answers.js"))];

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        job_of_another_format_is_rejected_and_sends_nothing,
        object_response_of_another_format_is_not_returned,
    ])
}

/// A build that differs from the built one only in the format.
fn other_build() -> Result<Vec<u8>, Failure> {
    let mut wasm = fs::read(root().join("build/index_bg.wasm"))?;
    let places: Vec<usize> =
        wasm.windows(FORMAT.len()).enumerate().filter(|(_, bytes)| *bytes == FORMAT).map(|(place, _)| place).collect();
    let [place] = places.as_slice() else { return Err(format!("the format is in the Wasm at {places:?}").into()) };
    let bytes = wasm.get_mut(*place..*place + FORMAT.len()).ok_or("it ends there")?;
    bytes.copy_from_slice(OTHER_FORMAT);
    Ok(wasm)
}

async fn remediate(world: &World, gateway: &Gateway) -> Result<Response, Failure> {
    Response::to(gateway.post("/remediate").bearer_auth(world.token()).json(&payload())).await
}

fn assert_unavailable(response: &Response) {
    response.assert_problem(503, "ledgerUnavailable", &["retry-after"]);
    assert_eq!(response.header("retry-after"), Some("5"));
    assert!(response.json().to_string().contains("Nothing was sent."), "{response:?}");
}

async fn job_of_another_format_is_rejected_and_sends_nothing(world: &World) -> TestResult {
    let build = |wasm: Option<Vec<u8>>| Setup { wasm, ..world.bindings().into() };
    let other = other_build()?;
    for (worker, object, is_one) in [
        (None, Some(other.clone()), false),
        (Some(other.clone()), None, false),
        (None, None, true),
        (Some(other.clone()), Some(other), true),
    ] {
        world.sandbox.clear();
        let setup = Setup { front: Some(Box::new(build(worker))), ..build(object) };
        let gateway = world.gateway_as(&setup).await?;
        let response = remediate(world, &gateway).await?;
        if is_one {
            assert_eq!(response.status, 202, "{response:?}");
            continue;
        }
        assert_unavailable(&response);
        for endpoint in [Endpoint::Token, Endpoint::Remediate] {
            assert!(world.sandbox.recorded_at(endpoint).is_empty(), "something was sent");
        }
        // The object's entry, and the Worker's.
        gateway.wait_for_line(|line| line.contains("a job of another format was rejected")).await?;
        let line = gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
        assert!(
            line.contains("\"code\":\"ledgerUnavailable\"") && line.contains("\"caller\":\"development\""),
            "{line}"
        );
    }
    Ok(())
}

async fn object_response_of_another_format_is_not_returned(world: &World) -> TestResult {
    let setup = Setup { before: ANSWERS, front: Some(Box::new(world.bindings().into())), ..world.bindings().into() };
    let gateway = world.gateway_as(&setup).await?;
    for (format, is_known) in
        [("", false), ("remediation-job/1", false), ("remediation-job/2x", false), ("remediation-job/2", true)]
    {
        let payload = payload_with("displayName", format!("format: {format}"));
        let request = gateway.post("/remediate").bearer_auth(world.token()).json(&payload);
        if is_known {
            assert_eq!(request.send().await?.status(), 202);
        } else {
            assert_unavailable(&Response::to(request).await?);
        }
    }
    Ok(())
}
