//! Logic Apps as a caller. The HTTP action retries failures up to four times and polls accepted requests (facts,
//! section 4).

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod action;
mod lossy;
mod plan;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use acceptance::{Response, TestResult, World, guid, payload, payload_of, tests};
use sandbox::{Endpoint, ScriptedResponse};
use serde_json::json;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    action::{HttpAction, Retries, Run},
    lossy::LossyProxy,
    plan::Plans,
};

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        every_remediation_over_lossy_connections_is_accepted_exactly_once,
        portal_page_is_not_polled_if_request_has_a_run_id,
        logic_app_retry_waits_for_retry_after,
        logic_app_does_not_retry_a_rejected_remediation,
    ])
}

const REMEDIATIONS: usize = 500;
/// Number of concurrent actions.
const CONCURRENT: usize = 32;

#[expect(clippy::print_stdout, reason = "a random test prints its seed and figures")]
async fn every_remediation_over_lossy_connections_is_accepted_exactly_once(world: &World) -> TestResult {
    let seed = match std::env::var("LOSSY_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => fastrand::u64(..),
    };
    println!("LOSSY_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);

    let payloads: Vec<_> = (0..REMEDIATIONS).map(|_| payload_of(random.usize(1..=3))).collect();
    let emails: usize = payloads.iter().filter_map(|payload| payload["analyzedEmails"].as_array()).map(Vec::len).sum();
    let plans = Arc::new(Plans::draw(&payloads, &mut random));

    // Path of a request: caller, lossy proxy, gateway, lossy proxy, Graph.
    let graph = LossyProxy::start(world.sandbox.base_url(), Arc::clone(&plans.graph)).await?;
    let gateway = world.gateway_with(json!({ "GRAPH_URL": graph.base_url() })).await?;
    let front = LossyProxy::start(gateway.base_url(), Arc::clone(&plans.front)).await?;
    for _ in 0..REMEDIATIONS / 2 {
        let delay = Duration::from_millis(random.u64(0..300));
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).delay(delay))?;
    }

    let began = Instant::now();
    let places = Arc::new(Semaphore::new(CONCURRENT));
    let mut runs = JoinSet::new();
    for (index, payload) in payloads.iter().enumerate() {
        let action = HttpAction {
            url: format!("{}/remediate", front.base_url()),
            token: world.token(),
            payload: payload.clone(),
            // Every second remediation has a key, as in the playbooks. The payload identifies the others.
            key: (index % 2 == 0).then(guid),
            run_id: Some(format!("run-{index}")),
            retries: Retries::scaled(random.fork()),
            portal: world.sandbox.base_url().to_owned(),
        };
        let places = Arc::clone(&places);
        runs.spawn(async move {
            let _place = places.acquire_owned().await?;
            Ok::<_, acceptance::Failure>((index, action.run().await?))
        });
    }
    let runs = runs.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;

    let mut duplicates = 0;
    let mut replays = 0;
    for (index, Run { response, polls, .. }) in &runs {
        assert_eq!(response.status, 200, "remediation {index} of LOSSY_SEED={seed}: {response:?}");
        assert_eq!(*polls, 0);
        assert_eq!(response.json()["status"], "accepted");
        duplicates += usize::from(response.json()["duplicate"] == true);
        replays += usize::from(response.header("idempotency-replayed").is_some());
    }

    // The sandbox's record shows that each remediation was accepted exactly once.
    let mut accepted: BTreeMap<String, usize> = BTreeMap::new();
    for one in world.sandbox.accepted() {
        let id = one.remediation.analyzed_emails.first().map(|email| email.network_message_id.clone());
        *accepted.entry(id.unwrap_or_default()).or_default() += 1;
    }
    let ids =
        |payload: &serde_json::Value| payload["analyzedEmails"][0]["networkMessageId"].as_str().map(str::to_owned);
    let asked: BTreeSet<String> = payloads.iter().filter_map(ids).collect();
    assert_eq!(accepted.keys().cloned().collect::<BTreeSet<_>>(), asked, "none lost, none invented");
    assert!(accepted.values().all(|times| *times == 1), "none twice");
    let calls = world.sandbox.recorded_at(Endpoint::Remediate);
    let refused = calls.iter().filter(|call| call.status() == Some(409)).count();

    // The quota counted each remediation once, regardless of its failures.
    let last = Response::to(gateway.post("/remediate").bearer_auth(world.token()).json(&payload())).await?;
    let left = 10_000 - emails - 1;
    assert_eq!(last.header("ratelimit"), Some(format!("\"emails\";r={left}").as_str()), "LOSSY_SEED={seed}");

    let attempts: usize = runs.iter().map(|(_, run)| run.attempts).sum();
    let most = runs.iter().map(|(_, run)| run.attempts).max().unwrap_or_default();
    println!(
        "{REMEDIATIONS} remediations of {emails} emails in {:.1} s: {} faults injected ({}), {} retries, at most {most} \
         attempts; Graph saw {} calls and answered {refused} of them 409; {duplicates} ended as duplicates, {replays} \
         as replays",
        began.elapsed().as_secs_f64(),
        plans.injected(),
        plans.figures(),
        attempts - REMEDIATIONS,
        calls.len(),
    );
    assert_eq!(plans.left(), 0, "every fault that was drawn was injected");
    Ok(())
}

