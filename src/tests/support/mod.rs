//! What the native tests of the pipeline share: a platform without a world.
//!
//! - [`runtime`]: the ports, with a clock that moves only when a test moves it;
//! - [`storage`]: a ledger's storage in memory, which the fuzz targets use too;
//! - [`stage`]: runs futures on that platform, one thread, in a fixed order;
//! - [`upstream`]: Microsoft, scripted per URL, and what was asked of it;
//! - [`certificate`]: certificates of the gateway's, good and unfit, by libraries that it does not use;
//! - [`entra`]: RSA keys and tokens, good and forged, by a library that the gateway does not use;
//! - [`gateway`]: a whole gateway, asked as its callers ask it;
//! - [`description`]: the OpenAPI description, which all that it answers is held against.

pub(crate) mod certificate;
pub(crate) mod description;
pub(crate) mod entra;
pub(crate) mod gateway;
pub(crate) mod runtime;
pub(crate) mod stage;
pub(crate) mod storage;
pub(crate) mod upstream;

use std::rc::Rc;

use serde_json::{Value, json};

use crate::caches::Environment;
use crate::code::Code;
use crate::config::{LEDGER, Variables};
use crate::http::Response;
use crate::problem::error::GatewayError;
use crate::problem::{self, ProblemContext};
use crate::time::Timestamp;

/// The tenant of the gateway, and another.
pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
pub(crate) const OTHER_TENANT: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
/// The gateway's audience, in the two forms that Entra has for it.
pub(crate) const AUDIENCE: &str = "api://remediation-gateway";
pub(crate) const AUDIENCE_GUID: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
/// The object ids of [`variables`]' callers, and one that is nobody's.
pub(crate) const PLAYBOOK: &str = "11111111-0000-0000-0000-000000000001";
pub(crate) const ROLE_BEARER: &str = "11111111-0000-0000-0000-000000000002";
pub(crate) const NOBODY: &str = "11111111-0000-0000-0000-00000000000f";
/// The role that [`ROLE_BEARER`] must have.
pub(crate) const ROLE: &str = "Remediation.Execute";
/// The API keys of the caller "script", in the middle of a rotation, and of the caller "cron".
pub(crate) const SCRIPT_KEYS: [&str; 2] = ["rgk_of-the-script-old", "rgk_of-the-script-new"];
pub(crate) const CRON_KEY: &str = "rgk_of:cron";
/// The id of an exchange.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000001";
/// The gateway's own secret.
pub(crate) const CLIENT_SECRET: &str = "the~client.secret";

/// Where the gateway's tenant publishes its keys, in version 1.0 and 2.0.
pub(crate) const KEYS_V1: &str =
    "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/discovery/keys";
pub(crate) const KEYS_V2: &str =
    "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/discovery/v2.0/keys";

/// A whole configuration: two callers by token, two by key.
pub(crate) fn variables() -> Variables {
    Variables::from([
        ("TENANT_ID", json!(TENANT)),
        ("CLIENT_ID", json!(AUDIENCE_GUID)),
        ("CLIENT_SECRET", json!(CLIENT_SECRET)),
        (LEDGER, json!({})),
        ("AUDIENCE", json!([AUDIENCE, AUDIENCE_GUID])),
        (
            "CALLERS",
            json!([
                { "name": "playbook", "object_id": PLAYBOOK, "actions": ["softDelete", "moveToJunk"], "recipient_domains": ["*"] },
                { "name": "role-bearer", "object_id": ROLE_BEARER, "role": ROLE, "actions": ["softDelete"], "recipient_domains": ["*"] },
                { "name": "script", "api_key_sha256": SCRIPT_KEYS.map(sha256), "actions": ["softDelete"], "recipient_domains": ["*"] },
                { "name": "cron", "api_key_sha256": [sha256(CRON_KEY)], "actions": ["softDelete"], "recipient_domains": ["*"] },
            ]),
        ),
    ])
}

/// An environment of the platform with these variables.
#[derive(Clone)]
pub(crate) struct Fixed(Rc<Variables>);

impl Fixed {
    pub(crate) fn new(variables: Variables) -> Self {
        Self(Rc::new(variables))
    }
}

impl Environment for Fixed {
    fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    fn variables(&self) -> Variables {
        (*self.0).clone()
    }
}

/// [`variables`] with one of them replaced.
pub(crate) fn variables_with(name: &'static str, value: Value) -> Variables {
    let mut variables = variables();
    variables.insert(name, value);
    variables
}

/// The SHA-256 of a key, as it stands in `CALLERS`.
pub(crate) fn sha256(key: &str) -> String {
    use rsa::sha2::{Digest, Sha256};
    Sha256::digest(key)
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

/// What an error answers, whatever the pipeline would have to go through to come to it.
pub(crate) fn refused(error: &GatewayError) -> (Code, Response) {
    let now = Timestamp::from_seconds(runtime::START);
    problem::to_response(
        error,
        ProblemContext { instance: None, is_graph_path: false, request_id: REQUEST_ID, client_request_id: None, now },
    )
}
