//! Time between the start of a Worker's process and its first response.

use std::{sync::Arc, time::Instant};

use acceptance::Failure;
use serde::Serialize;

use crate::{
    load,
    measure::Run,
    requests::{Credential, Kind, remediation},
    statistics::Spread,
};

/// Start times of one candidate, in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Start {
    pub(crate) candidate: String,
    /// Time until the process listens.
    pub(crate) listens: Spread,
    /// Time until the first remediation is answered. The script is then compiled, and all caches are filled.
    pub(crate) first_answer: Spread,
}

/// Starts each candidate once per round, in turns.
pub(crate) async fn measure(run: &Run<'_>) -> Result<Vec<Start>, Failure> {
    let kind = Arc::new(Kind::new("/remediate", Credential::Bearer, &remediation(2), 202));
    let mut times = vec![(Vec::new(), Vec::new()); run.candidates.len()];
    for _ in 0..run.options.rounds {
        for (candidate, (listens, answers)) in run.candidates.iter().zip(&mut times) {
            let gateway = candidate.start(&run.bindings).await?;
            listens.push(gateway.began().elapsed().as_secs_f64() * 1e3);
            let sent_at = Instant::now();
            let first = load::run_round(&gateway, &kind, &run.credentials, 1, 1).await?;
            answers.push((sent_at.duration_since(gateway.began()) + first.wall).as_secs_f64() * 1e3);
        }
    }
    let starts = run.candidates.iter().zip(times).map(|(candidate, (listens, answers))| Start {
        candidate: candidate.name.clone(),
        listens: Spread::of(listens),
        first_answer: Spread::of(answers),
    });
    Ok(starts.collect())
}
