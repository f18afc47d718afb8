//! Model of all remediations, against which responses and requests to Graph are checked.

use std::collections::{BTreeMap, HashMap};

use acceptance::{Answer, Failure};
use sandbox::{Endpoint, Outcome, Recorded};
use serde_json::Value;

use crate::callers::{Caller, id};

/// Remediation that was sent at least once.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) caller: usize,
    pub(crate) key: Option<String>,
    pub(crate) payload: Value,
    /// Link of the first success that a caller received.
    pub(crate) location: Option<String>,
    /// Whether several requests for it were in flight at once. Their order is then unknown.
    pub(crate) raced: bool,
}

/// All remediations and counters.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) sent: HashMap<String, Sent>,
    /// Remediation of each of Graph's link IDs.
    bulks: HashMap<String, String>,
    /// Links that callers received, with their remediation. They are checked once the requests to Graph are known.
    told: Vec<(String, String)>,
    /// Number of keys that each caller has used.
    keys: HashMap<usize, u64>,
    pub(crate) requests: u64,
    pub(crate) answers: BTreeMap<String, u64>,
    pub(crate) bodies: u64,
    pub(crate) links: u64,
}

macro_rules! hold {
    ($condition:expr, $($text:tt)+) => { if !$condition { return Err(format!($($text)+).into()); } };
}
pub(crate) use hold;

impl Known {
    /// Returns a key that is new for this caller and that other callers have used.
    pub(crate) fn next_key(&mut self, caller: usize) -> String {
        let used = self.keys.entry(caller).or_default();
        *used += 1;
        format!("key-{used}")
    }

    /// Checks a response: it belongs to this request and contains no text of another caller.
    pub(crate) fn answered(
        &mut self,
        callers: &[Caller],
        by: usize,
        asked: &str,
        answer: &Answer,
    ) -> Result<(), Failure> {
        self.requests += 1;
        let body = answer.json();
        let code = body["error"]["code"].as_str().unwrap_or_default();
        let duplicate = if body["duplicate"] == true { " duplicate" } else { "" };
        let replayed = answer.header("idempotency-replayed").map_or("", |_| " replayed");
        *self
            .answers
            .entry(format!("{} {code}{duplicate}{replayed}", answer.status).trim_end().to_owned())
            .or_default() += 1;
        hold!(answer.header("client-request-id") == Some(asked), "not the answer to {asked}: {answer:?}");
        let all = format!("{answer:?}");
        for other in callers.iter().filter(|other| other.index != by) {
            hold!(!all.contains(&other.mark), "a text of caller {} went to caller {by}: {all}", other.index);
        }
        Ok(())
    }

    /// Checks the response to a remediation: a success is this remediation's first success, and a failure is one that
    /// Microsoft can cause.
    pub(crate) fn settled(&mut self, payload: &Value, answer: &Answer) -> Result<bool, Failure> {
        let (name, body) = (id(payload), answer.json());
        if answer.status != 202 {
            let code = body["error"]["code"].as_str().unwrap_or_default();
            let known = [
                "graphThrottled",
                "graphUnavailable",
                "graphError",
                "graphRefused",
                "graphPermissionMissing",
                "graphCredentialRejected",
                "graphTimeout",
                "inProgress",
            ];
            hold!(known.contains(&code), "a remediation was answered {answer:?}");
            return Ok(false);
        }
        let emails = payload["analyzedEmails"].as_array().map(Vec::len);
        hold!(body["emails"] == serde_json::json!(emails), "{emails:?} emails were sent: {answer:?}");
        let location = answer.header("location").unwrap_or_default().to_owned();
        let sent = self.sent.get_mut(&name).ok_or("an unknown remediation")?;
        match &sent.location {
            Some(first) if !sent.raced => {
                hold!(
                    *first == location && answer.header("idempotency-replayed").is_some(),
                    "no replay of {first}: {answer:?}"
                );
            }
            Some(_) => {}
            None => sent.location = Some(location),
        }
        if let Some(bulk) = body["bulkId"].as_str() {
            self.told.push((bulk.to_owned(), name));
        }
        Ok(true)
    }

    /// Checks Graph's record: each body was sent exactly so, and each link belongs to its remediation.
    pub(crate) fn seen(&mut self, ended: Vec<Recorded>) -> Result<(), Failure> {
        for one in ended.into_iter().filter(|one| one.endpoint == Endpoint::Remediate) {
            let body = one.json();
            let name = id(&body);
            let sent = self.sent.get(&name).ok_or_else(|| format!("no caller sent this: {body}"))?;
            hold!(body == sent.payload, "Graph got {body} for {}", sent.payload);
            self.bodies += 1;
            let location = match &one.outcome {
                Outcome::Answered(answer) => {
                    answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"))
                }
                _ => None,
            };
            if let Some((_, location)) = location {
                let bulk = location.split('"').nth(3).ok_or_else(|| format!("no link: {location}"))?;
                self.bulks.insert(bulk.to_owned(), name);
            }
        }
        for (bulk, name) in self.told.drain(..) {
            let of = self.bulks.get(&bulk);
            hold!(of == Some(&name), "a caller was given the link of {of:?} for {name}");
            self.links += 1;
        }
        Ok(())
    }
}
