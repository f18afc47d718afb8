//! What the pipeline needs from the outside, as small traits. `runtime/` implements them on Workers, the tests natively.
//!
//! An isolate runs one thread, so nothing here is `Send`, and no future is boxed.
#![expect(async_fn_in_trait, reason = "an isolate is single-threaded: no caller could want `Send` futures")]

use std::time::Duration;

use crate::secret::SecretBytes;
use crate::time::Timestamp;

/// The wall clock. On Workers it stands still between I/O operations.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// A source of identifiers that nobody can predict.
pub trait Guids {
    /// A new random GUID (version 4), in canonical lower case.
    fn new_guid(&self) -> String;
}

/// The one place that logs.
pub trait Log {
    /// Writes one line, a JSON object.
    fn log(&self, line: &str);
}

/// Knowledge of internationalised domain names.
pub trait Domains {
    /// `domain` in its ASCII form (UTS #46, lower case), or `None` where it has none.
    fn to_ascii(&self, domain: &str) -> Option<String>;
}

/// Waiting.
pub trait Timers {
    /// Resolves after `duration`.
    async fn sleep(&self, duration: Duration);
}

/// Work that outlives the answer.
pub trait Background {
    /// Runs `task` on, even when the answer is sent or the caller is gone, as long as the platform allows (30 s after the answer).
    fn defer(&self, task: impl Future<Output = ()> + 'static);
}

/// RSA signatures by the platform's cryptography.
pub trait Verifier {
    /// A public key, imported once and kept: a plain value, not bound to a request.
    type Key: Clone + 'static;

    /// Imports the RSA public key of modulus `n` and exponent `e` (both base64url, RFC 7518 section 6.3.1) for RS256.
    /// `None` where the platform does not take it.
    async fn import_rs256(&self, n: &str, e: &str) -> Option<Self::Key>;

    /// Whether `signature` is `key`'s RS256 signature (RFC 7518 section 3.3) of `message`. A failure of the platform is a no.
    async fn verify_rs256(&self, key: &Self::Key, message: &[u8], signature: &[u8]) -> bool;
}

/// RSA signatures of the gateway's own.
pub trait Signer {
    /// The PS256 signature (RFC 7518 section 3.5) of `message` by the RSA key `pkcs8`, in DER. `None` where the platform does not give one.
    async fn sign_ps256(&self, pkcs8: &SecretBytes, message: &[u8]) -> Option<Vec<u8>>;
}

/// Calls to Microsoft. Redirects are never followed.
pub trait HttpClient {
    /// Sends `request` and waits for its answer, its body included, at most `request.deadline`.
    ///
    /// # Errors
    ///
    /// [`SendError`] where no status came back. A body that did not come whole is no error: see [`BodyError`].
    async fn send(&self, request: HttpRequest<'_>) -> Result<HttpResponse, SendError>;
}

/// Everything that the pipeline needs. A handle: cloning it is cheap and gives the same platform.
pub trait Runtime:
    Clock + Guids + Log + Domains + Timers + Background + Verifier + Signer + HttpClient + Clone + 'static
{
}

impl<P: Clock + Guids + Log + Domains + Timers + Background + Verifier + Signer + HttpClient + Clone + 'static> Runtime
    for P
{
}

/// A call to Microsoft.
#[derive(Debug)]
pub struct HttpRequest<'a> {
    /// The absolute URL.
    pub url: &'a str,
    /// The request headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body of a POST; without one the call is a GET.
    pub body: Option<&'a [u8]>,
    /// How long the whole answer may take.
    pub deadline: Duration,
    /// The answer's headers that are wanted, in lower case.
    pub wanted: &'static [&'static str],
    /// The most bytes of the answer's body that are read.
    pub body_cap: usize,
    /// Whether the body of a 2xx answer is left unread. Its status has then already said everything.
    pub skip_success_body: bool,
}

/// The answer to a call, read as far as it was wanted.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Those of the wanted headers that were there, with their names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body, where it came whole.
    pub body: Result<Vec<u8>, BodyError>,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It was not wanted.
    Skipped,
    /// It is larger than the cap.
    TooLarge,
    /// It was cut off, or ran into the deadline.
    Failed(SendError),
}

impl HttpResponse {
    /// The value of the wanted header `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The body, empty where it did not come whole.
    #[must_use]
    pub fn body_or_empty(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// Whether the status is a success (200–299).
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

/// Why a call has no answer. Whether the other side acted on it is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No status came within the deadline.
    #[error("no answer within the deadline")]
    Deadline,
    /// The connection was refused, reset or closed before a status came.
    #[error("the connection failed")]
    Connection,
}

/// How the gateway names itself to Microsoft (contract, section 8).
pub const USER_AGENT: &str = concat!("remediation-gateway/", env!("CARGO_PKG_VERSION"));
