//! The audiences that a deployed gateway may have: names of the gateway's API, and no Microsoft API.
//!
//! Entra lets a tenant register an `api://` URI only for the tenant's own application, ID or verified domain. So the
//! check accepts this form and GUIDs. An https URI could be any vendor's API, and no list of those is complete. Only
//! GUIDs need a list.

use serde_json::Value;

use crate::error::DeployError;

/// Client IDs of Microsoft APIs whose tokens automation often holds. The two older series have patterns: see
/// [`MICROSOFT_SERIES`].
const MICROSOFT_IDS: [&str; 10] = [
    "022907d3-0f1b-48f7-badc-1ba6abab6d66", // Azure SQL
    "499b84ac-1321-427f-aa17-267ca6975798", // Azure DevOps
    "797f4846-ba00-4fd7-ba43-dac1f8f63013", // Azure Resource Manager
    "8ee8fdad-f234-4243-8f3b-15c294843740", // Microsoft Threat Protection
    "c5393580-f805-4401-95e8-94b7a6ef2fc2", // Office 365 Management
    "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5", // Log Analytics
    "cfa8b339-82a2-471a-a3c9-0fc0be7a4093", // Azure Key Vault
    "e406a681-f3d4-42a8-90b6-c2b029497af1", // Azure Storage
    "fb78d390-0c51-40cd-8e17-fdbfab77341b", // Exchange REST API for PowerShell
    "fc780465-2017-40d4-a0c5-307022471b92", // Defender for Endpoint
];
/// The ends of the client IDs of Microsoft's first services, such as Graph, Exchange and Dynamics.
const MICROSOFT_SERIES: [&str; 2] = ["-0000-0000-c000-000000000000", "-0000-0ff1-ce00-000000000000"];
/// The domains of Microsoft's APIs. No tenant can register them in an `api://` URI.
const MICROSOFT_DOMAINS: [&str; 8] = [
    "azure.com",
    "azure.net",
    "microsoft.com",
    "microsoftonline.com",
    "office.com",
    "office365.com",
    "sharepoint.com",
    "windows.net",
];
/// The audience of tokens for workload identity federation, `api://AzureADTokenExchange`, and those of other clouds.
const TOKEN_EXCHANGE: &str = "azureadtokenexchange";

/// Returns the texts in `AUDIENCE`, a text or an array, each with its key.
pub(crate) fn entries(audience: Option<&Value>) -> Vec<(String, &str)> {
    match audience {
        Some(Value::String(text)) => vec![("AUDIENCE".to_owned(), text)],
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| Some((format!("AUDIENCE[{index}]"), item.as_str()?)))
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns the reason why `audience` must not be deployed, if there is one.
pub(crate) fn find_error(audience: &str) -> Option<DeployError> {
    let text = audience.trim().to_ascii_lowercase();
    let (scheme, rest) = text.split_once("://").unwrap_or(("", &text));
    // A port, a path or a scope such as `/.default` does not change to whose API an audience belongs.
    let authority = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let is_within =
        |domain: &str| authority.strip_suffix(domain).is_some_and(|host| host.is_empty() || host.ends_with('.'));
    let is_microsoft = MICROSOFT_IDS.contains(&authority)
        || MICROSOFT_SERIES.iter().any(|end| authority.ends_with(end))
        || MICROSOFT_DOMAINS.into_iter().any(is_within)
        || authority.starts_with(TOKEN_EXCHANGE);
    let is_own_form =
        scheme == "api" && !authority.is_empty() || scheme.is_empty() && is_guid(rest.trim_end_matches('/'));
    match (is_microsoft, is_own_form) {
        (true, _) => Some(DeployError::MicrosoftAudience),
        (false, false) => Some(DeployError::ForeignAudience),
        _ => None,
    }
}

/// Returns whether `text` is 8-4-4-4-12 hexadecimal digits.
fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
