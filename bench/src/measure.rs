//! Measurement of cases and candidates in rounds.

use std::{sync::Arc, time::Duration};

use acceptance::{Bindings, Failure, Gateway};
use sandbox::Sandbox;
use serde::Serialize;
use serde_json::Value;

use crate::{
    candidates::{Candidate, GATEWAY},
    load::{self, Round},
    options::{Options, Part},
    process::{self, Size},
    requests::{self, Credential, Credentials, EMAILS_PER_HOUR, Kind},
    series::{Case, Series},
    statistics::{Spread, count_to_f64, f64_to_count, length_to_f64, quantile},
    table::{Table, print},
    upstream::Upstream,
};

/// Share of the quota to use, in percent. The rest is a reserve.
const QUOTA_SHARE: u64 = 90;
/// CPU time of a candidate's warm-up before each case, about 5,000 requests with few emails.
///
/// V8 optimizes code by its number of runs. Code that runs once per request of a Wasm module takes longest.
const WARM_UP: Duration = Duration::from_secs(5);
/// Maximum share of the quota for a warm-up, in percent.
const WARM_UP_SHARE: u64 = 6;
/// Minimum and maximum number of requests in a round.
const MIN_REQUESTS: u64 = 16;
const MAX_REQUESTS: u64 = 20_000;
/// Number of new tokens for a round or a warm-up step, if each request has a new token.
const NEW_TOKENS: usize = 1000;

/// Size of a candidate's process after all cases of one size.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SizeAfter {
    pub(crate) emails: usize,
    pub(crate) candidate: String,
    pub(crate) rss_kib: u64,
    pub(crate) peak_kib: u64,
}

/// Run: its inputs and results.
pub(crate) struct Run<'a> {
    pub(crate) options: &'a Options,
    pub(crate) candidates: &'a [Candidate],
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) upstream: &'a Upstream,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) bindings: Bindings,
    pub(crate) series: Vec<Series>,
    pub(crate) sizes: Vec<SizeAfter>,
}

/// Running candidate with its results of the current case.
struct Runner<'a> {
    candidate: &'a Candidate,
    gateway: Gateway,
    rounds: Vec<Round>,
}

