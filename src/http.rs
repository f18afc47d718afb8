//! The request and the answer as plain values, and the routes. Nothing here knows the platform.

use crate::config::GraphVersion;
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
}

/// A request's body, not read yet.
pub trait Body {
    /// Reads the body, of which `declared` is the `Content-Length` where there was one, and stops as soon as it exceeds `cap` bytes.
    ///
    /// # Errors
    ///
    /// [`BodyFailure`].
    #[expect(async_fn_in_trait, reason = "an isolate is single-threaded: no caller could want `Send` futures")]
    async fn read(self, declared: Option<u64>, cap: usize) -> Result<Vec<u8>, BodyFailure>;
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFailure {
    /// More bytes came than may.
    #[error("the body is too large")]
    TooLarge,
    /// The body ended before it was whole.
    #[error("the body was cut off")]
    CutOff,
}

/// An answer, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names and values of the headers, in the order in which they are sent.
    pub headers: Vec<(&'static str, String)>,
    /// The body, JSON or empty.
    pub body: String,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `GET /healthz`.
    Health,
    /// `GET /openapi.json`: the description of all routes.
    Description,
    /// `POST /remediate`: the main job, with the configured version of Graph.
    Remediate,
    /// `POST` to a path of Graph's own, under either name of the action: the drop-in.
    GraphPath(GraphVersion),
}

impl Route {
    /// The route of `path`, whatever the method. Paths compare as Graph's do: the version exactly, the rest without regard to
    /// case, and one trailing slash is tolerated.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path).strip_prefix('/')?;
        if path.eq_ignore_ascii_case("remediate") {
            return Some(Self::Remediate);
        }
        if path.eq_ignore_ascii_case("healthz") {
            return Some(Self::Health);
        }
        if path.eq_ignore_ascii_case("openapi.json") {
            return Some(Self::Description);
        }
        let (version, rest) = path.split_once('/')?;
        let version = GraphVersion::from_segment(version)?;
        let known = rest.eq_ignore_ascii_case("security/collaboration/analyzedEmails/remediate")
            || rest.eq_ignore_ascii_case("security/collaboration/analyzedEmails/microsoft.graph.security.remediate");
        known.then_some(Self::GraphPath(version))
    }

    /// The one method that the route answers to, as `Allow` names it.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Health | Self::Description => "GET",
            Self::Remediate | Self::GraphPath(_) => "POST",
        }
    }

    /// The route's name in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Health => "/healthz",
            Self::Description => "/openapi.json",
            Self::Remediate => "/remediate",
            Self::GraphPath(GraphVersion::Beta) => "/beta/security/collaboration/analyzedEmails/remediate",
            Self::GraphPath(GraphVersion::V1) => "/v1.0/security/collaboration/analyzedEmails/remediate",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_route_as_graphs_do() {
        use GraphVersion::{Beta, V1};
        for (path, expected) in [
            ("/remediate", Some(Route::Remediate)),
            ("/remediate/", Some(Route::Remediate)),
            ("/Remediate", Some(Route::Remediate)),
            ("/healthz", Some(Route::Health)),
            ("/openapi.json", Some(Route::Description)),
            ("/OpenAPI.json/", Some(Route::Description)),
            ("/openapi", None),
            ("/beta/security/collaboration/analyzedEmails/remediate", Some(Route::GraphPath(Beta))),
            ("/v1.0/security/collaboration/analyzedEmails/remediate", Some(Route::GraphPath(V1))),
            ("/v1.0/Security/Collaboration/AnalyzedEmails/Remediate/", Some(Route::GraphPath(V1))),
            (
                "/beta/security/collaboration/analyzedEmails/microsoft.graph.security.remediate",
                Some(Route::GraphPath(Beta)),
            ),
            (
                "/v1.0/security/collaboration/analyzedemails/Microsoft.Graph.Security.Remediate",
                Some(Route::GraphPath(V1)),
            ),
            ("/BETA/security/collaboration/analyzedEmails/remediate", None),
            ("/V1.0/security/collaboration/analyzedEmails/remediate", None),
            ("/v2.0/security/collaboration/analyzedEmails/remediate", None),
            ("/security/collaboration/analyzedEmails/remediate", None),
            ("/beta/security/collaboration/analyzedEmails", None),
            ("/remediate//", None),
            ("//remediate", None),
            ("/remediate/x", None),
            ("/%72emediate", None),
            // A query that is not one: the path would send what was only to be validated.
            ("/remediate;validateOnly=true", None),
            ("/remediate/;validateOnly=true", None),
            ("/remediate&validateOnly=true", None),
            ("/remediate%3FvalidateOnly=true", None),
            ("/remediate%3fvalidateOnly=true/", None),
            ("/remediate%253FvalidateOnly=true", None),
            ("/remediate#validateOnly=true", None),
            ("/remediate/validateOnly=true", None),
            ("/remediate%20", None),
            ("/remediate%00", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(Route::of(path), expected, "{path}");
        }
    }
}
