//! Budgets for the cost of a request and the size of the upload, and no leak. Unlike times, these figures do not depend
//! on the machine.

use std::collections::BTreeMap;

use acceptance::{Failure, Gateway, Response, TestResult, Upload, Worker, World, payload, root, tests};
use reqwest::RequestBuilder;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        upload_size_is_within_budget,
        wasm_calls_per_request_are_within_budget,
        wasm_memory_and_references_are_constant_after_warm_up
    ])
}

/// Maximum size of `index.js` and `index_bg.wasm` together, each after gzip, in bytes.
///
/// An isolate loads and compiles both before its first response. To make them smaller, look for what is largest
/// (`twiggy top` on a build that keeps its names): a crate that is used for little, a generic function that is made for
/// many types, a text that is compiled in, such as the description that the gateway serves.
const UPLOAD: usize = 296 * 1024;

/// Maximum number of calls between JavaScript and the Wasm, in both directions, for one request of each kind.
///
/// Each call converts its values, and most create an object of JavaScript. With small payloads the calls are most of a
/// request's cost. To lower a number, read the counts that the test prints, make fewer or larger calls, and lower the
/// figure here.
mod calls {
    /// `?validateOnly=true` with a cached bearer token.
    pub(super) const VALID: u64 = 24;
    /// A remediation, in the Worker and in the object.
    pub(super) const FULL: u64 = 50;
    /// A rejection for a missing credential: the minimum for a POST.
    pub(super) const REFUSED: u64 = 14;
}

async fn upload_size_is_within_budget(_: &World) -> TestResult {
    let Upload { raw, gzip } = Upload::of(&Worker::built()?.modules)?;
    assert!(gzip <= UPLOAD, "{gzip} bytes after gzip ({raw} before); {UPLOAD} are granted");
    Ok(())
}

async fn wasm_calls_per_request_are_within_budget(world: &World) -> TestResult {
    let gateway = start_counting_gateway(world).await?;
    let token = world.token();
    let post = |path: &str| gateway.post(path).json(&payload());
    let valid = || post("/remediate?validateOnly=true").bearer_auth(&token);
    let full = || post("/remediate").bearer_auth(&token);
    let refused = || post("/remediate");
    // The first requests do the work that an isolate does only once.
    for request in [valid(), full()] {
        let response = Response::to(request).await?;
        assert!(response.status < 300, "{response:?}");
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

/// V8 grows and shrinks a process, so its size would not show a hundred bytes per request. These two figures show them
/// as soon as the reserved memory is used up.
async fn wasm_memory_and_references_are_constant_after_warm_up(world: &World) -> TestResult {
    let gateway = start_counting_gateway(world).await?;
    let token = world.token();
    let ask = async |requests: usize| -> TestResult {
        for _ in 0..requests {
            let payload = payload();
            for (path, bearer, status) in
                [("?validateOnly=true", Some(&token), 200), ("", Some(&token), 202), ("", None, 401)]
            {
                let request = gateway.post(&format!("/remediate{path}")).json(&payload);
                let request = if let Some(token) = bearer { request.bearer_auth(token) } else { request };
                let response = Response::to(request).await?;
                assert_eq!(response.status, status, "{response:?}");
            }
        }
        Ok(())
    };
    // Caches, buffers and tables reach their final size.
    ask(200).await?;
    let before = memory_sizes(&gateway).await?;
    ask(1500).await?;
    let after = memory_sizes(&gateway).await?;
    // Fifty bytes per request would add a page of Wasm memory.
    assert_eq!(after, before);
    Ok(())
}

/// Returns the size of the Wasm's memory and the number of its references to JavaScript values.
async fn memory_sizes(gateway: &Gateway) -> Result<BTreeMap<String, u64>, Failure> {
    Ok(serde_json::from_slice(&Response::to(gateway.get("/held")).await?.body)?)
}

/// Starts the built gateway with a wrapper that counts its calls.
async fn start_counting_gateway(world: &World) -> Result<Gateway, Failure> {
    let mut worker = Worker::built()?;
    let folder = root().join("tests/budget");
    worker.modules.splice(0..0, ["counted.js", "count.js"].map(|file| folder.join(file)));
    Gateway::start_worker(worker, &world.bindings().into()).await
}

/// Returns the calls by name that one request causes: the minimum of several runs, because a stream may arrive in more
/// pieces.
async fn calls_of(
    gateway: &Gateway,
    request: &dyn Fn() -> RequestBuilder,
    status: u16,
) -> Result<BTreeMap<String, u64>, Failure> {
    let mut fewest: Option<BTreeMap<String, u64>> = None;
    for _ in 0..5 {
        calls(gateway).await?;
        let response = Response::to(request()).await?;
        assert_eq!(response.status, status, "{response:?}");
        // It is the gateway's last call.
        gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
        let counted = calls(gateway).await?;
        let total = |calls: &BTreeMap<String, u64>| calls.values().sum::<u64>();
        if fewest.as_ref().is_none_or(|fewest| total(&counted) < total(fewest)) {
            fewest = Some(counted);
        }
    }
    Ok(fewest.unwrap_or_default())
}

async fn calls(gateway: &Gateway) -> Result<BTreeMap<String, u64>, Failure> {
    Ok(serde_json::from_slice(&Response::to(gateway.get("/calls")).await?.body)?)
}