impl Run<'_> {
    /// Runs all cases of one size, with candidates in processes that have handled no other size.
    pub(crate) async fn run_size(&mut self, emails: usize) -> Result<(), Failure> {
        let cases = self.cases(emails);
        if cases.is_empty() {
            return Ok(());
        }
        let mut runners = Vec::new();
        for candidate in self.candidates {
            let gateway = candidate.start(&self.bindings).await?;
            runners.push(Runner { candidate, gateway, rounds: Vec::new() });
        }
        let full = u64::try_from(cases.iter().filter(|case| case.kind.remediates).count())?;
        for case in &cases {
            self.run_case(case, full, &mut runners).await?;
        }
        for Runner { candidate, gateway, .. } in &runners {
            let Size { now, peak } = process::size(gateway.process())?;
            let candidate = candidate.name.clone();
            self.sizes.push(SizeAfter { emails, candidate, rss_kib: now, peak_kib: peak });
        }
        Ok(())
    }

    fn cases(&self, emails: usize) -> Vec<Case> {
        let options = self.options;
        let good = requests::remediation(emails);
        let mut credentials = Vec::new();
        if options.bearer {
            credentials.push(("bearer", Credential::Bearer, Credential::Tampered));
        }
        if options.key {
            credentials.push(("key", Credential::Key, Credential::WrongKey));
        }
        let mut cases = Vec::new();
        let mut add = |part, name, credential, kind| {
            if options.has(part) {
                cases.push(Case { part, name, credential, emails, kind });
            }
        };
        for (name, credential, wrong) in credentials {
            let kind = |target, credential: &Credential, body: &Value, status| {
                Kind::new(target, credential.clone(), body, status)
            };
            add(Part::Valid, "valid", name, kind("/remediate?validateOnly=true", &credential, &good, 200));
            if emails == 2 && name == "bearer" {
                let new = Credential::New(Vec::new());
                add(Part::Valid, "new token", name, kind("/remediate?validateOnly=true", &new, &good, 200));
            }
            if emails == 2 {
                add(Part::Refused, "bad credential", name, kind("/remediate", &wrong, &good, 401));
            }
            if emails == 100 {
                add(
                    Part::Refused,
                    "bad payload",
                    name,
                    kind("/remediate", &credential, &requests::faulty_remediation(emails), 400),
                );
            }
            if name == "bearer" {
                add(
                    Part::Status,
                    "status",
                    name,
                    kind("/remediate/status", &credential, &requests::campaign(emails), 200),
                );
            }
            add(Part::Full, "full", name, kind("/remediate", &credential, &good, 202));
        }
        // Cases that fill the ledger come last.
        cases.sort_by_key(|case| case.kind.remediates);
        cases
    }

    async fn run_case(&mut self, case: &Case, full: u64, runners: &mut [Runner<'_>]) -> Result<(), Failure> {
        let takes_part = |runner: &Runner<'_>| match case.part {
            Part::Status => runner.candidate.name == GATEWAY,
            Part::Full if case.credential == "bearer" => true,
            _ => runner.candidate.validates,
        };
        let mut runners: Vec<&mut Runner<'_>> = runners.iter_mut().filter(|runner| takes_part(runner)).collect();
        if runners.is_empty() {
            return Ok(());
        }
        // Number of requests that a candidate may receive before the callers' quotas are used up.
        let emails = EMAILS_PER_HOUR * u64::try_from(self.options.callers)?;
        let quota = (emails * QUOTA_SHARE / 100) / full.max(1) / u64::try_from(case.emails)?.max(1);
        let quota = if case.kind.remediates { quota } else { u64::MAX };

        let mut costs = Vec::new();
        for runner in &mut runners {
            costs.push(self.warm_up(case, runner, quota.saturating_mul(WARM_UP_SHARE) / 100).await?);
        }
        let cost = costs.iter().sum::<f64>() / length_to_f64(costs.len()).max(1.0);
        let wanted = f64_to_count(self.options.seconds / cost.max(1e-6));
        let rounds = u64::try_from(self.options.rounds)?;
        let left = quota.saturating_mul(100 - 2 * WARM_UP_SHARE) / 100 / rounds;
        let requests = wanted.clamp(MIN_REQUESTS, MAX_REQUESTS).min(left).max(1);

        for round in 0..self.options.rounds {
            // The order rotates, so that no candidate is always first.
            let first = round % runners.len();
            let kind = Arc::new(self.next_kind(case));
            let requests =
                if let Credential::New(tokens) = &kind.credential { u64::try_from(tokens.len())? } else { requests };
            for turn in 0..runners.len() {
                let Some(runner) = runners.get_mut((first + turn) % costs.len()) else { continue };
                let done = self.run_round(&kind, runner, requests).await?;
                runner.rounds.push(done);
            }
        }
        let mut table = Table::new(case);
        for runner in runners {
            let series = summarize(case, &runner.candidate.name, std::mem::take(&mut runner.rounds));
            table.add(&series);
            self.series.push(series);
        }
        print(&table.text())
    }

    /// Returns the kind of request, with new tokens if each request needs one.
    fn next_kind(&self, case: &Case) -> Kind {
        let mut kind = case.kind.clone();
        if let Credential::New(tokens) = &mut kind.credential {
            *tokens = (0..NEW_TOKENS)
                .map(|number| requests::issue_token(self.sandbox, number % self.options.callers))
                .collect();
        }
        kind
    }

    /// Warms up the candidate. Returns the CPU time per request in seconds, as far as it is known by then.
    async fn warm_up(&self, case: &Case, runner: &Runner<'_>, most: u64) -> Result<f64, Failure> {
        let mut spent = Duration::ZERO;
        let mut done = 0_u64;
        let mut requests = 8_u64;
        loop {
            let kind = Arc::new(self.next_kind(case));
            let requests_now = match &kind.credential {
                Credential::New(tokens) => u64::try_from(tokens.len())?,
                _ => requests.min(most.saturating_sub(done)).max(1),
            };
            let round = self.run_round(&kind, runner, requests_now).await?;
            spent += round.cpu;
            done += requests_now;
            if spent >= WARM_UP || done >= most {
                return Ok(round.cpu.as_secs_f64() / count_to_f64(round.requests));
            }
            requests = requests.saturating_mul(2).min(256);
        }
    }

    async fn run_round(&self, kind: &Arc<Kind>, runner: &Runner<'_>, requests: u64) -> Result<Round, Failure> {
        let before = self.upstream.accepted();
        let round = load::run_round(&runner.gateway, kind, &self.credentials, self.options.connections, requests)
            .await
            .map_err(|error| {
                format!("the {}: {error}\n{}", runner.candidate.name, runner.gateway.output().join("\n"))
            })?;
        let accepted = self.upstream.accepted() - before;
        let expected = if kind.remediates { requests } else { 0 };
        if accepted != expected {
            return Err(
                format!("the {}: {accepted} of {expected} remediations reached Graph", runner.candidate.name).into()
            );
        }
        Ok(round)
    }
}

fn summarize(case: &Case, candidate: &str, rounds: Vec<Round>) -> Series {
    let cpu_of_rounds: Vec<f64> =
        rounds.iter().map(|round| round.cpu.as_secs_f64() * 1e6 / count_to_f64(round.requests)).collect();
    let pace = rounds.iter().map(|round| count_to_f64(round.requests) / round.wall.as_secs_f64());
    let requests_per_second = Spread::of(pace);
    let requests_per_round = rounds.first().map_or(0, |round| round.requests);
    let mut latencies: Vec<u32> = rounds.into_iter().flat_map(|round| round.latencies).collect();
    latencies.sort_unstable();
    Series {
        case: case.name,
        credential: case.credential,
        emails: case.emails,
        candidate: candidate.to_owned(),
        requests_per_round,
        cpu: Spread::of(cpu_of_rounds.iter().copied()),
        cpu_of_rounds,
        requests_per_second,
        p50: f64::from(quantile(&latencies, 1, 2)) / 1000.0,
        p99: f64::from(quantile(&latencies, 99, 100)) / 1000.0,
    }
}
