//! Requests of one caller, in a loop.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use acceptance::{Failure, Gateway, Response, guid};
use sandbox::Sandbox;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::callers::{Caller, id};
use crate::faults::Faults;
use crate::ledger::{Model, Sent, ensure};

/// Maximum age of a success that is requested again. Gateway and Graph know a payload for half an hour.
const MAX_REPEATED_AGE: Duration = Duration::from_mins(20);

/// State that all callers share.
pub(crate) struct Load<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) callers: &'a [Caller],
    pub(crate) model: Mutex<Model>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) began: Instant,
    pub(crate) duration: Duration,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load<'_> {
    /// Sends requests of `caller` until the run ends.
    pub(crate) async fn send_requests(&self, caller: usize, seed: u64) -> Result<(), Failure> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut created: Vec<(String, Instant)> = Vec::new();
        while self.began.elapsed() < self.duration {
            lock(&self.faults).maybe_script(self.sandbox, self.began.elapsed(), &mut random)?;
            created.retain(|(_, at)| at.elapsed() < MAX_REPEATED_AGE);
            match random.u8(..100) {
                0..50 => {
                    let name = self.create_remediation(caller, &mut random);
                    self.attempt(&name).await?;
                    created.push((name, Instant::now()));
                }
                50..65 => {
                    if let Some((name, _)) = random.choice(&created) {
                        self.attempt(name).await?;
                    }
                }
                65..72 => {
                    let name = self.create_remediation(caller, &mut random);
                    self.attempt_twice(&name).await?;
                    created.push((name, Instant::now()));
                }
                72..80 => {
                    let name = self.create_remediation(caller, &mut random);
                    self.model().sent.entry(name.clone()).and_modify(|sent| sent.raced = true);
                    // The caller disconnects at a random time between request and response.
                    let _ = timeout(Duration::from_millis(random.u64(..40)), self.attempt(&name)).await;
                    created.push((name, Instant::now()));
                }
                80..88 => self.validate(caller, &mut random).await?,
                _ => self.send_invalid_request(caller, &mut random).await?,
            }
        }
        Ok(())
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, Model> {
        lock(&self.model)
    }

    /// Creates a remediation, every second one with a key. All callers use the same keys.
    fn create_remediation(&self, caller: usize, random: &mut fastrand::Rng) -> String {
        let payload = self.callers[caller].remediation(random);
        let name = id(&payload);
        let mut model = self.model();
        let key = random.bool().then(|| model.next_key(caller));
        model.sent.insert(name.clone(), Sent { caller, key, payload, location: None, raced: false });
        name
    }

    /// Sends a remediation and returns whether it was accepted.
    pub(crate) async fn attempt(&self, name: &str) -> Result<bool, Failure> {
        let sent = self.model().sent.get(name).cloned().ok_or("an unknown remediation")?;
        let caller = &self.callers[sent.caller];
        let (client_request_id, request) = (guid(), caller.post(self.gateway, ""));
        let at_least = self.model().count_attempt(caller.index, &sent.payload);
        let request = match &sent.key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        };
        let response =
            Response::to(request.header("client-request-id", &client_request_id).body(sent.payload.to_string()))
                .await?;
        let mut model = self.model();
        model.check_response(self.callers, caller.index, &client_request_id, &response)?;
        // After an hour the quota forgets.
        model.check_quota(caller, if self.began.elapsed() < MAX_REPEATED_AGE { at_least } else { 0 }, &response)?;
        model.check_remediation(caller, &sent.payload, &response)
    }

    /// Sends a remediation twice at once. If both succeed, the successes are identical.
    async fn attempt_twice(&self, name: &str) -> Result<(), Failure> {
        self.model().sent.entry(name.to_owned()).and_modify(|sent| sent.raced = true);
        let (one, other) = tokio::join!(self.attempt(name), self.attempt(name));
        one.and(other).map(|_| ())
    }

    async fn validate(&self, caller: usize, random: &mut fastrand::Rng) -> Result<(), Failure> {
        let (client_request_id, payload) = (guid(), self.callers[caller].remediation(random));
        let request = self.callers[caller].post(self.gateway, "?validateOnly=true");
        let response =
            Response::to(request.header("client-request-id", &client_request_id).body(payload.to_string())).await?;
        self.model().check_response(self.callers, caller, &client_request_id, &response)?;
        ensure!(response.status == 200 && response.json()["request"] == payload, "{payload} was valid: {response:?}");
        Ok(())
    }

    /// Sends invalid requests, which must fail with their own error in any state of Microsoft's services.
    async fn send_invalid_request(&self, caller: usize, random: &mut fastrand::Rng) -> Result<(), Failure> {
        let own = &self.callers[caller];
        let other = &self.callers[(caller + 1) % self.callers.len()];
        let mut payload = own.remediation(random);
        let known_key = self
            .model()
            .sent
            .values()
            .find_map(|sent| (sent.caller == caller && sent.location.is_some()).then(|| sent.key.clone())?);
        let (code, request) = match random.u8(..6) {
            0 => {
                // The response contains the pointer and never the address, so the mark must not appear in it.
                payload["analyzedEmails"][0]["recipientEmailAddress"] = json!(format!("r@{}.example", other.mark));
                ("recipientNotAllowed", own.post(self.gateway, "").body(payload.to_string()))
            }
            1 => ("invalidJson", own.post(self.gateway, "").body(payload.to_string() + "}")),
            2 => {
                payload["severity"] = json!("grave");
                ("invalidPayload", own.post(self.gateway, "").body(payload.to_string()))
            }
            3 => {
                payload["action"] = json!("hardDelete");
                ("actionNotAllowed", own.post(self.gateway, "").body(payload.to_string()))
            }
            4 => match known_key {
                Some(key) => {
                    let request = own.post(self.gateway, "").header("Idempotency-Key", key);
                    ("idempotencyKeyReused", request.body(payload.to_string()))
                }
                None => return Ok(()),
            },
            _ => {
                let request = self.gateway.post("/remediate").header("Content-Type", "application/json");
                ("invalidCredentials", request.bearer_auth("not.a.token").body(payload.to_string()))
            }
        };
        let client_request_id = guid();
        let response = Response::to(request.header("client-request-id", &client_request_id)).await?;
        self.model().check_response(self.callers, caller, &client_request_id, &response)?;
        let found: Value = response.json()["error"]["code"].clone();
        ensure!(found == code, "to be refused as {code}: {response:?}");
        Ok(())
    }
}
