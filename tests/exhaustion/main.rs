//! Nobody can exhaust the gateway with what it refuses: a hostile request costs no more than a small multiple of the largest good one, and leaves nothing
//! behind.
//!
//! No time that passes is held to a figure: what is compared is the processor's time of workerd for one request and for another, within one run.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod payloads;
mod tokens;

use std::time::Duration;

use acceptance::{Answer, Failure, Gateway, Setup, Test, TestResult, World, tests};
use reqwest::RequestBuilder;
use serde_json::json;

/// The most that the worst body may cost, in largest good ones. They are what the limits are made for: 10,000 emails in 2 MiB.
const MOST: f64 = 5.0;

/// How often all of it is sent, and after how many times the caches are full and the heaps as large as they get.
const ROUNDS: usize = 8;
const WARM: usize = 3;

/// How much more may be kept at the end than after that, in KiB. Had each request left a single kibibyte, it would be more.
const WASM_GROWTH: u64 = 1024;
/// Of the process, which also has the heap of V8 and the buffers of the runtime.
const RESIDENT_GROWTH: u64 = 24 * 1024;

fn main() -> std::process::ExitCode {
    let costs = tests![the_worst_body_costs_no_more_than_a_few_of_the_largest_good_ones];
    let costs = costs.into_iter().map(Test::of_usage);
    acceptance::run(costs.chain(tests![hostile_input_leaves_nothing_behind]).collect())
}

/// A gateway whose callers are held up by no quota.
async fn gateway(world: &World) -> Result<Gateway, Failure> {
    let mut bindings = world.bindings();
    let caller = &mut bindings["CALLERS"][0];
    caller["recipient_domains"] = json!(["*.contoso.com"]);
    caller["max_emails_per_request"] = json!(10_000);
    caller["max_emails_per_hour"] = json!(2_500_000);
    world.gateway_as(&Setup::measured(bindings)).await
}

fn post(gateway: &Gateway, token: &str, body: String) -> RequestBuilder {
    gateway.post("/remediate").bearer_auth(token).header("Content-Type", "application/json").body(body)
}

/// The processor's time of one of these requests, in milliseconds, after two that warm up.
async fn cost(gateway: &Gateway, mut ask: impl AsyncFnMut() -> TestResult) -> Result<f64, Failure> {
    for _ in 0..2 {
        ask().await?;
    }
    let used = || gateway.usage().map(|usage| usage.cpu).ok_or("it has ended, or this system does not tell");
    let before = used()?;
    let mut asked = 0_u32;
    // The clock has steps of 10 ms: thirty of them are enough to tell apart what is compared; what costs little is not worth so many.
    while asked < 5 || asked < 30 && used()?.saturating_sub(before) < Duration::from_millis(300) {
        ask().await?;
        asked += 1;
    }
    Ok(used()?.saturating_sub(before).as_secs_f64() * 1000.0 / f64::from(asked))
}

async fn the_worst_body_costs_no_more_than_a_few_of_the_largest_good_ones(world: &World) -> TestResult {
    let gateway = gateway(world).await?;
    let token = world.token();
    let mut number = 0;
    let good = cost(&gateway, async || {
        number += 1;
        let answer = Answer::to(post(&gateway, &token, payloads::largest_good(number))).await?;
        assert_eq!(
            (answer.status, &answer.json()["emails"]),
            (202, &json!(10_000)),
            "{:.400}",
            answer.json().to_string()
        );
        Ok(())
    });
    let good = good.await?;
    let mut table = vec![(1.0, "the largest good one")];
    for case in payloads::hostile() {
        let cost = cost(&gateway, async || {
            let answer = Answer::to(post(&gateway, &token, case.body.clone())).await?;
            assert_eq!(
                answer.json()["error"]["code"].as_str(),
                case.code,
                "{}: {:.400}",
                case.name,
                answer.json().to_string()
            );
            Ok(())
        });
        table.push((cost.await? / good, case.name));
    }
    table.sort_by(|one, other| other.0.total_cmp(&one.0));
    let rows: Vec<_> = table.iter().map(|(multiple, name)| format!("{multiple:6.2}  {name}")).collect();
    let rows = format!("the largest good one: {good:.1} ms\n{}", rows.join("\n"));
    tell(&rows);
    assert!(table[0].0 <= MOST, "a multiple above {MOST}:\n{rows}");
    Ok(())
}

/// Every body of the table, and beside them hundreds of credentials, none given twice: all of them again and again. After the first rounds, which fill what
/// is there to be filled, nothing grows.
async fn hostile_input_leaves_nothing_behind(world: &World) -> TestResult {
    let gateway = gateway(world).await?;
    let (token, bodies) = (world.token(), payloads::hostile());
    let mut asked = 0;
    let mut kept = Vec::new();
    for _ in 0..ROUNDS {
        for case in &bodies {
            let answer = Answer::to(post(&gateway, &token, case.body.clone())).await?;
            assert_eq!(answer.json()["error"]["code"].as_str(), case.code, "{}", case.name);
        }
        let credentials = tokens::hostile(world)?;
        asked += bodies.len() + credentials.len();
        for (name, status, request) in credentials {
            let request = request(gateway.post("/remediate").header("Content-Type", "application/json"));
            let answer = Answer::to(request.body("{}")).await?;
            assert_eq!(answer.status, status, "{name}: {answer:?}");
        }
        kept.push(gateway.memory().await?);
    }
    let (wasm, resident): (Vec<_>, Vec<_>) = kept.iter().map(|kept| (kept.wasm, kept.resident)).unzip();
    let report = format!("{asked} hostile requests; KiB after each round, of Wasm {wasm:?}, resident {resident:?}");
    tell(&report);
    assert!(wasm[ROUNDS - 1] <= wasm[WARM] + WASM_GROWTH, "{report}");
    // Only Linux tells: elsewhere the report says that nothing is known of it.
    if let (Some(last), Some(warm)) = (resident[ROUNDS - 1], resident[WARM]) {
        assert!(last <= warm + RESIDENT_GROWTH, "{report}");
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what was measured: it is not in the summary")]
fn tell(rows: &str) {
    println!("\n{rows}");
}
