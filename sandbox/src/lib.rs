//! Sandbox that emulates Entra ID and Microsoft Graph on loopback, as far as their behaviour is known.
//!
//! ```text
//! POST /{tenant}/oauth2/v2.0/token          Entra: client credentials with a secret or a certificate
//! GET  /{tenant}/discovery[/v2.0]/keys      Entra: the keys that tokens are signed with
//! POST /{beta|v1.0}/security/collaboration/analyzedEmails/{remediate|microsoft.graph.security.remediate}
//! GET  /{beta|v1.0}/security/collaboration/analyzedEmails
//! GET, DELETE /sandbox/requests             the recorded requests; DELETE clears them
//! POST /sandbox/messages                    messages in mailboxes
//! POST /sandbox/next                        scripts the next response
//! GET, POST /sandbox/token                  a caller's token
//! POST /sandbox/keys/rotate                 a new signing key
//! ```
//!
//! The sandbox rejects everything that Microsoft is not known to accept. A gateway that passes its tests therefore
//! relies only on known behaviour. Tests start it in-process and inspect it directly:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use sandbox::{Endpoint, Sandbox, ScriptedResponse, Settings};
//!
//! let sandbox = Sandbox::start(Settings::new("a secret")).await?;
//! sandbox.script(ScriptedResponse::new(Endpoint::Remediate).status(429).header("Retry-After", "1"))?;
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
    record::{Endpoint, Outcome, Recorded, Response},
    register::Accepted,
    remediation::{Action, AnalyzedEmail, Remediation, Severity},
    script::{Fault, InvalidScript, ScriptedResponse},
    self_signed::SelfSigned,
    settings::{
        APPLICATION_ID, AUDIENCE, CALLER_CLIENT_ID, CALLER_OBJECT_ID, CLIENT_ID, SECOND_TENANT_ID, Settings, TENANT_ID,
        TENANT_WITHOUT_CONSENT,
    },
    tokens::{GRAPH_APPLICATION_ID, GRAPH_AUDIENCE, GRAPH_READ_ROLE, GRAPH_ROLE, TokenRequest, TokenVersion},
};

/// Running sandbox. It stops on drop and closes its connections.
pub struct Sandbox {
    state: Arc<State>,
    server: JoinHandle<std::convert::Infallible>,
}

/// Error for an expected request that did not arrive in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the expected requests did not arrive within {0:?}")]
pub struct NotSeen(pub Duration);

impl Sandbox {
    /// Creates a key and starts serving on the current runtime, which must live as long as the sandbox.
    ///
    /// # Errors
    /// Returns an error if the address is not available.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let keys = tokio::task::spawn_blocking(KeyRing::generate).await?;
        let listener = TcpListener::bind(settings.listen).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State::new(settings, base_url, keys));
        let server = tokio::spawn(wire::serve(listener, Arc::clone(&state)));
        Ok(Self { state, server })
    }

    /// Returns `http://127.0.0.1:{port}`, for the gateway's `LOGIN_URL` and `GRAPH_URL`. The v2 issuer starts with it
    /// too.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.state.base_url
    }

    /// Returns the settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// Returns all requests to Entra ID and Graph since the start or the last [`clear`](Self::clear), in order of
    /// arrival.
    #[must_use]
    pub fn recorded(&self) -> Vec<Recorded> {
        self.state.with_recorded(<[Recorded]>::to_vec)
    }

    /// Returns the requests to one endpoint.
    #[must_use]
    pub fn recorded_at(&self, endpoint: Endpoint) -> Vec<Recorded> {
        self.state.with_recorded(|all| all.iter().filter(|one| one.endpoint == endpoint).cloned().collect())
    }

    /// Removes and returns the completed exchanges. Long runs use it to read each exchange once.
    #[must_use]
    pub fn take_ended(&self) -> Vec<Recorded> {
        self.state.take_ended()
    }

    /// Returns the remediations that Graph accepted, in order, without duplicates and rejected requests.
    #[must_use]
    pub fn accepted(&self) -> Vec<Accepted> {
        self.state.register().accepted().to_vec()
    }

    /// Returns all tokens issued so far, including those before a [`clear`](Self::clear). Tests use it to detect leaks.
    #[must_use]
    pub fn issued_tokens(&self) -> Vec<String> {
        self.state.issued_tokens()
    }

    /// Adds messages to mailboxes, with their rows in the list of analyzed emails.
    ///
    /// # Errors
    /// Returns an error if a message's ID is not a GUID, or its tenant does not exist.
    pub fn seed(&self, messages: impl IntoIterator<Item = Message>) -> Result<(), InvalidSeed> {
        self.state.mailboxes().seed(&self.state.settings, Seed::new(messages.into_iter().collect(), None))
    }

    /// Sets the maximum number of rows on a page of the list.
    ///
    /// # Errors
    /// Returns an error if `rows` is not 1 to 1,000.
    pub fn limit_pages(&self, rows: usize) -> Result<(), InvalidSeed> {
        self.state.mailboxes().seed(&self.state.settings, Seed::new(Vec::new(), Some(rows)))
    }

    /// Clears requests, remediations, messages and scripts. Tokens and keys stay, because the gateway caches them.
    pub fn clear(&self) {
        self.state.clear();
    }

    /// Scripts the response to the next request to an endpoint. Scripts of one endpoint apply in order.
    ///
    /// # Errors
    /// Returns an error if the script cannot be played, for example because of an invalid header or a status below 200.
    pub fn script(&self, next: ScriptedResponse) -> Result<(), InvalidScript> {
        self.state.script(next)
    }

    /// Releases the [held](ScriptedResponse::held) responses of all requests that have arrived.
    pub fn release(&self) {
        self.state.released.send_replace(());
    }

    /// Issues a token, which may have claims that Entra ID never issues. Graph accepts tokens with [`GRAPH_AUDIENCE`].
    #[must_use]
    pub fn issue_token(&self, request: &TokenRequest) -> String {
        self.state.issue(request)
    }

    /// Replaces the signing key. Former keys stay published.
    pub fn rotate_key(&self) {
        self.state.keys().rotate();
    }

    /// Returns the ID of the signing key.
    #[must_use]
    pub fn kid(&self) -> String {
        self.state.keys().current.kid().to_owned()
    }

    /// Waits until the record satisfies the predicate, and returns the record.
    ///
    /// # Errors
    /// Returns an error if the record does not satisfy the predicate in time.
    pub async fn wait_for(
        &self,
        within: Duration,
        mut predicate: impl FnMut(&[Recorded]) -> bool,
    ) -> Result<Vec<Recorded>, NotSeen> {
        let mut changes = self.state.changed.subscribe();
        let seen = async {
            while !self.state.with_recorded(&mut predicate) {
                // The sandbox holds the state with the sender, so this waits and never fails.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(within, seen).await.map_err(|_| NotSeen(within))?;
        Ok(self.recorded())
    }

    /// Stops listening, closes all connections, and frees the port.
    pub async fn shutdown(mut self) {
        self.server.abort();
        // The task ends only by the abort, so its result is always the same error.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}
