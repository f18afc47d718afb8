//! A fault case: the request, and a retry that reveals the ledger's state.

use acceptance::{Failure, Gateway, Response, TestResult, World, payload};
use reqwest::RequestBuilder;
use sandbox::Endpoint;
use serde_json::Value;

use crate::fake_graph::FakeGraph;

/// Ledger state after the request, as the retry reveals it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LedgerState {
    /// Recorded success, which is replayed.
    Success,
    /// No record, and the quota is refunded.
    Nothing,
    /// Unknown outcome: the retry is sent again and not counted again.
    Open,
}

/// Expected response: a success, or the status, code and `Retry-After` of an error.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ExpectedResponse {
    Success,
    Rejection(u16, &'static str, Option<&'static str>),
}

/// Gateway, caller and Graph of a case.
pub(crate) struct CaseRunner<'a> {
    pub(crate) world: &'a World,
    pub(crate) gateway: &'a Gateway,
    /// Server that replaces the sandbox's Graph.
    pub(crate) fake_graph: Option<&'a FakeGraph>,
}

impl<'a> CaseRunner<'a> {
    pub(crate) fn of(world: &'a World) -> Self {
        Self { world, gateway: &world.gateway, fake_graph: None }
    }

    pub(crate) fn request(&self, payload: &Value) -> RequestBuilder {
        self.gateway.post("/remediate").bearer_auth(self.world.token()).json(payload)
    }

    /// Returns the number of requests that Graph received.
    pub(crate) fn calls(&self) -> usize {
        let sandbox = || self.world.sandbox.recorded_at(Endpoint::Remediate).len();
        self.fake_graph.map_or_else(sandbox, FakeGraph::calls)
    }

    /// Returns the remaining quota. Only the first call needs a remediation to read it.
    pub(crate) async fn left(&self) -> Result<u64, Failure> {
        // A reused key with a different payload reveals the quota without a request to Graph.
        let key = "the-quota-is-asked-with-this";
        let mut response = Response::to(self.request(&payload()).header("Idempotency-Key", key)).await?;
        if response.status == 202 {
            response = Response::to(self.request(&payload()).header("Idempotency-Key", key)).await?;
        }
        assert_eq!(response.status, 422, "{response:?}");
        Ok(response.left())
    }

    /// Runs a case: scripts the sandbox, sends a new remediation of one email, and retries it.
    pub(crate) async fn run(
        &self,
        name: &str,
        script: impl FnOnce() -> TestResult,
        expected: ExpectedResponse,
        calls: usize,
        state: LedgerState,
    ) -> Result<Response, Failure> {
        let before = self.left().await?;
        let calls_before = self.calls();
        let payload = payload();
        script()?;
        let response = Response::to(self.request(&payload)).await?;
        expected.assert(name, &response);
        assert_eq!(self.calls() - calls_before, calls, "{name}: calls to Graph");
        let counted = before - response.left();
        assert_eq!(counted, u64::from(state != LedgerState::Nothing), "{name}: counted against the quota");

        let retry = Response::to(self.request(&payload)).await?;
        assert_eq!(retry.status, 202, "{name}: the retry: {retry:?}");
        assert_eq!(before - retry.left(), 1, "{name}: counted once over the retry");
        let replayed = retry.header("idempotency-replayed").is_some();
        assert_eq!(replayed, state == LedgerState::Success, "{name}: the retry: {retry:?}");
        assert_eq!(self.calls() - calls_before, calls + usize::from(!replayed), "{name}: calls after the retry");
        if replayed {
            assert_eq!(retry.header("location"), response.header("location"), "{name}");
        }
        Ok(response)
    }
}

impl ExpectedResponse {
    pub(crate) fn assert(self, name: &str, response: &Response) {
        match self {
            Self::Success => {
                assert_eq!(response.status, 202, "{name}: {response:?}");
                assert_eq!(response.json()["status"], "accepted", "{name}");
                assert_eq!(response.header("idempotency-replayed"), None, "{name}");
            }
            Self::Rejection(status, code, retry_after) => {
                assert_eq!(response.status, status, "{name}: {response:?}");
                assert_eq!(response.header("retry-after"), retry_after, "{name}");
                let mut headers = vec!["ratelimit", "ratelimit-policy"];
                headers.extend(retry_after.map(|_| "retry-after"));
                response.assert_problem(status, code, &headers);
            }
        }
    }
}
