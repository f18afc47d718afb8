//! Model of all remediations, against which responses and requests to Graph are checked.

use std::collections::{BTreeMap, HashMap};

use acceptance::{Failure, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sandbox::{Endpoint, Outcome, Recorded, TENANT_ID};
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
pub(crate) struct Model {
    pub(crate) sent: HashMap<String, Sent>,
    /// Remediation of each of Graph's link IDs.
    bulks: HashMap<String, String>,
    /// Links that callers received, with their remediation. They are checked once the requests to Graph are known.
    links_received: Vec<(String, String)>,
    /// Number of keys that each caller has used.
    keys: HashMap<usize, u64>,
    /// Emails of all attempts of each caller, and emails of the remediations that it knows to be accepted.
    attempted: HashMap<usize, u64>,
    accepted: HashMap<usize, u64>,
    /// Caller of each response, by request ID. Each must have a log entry.
    unlogged: HashMap<String, usize>,
    /// Request ID of the last response.
    pub(crate) last_request_id: String,
    pub(crate) requests: u64,
    pub(crate) responses: BTreeMap<String, u64>,
    pub(crate) bodies: u64,
    pub(crate) links: u64,
    pub(crate) lines: u64,
}

macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => { if !$condition { return Err(format!($($text)+).into()); } };
}
pub(crate) use ensure;

impl Model {
    /// Returns a key that is new for this caller and that other callers have used.
    pub(crate) fn next_key(&mut self, caller: usize) -> String {
        let used = self.keys.entry(caller).or_default();
        *used += 1;
        format!("key-{used}")
    }

    /// Checks a response: it belongs to this request and contains no text of another caller.
    pub(crate) fn check_response(
        &mut self,
        callers: &[Caller],
        by: usize,
        client_request_id: &str,
        response: &Response,
    ) -> Result<(), Failure> {
        self.requests += 1;
        let body = response.json();
        let code = body["error"]["code"].as_str().unwrap_or_default();
        let duplicate = if body["duplicate"] == true { " duplicate" } else { "" };
        let replayed = response.header("idempotency-replayed").map_or("", |_| " replayed");
        *self
            .responses
            .entry(format!("{} {code}{duplicate}{replayed}", response.status).trim_end().to_owned())
            .or_default() += 1;
        ensure!(
            response.header("client-request-id") == Some(client_request_id),
            "not the answer to {client_request_id}: {response:?}"
        );
        response.request_id().clone_into(&mut self.last_request_id);
        self.unlogged.insert(self.last_request_id.clone(), by);
        let all = format!("{response:?}");
        for other in callers.iter().filter(|other| other.index != by) {
            ensure!(!all.contains(&other.mark), "a text of caller {} went to caller {by}: {all}", other.index);
            let is_elsewhere = other.tenant != callers[by].tenant;
            ensure!(
                !is_elsewhere || !all.contains(other.tenant),
                "tenant {} is named to caller {by}: {all}",
                other.tenant
            );
        }
        Ok(())
    }

    /// Counts an attempt, and returns the least that the caller has used of its quota.
    pub(crate) fn count_attempt(&mut self, caller: usize, payload: &Value) -> u64 {
        *self.attempted.entry(caller).or_default() += emails(payload);
        self.accepted.get(&caller).copied().unwrap_or_default()
    }

    /// Checks that the quota is the caller's, and counts no other caller's emails.
    pub(crate) fn check_quota(&self, caller: &Caller, at_least: u64, response: &Response) -> Result<(), Failure> {
        let Some(policy) = response.header("ratelimit-policy") else { return Ok(()) };
        ensure!(policy.contains(&format!("q={};", caller.per_hour)), "the quota of another caller: {response:?}");
        let used = caller.per_hour - response.left();
        let at_most = self.attempted.get(&caller.index).copied().unwrap_or_default();
        ensure!((at_least..=at_most).contains(&used), "{used} used, not {at_least} to {at_most}: {response:?}");
        Ok(())
    }

