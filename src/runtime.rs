//! The pipeline's ports to the outside, as small traits. `worker/` implements them on Workers, and the tests natively.
//!
//! An isolate runs one thread, so nothing here is `Send`, and no future is boxed.
#![expect(async_fn_in_trait, reason = "an isolate is single-threaded: no caller could want `Send` futures")]

use std::time::Duration;

use crate::secret::SecretBytes;
use crate::time::Timestamp;

/// Wall clock. On Workers it stands still between I/O operations.
pub trait Clock {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// Source of unpredictable identifiers.
pub trait Guids {
    /// Returns a new random GUID (version 4).
    fn new_guid(&self) -> String;
}

/// The logger.
pub trait Log {
    /// Writes one line, a JSON object.
    fn log(&self, line: &str);
}

/// Parser of internationalized domain names.
pub trait Domains {
    /// Returns `domain` in its ASCII form (UTS #46, lower case), or `None` if it has none.
    fn to_ascii(&self, domain: &str) -> Option<String>;
}

/// Timers.
pub trait Timers {
    /// Resolves after `duration`.
    async fn sleep(&self, duration: Duration);
}

/// Background work.
pub trait Background {
    /// Runs `task` to its end, also after the response or the caller's disconnect, within the platform's limit (30 s
    /// after the response).
    fn defer(&self, task: impl Future<Output = ()> + 'static);
}

/// Verification of RSA signatures by the platform.
pub trait Verifier {
    /// An imported public key: a plain value, not bound to a request.
    type Key: Clone + 'static;

    /// Imports the RSA public key with modulus `n` and exponent `e` (both base64url, RFC 7518 section 6.3.1) for RS256.
    /// Returns `None` if the platform rejects it.
    async fn import_rs256(&self, n: &str, e: &str) -> Option<Self::Key>;

    /// Returns whether `signature` is `key`'s RS256 signature (RFC 7518 section 3.3) of `message`. A failure of the
    /// platform gives `false`.
    async fn verify_rs256(&self, key: &Self::Key, message: &[u8], signature: &[u8]) -> bool;
}

/// The gateway's own RSA signatures.
pub trait Signer {
    /// Returns the PS256 signature (RFC 7518 section 3.5) of `message` with the RSA key `pkcs8` in DER. Returns `None`
    /// if the platform fails.
    async fn sign_ps256(&self, pkcs8: &SecretBytes, message: &[u8]) -> Option<Vec<u8>>;
}

/// Calls to Microsoft. Redirects are never followed.
pub trait HttpClient {
    /// Sends `request` and reads the whole response within `request.deadline`.
    ///
    /// # Errors
    ///
    /// [`SendError`] if no status arrived. An incomplete body is not an error: see [`BodyError`].
    async fn send(&self, request: HttpRequest<'_>) -> Result<HttpResponse, SendError>;
}

/// All ports of the pipeline. A handle: a clone is cheap and refers to the same platform.
pub trait Runtime:
    Clock + Guids + Log + Domains + Timers + Background + Verifier + Signer + HttpClient + Clone + 'static
{
}

impl<P: Clock + Guids + Log + Domains + Timers + Background + Verifier + Signer + HttpClient + Clone + 'static> Runtime
    for P
{
}

/// A request to Microsoft.
#[derive(Debug)]
pub struct HttpRequest<'a> {
    /// Absolute URL.
    pub url: &'a str,
    /// Request headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// Body of a POST; without a body the request is a GET.
    pub body: Option<&'a [u8]>,
    /// Maximum duration of the whole response.
    pub deadline: Duration,
    /// Response headers to read, in lower case.
    pub wanted: &'static [&'static str],
    /// Maximum number of bytes to read of the response's body.
    pub body_cap: usize,
    /// Whether the body of a 2xx response is not read, because its status suffices.
    pub skip_success_body: bool,
}

/// A response of Microsoft.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// The requested headers that are present, with their names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Body, if it is complete.
    pub body: Result<Vec<u8>, BodyError>,
}

/// Reason why the body is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It was not requested.
    Skipped,
    /// It exceeds the maximum size.
    TooLarge,
    /// It is incomplete, or exceeded the deadline.
    Failed(SendError),
}

impl HttpResponse {
    /// Returns the value of the requested header `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body; empty if it is incomplete.
    #[must_use]
    pub fn body_or_empty(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// Returns whether the status is a success (200–299).
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

/// Reason why a response, or its body, did not arrive. Without a status, it is unknown whether the server acted on the
/// request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It did not arrive within the deadline.
    #[error("no answer within the deadline")]
    Deadline,
    /// The connection was refused, reset or closed before.
    #[error("the connection failed")]
    Connection,
}

/// User agent of the gateway's requests to Microsoft (contract, section 8).
pub const USER_AGENT: &str = concat!("remediation-gateway/", env!("CARGO_PKG_VERSION"));
