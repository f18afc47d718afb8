//! What is known of every remediation, and what each answer and each call to Graph is held against.

use std::collections::{BTreeMap, HashMap};

use acceptance::{Answer, Failure};
use sandbox::{Endpoint, Outcome, Recorded};
use serde_json::Value;

use crate::callers::{Caller, id};

/// A remediation that was sent once at least.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) caller: usize,
    pub(crate) key: Option<String>,
    pub(crate) payload: Value,
    /// Where the first success that a caller was told of led to.
    pub(crate) location: Option<String>,
    /// Whether more than one request for it was on its way at a time; which of them was first, nobody knows.
    pub(crate) raced: bool,
}

/// All of them, and what was counted.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) sent: HashMap<String, Sent>,
    /// What Graph's link of this id stands for.
    bulks: HashMap<String, String>,
    /// The links that callers were given, and what for: to be looked at when Graph's side of it is known.
    told: Vec<(String, String)>,
    /// How many keys each caller has used.
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
    /// A key that the caller has not used, and that others have.
    pub(crate) fn next_key(&mut self, caller: usize) -> String {
        let used = self.keys.entry(caller).or_default();
        *used += 1;
        format!("key-{used}")
    }

    /// Every answer: it is this request's own, and no text of another caller is in it.
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

    /// An answer to a remediation: a success is its own, and the first one's again; a failure is one of those that Microsoft's can be.
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
        let sent = self.sent.get_mut(&name).ok_or("a remediation that nobody made")?;
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

    /// What came to Graph: each body is one that was sent, as a whole, and each link stands for it.
    pub(crate) fn seen(&mut self, ended: Vec<Recorded>) -> Result<(), Failure> {
        for one in ended.into_iter().filter(|one| one.endpoint == Endpoint::Remediate) {
            let body = one.json();
            let name = id(&body);
            let sent = self.sent.get(&name).ok_or_else(|| format!("nobody sent this: {body}"))?;
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
