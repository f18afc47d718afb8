//! A request that is rejected, with the expected response.

use acceptance::{Failure, Gateway, Raw, Response, TestResult, World};
use reqwest::{Client, Request, RequestBuilder};
use sandbox::{Endpoint, ScriptedResponse};
use serde_json::{Value, json};

type BuildRequest = Box<dyn Fn(&World, &Gateway) -> RequestBuilder + Send>;

/// A request that is rejected.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    status: u16,
    request: BuildRequest,
    headers: Vec<(&'static str, String)>,
    has_quota: bool,
    next: Vec<ScriptedResponse>,
    over: Option<Value>,
}

/// Returns a request to the tests' gateway with the expected status and code.
pub(crate) fn case(
    name: &'static str,
    status: u16,
    code: &'static str,
    request: impl Fn(&World, &Gateway) -> RequestBuilder + Send + 'static,
) -> Case {
    let request = Box::new(request);
    Case { name, code, status, request, headers: Vec::new(), has_quota: false, next: Vec::new(), over: None }
}

impl Case {
    /// Expects this header in addition to those of every rejection.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Expects the quota in the response, which the ledger adds.
    pub(crate) fn with_quota(mut self) -> Self {
        self.has_quota = true;
        self
    }

    /// Sets Microsoft's response.
    pub(crate) fn next(mut self, next: ScriptedResponse) -> Self {
        self.next.push(next);
        self
    }

    /// Uses a separate gateway, with these variables replacing the development ones.
    pub(crate) fn gateway(mut self, over: Value) -> Self {
        self.over = Some(over);
        self
    }
}

/// Sends each request and compares its response with the contract. Graph must accept nothing.
pub(crate) async fn provoke(world: &World, cases: Vec<Case>) -> TestResult {
    provoke_by(world, cases, async |_, client, request| Response::to(RequestBuilder::from_parts(client, request)).await)
        .await
}

/// The same, but sends only the head of each request, which declares a body.
pub(crate) async fn provoke_by_head(world: &World, cases: Vec<Case>) -> TestResult {
    provoke_by(world, cases, async |gateway, _, request| {
        let mut lines = vec!["Content-Length: 1000".to_owned()];
        for (name, value) in request.headers() {
            lines.push(format!("{name}: {}", value.to_str()?));
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let mut raw = Raw::connect(gateway).await?;
        let target = request.url().as_str().trim_start_matches(gateway.base_url());
        raw.head(request.method().as_str(), target, &lines).await?;
        raw.response().await
    })
    .await
}

async fn provoke_by(
    world: &World,
    cases: Vec<Case>,
    ask: impl AsyncFn(&Gateway, Client, Request) -> Result<Response, Failure>,
) -> TestResult {
    for case in cases {
        world.sandbox.clear();
        for next in case.next {
            world.sandbox.script(next)?;
        }
        let own;
        let gateway = match case.over {
            Some(over) => {
                own = world.gateway_with(over).await?;
                &own
            }
            None => &world.gateway,
        };
        let (client, request) = (case.request)(world, gateway).build_split();
        let request = request?;
        let path = request.url().path().to_owned();
        let response = ask(gateway, client, request).await.map_err(|error| format!("{}: {error}", case.name))?;
        let code = response.json()["error"]["code"].clone();
        assert_eq!((response.status, code.as_str()), (case.status, Some(case.code)), "{}: {response:?}", case.name);
        let mut names: Vec<&str> = case.headers.iter().map(|(name, _)| *name).collect();
        if case.has_quota {
            names.extend(["ratelimit", "ratelimit-policy"]);
        }
        let body = response.assert_problem(case.status, case.code, &names);
        // An unknown path is the caller's text, and may contain a key.
        let echoed = case.code != "notFound";
        assert_eq!(body.get("instance"), echoed.then(|| json!(path)).as_ref(), "{}", case.name);
        for (name, value) in &case.headers {
            assert_eq!(response.header(name), Some(value.as_str()), "{}: {name}", case.name);
        }
        assert!(world.sandbox.accepted().is_empty(), "{}: Graph accepted it", case.name);
        if !case.has_quota {
            assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty(), "{}: it was sent to Graph", case.name);
        }
    }
    Ok(())
}
