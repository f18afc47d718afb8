//! The sandbox: Entra ID and Microsoft Graph on loopback, speaking exactly what is known of them.
//!
//! ```text
//! POST /{tenant}/oauth2/v2.0/token          Entra: client credentials with a secret or a certificate
//! GET  /{tenant}/discovery[/v2.0]/keys      Entra: the keys that tokens are signed with
//! POST /{beta|v1.0}/security/collaboration/analyzedEmails/{remediate|microsoft.graph.security.remediate}
//! GET  /{beta|v1.0}/security/collaboration/analyzedEmails
//! GET, DELETE /sandbox/requests             what was received; forget it
//! POST /sandbox/messages                    messages in mailboxes
//! POST /sandbox/next                        how the next request is answered
//! GET, POST /sandbox/token                  a caller's token
//! POST /sandbox/keys/rotate                 a new signing key
//! ```
//!
//! It refuses what Microsoft is not known to accept: a gateway that passes here relies on nothing that is unknown.
//! From a test, start it in-process and ask it directly:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use sandbox::{Endpoint, NextAnswer, Sandbox, Settings};
//!
//! let sandbox = Sandbox::start(Settings::new("a secret")).await?;
//! sandbox.script(NextAnswer::new(Endpoint::Remediate).status(429).header("Retry-After", "1"))?;
//! // … a request through the gateway, with GRAPH_URL and LOGIN_URL set to sandbox.base_url() …
//! assert_eq!(sandbox.recorded().len(), 2);
//! # Ok(()) }
//! ```

mod admin;
mod assertion;
mod clock;
mod entra;
mod graph;
mod keys;
mod list;
mod mailboxes;
mod object;
mod received;
mod record;
mod register;
mod remediation;
mod routes;
mod script;
mod self_signed;
mod settings;
mod state;
mod tokens;
mod wire;

use std::{io, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};

use crate::{keys::KeyRing, mailboxes::Seed, state::State};

pub use crate::{
    assertion::{ClientCertificate, InvalidCertificate},
    mailboxes::{InvalidSeed, Message},
    record::{Answer, Endpoint, Outcome, Recorded},
    register::Accepted,
    remediation::{Action, AnalyzedEmail, Remediation, Severity},
    script::{Fault, InvalidScript, NextAnswer},
    self_signed::SelfSigned,
    settings::{APPLICATION_ID, AUDIENCE, CALLER_CLIENT_ID, CALLER_OBJECT_ID, CLIENT_ID, Settings, TENANT_ID},
    tokens::{GRAPH_APPLICATION_ID, GRAPH_AUDIENCE, GRAPH_READ_ROLE, GRAPH_ROLE, TokenRequest, TokenVersion},
};

/// A running sandbox. It ends when this is dropped, and its connections with it.
pub struct Sandbox {
    state: Arc<State>,
    server: JoinHandle<std::convert::Infallible>,
}

/// What was waited for did not come in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the sandbox did not see it within {0:?}")]
pub struct NotSeen(pub Duration);

impl Sandbox {
    /// Makes a key, listens, and serves on the current runtime; it must stay alive as long as the sandbox shall.
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let keys = tokio::task::spawn_blocking(KeyRing::generate).await?;
        let listener = TcpListener::bind(settings.listen).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State::new(settings, base_url, keys));
        let server = tokio::spawn(wire::serve(listener, Arc::clone(&state)));
        Ok(Self { state, server })
    }

    /// `http://127.0.0.1:{port}`: the gateway's `LOGIN_URL` and `GRAPH_URL`. The v2 issuer is made from it as well.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.state.base_url
    }

    /// The settings it runs with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// Everything that Entra and Graph received since the start or the last [`clear`](Self::clear), by arrival.
    #[must_use]
    pub fn recorded(&self) -> Vec<Recorded> {
        self.state.look(<[Recorded]>::to_vec)
    }

    /// The requests to one endpoint.
    #[must_use]
    pub fn recorded_at(&self, endpoint: Endpoint) -> Vec<Recorded> {
        self.state.look(|all| all.iter().filter(|one| one.endpoint == endpoint).cloned().collect())
    }

    /// The exchanges that have ended, which are forgotten with that: what runs for long looks at each once.
    #[must_use]
    pub fn take_ended(&self) -> Vec<Recorded> {
        self.state.take_ended()
    }

    /// The remediations that Graph accepted, in order; duplicates and refusals are not among them.
    #[must_use]
    pub fn accepted(&self) -> Vec<Accepted> {
        self.state.register().accepted().to_vec()
    }

    /// Every token issued so far, by any way; nothing forgets them. For a test that looks for leaks.
    #[must_use]
    pub fn issued_tokens(&self) -> Vec<String> {
        self.state.issued_tokens()
    }

    /// Puts messages into mailboxes, each with its rows in the list of analyzed emails.
    ///
    /// # Errors
    /// Where a message's id is not a GUID.
    pub fn seed(&self, messages: impl IntoIterator<Item = Message>) -> Result<(), InvalidSeed> {
        self.state.mailboxes().seed(Seed::new(messages.into_iter().collect(), None))
    }

    /// Limits the pages of the list to so many rows.
    ///
    /// # Errors
    /// Where `rows` is not 1 to 1,000.
    pub fn limit_pages(&self, rows: usize) -> Result<(), InvalidSeed> {
        self.state.mailboxes().seed(Seed::new(Vec::new(), Some(rows)))
    }

    /// Forgets what was received, accepted, seeded and scripted. Tokens and keys stay: the gateway holds them too.
    pub fn clear(&self) {
        self.state.clear();
    }

    /// Tells what the next request to an endpoint is answered. Several queue up, each endpoint's in order.
    ///
    /// # Errors
    /// Where it could not be played: a header that cannot be sent, a status that is not final.
    pub fn script(&self, next: NextAnswer) -> Result<(), InvalidScript> {
        self.state.script(next)
    }

    /// Lets the answers go that are [held](NextAnswer::held), of all requests that have arrived.
    pub fn release(&self) {
        self.state.released.send_replace(());
    }

    /// A token as Entra would issue it, or as it never would. With [`GRAPH_AUDIENCE`] Graph takes it too.
    #[must_use]
    pub fn issue_token(&self, request: &TokenRequest) -> String {
        self.state.issue(request)
    }

    /// Signs with a new key from now on; the former ones stay published.
    pub fn rotate_key(&self) {
        self.state.keys().rotate();
    }

    /// The id of the key that signs.
    #[must_use]
    pub fn kid(&self) -> String {
        self.state.keys().current.kid().to_owned()
    }

    /// Waits until the record satisfies the predicate, and gives the record.
    ///
    /// # Errors
    /// Where it does not within the time.
    pub async fn wait_for(
        &self,
        within: Duration,
        mut predicate: impl FnMut(&[Recorded]) -> bool,
    ) -> Result<Vec<Recorded>, NotSeen> {
        let mut changes = self.state.changed.subscribe();
        let seen = async {
            while !self.state.look(&mut predicate) {
                // The sender lives in the state that we hold, so this waits and does not fail.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(within, seen).await.map_err(|_| NotSeen(within))?;
        Ok(self.recorded())
    }

    /// Stops listening, drops every connection, and frees the port.
    pub async fn shutdown(mut self) {
        self.server.abort();
        // The only way it ends is the abort.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}
