//! Callers and their payloads. Each caller has its own recipient domain, which identifies the caller's data in any
//! text.

use acceptance::{API_KEY, API_KEY_SHA256, Bindings, Gateway, World, guid};
use reqwest::RequestBuilder;
use sandbox::{SECOND_TENANT_ID, TENANT_ID, TokenRequest};
use serde_json::{Value, json};

/// Number of callers. The last one has a key, the others have tokens. Every second one is in the second tenant.
pub(crate) const CALLERS: usize = 5;

/// Caller with its credential.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) index: usize,
    /// Text in all recipients of this caller, and in no text of another caller.
    pub(crate) mark: String,
    /// Tenant whose mailboxes this caller may touch.
    pub(crate) tenant: &'static str,
    /// Quota in emails per hour, different for each caller.
    pub(crate) per_hour: u64,
    object_id: Option<String>,
    token: String,
}

/// Returns all callers.
pub(crate) fn all(world: &World) -> Vec<Caller> {
    let caller = |index| {
        let object_id = (index + 1 < CALLERS).then(guid);
        let token = TokenRequest { object_id: object_id.clone(), ..TokenRequest::default() };
        Caller {
            index,
            mark: format!("mark-{index}-{}", fastrand::u32(..)),
            tenant: if index % 2 == 0 { TENANT_ID } else { SECOND_TENANT_ID },
            per_hour: 2_500_000 - u64::try_from(index).unwrap_or_default(),
            object_id,
            token: world.sandbox.issue_token(&token),
        }
    };
    (0..CALLERS).map(caller).collect()
}

/// Returns the variables of the gateway.
pub(crate) fn bindings(world: &World, callers: &[Caller]) -> Bindings {
    let table = |caller: &Caller| {
        let mut table = json!({
            "name": caller.name(),
            "actions": ["softDelete", "moveToJunk"],
            "recipient_domains": [format!("{}.example", caller.mark)],
            "senders_copy": true,
            "max_emails_per_hour": caller.per_hour,
        });
        if caller.tenant != TENANT_ID {
            table["tenant_id"] = json!(caller.tenant);
        }
        match &caller.object_id {
            Some(object_id) => table["object_id"] = json!(object_id),
            None => table["api_key_sha256"] = json!([API_KEY_SHA256]),
        }
        table
    };
    world.bindings_with(json!({ "CALLERS": callers.iter().map(table).collect::<Vec<_>>() }))
}

impl Caller {
    pub(crate) fn name(&self) -> String {
        format!("caller-{}", self.index)
    }

    /// Creates a request of this caller.
    pub(crate) fn post(&self, gateway: &Gateway, query: &str) -> RequestBuilder {
        let request = gateway.post(&format!("/remediate{query}")).header("Content-Type", "application/json");
        if self.object_id.is_some() { request.bearer_auth(&self.token) } else { request.header("X-API-Key", API_KEY) }
    }

    /// Returns a new remediation.
    pub(crate) fn remediation(&self, random: &mut fastrand::Rng) -> Value {
        let email = |index: usize| json!({ "networkMessageId": guid(), "recipientEmailAddress": format!("r{index}@{}.example", self.mark) });
        json!({
            "displayName": format!("of {}", self.mark),
            "description": format!(
                "A text of {}, {} characters more: {}",
                self.mark, self.index, "x".repeat(random.usize(..500)),
            ),
            "severity": "high",
            "action": random.choice(["softDelete", "moveToJunk"]),
            "remediateSendersCopy": random.bool(),
            "analyzedEmails": (0..random.usize(1..=30)).map(email).collect::<Vec<_>>(),
        })
    }
}

/// Returns the ID that identifies a remediation at the gateway and at Graph.
pub(crate) fn id(remediation: &Value) -> String {
    remediation["analyzedEmails"][0]["networkMessageId"].as_str().unwrap_or_default().to_owned()
}
