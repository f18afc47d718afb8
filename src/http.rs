//! The request and the answer as plain values, and the routes. Nothing here knows the platform.

use crate::secret::Secret;

/// A request as it was declared: everything but its body.
#[derive(Debug, Default)]
pub struct Request {
    /// The method, in the case in which it came.
    pub method: String,
    /// The scheme of the URL, in lower case and without its colon.
    pub scheme: String,
    /// The host of the URL, with the port if the URL has one. It may be checked, and is neither logged nor echoed.
    pub host: String,
    /// The path of the URL, percent-encoded as it came.
    pub path: String,
    /// The query of the URL without its `?`, percent-encoded as it came; empty where there is none.
    pub query: String,
    /// The headers that the gateway reads.
    pub headers: RequestHeaders,
}

/// Every request header that the gateway reads, and no other. The platform joins a header given more than once with `", "`.
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
    /// `x-ms-transfer-mode`, by which Logic Apps starts its own protocol of chunked uploads.
    pub transfer_mode: Option<String>,
    /// `client-request-id`, by which Graph's clients correlate.
    pub client_request_id: Option<String>,
    /// `Prefer` (RFC 7240).
    pub prefer: Option<String>,
    /// `Idempotency-Key` (IETF draft).
    pub idempotency_key: Option<String>,
    /// `x-ms-workflow-run-id`, which Logic Apps and Power Automate send. Not authenticated: it may change the form of an answer only.
    pub workflow_run_id: Option<String>,
    /// `CF-Connecting-IP`, the client's address. Cloudflare overwrites what the client sent. It is never logged.
    pub client_address: Option<Secret>,
}

/// A body as its headers declare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeclaredBody {
    /// `Content-Length`, in bytes.
    pub length: Option<u64>,
    /// Whether `Content-Encoding` is `gzip` or `x-gzip`.
    pub is_gzip: bool,
}

/// A request's body, not read yet.
pub trait RequestBody {
    /// Reads and decompresses the body. Stops as soon as the body exceeds `cap` bytes, as it comes or decompressed.
    ///
    /// # Errors
    ///
    /// [`RequestBodyError`].
    #[expect(async_fn_in_trait, reason = "an isolate is single-threaded: no caller could want `Send` futures")]
    async fn read(self, declared: DeclaredBody, cap: usize) -> Result<Vec<u8>, RequestBodyError>;
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestBodyError {
    /// The body exceeds the limit, as it came or decompressed.
    #[error("the body is too large")]
    TooLarge,
    /// The body ended before it was whole.
    #[error("the body was cut off")]
    CutOff,
    /// The body is declared as gzip and does not begin with gzip's magic number.
    #[error("Content-Encoding is gzip, but the body is not gzip")]
    NotGzip,
    /// The body begins as gzip, and is truncated, damaged, or fails its checksum.
    #[error("the gzip body is truncated or damaged")]
    Damaged,
    /// More bytes follow the first gzip member. Two readers could disagree on whether they belong to the body.
    #[error("the gzip body has bytes after its end")]
    Trailing,
}

/// An answer, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names and values of the headers, in the order in which they are sent.
    pub headers: Vec<(&'static str, String)>,
    /// The body, JSON or empty.
    pub body: String,
}
