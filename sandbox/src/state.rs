//! State that Entra ID, Graph and the admin routes share.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use tokio::sync::watch;

use crate::{
    assertion::SeenAssertions,
    clock,
    keys::KeyRing,
    mailboxes::Mailboxes,
    received::Received,
    record::{Endpoint, Outcome, Recorded},
    register::Register,
    script::{InvalidScript, ScriptedResponse, Scripts},
    settings::Settings,
    tokens::{IssuedToken, TokenRequest},
};

/// Complete state. No lock is held across an await or while another lock is taken.
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) base_url: String,
    keys: Mutex<KeyRing>,
    issued: Mutex<Vec<IssuedToken>>,
    journal: Mutex<Journal>,
    register: Mutex<Register>,
    mailboxes: Mutex<Mailboxes>,
    scripts: Mutex<Scripts>,
    assertions: Mutex<SeenAssertions>,
    /// Counter of events, which wakes waiting tests.
    pub(crate) changed: watch::Sender<u64>,
    /// Signal that releases held responses.
    pub(crate) released: watch::Sender<()>,
}

#[derive(Default)]
struct Journal {
    next: u64,
    exchanges: Vec<Recorded>,
}

/// A poisoned lock means that a test's predicate panicked while it read. The state is still consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub(crate) fn new(settings: Settings, base_url: String, keys: KeyRing) -> Self {
        Self {
            settings,
            base_url,
            keys: Mutex::new(keys),
            issued: Mutex::default(),
            journal: Mutex::default(),
            register: Mutex::default(),
            mailboxes: Mutex::default(),
            scripts: Mutex::default(),
            assertions: Mutex::default(),
            changed: watch::Sender::new(0),
            released: watch::Sender::new(()),
        }
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, KeyRing> {
        lock(&self.keys)
    }

    pub(crate) fn assertions(&self) -> MutexGuard<'_, SeenAssertions> {
        lock(&self.assertions)
    }

    pub(crate) fn register(&self) -> MutexGuard<'_, Register> {
        lock(&self.register)
    }

    pub(crate) fn mailboxes(&self) -> MutexGuard<'_, Mailboxes> {
        lock(&self.mailboxes)
    }

    /// Signs a token and remembers it, since Graph accepts only tokens that Entra ID issued.
    pub(crate) fn issue(&self, request: &TokenRequest) -> String {
        let claims = request.claims(&self.settings, &self.base_url, clock::unix_now());
        let token = {
            let keys = self.keys();
            keys.current.sign(&request.header(keys.current.kid()), &claims)
        };
        let tampered = !request.header.is_empty();
        lock(&self.issued).push(IssuedToken { token: token.clone(), claims, tampered });
        token
    }

    pub(crate) fn find_issued(&self, token: &str) -> Option<IssuedToken> {
        lock(&self.issued).iter().rev().find(|issued| issued.token == token).cloned()
    }

    pub(crate) fn issued_tokens(&self) -> Vec<String> {
        lock(&self.issued).iter().map(|issued| issued.token.clone()).collect()
    }

    pub(crate) fn script(&self, next: ScriptedResponse) -> Result<(), InvalidScript> {
        next.check()?;
        lock(&self.scripts).push(next);
        Ok(())
    }

    pub(crate) fn take_script(&self, endpoint: Endpoint) -> Option<ScriptedResponse> {
        lock(&self.scripts).take(endpoint)
    }

    /// Records a request on arrival, so that the record is in order of arrival and not of responses.
    pub(crate) fn record_arrival(&self, endpoint: Endpoint, request: &Received) -> u64 {
        let number = {
            let mut journal = lock(&self.journal);
            let number = journal.next;
            journal.next = number.saturating_add(1);
            journal.exchanges.push(Recorded {
                number,
                at: SystemTime::now(),
                endpoint,
                method: request.method.to_string(),
                path: request.path.clone(),
                query: request.query.clone(),
                headers: request.headers.clone(),
                body: request.body.to_vec(),
                outcome: Outcome::Pending,
            });
            number
        };
        self.notify();
        number
    }

    pub(crate) fn record_outcome(&self, number: u64, outcome: Outcome) {
        let exchange = {
            let mut journal = lock(&self.journal);
            // The exchange is missing if the record was cleared in the meantime.
            let found = journal.exchanges.iter_mut().rev().find(|exchange| exchange.number == number);
            found.map(|exchange| {
                exchange.outcome = outcome;
                exchange.clone()
            })
        };
        if let Some(exchange) = exchange {
            (self.settings.on_exchange)(&exchange);
        }
        self.notify();
    }

    pub(crate) fn with_recorded<T>(&self, at: impl FnOnce(&[Recorded]) -> T) -> T {
        at(&lock(&self.journal).exchanges)
    }

    pub(crate) fn take_ended(&self) -> Vec<Recorded> {
        let mut journal = lock(&self.journal);
        let all = std::mem::take(&mut journal.exchanges);
        let (pending, ended) = all.into_iter().partition(|one| one.outcome == Outcome::Pending);
        journal.exchanges = pending;
        ended
    }

    pub(crate) fn clear(&self) {
        lock(&self.journal).exchanges.clear();
        lock(&self.scripts).clear();
        *self.register() = Register::default();
        *self.mailboxes() = Mailboxes::default();
        self.notify();
    }

    fn notify(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }
}
