//! The gateway responds, and the tests run it with the settings of `wrangler.toml`.

use acceptance::{TestResult, World, Wrangler, tests};
use serde_json::{Value, json};

fn main() -> std::process::ExitCode {
    acceptance::run(tests![health_needs_no_credentials, test_gateway_uses_the_development_configuration])
}

async fn health_needs_no_credentials(world: &World) -> TestResult {
    let response = world.gateway.get("/healthz").send().await?;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json::<Value>().await?, json!({ "status": "ok" }));
    Ok(())
}

/// Only the sandbox's address, whose port is new for each run, and its secret differ.
async fn test_gateway_uses_the_development_configuration(world: &World) -> TestResult {
    let mut used = world.bindings();
    let mut written = Wrangler::read()?.vars;
    assert!(used.remove("CLIENT_SECRET").is_some());
    assert!(!written.contains_key("CLIENT_SECRET"), "the file has a secret");
    for name in ["LOGIN_URL", "GRAPH_URL"] {
        assert_eq!(used.remove(name), Some(Value::from(world.sandbox.base_url())));
        assert_eq!(
            written.remove(name),
            Some(Value::from("http://127.0.0.1:8788")),
            "{name}: the sandbox of `make start`"
        );
    }
    assert_eq!(used, written);
    Ok(())
}
