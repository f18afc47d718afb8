//! The two issuers of the tenant.

use crate::config::Config;

/// Issuer of a token. The resource application's `accessTokenAcceptedVersion` selects it (facts, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// Tokens of version 1.0, from `sts.windows.net`.
    V1,
    /// Tokens of version 2.0, from the login endpoint.
    V2,
}

impl Issuer {
    /// Returns the exact `iss` of the issuer's tokens.
    #[must_use]
    pub fn name(self, config: &Config) -> String {
        match self {
            Self::V1 => format!("https://sts.windows.net/{}/", config.tenant_id),
            Self::V2 => format!("{}/{}/v2.0", config.login_url, config.tenant_id),
        }
    }

    /// Returns the URL of the issuer's keys.
    #[must_use]
    pub fn keys_url(self, config: &Config) -> String {
        let path = match self {
            Self::V1 => "discovery/keys",
            Self::V2 => "discovery/v2.0/keys",
        };
        format!("{}/{}/{path}", config.login_url, config.tenant_id)
    }

    pub(super) const fn version(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }
}
