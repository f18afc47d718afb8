//! Settings of a sandbox.

use std::{fmt, net::SocketAddr};

use crate::{assertion::ClientCertificate, record::Recorded};

/// Tenant of a development sandbox, from the sample GUIDs in Microsoft's documentation.
pub const TENANT_ID: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// Second tenant of every sandbox. It has consented to the gateway's application.
pub const SECOND_TENANT_ID: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
/// Tenant of every sandbox that has not consented to the gateway's application.
pub const TENANT_WITHOUT_CONSENT: &str = "ccccdddd-2222-eeee-3333-ffff4444aaaa";
/// Client ID of the gateway's application, which requests Graph tokens.
pub const CLIENT_ID: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
/// App ID URI of the application that represents the gateway's API. Callers request tokens for it.
pub const AUDIENCE: &str = "api://remediation-gateway";
/// GUID of the same application, which version 2 tokens contain instead of the URI.
pub const APPLICATION_ID: &str = "22223333-cccc-4444-dddd-5555eeee6666";
/// Object ID of the development caller.
pub const CALLER_OBJECT_ID: &str = "aaaaaaaa-bbbb-cccc-1111-222222222222";
/// Client ID of the development caller.
pub const CALLER_CLIENT_ID: &str = "11112222-bbbb-3333-cccc-4444dddd5555";

/// Settings of a sandbox. Everything except the client secret has a development value.
#[derive(Clone)]
pub struct Settings {
    /// Address to listen on. The default port 0 selects a free port.
    pub listen: SocketAddr,
    /// First tenant, which issues the callers' tokens.
    pub tenant_id: String,
    /// Client ID of the only application that may request Graph tokens.
    pub client_id: String,
    /// Secret of that application. There is no default, because a published secret could end up in a deployment.
    pub client_secret: String,
    /// Certificates of that application, none by default. There are several during a rotation.
    pub client_certificates: Vec<ClientCertificate>,
    /// Default `aud` of version 1 caller tokens.
    pub audience: String,
    /// Default `aud` of version 2 caller tokens.
    pub application_id: String,
    /// Function that is called after every exchange with Entra ID or Graph. The default does nothing.
    pub on_exchange: fn(&Recorded),
}

impl Settings {
    /// Returns development settings with this client secret, on a free port of 127.0.0.1.
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

    /// Returns the ID of an existing tenant, in the spelling of its tokens.
    pub(crate) fn tenant(&self, id: &str) -> Option<&str> {
        let tenants = [self.tenant_id.as_str(), SECOND_TENANT_ID, TENANT_WITHOUT_CONSENT];
        tenants.into_iter().find(|tenant| tenant.eq_ignore_ascii_case(id))
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
