//! Paths of the contract, section 1, and their routes.

use crate::remediation::GraphVersion;

/// Route of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `GET /healthz`.
    Health,
    /// `GET /openapi.json`: the description of all routes.
    Description,
    /// `GET /openapi-3.0.json`: the same in OpenAPI 3.0.
    Description30,
    /// `POST /remediate`: submits a remediation, with the configured version of Graph.
    Remediate,
    /// `POST /remediate/messages`: remediates messages whose recipients the gateway reads from Graph.
    Messages,
    /// `POST /remediate/status`: reports which effects of a remediation have been observed.
    Status,
    /// `POST` to one of Graph's paths, with either name of the action: for SDKs.
    GraphPath(GraphVersion),
}

/// Routes at the gateway's own paths.
const OWN: [Route; 6] =
    [Route::Health, Route::Description, Route::Description30, Route::Remediate, Route::Messages, Route::Status];

/// Graph's paths, below the version: both names of the action.
const GRAPH_PATHS: [&str; 2] = [
    "security/collaboration/analyzedEmails/remediate",
    "security/collaboration/analyzedEmails/microsoft.graph.security.remediate",
];

impl Route {
    /// Returns the route of `path` for any method.
    ///
    /// Paths are compared as Graph does: the version exactly, and the rest ignoring case. One trailing slash is
    /// accepted. So is a doubled slash right after the version, which SDKs create from a base URL with a trailing
    /// slash.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        if let Some(route) = OWN.into_iter().find(|route| path.eq_ignore_ascii_case(route.name())) {
            return Some(route);
        }
        let (version, rest) = path.strip_prefix('/')?.split_once('/')?;
        let version = GraphVersion::parse(version)?;
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        GRAPH_PATHS.iter().any(|known| rest.eq_ignore_ascii_case(known)).then_some(Self::GraphPath(version))
    }

    /// Returns whether `path` begins with a version of Graph, as all of Graph's paths do, whether or not the gateway
    /// knows it.
    #[must_use]
    pub fn is_graph_path(path: &str) -> bool {
        let version = path.strip_prefix('/').and_then(|path| path.split('/').next());
        version.and_then(GraphVersion::parse).is_some()
    }

    /// Returns the methods of the route. HEAD is allowed wherever GET is (RFC 9110, section 9.1).
    #[must_use]
    pub const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Health | Self::Description | Self::Description30 => &["GET", "HEAD"],
            Self::Remediate | Self::Messages | Self::Status | Self::GraphPath(_) => &["POST"],
        }
    }

    /// Returns the route's path, which is its name in the log. Of Graph's paths, this is the one with the short name of
    /// the action.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Health => "/healthz",
            Self::Description => "/openapi.json",
            Self::Description30 => "/openapi-3.0.json",
            Self::Remediate => "/remediate",
            Self::Messages => "/remediate/messages",
            Self::Status => "/remediate/status",
            Self::GraphPath(GraphVersion::Beta) => "/beta/security/collaboration/analyzedEmails/remediate",
            Self::GraphPath(GraphVersion::V1) => "/v1.0/security/collaboration/analyzedEmails/remediate",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_routed_only_in_accepted_spellings() {
        use GraphVersion::{Beta, V1};
        for (path, expected) in [
            ("/remediate", Some(Route::Remediate)),
            ("/remediate/", Some(Route::Remediate)),
            ("/Remediate", Some(Route::Remediate)),
            ("/remediate/status", Some(Route::Status)),
            ("/Remediate/Status/", Some(Route::Status)),
            ("/remediate/messages", Some(Route::Messages)),
            ("/Remediate/MESSAGES/", Some(Route::Messages)),
            ("/remediate/messages/status", None),
            ("/remediate//status", None),
            ("/remediate/status/x", None),
            ("/status", None),
            ("/healthz", Some(Route::Health)),
            ("/openapi.json", Some(Route::Description)),
            ("/OpenAPI.json/", Some(Route::Description)),
            ("/openapi-3.0.json", Some(Route::Description30)),
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
            ("/v1.0//security/collaboration/analyzedEmails/remediate", Some(Route::GraphPath(V1))),
            (
                "/beta//security/collaboration/analyzedEmails/microsoft.graph.security.remediate/",
                Some(Route::GraphPath(Beta)),
            ),
            ("/v1.0///security/collaboration/analyzedEmails/remediate", None),
            ("//v1.0/security/collaboration/analyzedEmails/remediate", None),
            ("/v1.0/security//collaboration/analyzedEmails/remediate", None),
            ("/v1.0/security/collaboration/analyzedEmails//remediate", None),
            ("/v1.0//security/collaboration/analyzedEmails/remediate//", None),
            ("/v1.0//remediate", None),
            ("/v1.0/%2Fsecurity/collaboration/analyzedEmails/remediate", None),
            ("/v1.0/\\security/collaboration/analyzedEmails/remediate", None),
            ("/BETA/security/collaboration/analyzedEmails/remediate", None),
            ("/V1.0/security/collaboration/analyzedEmails/remediate", None),
            ("/v2.0/security/collaboration/analyzedEmails/remediate", None),
            ("/security/collaboration/analyzedEmails/remediate", None),
            ("/beta/security/collaboration/analyzedEmails", None),
            ("/remediate//", None),
            ("//remediate", None),
            ("/remediate/x", None),
            ("/%72emediate", None),
            // A `?` that is escaped begins no query: the path would send a remediation that the caller only wanted to
            // validate.
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

    #[test]
    fn graph_path_begins_with_a_version() {
        for (path, expected) in [
            ("/v1.0/me", true),
            ("/beta", true),
            ("/beta/", true),
            ("/v1.0//security/x", true),
            ("/BETA/me", false),
            ("/remediate", false),
            ("/v1.0x/me", false),
            ("//v1.0/me", false),
            ("/x/v1.0", false),
            ("/", false),
            ("", false),
        ] {
            assert_eq!(Route::is_graph_path(path), expected, "{path}");
        }
    }
}