    /// Checks the response to a remediation: a success is this remediation's first success, and a failure is one that
    /// Microsoft can cause.
    pub(crate) fn check_remediation(
        &mut self,
        caller: &Caller,
        payload: &Value,
        response: &Response,
    ) -> Result<bool, Failure> {
        let (name, body) = (id(payload), response.json());
        if response.status != 202 {
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
            ensure!(known.contains(&code), "a remediation was answered {response:?}");
            return Ok(false);
        }
        ensure!(body["emails"] == emails(payload), "{} emails were sent: {response:?}", emails(payload));
        ensure!(body["tenantId"] == caller.tenant, "the link is not of {}: {response:?}", caller.tenant);
        let location = response.header("location").unwrap_or_default().to_owned();
        let sent = self.sent.get_mut(&name).ok_or("an unknown remediation")?;
        match &sent.location {
            Some(first) if !sent.raced => {
                ensure!(
                    *first == location && response.header("idempotency-replayed").is_some(),
                    "no replay of {first}: {response:?}"
                );
            }
            Some(_) => {}
            None => {
                sent.location = Some(location);
                *self.accepted.entry(caller.index).or_default() += emails(payload);
            }
        }
        if let Some(bulk) = body["bulkId"].as_str() {
            self.links_received.push((bulk.to_owned(), name));
        }
        Ok(true)
    }

    /// Checks Graph's record: each body was sent exactly so, with a token of the caller's tenant, and each link belongs
    /// to its remediation.
    pub(crate) fn check_graph_record(&mut self, callers: &[Caller], ended: Vec<Recorded>) -> Result<(), Failure> {
        for one in ended.into_iter().filter(|one| one.endpoint == Endpoint::Remediate) {
            let body = one.json();
            let name = id(&body);
            let sent = self.sent.get(&name).ok_or_else(|| format!("no caller sent this: {body}"))?;
            ensure!(body == sent.payload, "Graph got {body} for {}", sent.payload);
            let (tenant, caller) = (tenant_of(&one)?, &callers[sent.caller]);
            ensure!(tenant == caller.tenant, "Graph got a token of {tenant} for caller {}", caller.index);
            self.bodies += 1;
            let location = match &one.outcome {
                Outcome::Answered(response) => {
                    response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"))
                }
                _ => None,
            };
            if let Some((_, location)) = location {
                let bulk = location.split('"').nth(3).ok_or_else(|| format!("no link: {location}"))?;
                self.bulks.insert(bulk.to_owned(), name);
            }
        }
        for (bulk, name) in self.links_received.drain(..) {
            let of = self.bulks.get(&bulk);
            ensure!(of == Some(&name), "a caller was given the link of {of:?} for {name}");
            self.links += 1;
        }
        Ok(())
    }

    /// Checks the log: each response has an entry, and each entry has the caller's name, tenant and link.
    pub(crate) fn check_log(&mut self, callers: &[Caller], lines: &[String]) -> Result<(), Failure> {
        for line in lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let Some(request_id) = line["requestId"].as_str() else { continue };
            let by = self.unlogged.remove(request_id);
            let caller = callers.iter().find(|caller| line["caller"] == caller.name());
            ensure!(caller.is_some() || line["caller"].is_null(), "an unknown caller: {line}");
            ensure!(
                caller.is_none() || by.is_none() || by == caller.map(|caller| caller.index),
                "not of {by:?}: {line}"
            );
            let tenant = caller.map(|caller| caller.tenant).filter(|tenant| *tenant != TENANT_ID);
            ensure!(line.get("tenantId").and_then(Value::as_str) == tenant, "not in {tenant:?}: {line}");
            if let Some(bulk) = line["bulkId"].as_str() {
                let of = self.bulks.get(bulk).and_then(|name| self.sent.get(name)).map(|sent| sent.caller);
                ensure!(of.is_some() && of == caller.map(|caller| caller.index), "the link of {of:?}: {line}");
            }
            self.lines += 1;
        }
        ensure!(self.unlogged.is_empty(), "{} responses have no line", self.unlogged.len());
        Ok(())
    }
}

fn emails(payload: &Value) -> u64 {
    payload["analyzedEmails"].as_array().map_or(0, |emails| u64::try_from(emails.len()).unwrap_or(u64::MAX))
}

/// Returns the tenant of the request's token.
fn tenant_of(request: &Recorded) -> Result<String, Failure> {
    let token = request.headers.iter().find(|(name, _)| name == "authorization").ok_or("no token")?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.1.split('.').nth(1).ok_or("no claims")?)?;
    Ok(serde_json::from_slice::<Value>(&claims)?["tid"].as_str().ok_or("no tid")?.to_owned())
}
