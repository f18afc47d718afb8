//! Simulated ports.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures::channel::oneshot;
use futures::future::{FutureExt, LocalBoxFuture};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::pkcs8::DecodePrivateKey;
use rsa::sha2::Sha256;
use rsa::signature::{RandomizedSigner, SignatureEncoding, Verifier as _};
use rsa::{BoxedUint, PrivateKey, PublicKey, pss};

use super::upstream::Upstream;
use crate::config::{Config, ConfigError, Variables};
use crate::runtime::{Background, Clock, Domains, Guids, Log, Signer, Timers, Verifier};
use crate::secret::SecretBytes;
use crate::time::Timestamp;

/// Start time of every test: 2027-01-15T08:00:00.
pub(crate) const START: u64 = 1_800_000_000;

/// Platform for tests. Clones share one state.
#[derive(Clone, Default)]
pub(crate) struct TestRuntime(Rc<Inner>);

#[derive(Default)]
struct Inner {
    /// Milliseconds since [`START`], which may be negative.
    clock: Cell<i64>,
    /// Sleeping tasks by wake-up time and order. This monotonic clock never steps, so a step of the wall clock wakes no
    /// task.
    sleepers: RefCell<BTreeMap<(u64, u64), oneshot::Sender<()>>>,
    elapsed: Cell<u64>,
    numbers: Cell<u64>,
    log: RefCell<Vec<String>>,
    deferred: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
    signature_checks: Cell<usize>,
    upstream: Upstream,
}

impl TestRuntime {
    /// Returns the scripted Microsoft.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.0.upstream
    }

    /// Moves the wall clock forward or back without passing time, like a clock correction.
    pub(crate) fn step_clock(&self, seconds: i64) {
        self.0.clock.set(self.0.clock.get() + seconds * 1000);
    }

    /// Sets the wall clock to `now` without passing time.
    pub(crate) fn set_clock(&self, now: Timestamp) {
        self.0.clock.set(i64::try_from(now.millis()).unwrap() - i64::try_from(START * 1000).unwrap());
    }

    /// Validates a configuration at the wall clock's time.
    pub(crate) fn check(&self, variables: &Variables) -> Result<Config, Vec<ConfigError>> {
        Config::check(variables, self, self.now())
    }

    /// Removes and returns the logged lines.
    pub(crate) fn take_log(&self) -> Vec<String> {
        self.0.log.take()
    }

    /// Returns the number of checked signatures.
    pub(crate) fn signature_checks(&self) -> usize {
        self.0.signature_checks.get()
    }

    /// Removes and returns the deferred tasks that have not run.
    pub(super) fn take_deferred(&self) -> Vec<LocalBoxFuture<'static, ()>> {
        self.0.deferred.take()
    }

    /// Returns the time until the next sleeper wakes.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        let mut sleepers = self.0.sleepers.borrow_mut();
        sleepers.retain(|_, sleeper| !sleeper.is_canceled());
        let ((at, _), _) = sleepers.first_key_value()?;
        Some(Duration::from_millis(at.saturating_sub(self.0.elapsed.get())))
    }

    /// Lets `duration` pass and wakes the due sleepers in order.
    pub(super) fn pass(&self, duration: Duration) {
        let millis = crate::time::millis_of(duration);
        self.0.elapsed.set(self.0.elapsed.get() + millis);
        self.0.clock.set(self.0.clock.get() + i64::try_from(millis).unwrap());
        let still_asleep = self.0.sleepers.borrow_mut().split_off(&(self.0.elapsed.get() + 1, 0));
        for sleeper in self.0.sleepers.replace(still_asleep).into_values() {
            let _ = sleeper.send(());
        }
    }

    fn number(&self) -> u64 {
        self.0.numbers.set(self.0.numbers.get() + 1);
        self.0.numbers.get()
    }
}

impl Clock for TestRuntime {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis((START * 1000).saturating_add_signed(self.0.clock.get()))
    }
}

impl Guids for TestRuntime {
    /// Counts up, so that tests can predict the GUIDs.
    fn new_guid(&self) -> String {
        format!("99999999-0000-4000-8000-{:012x}", self.number())
    }
}

impl Log for TestRuntime {
    fn log(&self, line: &str) {
        self.0.log.borrow_mut().push(line.to_owned());
    }
}

impl Domains for TestRuntime {
    fn to_ascii(&self, domain: &str) -> Option<String> {
        idna::domain_to_ascii(domain).ok()
    }
}

impl Timers for TestRuntime {
    async fn sleep(&self, duration: Duration) {
        let (sender, receiver) = oneshot::channel();
        let at = self.0.elapsed.get().saturating_add(crate::time::millis_of(duration));
        self.0.sleepers.borrow_mut().insert((at, self.number()), sender);
        let _ = receiver.await;
    }
}

impl Background for TestRuntime {
    fn defer(&self, task: impl Future<Output = ()> + 'static) {
        self.0.deferred.borrow_mut().push(task.boxed_local());
    }
}

impl Verifier for TestRuntime {
    type Key = Rc<VerifyingKey<Sha256>>;

    async fn import_rs256(&self, n: &str, e: &str) -> Option<Self::Key> {
        let number = |text: &str| Some(BoxedUint::from_be_slice_vartime(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?));
        Some(Rc::new(VerifyingKey::new(PublicKey::new(number(n)?, number(e)?).ok()?)))
    }

    async fn verify_rs256(&self, key: &Self::Key, message: &[u8], signature: &[u8]) -> bool {
        self.0.signature_checks.set(self.0.signature_checks.get() + 1);
        Signature::try_from(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }
}

impl Signer for TestRuntime {
    async fn sign_ps256(&self, pkcs8: &SecretBytes, message: &[u8]) -> Option<Vec<u8>> {
        let key = PrivateKey::from_pkcs8_der(pkcs8.expose()).ok()?;
        let salted = StdRng::seed_from_u64(self.number());
        Some(pss::SigningKey::<Sha256>::new(key).sign_with_rng(&mut { salted }, message).to_vec())
    }
}
