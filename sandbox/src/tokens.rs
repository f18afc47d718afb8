//! Access tokens of Entra ID, in the form of section 3 of the facts.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::settings::{CALLER_CLIENT_ID, CALLER_OBJECT_ID, Settings};

/// Graph's audience as a URI.
pub const GRAPH_AUDIENCE: &str = "https://graph.microsoft.com";
/// Graph's audience as a client ID.
pub const GRAPH_APPLICATION_ID: &str = "00000003-0000-0000-c000-000000000000";
/// Permission that remediation needs (facts, section 1).
pub const GRAPH_ROLE: &str = "SecurityAnalyzedMessage.ReadWrite.All";
/// Application permission that is sufficient to list analyzed emails.
pub const GRAPH_READ_ROLE: &str = "SecurityAnalyzedMessage.Read.All";

/// Default lifetime of a caller's token, in seconds. Entra ID's tokens live 60 to 90 minutes (facts, section 2).
const DEFAULT_LIFETIME: i64 = 4_200;

/// Format of a token. In Entra ID, the resource's `accessTokenAcceptedVersion` selects it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TokenVersion {
    /// `iss` is `https://sts.windows.net/{tid}/`, `appid` has the client ID, and `aud` is mostly an App ID URI.
    V1,
    /// `iss` is `{login}/{tid}/v2.0`, `azp` has the client ID, and `aud` is always a GUID.
    #[default]
    V2,
}

impl<'de> Deserialize<'de> for TokenVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            _ => Err(serde::de::Error::custom("version must be 1 or 2")),
        }
    }
}

/// Request for a caller's token. The default is an app-only v2 token of the development caller.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct TokenRequest {
    /// Token format, version 2 by default.
    pub version: TokenVersion,
    /// `aud`. The default is the App ID URI of the gateway in version 1, and the GUID of its application in version 2.
    pub audience: Option<String>,
    /// `oid`, by default of the development caller.
    pub object_id: Option<String>,
    /// `tid`, also used in the issuer. The default is the sandbox's tenant.
    pub tenant_id: Option<String>,
    /// `scp`, joined with spaces. Any scope makes the token delegated.
    pub scopes: Vec<String>,
    /// `roles`. An empty list omits the claim, as Entra ID does.
    pub roles: Vec<String>,
    /// Whether `idtyp` is `app` or `user`. The default follows from the scopes.
    pub app_only: Option<bool>,
    /// Seconds from now to `exp`, negative for an expired token.
    pub expires_in: Option<i64>,
    /// Seconds from now to `nbf`, 0 by default.
    pub not_before: Option<i64>,
    /// Claims that replace the others. `null` removes a claim.
    pub claims: Map<String, Value>,
    /// Members that replace those of the JOSE header. `null` removes a member. The signature stays RS256.
    pub header: Map<String, Value>,
}

impl TokenRequest {
    pub(crate) fn lifetime(&self) -> i64 {
        self.expires_in.unwrap_or(DEFAULT_LIFETIME)
    }

    pub(crate) fn claims(&self, settings: &Settings, base_url: &str, now: i64) -> Map<String, Value> {
        let tenant = self.tenant_id.as_deref().unwrap_or(&settings.tenant_id);
        let object = self.object_id.as_deref().unwrap_or(CALLER_OBJECT_ID);
        let app_only = self.app_only.unwrap_or(self.scopes.is_empty());
        let of_version = match self.version {
            TokenVersion::V1 => &settings.audience,
            TokenVersion::V2 => &settings.application_id,
        };
        let mut claims = json!({
            "aud": self.audience.as_deref().unwrap_or(of_version),
            "iat": now,
            "nbf": now.saturating_add(self.not_before.unwrap_or(0)),
            "exp": now.saturating_add(self.lifetime()),
            "idtyp": if app_only { "app" } else { "user" },
            "oid": object,
            // An application's subject is its service principal. A person's subject differs per application.
            "sub": if app_only { object.to_owned() } else { format!("{object}-pairwise") },
            "tid": tenant,
            "uti": Uuid::new_v4().simple().to_string(),
        });
        let version_claims = match self.version {
            TokenVersion::V1 => json!({
                "iss": format!("https://sts.windows.net/{tenant}/"),
                "ver": "1.0",
                "appid": CALLER_CLIENT_ID,
                "appidacr": "1",
            }),
            TokenVersion::V2 => json!({
                "iss": v2_issuer(base_url, tenant),
                "ver": "2.0",
                "azp": CALLER_CLIENT_ID,
                "azpacr": "1",
            }),
        };
        merge(&mut claims, &version_claims);
        if !self.scopes.is_empty() {
            merge(&mut claims, &json!({ "scp": self.scopes.join(" ") }));
        }
        if !self.roles.is_empty() {
            merge(&mut claims, &json!({ "roles": self.roles }));
        }
        merge(&mut claims, &Value::Object(self.claims.clone()));
        match claims {
            Value::Object(claims) => claims,
            _ => Map::new(),
        }
    }

    /// Returns the JOSE header. `typ` is "JWT", because Entra ID does not use RFC 9068's `at+jwt` (facts, section 3).
    pub(crate) fn header(&self, kid: &str) -> Value {
        let mut header = json!({ "typ": "JWT", "alg": "RS256", "kid": kid });
        merge(&mut header, &Value::Object(self.header.clone()));
        header
    }
}

/// Returns the issuer of v2 tokens, built from the login URL in the same way as in the gateway.
pub(crate) fn v2_issuer(base_url: &str, tenant: &str) -> String {
    format!("{base_url}/{tenant}/v2.0")
}

/// Replaces members of `under` with those of `over`. A null removes a member.
fn merge(under: &mut Value, over: &Value) {
    if let (Some(under), Some(over)) = (under.as_object_mut(), over.as_object()) {
        for (name, value) in over {
            if value.is_null() {
                under.remove(name);
            } else {
                under.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Properties of an issued token that Graph checks.
#[derive(Clone, Debug)]
pub(crate) struct IssuedToken {
    pub(crate) token: String,
    pub(crate) claims: Map<String, Value>,
    /// Whether the header was changed, so that Entra ID would not issue this token.
    pub(crate) tampered: bool,
}

impl IssuedToken {
    pub(crate) fn text(&self, claim: &str) -> &str {
        self.claims.get(claim).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn second(&self, claim: &str) -> Option<i64> {
        self.claims.get(claim).and_then(Value::as_i64)
    }

    pub(crate) fn has_role(&self, role: &str) -> bool {
        let roles = self.claims.get("roles").and_then(Value::as_array);
        roles.is_some_and(|roles| roles.iter().any(|held| held == role))
    }
}
