//! The settings that a Durable Object needs to call Microsoft, as one line of JSON.
//!
//! The Worker writes the line from its current environment, and the object reads it from the job. An object keeps the
//! environment with which it was constructed, so the object's environment may have an old secret.
//!
//! The line lists every tenant of the configuration, and the job names the caller's tenant. Tokens are cached per line.
//! If the list changes, the line changes, and no token of a removed tenant is used.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::config::{ClientCertificate, Config, Credential};
use crate::guid::Guid;
use crate::json;
use crate::secret::{Secret, SecretBytes};
use crate::time::Timestamp;

/// Settings for the calls to Entra's token endpoint and to Graph.
#[derive(Debug)]
pub struct GraphSettings {
    /// Entra tenant of the mailboxes: the caller's.
    pub tenant_id: Guid,
    /// The gateway's application, which has the permission in Graph.
    pub client_id: Guid,
    /// Secret or certificate of that application.
    pub credential: Credential,
    /// Scheme and authority of Graph, without a trailing slash.
    pub graph_url: String,
    /// Scheme and authority of Entra, without a trailing slash.
    pub login_url: String,
}

/// Members of the line. The type has no `Debug`, because it contains the credential.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SettingsLine {
    tenant_id: Guid,
    /// The tenants of callers in a tenant other than `tenant_id`, each followed by a space.
    tenants: String,
    client_id: Guid,
    credential: CredentialMember,
    graph_url: String,
    login_url: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum CredentialMember {
    Secret(String),
    #[serde(rename_all = "camelCase")]
    Certificate {
        private_key: String,
        thumbprint: String,
        not_after: u64,
    },
}

impl GraphSettings {
    /// Writes the line from a configuration. The line contains the credential and no line break.
    #[must_use]
    pub fn line(config: &Config) -> Secret {
        let mut tenants = String::new();
        for id in config.callers.iter().filter_map(|caller| caller.tenant_id).map(|id| id.to_string()) {
            if !tenants.contains(&id) {
                tenants.extend([&id, " "]);
            }
        }
        let line = SettingsLine {
            tenant_id: config.tenant_id,
            tenants,
            client_id: config.client_id,
            credential: match &config.credential {
                Credential::Secret(secret) => CredentialMember::Secret(secret.expose().to_owned()),
                Credential::Certificate(certificate) => CredentialMember::Certificate {
                    private_key: BASE64_STANDARD.encode(certificate.private_key.expose()),
                    thumbprint: certificate.thumbprint.clone(),
                    not_after: certificate.not_after.millis(),
                },
            },
            graph_url: config.graph_url.clone(),
            login_url: config.login_url.clone(),
        };
        Secret::new(serde_json::to_string(&line).unwrap_or_default())
    }

    /// Parses the line for `tenant_id`; `None` means `TENANT_ID`. Returns `None` if [`GraphSettings::line`] did not
    /// write the line, or wrote it without this tenant.
    #[must_use]
    pub fn parse(line: &[u8], tenant_id: Option<&str>) -> Option<Self> {
        let line: SettingsLine = json::read(line)?;
        if tenant_id.is_some_and(|id| !line.tenants.contains(id)) {
            return None;
        }
        let credential = match line.credential {
            CredentialMember::Secret(secret) => Credential::Secret(Secret::new(secret)),
            CredentialMember::Certificate { private_key, thumbprint, not_after } => {
                Credential::Certificate(ClientCertificate {
                    private_key: SecretBytes::new(BASE64_STANDARD.decode(private_key).ok()?),
                    thumbprint,
                    not_after: Timestamp::from_millis(not_after),
                })
            }
        };
        Some(Self {
            tenant_id: tenant_id.map_or(Ok(line.tenant_id), str::parse).ok()?,
            client_id: line.client_id,
            credential,
            graph_url: line.graph_url,
            login_url: line.login_url,
        })
    }

    /// Returns the settings of a configuration, read back from the line.
    #[cfg(test)]
    pub(crate) fn of(config: &Config) -> Self {
        Self::parse(Self::line(config).expose().as_bytes(), None).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Variables;
    use crate::tests::support::certificate::{of, pkcs8};
    use crate::tests::support::entra::CURRENT;
    use crate::tests::support::runtime::TestRuntime;
    use crate::tests::support::variables_with;

    #[test]
    fn graph_settings_are_unchanged_by_serialize_and_parse() {
        let secret = "a \"secret\" \\ with\na line break and é";
        let by_secret = variables_with("CLIENT_SECRET", json!(secret));
        let mut by_certificate: Variables = variables_with("GRAPH_URL", json!("https://graph.example"));
        by_certificate.remove("CLIENT_SECRET");
        by_certificate.insert("CLIENT_CERTIFICATE", json!(format!("{}{}", pkcs8(&CURRENT.private), of(&CURRENT))));
        for variables in [by_secret, by_certificate] {
            let config = TestRuntime::default().check(&variables).unwrap();
            let line = GraphSettings::line(&config);
            assert!(!line.expose().contains('\n'), "it is one line");
            let read = GraphSettings::parse(line.expose().as_bytes(), None).unwrap();
            assert_eq!((read.tenant_id, read.client_id), (config.tenant_id, config.client_id));
            assert_eq!((&read.graph_url, &read.login_url), (&config.graph_url, &config.login_url));
            match (&read.credential, &config.credential) {
                (Credential::Secret(read), Credential::Secret(written)) => assert_eq!(read, written),
                (Credential::Certificate(read), Credential::Certificate(written)) => {
                    assert_eq!(read.private_key, written.private_key);
                    assert_eq!((&read.thumbprint, read.not_after), (&written.thumbprint, written.not_after));
                }
                other => panic!("{other:?}"),
            }
            assert!(!format!("{read:?}").contains("line break"), "a secret is shown");
        }
    }

    #[test]
    fn malformed_graph_settings_are_rejected() {
        let line = GraphSettings::line(&TestRuntime::default().check(&crate::tests::support::variables()).unwrap());
        let line = line.expose();
        for wrong in [
            String::new(),
            "{}".to_owned(),
            line.replace("tenantId", "tenant"),
            line.replacen('{', r#"{"more":1,"#, 1),
            line.replace("aaaabbbb-", "aaaabbbb"),
            line.replace("secret", "certificate"),
        ] {
            assert!(GraphSettings::parse(wrong.as_bytes(), None).is_none(), "{wrong}");
        }
    }
}
