//! What a request may cost at most. Times depend on the machine; this figure does not.

use std::collections::BTreeMap;

use acceptance::{Answer, Failure, Gateway, TestResult, Worker, World, payload, root, tests};
use reqwest::RequestBuilder;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![requests_cross_seldom])
}

/// The most calls between JavaScript and the Wasm, in either direction, for one request of each kind. Each costs a conversion of its values, and most
/// of them an object on JavaScript's side; at small payloads they are most of what a request costs. To lower one, let the test print what was
/// called how often, and do the same with fewer or larger calls; then lower the figure here, so that it is not lost again.
mod calls {
    /// `?validateOnly=true` with a bearer token that was seen before.
    pub(super) const VALID: u64 = 34;
    /// The whole job, in the Worker and in the object.
    pub(super) const FULL: u64 = 140;
    /// A refusal for want of a credential: the least that the gateway ever does with a POST.
    pub(super) const REFUSED: u64 = 16;
}

async fn requests_cross_seldom(world: &World) -> TestResult {
    let mut worker = Worker::built()?;
    let folder = root().join("tests/budget");
    worker.modules.splice(0..0, ["counted.js", "count.js"].map(|file| folder.join(file)));
    let gateway = Gateway::start_worker(worker, &world.bindings().into()).await?;
    let token = world.token();
    let post = |path: &str| gateway.post(path).json(&payload());
    let valid = || post("/remediate?validateOnly=true").bearer_auth(&token);
    let full = || post("/remediate").bearer_auth(&token);
    let refused = || post("/remediate");
    // What an isolate does once, it has done then.
    for request in [valid(), full()] {
        let answer = Answer::to(request).await?;
        assert!(answer.status < 300, "{answer:?}");
    }

    let budgets: [(&str, &dyn Fn() -> RequestBuilder, u16, u64); 3] = [
        ("validateOnly", &valid, 200, calls::VALID),
        ("the full job", &full, 202, calls::FULL),
        ("a refusal", &refused, 401, calls::REFUSED),
    ];
    for (name, request, status, ceiling) in budgets {
        let counted = calls_of(&gateway, request, status).await?;
        let total: u64 = counted.values().sum();
        assert!(total <= ceiling, "{name}: {total} calls; {ceiling} are granted: {counted:#?}");
    }
    Ok(())
}

/// The calls by name that one request causes: the fewest of some, since a stream may come in more pieces than it must.
async fn calls_of(
    gateway: &Gateway,
    request: &dyn Fn() -> RequestBuilder,
    status: u16,
) -> Result<BTreeMap<String, u64>, Failure> {
    let mut fewest: Option<BTreeMap<String, u64>> = None;
    for _ in 0..5 {
        calls(gateway).await?;
        let answer = Answer::to(request()).await?;
        assert_eq!(answer.status, status, "{answer:?}");
        // It is the last that the gateway does.
        gateway.wait_for_line(|line| line.contains(answer.request_id())).await?;
        let counted = calls(gateway).await?;
        let total = |calls: &BTreeMap<String, u64>| calls.values().sum::<u64>();
        if fewest.as_ref().is_none_or(|fewest| total(&counted) < total(fewest)) {
            fewest = Some(counted);
        }
    }
    Ok(fewest.unwrap_or_default())
}

async fn calls(gateway: &Gateway) -> Result<BTreeMap<String, u64>, Failure> {
    Ok(serde_json::from_slice(&Answer::to(gateway.get("/calls")).await?.body)?)
}
