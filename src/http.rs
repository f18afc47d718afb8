//! Requests and responses as plain values, independent of the platform.

use crate::secret::Secret;

/// A request without its body.
#[derive(Debug, Default)]
pub struct Request {
    /// Method, in the caller's case.
    pub method: String,
    /// Scheme of the URL, in lower case and without its colon.
    pub scheme: String,
    /// Host of the URL, with the port if the URL has one. It is never logged or returned.
    pub host: String,
    /// Path of the URL, percent-encoded by the caller.
    pub path: String,
    /// Query of the URL without its `?`, percent-encoded by the caller; empty if absent.
    pub query: String,
    /// Headers that the gateway reads.
    pub headers: RequestHeaders,
}

/// Request headers that the gateway reads. The platform joins a repeated header with `", "`.
#[derive(Debug, Default)]
pub struct RequestHeaders {
    /// `Authorization`: a bearer token, or Basic with the caller's name and key.
    pub authorization: Option<Secret>,
    /// `X-API-Key`.
    pub api_key: Option<Secret>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Length`, in bytes.
    pub content_length: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `x-ms-transfer-mode`, with which Logic Apps starts its own protocol of chunked uploads.
    pub transfer_mode: Option<String>,
    /// `client-request-id`, the correlation ID of Graph's clients.
    pub client_request_id: Option<String>,
    /// `Prefer` (RFC 7240).
    pub prefer: Option<String>,
    /// `Idempotency-Key` (IETF draft).
    pub idempotency_key: Option<String>,
    /// `x-ms-workflow-run-id`, which Logic Apps and Power Automate send. It is not authenticated, so it changes only
    /// the format of a response.
    pub workflow_run_id: Option<String>,
    /// `CF-Connecting-IP`, the client's address. Cloudflare overwrites what the client sent. It is never logged.
    pub client_address: Option<Secret>,
}

/// Declaration of a body in its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeclaredBody {
    /// `Content-Length`, in bytes.
    pub length: Option<u64>,
    /// Whether `Content-Encoding` is `gzip` or `x-gzip`.
    pub is_gzip: bool,
}

/// The body of a request, not yet read.
pub trait RequestBody {
    /// Reads and decompresses the body. Stops when the body exceeds `cap` bytes, compressed or decompressed.
    ///
    /// # Errors
    ///
    /// [`RequestBodyError`].
    #[expect(async_fn_in_trait, reason = "an isolate is single-threaded: no caller could want `Send` futures")]
    async fn read(self, declared: DeclaredBody, cap: usize) -> Result<Vec<u8>, RequestBodyError>;
}

/// Reason why the body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestBodyError {
    /// The body exceeds the limit, compressed or decompressed.
    #[error("the body is too large")]
    TooLarge,
    /// The body is incomplete.
    #[error("the body was cut off")]
    CutOff,
    /// The body is declared as gzip and does not begin with gzip's magic number.
    #[error("Content-Encoding is gzip, but the body is not gzip")]
    NotGzip,
    /// The body begins as gzip, and is truncated, corrupt, or fails its checksum.
    #[error("the gzip body is truncated or damaged")]
    Damaged,
    /// More bytes follow the first gzip member. Two readers could disagree whether they belong to the body.
    #[error("the gzip body has bytes after its end")]
    Trailing,
}

/// A response.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Names and values of the headers, in the order of the response.
    pub headers: Vec<(&'static str, String)>,
    /// Body, JSON or empty.
    pub body: String,
}
