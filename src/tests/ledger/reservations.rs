//! Quota of remediations whose number of emails is known only when the attempt has ended.

use proptest::prelude::*;

use super::memory::request;
use crate::expansion::{AttemptError, ExpansionError};
use crate::graph::error::GraphOperation;
use crate::graph::response::Accepted;
use crate::ledger::LedgerRequest;
use crate::ledger::engine::{self, Decision, PendingAttempt};
use crate::ledger::in_flight::InFlight;
use crate::ledger::quota::{RollingQuota, SPAN};
use crate::ledger::storage::Records;
use crate::remediation::Recipients;
use crate::runtime::SendError;
use crate::tests::support::storage::MemoryStorage;
use crate::time::Timestamp;

const LIMIT: u64 = 30;

#[derive(Clone, Copy, Debug)]
enum Ending {
    /// Graph got this number of emails, or all reserved emails.
    Accepted(u64),
    /// The expansion failed.
    NotSent,
    Unknown,
}

#[derive(Clone, Debug)]
enum Step {
    /// A request with or without a key, for one of the payloads, that reserves this number of emails.
    Begin(Option<u8>, u8, u64),
    /// The end of one of the running attempts.
    End(usize, Ending),
    /// This number of seconds passes.
    Pass(u64),
    /// The object ends, and a new one reads the records.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![(1_u64..20).prop_map(Ending::Accepted), Just(Ending::NotSent), Just(Ending::Unknown)];
    let step = prop_oneof![
        8 => (prop::option::of(0_u8..2), 1_u8..4, 1_u64..20).prop_map(|(key, payload, emails)| Step::Begin(key, payload, emails)),
        6 => (any::<usize>(), end).prop_map(|(which, end)| Step::End(which, end)),
        3 => prop::sample::select(vec![1, 60, 1200, 1800, 3599, 3600, 3601]).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..80)
}

fn accepted(at: Timestamp, found: u64) -> Accepted {
    Accepted {
        location: String::new(),
        location_error: None,
        duplicate: false,
        graph_request_id: None,
        status: 202,
        recipients: Some(Recipients { found, ..Recipients::default() }),
        at,
    }
}

proptest! {
    /// The quota in memory is that of the records after each reservation, refund, takeover and loss.
    #[test]
    fn quota_in_memory_equals_quota_of_the_records(steps in steps()) {
        let (records, mut quota) = (MemoryStorage::default(), RollingQuota::default());
        let mut in_flight = InFlight::<()>::default();
        let mut running: Vec<(LedgerRequest, PendingAttempt)> = Vec::new();
        let mut now = Timestamp::from_seconds(1_800_000_000);
        let mut begun = Vec::new();
        for step in steps {
            match step {
                Step::Begin(key, payload, emails) => {
                    let request = LedgerRequest { emails, ..request(key, payload, LIMIT) };
                    let decision = engine::begin(&records, &mut quota, &request, &in_flight, now).unwrap();
                    if let Decision::Send(pending) = decision {
                        in_flight.start(&request, 0, now);
                        begun.push(now);
                        running.push((request, pending));
                    }
                }
                Step::End(which, end) if !running.is_empty() => {
                    let (request, pending) = running.remove(which % running.len());
                    let reserved = pending.record.emails;
                    prop_assert!(reserved >= request.emails, "an attempt may need more than is reserved");
                    let mut outcome = match end {
                        Ending::Accepted(sent) => Ok(accepted(now, sent.min(reserved))),
                        Ending::NotSent => Err(ExpansionError::NotFound(Recipients::default()).into()),
                        Ending::Unknown => Err(AttemptError::Graph(GraphOperation::Remediate.error(SendError::Deadline))),
                    };
                    engine::finish(&records, &mut quota, &pending, &mut outcome, now).unwrap();
                    in_flight.finish(pending.record_key);
                    if let Ending::Accepted(sent) = end {
                        let record = records.find(pending.record_key).unwrap().unwrap();
                        prop_assert_eq!(record.emails, sent.min(reserved));
                    }
                }
                Step::End(..) => {}
                Step::Pass(seconds) => now = now.plus(std::time::Duration::from_secs(seconds)),
                Step::Restart => {
                    running.clear();
                    in_flight = InFlight::default();
                    quota = RollingQuota::of(records.counted_emails(now).unwrap());
                }
            }
            let counted: u64 = records.counted_emails(now).unwrap().iter().map(|(_, emails)| emails).sum();
            prop_assert!(counted <= LIMIT, "{} counted", counted);
            let remaining = quota.quota(LIMIT, 0, 0, now).remaining;
            // The second after exactly an hour still counts, while a retry is already counted anew.
            let is_leaving = begun.contains(&now.minus(SPAN));
            prop_assert!(remaining == LIMIT - counted || is_leaving && remaining < LIMIT - counted);
        }
    }
}
