//! Requests of one caller, in a loop.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use acceptance::{Answer, Failure, Gateway, guid};
use sandbox::Sandbox;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::callers::{Caller, id};
use crate::faults::Faults;
use crate::ledger::{Known, Sent, hold};

/// Maximum age of a success that is requested again. Gateway and Graph know a payload for half an hour.
const REPEATED: Duration = Duration::from_mins(20);

/// State that all callers share.
pub(crate) struct Load<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) callers: &'a [Caller],
    pub(crate) known: Mutex<Known>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) began: Instant,
    pub(crate) whole: Duration,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load<'_> {
    /// Sends requests of `caller` until the run ends.
    pub(crate) async fn ask(&self, caller: usize, seed: u64) -> Result<(), Failure> {
        let mut die = fastrand::Rng::with_seed(seed);
        let mut made: Vec<(String, Instant)> = Vec::new();
        while self.began.elapsed() < self.whole {
            lock(&self.faults).perhaps(self.sandbox, self.began.elapsed(), &mut die)?;
            made.retain(|(_, at)| at.elapsed() < REPEATED);
            match die.u8(..100) {
                0..50 => {
                    let name = self.make(caller, &mut die);
                    self.attempt(&name).await?;
                    made.push((name, Instant::now()));
                }
                50..65 => {
                    if let Some((name, _)) = die.choice(&made) {
                        self.attempt(name).await?;
                    }
                }
                65..72 => {
                    let name = self.make(caller, &mut die);
                    self.twice(&name).await?;
                    made.push((name, Instant::now()));
                }
                72..80 => {
                    let name = self.make(caller, &mut die);
                    self.known().sent.entry(name.clone()).and_modify(|sent| sent.raced = true);
                    // The caller disconnects at a random time between request and response.
                    let _ = timeout(Duration::from_millis(die.u64(..40)), self.attempt(&name)).await;
                    made.push((name, Instant::now()));
                }
                80..88 => self.validate(caller, &mut die).await?,
                _ => self.refused(caller, &mut die).await?,
            }
        }
        Ok(())
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }

    /// Creates a remediation, every second one with a key. All callers use the same keys.
    fn make(&self, caller: usize, die: &mut fastrand::Rng) -> String {
        let payload = self.callers[caller].remediation(die);
        let name = id(&payload);
        let mut known = self.known();
        let key = die.bool().then(|| known.next_key(caller));
        known.sent.insert(name.clone(), Sent { caller, key, payload, location: None, raced: false });
        name
    }

    /// Sends a remediation and returns whether it was accepted.
    pub(crate) async fn attempt(&self, name: &str) -> Result<bool, Failure> {
        let sent = self.known().sent.get(name).cloned().ok_or("an unknown remediation")?;
        let caller = &self.callers[sent.caller];
        let (asked, request) = (guid(), caller.post(self.gateway, ""));
        let at_least = self.known().attempts(caller.index, &sent.payload);
        let request = match &sent.key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        };
        let answer = Answer::to(request.header("client-request-id", &asked).body(sent.payload.to_string())).await?;
        let mut known = self.known();
        known.answered(self.callers, caller.index, &asked, &answer)?;
        // After an hour the quota forgets.
        known.charged(caller, if self.began.elapsed() < REPEATED { at_least } else { 0 }, &answer)?;
        known.settled(caller, &sent.payload, &answer)
    }

    /// Sends a remediation twice at once. If both succeed, the successes are identical.
    async fn twice(&self, name: &str) -> Result<(), Failure> {
        self.known().sent.entry(name.to_owned()).and_modify(|sent| sent.raced = true);
        let (one, other) = tokio::join!(self.attempt(name), self.attempt(name));
        one.and(other).map(|_| ())
    }

    async fn validate(&self, caller: usize, die: &mut fastrand::Rng) -> Result<(), Failure> {
        let (asked, payload) = (guid(), self.callers[caller].remediation(die));
        let request = self.callers[caller].post(self.gateway, "?validateOnly=true");
        let answer = Answer::to(request.header("client-request-id", &asked).body(payload.to_string())).await?;
        self.known().answered(self.callers, caller, &asked, &answer)?;
        hold!(answer.status == 200 && answer.json()["request"] == payload, "{payload} was valid: {answer:?}");
        Ok(())
    }

    /// Sends invalid requests, which must fail with their own error in any state of Microsoft's services.
    async fn refused(&self, caller: usize, die: &mut fastrand::Rng) -> Result<(), Failure> {
        let own = &self.callers[caller];
        let other = &self.callers[(caller + 1) % self.callers.len()];
        let mut payload = own.remediation(die);
        let known_key = self
            .known()
            .sent
            .values()
            .find_map(|sent| (sent.caller == caller && sent.location.is_some()).then(|| sent.key.clone())?);
        let (code, request) = match die.u8(..6) {
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
        let asked = guid();
        let answer = Answer::to(request.header("client-request-id", &asked)).await?;
        self.known().answered(self.callers, caller, &asked, &answer)?;
        let found: Value = answer.json()["error"]["code"].clone();
        hold!(found == code, "to be refused as {code}: {answer:?}");
        Ok(())
    }
}
