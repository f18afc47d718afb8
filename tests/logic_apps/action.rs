//! The HTTP action of Logic Apps, with its default retry policy and its asynchronous pattern (facts, section 4).

use std::time::Duration;

use acceptance::{Failure, Response};
use reqwest::{Client, Method, redirect::Policy};
use serde_json::Value;

/// Divisor of all waits in this test.
const SCALE: u32 = 100;
/// Maximum number of retries.
const RETRIES: usize = 4;
/// Minimum and maximum wait of the real action.
const WAITS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(45));

/// Returns a wait of the real action, scaled to the test.
pub(crate) fn scaled(wait: Duration) -> Duration {
    wait / SCALE
}

/// Waits between the attempts.
pub(crate) struct Retries(fastrand::Rng);

impl Retries {
    pub(crate) fn scaled(random: fastrand::Rng) -> Self {
        Self(random)
    }

    /// Returns an exponential wait with jitter.
    fn wait(&mut self, failed: usize) -> Duration {
        let (least, most) = WAITS;
        let step = least * 2_u32.pow(u32::try_from(failed).unwrap_or(u32::MAX).saturating_sub(1));
        scaled(step.mul_f64(1.0 + self.0.f64()).clamp(least, most))
    }
}

/// One action of one workflow run.
pub(crate) struct HttpAction {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) payload: Value,
    pub(crate) key: Option<String>,
    /// Run ID, or `None` if the workflow suppresses the action's headers.
    pub(crate) run_id: Option<String>,
    pub(crate) retries: Retries,
    /// Base URL that is polled instead of Microsoft's portal.
    pub(crate) portal: String,
}

/// Origin of Graph's links.
const PORTAL: &str = "https://security.microsoft.com";

/// Result of an action.
pub(crate) struct Run {
    /// Output of the action: the last response.
    pub(crate) response: Response,
    /// Number of attempts.
    pub(crate) attempts: usize,
    /// Number of polls.
    pub(crate) polls: usize,
}

impl HttpAction {
    pub(crate) async fn run(mut self) -> Result<Run, Failure> {
        let mut attempts = 0;
        let mut response = loop {
            attempts += 1;
            let outcome = self.attempt().await;
            let wait = match &outcome {
                Ok(response) if !matches!(response.status, 408 | 429 | 500..=599) => break outcome?,
                _ if attempts > RETRIES => break outcome?,
                Ok(response) if response.status == 429 => {
                    let seconds = response.header("retry-after").and_then(|seconds| seconds.parse().ok());
                    seconds.map_or_else(|| self.retries.wait(attempts), |seconds| scaled(Duration::from_secs(seconds)))
                }
                Ok(_) | Err(_) => self.retries.wait(attempts),
            };
            tokio::time::sleep(wait).await;
        };

        // The asynchronous pattern is on by default: the action polls until the status is not 202, and outputs the last
        // response.
        let mut polls = 0;
        while response.status == 202 {
            let location = response.header("location").ok_or("a 202 without a Location fails the action")?.to_owned();
            polls += 1;
            let page = location.replacen(PORTAL, &self.portal, 1);
            response = Response::to(client()?.request(Method::GET, page).bearer_auth(&self.token)).await?;
        }
        Ok(Run { response, attempts, polls })
    }

    async fn attempt(&self) -> Result<Response, Failure> {
        let mut request = client()?
            .post(&self.url)
            .header("User-Agent", "azure-logic-apps/1.0 (workflow 0123456789abcdef; version 08585287554177334956)")
            .bearer_auth(&self.token)
            .json(&self.payload);
        if let Some(run_id) = &self.run_id {
            request =
                request.header("x-ms-workflow-run-id", run_id).header("x-ms-workflow-operation-name", "Remediate");
        }
        if let Some(key) = &self.key {
            request = request.header("Idempotency-Key", key);
        }
        Response::to(request).await
    }
}

/// Returns a client with a new connection for each attempt and a timeout of 120 seconds.
fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_mins(2))
        .build()
}
