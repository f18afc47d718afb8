//! How long a Worker takes from the start of its process to its first answer.

use std::{sync::Arc, time::Instant};

use acceptance::Failure;
use serde::Serialize;

use crate::{
    load,
    measure::Run,
    requests::{Credential, Kind, remediation},
    statistics::Spread,
};

/// The times of one candidate, in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Start {
    pub(crate) candidate: String,
    /// Until the process listens.
    pub(crate) listens: Spread,
    /// Until its first remediation is answered: the script is compiled then, and all that is fetched once is fetched.
    pub(crate) first_answer: Spread,
}

/// Starts each candidate as often as there are rounds, in turns.
pub(crate) async fn measure(run: &Run<'_>) -> Result<Vec<Start>, Failure> {
    let kind = Arc::new(Kind::new("/remediate", Credential::Bearer, &remediation(2), 202));
    let mut times = vec![(Vec::new(), Vec::new()); run.candidates.len()];
    for _ in 0..run.options.rounds {
        for (candidate, (listens, answers)) in run.candidates.iter().zip(&mut times) {
            let gateway = candidate.start(&run.bindings).await?;
            listens.push(gateway.began().elapsed().as_secs_f64() * 1e3);
            let asked = Instant::now();
            let first = load::round(&gateway, &kind, &run.credentials, 1, 1).await?;
            answers.push((asked.duration_since(gateway.began()) + first.wall).as_secs_f64() * 1e3);
        }
    }
    let starts = run.candidates.iter().zip(times).map(|(candidate, (listens, answers))| Start {
        candidate: candidate.name.clone(),
        listens: Spread::of(listens),
        first_answer: Spread::of(answers),
    });
    Ok(starts.collect())
}
