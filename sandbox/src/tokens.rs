//! The access tokens that Entra issues, shaped as section 3 of the facts says.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::settings::{CALLER_CLIENT_ID, CALLER_OBJECT_ID, Settings};

/// Graph's audience, by name.
pub const GRAPH_AUDIENCE: &str = "https://graph.microsoft.com";
/// Graph's audience, by application id.
pub const GRAPH_APPLICATION_ID: &str = "00000003-0000-0000-c000-000000000000";
/// The one permission that remediation needs (facts, section 1).
pub const GRAPH_ROLE: &str = "SecurityAnalyzedMessage.ReadWrite.All";
/// The application permission that suffices to list analyzed emails.
pub const GRAPH_READ_ROLE: &str = "SecurityAnalyzedMessage.Read.All";

/// How long a caller's token lives unless asked otherwise. Entra's live 60 to 90 minutes (facts, section 2).
const DEFAULT_LIFETIME: i64 = 4_200;

/// Which of Entra's two token formats; the resource's `accessTokenAcceptedVersion` decides it in real life.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TokenVersion {
    /// `iss` is `https://sts.windows.net/{tid}/`, the client is in `appid`, `aud` is mostly an App ID URI.
    V1,
    /// `iss` is `{login}/{tid}/v2.0`, the client is in `azp`, `aud` is always a GUID.
    #[default]
    V2,
}

impl<'de> Deserialize<'de> for TokenVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            _ => Err(serde::de::Error::custom("version is 1 or 2")),
        }
    }
}

/// A caller's token to be issued. The default is an app-only v2 token of the development caller.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct TokenRequest {
    /// Format 1 or 2; 2 unless said.
    pub version: TokenVersion,
    /// `aud`; unless said, the gateway's App ID URI in version 1, and the GUID of its application in version 2.
    pub audience: Option<String>,
    /// `oid`; the development caller's unless said.
    pub object_id: Option<String>,
    /// `tid`, and with it the issuer; the sandbox's tenant unless said.
    pub tenant_id: Option<String>,
    /// `scp`, joined with spaces. Any scope makes the token a delegated one.
    pub scopes: Vec<String>,
    /// `roles`; absent when empty, as Entra leaves it out.
    pub roles: Vec<String>,
    /// Whether `idtyp` is `app` or `user`; follows from the scopes unless said.
    pub app_only: Option<bool>,
    /// Seconds from now to `exp`; negative for a token that has ended.
    pub expires_in: Option<i64>,
    /// Seconds from now to `nbf`; 0 unless said.
    pub not_before: Option<i64>,
    /// Merged over the claims at the end; `null` takes a claim away.
    pub claims: Map<String, Value>,
    /// Merged over the JOSE header; `null` takes a member away. The signature stays RS256.
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
            // For an application the subject is the service principal; for a person it differs per application.
            "sub": if app_only { object.to_owned() } else { format!("{object}-pairwise") },
            "tid": tenant,
            "uti": Uuid::new_v4().simple().to_string(),
        });
        let shape = match self.version {
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
        merge(&mut claims, &shape);
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

    /// `typ` is always "JWT": RFC 9068's `at+jwt` is not Entra's (facts, section 3).
    pub(crate) fn header(&self, kid: &str) -> Value {
        let mut header = json!({ "typ": "JWT", "alg": "RS256", "kid": kid });
        merge(&mut header, &Value::Object(self.header.clone()));
        header
    }
}

/// The issuer of v2 tokens, made from the login URL as the gateway makes it.
pub(crate) fn v2_issuer(base_url: &str, tenant: &str) -> String {
    format!("{base_url}/{tenant}/v2.0")
}

/// Members of `over` replace those of `under`; a null takes one away.
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

/// What Graph looks at in a token that Entra issued.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) token: String,
    pub(crate) claims: Map<String, Value>,
    /// Its header was tampered with: no longer a token that Entra would issue.
    pub(crate) tampered: bool,
}

impl Issued {
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
