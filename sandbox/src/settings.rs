//! What a sandbox is told before it starts.

use std::{fmt, net::SocketAddr};

use crate::{assertion::ClientCertificate, record::Recorded};

/// The tenant of a development sandbox: one of the sample GUIDs of Microsoft's documentation.
pub const TENANT_ID: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// The gateway's own application, which asks for Graph tokens.
pub const CLIENT_ID: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
/// The App ID URI of the application that stands for the gateway's API: what callers ask tokens for.
pub const AUDIENCE: &str = "api://remediation-gateway";
/// Its GUID, which tokens of version 2 name in place of the URI.
pub const APPLICATION_ID: &str = "22223333-cccc-4444-dddd-5555eeee6666";
/// The object id of the development caller.
pub const CALLER_OBJECT_ID: &str = "aaaaaaaa-bbbb-cccc-1111-222222222222";
/// The application id of the development caller.
pub const CALLER_CLIENT_ID: &str = "11112222-bbbb-3333-cccc-4444dddd5555";

/// What a sandbox is told before it starts. Everything but the client secret has a development value.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen. Port 0, the default, takes a free one.
    pub listen: SocketAddr,
    /// The one tenant that exists here.
    pub tenant_id: String,
    /// The one application that may ask for Graph tokens.
    pub client_id: String,
    /// Its secret. There is no default: a secret known to everyone would find its way into a deployment.
    pub client_secret: String,
    /// Its certificates, none by default: more than one while they rotate.
    pub client_certificates: Vec<ClientCertificate>,
    /// The `aud` of the caller tokens of version 1 that do not ask for another.
    pub audience: String,
    /// The same of version 2.
    pub application_id: String,
    /// Called once for every exchange with Entra or Graph, when its outcome is known. Does nothing by default.
    pub on_exchange: fn(&Recorded),
}

impl Settings {
    /// The development settings with this client secret, on a free port of 127.0.0.1.
    pub fn new(client_secret: impl Into<String>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tenant_id: TENANT_ID.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: client_secret.into(),
            client_certificates: Vec::new(),
            audience: AUDIENCE.to_owned(),
            application_id: APPLICATION_ID.to_owned(),
            on_exchange: |_| {},
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("listen", &self.listen)
            .field("tenant_id", &self.tenant_id)
            .field("client_id", &self.client_id)
            .field("audience", &self.audience)
            .field("application_id", &self.application_id)
            .finish_non_exhaustive()
    }
}