async fn portal_page_is_not_polled_if_request_has_a_run_id(world: &World) -> TestResult {
    // The sandbox emulates the portal and would record a poll.
    let page = "https://security.microsoft.com/action-center/history";
    for (run_id, status, polls) in [(Some("run-1"), 200, 0), (None, 404, 1)] {
        world.sandbox.clear();
        world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(202).header("Location", page))?;
        let action = HttpAction {
            url: format!("{}/remediate", world.gateway.base_url()),
            token: world.token(),
            payload: payload(),
            key: None,
            run_id: run_id.map(str::to_owned),
            retries: Retries::scaled(fastrand::Rng::with_seed(1)),
            portal: world.sandbox.base_url().to_owned(),
        };
        let run = action.run().await?;
        // Without the header, the action polls and ends with the portal's status. The header makes the gateway respond
        // with 200.
        assert_eq!((run.response.status, run.polls), (status, polls), "{run_id:?}");
        assert_eq!(world.sandbox.recorded_at(Endpoint::Other).len(), polls);
    }
    Ok(())
}

async fn logic_app_retry_waits_for_retry_after(world: &World) -> TestResult {
    world
        .sandbox
        .script(ScriptedResponse::new(Endpoint::Remediate).status(429).header("Retry-After", "60").times(2))?;
    let action = HttpAction {
        url: format!("{}/remediate", world.gateway.base_url()),
        token: world.token(),
        payload: payload(),
        key: Some(guid()),
        run_id: Some("run-1".to_owned()),
        retries: Retries::scaled(fastrand::Rng::with_seed(1)),
        portal: world.sandbox.base_url().to_owned(),
    };
    let began = Instant::now();
    let run = action.run().await?;
    assert_eq!((run.response.status, run.attempts), (200, 3));
    assert_eq!(run.response.json()["duplicate"], false);
    assert!(began.elapsed() >= 2 * action::scaled(Duration::from_mins(1)), "{:?}", began.elapsed());
    assert_eq!(world.sandbox.accepted().len(), 1);
    Ok(())
}

async fn logic_app_does_not_retry_a_rejected_remediation(world: &World) -> TestResult {
    let action = |payload| HttpAction {
        url: format!("{}/remediate", world.gateway.base_url()),
        token: world.token(),
        payload,
        key: None,
        run_id: Some("run-1".to_owned()),
        retries: Retries::scaled(fastrand::Rng::with_seed(1)),
        portal: world.sandbox.base_url().to_owned(),
    };
    let mut invalid = payload();
    invalid["severity"] = "urgent".into();
    let run = action(invalid).run().await?;
    assert_eq!((run.response.status, run.attempts), (400, 1));
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(400))?;
    let run = action(payload()).run().await?;
    assert_eq!((run.response.status, run.attempts), (400, 1));
    // A remediation that may have been accepted is sent at most five times.
    world.sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(500).times(9))?;
    let run = action(payload()).run().await?;
    assert_eq!((run.response.status, run.attempts), (502, 5));
    Ok(())
}
