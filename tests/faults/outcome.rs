//! A case of misbehaviour: the request, and the retry that shows what it left behind.

use acceptance::{Answer, Failure, Gateway, TestResult, World, payload};
use reqwest::RequestBuilder;
use sandbox::Endpoint;
use serde_json::Value;

use crate::impostor::Impostor;

/// What the ledger holds afterwards, as a retry shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Leaves {
    /// The success: it is replayed.
    Success,
    /// Nothing, and the quota is given back.
    Nothing,
    /// An open outcome: it is sent again, and was counted already.
    Open,
}

/// What the caller sees: a success, or the status, code and `Retry-After` of a refusal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sees {
    Success,
    Refusal(u16, &'static str, Option<&'static str>),
}

/// Who is asked, and who counts.
pub(crate) struct Stage<'a> {
    pub(crate) world: &'a World,
    pub(crate) gateway: &'a Gateway,
    /// Who is Graph in place of the sandbox.
    pub(crate) impostor: Option<&'a Impostor>,
}

impl<'a> Stage<'a> {
    pub(crate) fn of(world: &'a World) -> Self {
        Self { world, gateway: &world.gateway, impostor: None }
    }

    pub(crate) fn request(&self, payload: &Value) -> RequestBuilder {
        self.gateway.post("/remediate").bearer_auth(self.world.token()).json(payload)
    }

    /// How often Graph was called.
    pub(crate) fn calls(&self) -> usize {
        let sandbox = || self.world.sandbox.recorded_at(Endpoint::Remediate).len();
        self.impostor.map_or_else(sandbox, Impostor::calls)
    }

    /// What is left of the quota. Only the first time it takes a remediation to learn it.
    pub(crate) async fn left(&self) -> Result<u64, Failure> {
        // A key that stands for another payload tells the quota, and asks nobody.
        let key = "the-quota-is-asked-with-this";
        let mut answer = Answer::to(self.request(&payload()).header("Idempotency-Key", key)).await?;
        if answer.status == 202 {
            answer = Answer::to(self.request(&payload()).header("Idempotency-Key", key)).await?;
        }
        assert_eq!(answer.status, 422, "{answer:?}");
        Ok(answer.left())
    }

    /// Plays a case: `script` is told to the sandbox, a new remediation of one email is asked for, and then asked for again.
    pub(crate) async fn play(
        &self,
        name: &str,
        script: impl FnOnce() -> TestResult,
        sees: Sees,
        calls: usize,
        leaves: Leaves,
    ) -> Result<Answer, Failure> {
        let before = self.left().await?;
        let calls_before = self.calls();
        let payload = payload();
        script()?;
        let answer = Answer::to(self.request(&payload)).await?;
        sees.assert(name, &answer);
        assert_eq!(self.calls() - calls_before, calls, "{name}: calls to Graph");
        let counted = before - answer.left();
        assert_eq!(counted, u64::from(leaves != Leaves::Nothing), "{name}: counted against the quota");

        let retry = Answer::to(self.request(&payload)).await?;
        assert_eq!(retry.status, 202, "{name}: the retry: {retry:?}");
        assert_eq!(before - retry.left(), 1, "{name}: counted once over the retry");
        let replayed = retry.header("idempotency-replayed").is_some();
        assert_eq!(replayed, leaves == Leaves::Success, "{name}: the retry: {retry:?}");
        assert_eq!(self.calls() - calls_before, calls + usize::from(!replayed), "{name}: calls after the retry");
        if replayed {
            assert_eq!(retry.header("location"), answer.header("location"), "{name}");
        }
        Ok(answer)
    }
}

impl Sees {
    pub(crate) fn assert(self, name: &str, answer: &Answer) {
        match self {
            Self::Success => {
                assert_eq!(answer.status, 202, "{name}: {answer:?}");
                assert_eq!(answer.json()["status"], "accepted", "{name}");
                assert_eq!(answer.header("idempotency-replayed"), None, "{name}");
            }
            Self::Refusal(status, code, retry_after) => {
                assert_eq!(answer.status, status, "{name}: {answer:?}");
                assert_eq!(answer.header("retry-after"), retry_after, "{name}");
                let mut headers = vec!["ratelimit", "ratelimit-policy"];
                headers.extend(retry_after.map(|_| "retry-after"));
                answer.assert_problem(status, code, &headers);
            }
        }
    }
}
