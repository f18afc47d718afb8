//! Simulated platform and other shared code for the pipeline's native tests.
//!
//! - [`runtime`]: the ports, with a clock that moves only when a test moves it;
//! - [`storage`]: a ledger's storage in memory, which the fuzz targets use too;
//! - [`stage`]: an executor for futures on that platform, with one thread and a fixed order;
//! - [`upstream`]: Microsoft, scripted per URL, and a record of the calls;
//! - [`certificate`]: valid and invalid certificates, made by libraries that the gateway does not use;
//! - [`entra`]: RSA keys and valid and forged tokens, made by a library that the gateway does not use;
//! - [`gateway`]: a complete gateway that tests call as its callers do;
//! - [`description`]: the OpenAPI description, against which all responses are checked.

pub(crate) mod certificate;
pub(crate) mod description;
pub(crate) mod entra;
pub(crate) mod gateway;
pub(crate) mod runtime;
pub(crate) mod stage;
pub(crate) mod storage;
pub(crate) mod upstream;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::{Value, json};

use crate::caches::Environment;
use crate::code::Code;
use crate::config::{LEDGER, Variables};
use crate::http::Response;
use crate::problem::error::GatewayError;
use crate::problem::{self, ProblemContext};
use crate::time::Timestamp;

/// Tenant of the gateway, and another tenant.
pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
pub(crate) const OTHER_TENANT: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
/// Audience of the gateway, in Entra ID's two forms.
pub(crate) const AUDIENCE: &str = "api://remediation-gateway";
pub(crate) const AUDIENCE_GUID: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
/// Object IDs of the callers in [`variables`], and one without a caller.
pub(crate) const PLAYBOOK: &str = "11111111-0000-0000-0000-000000000001";
pub(crate) const ROLE_BEARER: &str = "11111111-0000-0000-0000-000000000002";
pub(crate) const NOBODY: &str = "11111111-0000-0000-0000-00000000000f";
/// Role that [`ROLE_BEARER`] must have.
pub(crate) const ROLE: &str = "Remediation.Execute";
/// API keys of the caller "script" during a rotation, and of the caller "cron".
pub(crate) const SCRIPT_KEYS: [&str; 2] = ["rgk_of-the-script-old", "rgk_of-the-script-new"];
pub(crate) const CRON_KEY: &str = "rgk_of:cron";
/// Request ID of an exchange.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000001";
/// Client secret of the gateway.
pub(crate) const CLIENT_SECRET: &str = "the~client.secret";

/// URLs of the tenant's keys, in version 1.0 and 2.0.
pub(crate) const KEYS_V1: &str =
    "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/discovery/keys";
pub(crate) const KEYS_V2: &str =
    "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/discovery/v2.0/keys";

/// Returns a complete configuration: two callers with tokens, two with keys.
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

/// Environment of the platform with these variables.
#[derive(Clone)]
pub(crate) struct FixedEnvironment {
    variables: Rc<Variables>,
    pub(crate) limiter: Rc<TestLimiter>,
}

/// Rate limiting binding whose verdict a test sets.
#[derive(Default)]
pub(crate) struct TestLimiter {
    pub(crate) verdict: Cell<Verdict>,
    /// Key of each counted request.
    pub(crate) keys: RefCell<Vec<String>>,
}

/// Response of the rate limiting binding.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Verdict {
    #[default]
    Within,
    Beyond,
    Fails,
    Hangs,
}

impl FixedEnvironment {
    pub(crate) fn new(variables: Variables) -> Self {
        Self { variables: Rc::new(variables), limiter: Rc::default() }
    }
}

impl Environment for FixedEnvironment {
    fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.variables, &other.variables)
    }

    fn variables(&self) -> Variables {
        (*self.variables).clone()
    }

    async fn count_request(&self, key: &str) -> Option<bool> {
        self.limiter.keys.borrow_mut().push(key.to_owned());
        match self.limiter.verdict.get() {
            Verdict::Within => Some(true),
            Verdict::Beyond => Some(false),
            Verdict::Fails => None,
            Verdict::Hangs => std::future::pending().await,
        }
    }
}

/// Returns [`variables`] with one variable replaced.
pub(crate) fn variables_with(name: &'static str, value: Value) -> Variables {
    let mut variables = variables();
    variables.insert(name, value);
    variables
}

/// Returns the SHA-256 of a key, in the form of `CALLERS`.
pub(crate) fn sha256(key: &str) -> String {
    use rsa::sha2::{Digest, Sha256};
    Sha256::digest(key)
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

/// Returns the code and response for an error, without running the pipeline.
pub(crate) fn error_response(error: &GatewayError) -> (Code, Response) {
    let began = Timestamp::from_seconds(runtime::START);
    problem::to_response(
        error,
        ProblemContext { instance: None, is_graph_path: false, request_id: REQUEST_ID, client_request_id: None, began },
    )
}
