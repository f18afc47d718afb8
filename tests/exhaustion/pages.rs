//! Pages of Graph's list: the gateway keeps little of what they hold.

use acceptance::{Failure, Gateway, Response, TestResult, World, guid};
use sandbox::{Endpoint, ScriptedResponse};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Maximum growth of Wasm memory in KiB: three pages of 8,192,000 bytes. A page is there once, but the free memory
/// between the kept values may have no place for the next one.
const WASM_GROWTH: u64 = 24_000;

/// Maximum growth of the process in KiB while [`READERS`] requests read pages.
///
/// The process also has V8's garbage and the runtime's buffers. Measured: 158 to 181 MiB, and 243 MiB without the bound
/// and with a copy of each page.
const RESIDENT_GROWTH: u64 = 208 * 1024;

/// Number of requests that read a page at the same time.
const READERS: usize = 24;

fn script_page(world: &World, page: &str, times: u32) -> TestResult {
    let page = ScriptedResponse::new(Endpoint::AnalyzedEmails).header("Content-Type", "application/json").body(page);
    Ok(world.sandbox.script(page.times(times))?)
}

fn messages(ids: &[String]) -> Value {
    let mut payload = acceptance::payload();
    payload.as_object_mut().map(|members| members.remove("analyzedEmails"));
    payload["networkMessageIds"] = json!(ids);
    payload["maxRecipients"] = json!(1000);
    payload
}

async fn post(world: &World, gateway: &Gateway, path: &str, payload: &Value) -> Result<Response, Failure> {
    Response::to(gateway.post(path).bearer_auth(world.token()).json(payload)).await
}

/// One row with 2.6 million events, in a page of the permitted size.
pub(crate) async fn page_with_many_events_uses_bounded_wasm_memory(world: &World) -> TestResult {
    let gateway = super::gateway(world).await?;
    let before = gateway.memory().await?;
    let (id, events) = (guid(), "{},".repeat(2_600_000));
    let row = format!(
        r#"{{"networkMessageId":"{id}","recipientEmailAddress":"a@mail.contoso.com","timelineEvents":[{events}{{}}]}}"#
    );
    script_page(world, &format!(r#"{{"value":[{row}]}}"#), 1)?;
    let mut payload = acceptance::payload();
    payload["analyzedEmails"] = json!([{ "networkMessageId": id, "recipientEmailAddress": "a@mail.contoso.com" }]);
    let response = post(world, &gateway, "/remediate/status", &payload).await?;
    assert_eq!((response.status, &response.json()["unclear"]), (200, &json!(1)), "{response:?}");
    let after = gateway.memory().await?;
    let report = format!("2.6 million events: {before:?} KiB before, {after:?} KiB after");
    super::print_report(&report);
    assert!(after.wasm <= before.wasm + WASM_GROWTH, "{report}");
    Ok(())
}

/// 9 pages of 1,000 recipients whose texts have 7,900 characters.
pub(crate) async fn long_invalid_recipients_are_not_kept_in_memory(world: &World) -> TestResult {
    let gateway = super::gateway(world).await?;
    let before = gateway.memory().await?;
    let mut ids: Vec<String> = (0..9).map(|_| guid()).collect();
    ids.sort();
    for id in &ids {
        let recipient = |n: u32| format!("{n}{}", "x".repeat(7900));
        let row = |n| json!({ "networkMessageId": id, "recipientEmailAddress": recipient(n) });
        let rows: Vec<Value> = (0..1000).map(row).collect();
        script_page(world, &json!({ "value": rows }).to_string(), 1)?;
    }
    let response = post(world, &gateway, "/remediate/messages", &messages(&ids)).await?;
    assert_eq!(response.json()["error"]["code"], "nothingToRemediate", "{response:?}");
    let after = gateway.memory().await?;
    let report = format!("9,000 long texts: {before:?} KiB before, {after:?} KiB after");
    super::print_report(&report);
    assert!(after.wasm <= before.wasm + WASM_GROWTH, "{report}");
    Ok(())
}

/// Each of 24 requests reads a page of the permitted size.
pub(crate) async fn concurrent_page_reads_use_bounded_memory(world: &World) -> TestResult {
    let gateway = super::gateway(world).await?;
    let before = gateway.memory().await?;
    let id = guid();
    let row = |n: u32| {
        let recipient = format!("user{n}@mail.contoso.com");
        json!({ "networkMessageId": id, "recipientEmailAddress": recipient, "subject": "x".repeat(7700) })
    };
    let rows: Vec<Value> = (0..1000).map(row).collect();
    script_page(world, &json!({ "value": rows }).to_string(), u32::try_from(READERS)?)?;
    let mut payload = acceptance::payload();
    payload["analyzedEmails"] = json!([{ "networkMessageId": id, "recipientEmailAddress": "user1@mail.contoso.com" }]);
    let mut requests = JoinSet::new();
    for _ in 0..READERS {
        let request = gateway.post("/remediate/status").bearer_auth(world.token()).json(&payload);
        requests.spawn(Response::to(request));
    }
    let mut most = 0;
    while let Some(response) = requests.join_next().await {
        let response = response??;
        assert_eq!((response.status, &response.json()["unclear"]), (200, &json!(1)), "{response:?}");
        most = most.max(gateway.usage().map_or(0, |usage| usage.resident));
    }
    let after = gateway.memory().await?;
    let report = format!("{READERS} pages: {before:?} KiB before, {after:?} KiB after, most resident {most}");
    super::print_report(&report);
    assert!(after.wasm <= before.wasm + WASM_GROWTH, "{report}");
    if let Some(resident) = before.resident {
        assert!(most <= resident + RESIDENT_GROWTH, "{report}");
    }
    Ok(())
}
