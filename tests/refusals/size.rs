//! The size of a body, declared and received: at most 4 MiB.

use acceptance::{Raw, Response, TestResult, World, payload};
use serde_json::json;

/// The code of a body that is too large.
pub(crate) const TOO_LARGE: &str = "payloadTooLarge";

/// Maximum body size in bytes.
pub(crate) const LIMIT: usize = 4 * 1024 * 1024;
const TYPE: &str = "Content-Type: application/json";
const PATH: &str = "/remediate?validateOnly=true";

/// Returns a remediation of exactly this many bytes, padded with white space that JSON allows.
fn body_of(length: usize) -> Vec<u8> {
    let mut body = payload().to_string().into_bytes();
    body.resize(length, b' ');
    body
}

fn authorization(world: &World) -> String {
    format!("Authorization: Bearer {}", world.token())
}

pub(crate) async fn body_of_exactly_the_limit_is_accepted(world: &World) -> TestResult {
    let request = world.gateway.post(PATH).bearer_auth(world.token()).header("Content-Type", "application/json");
    let response = Response::to(request.body(body_of(LIMIT))).await?;
    assert_eq!((response.status, &response.json()["status"]), (200, &json!("valid")), "{response:?}");

    // Chunked encoding declares no total length.
    let mut raw = Raw::connect(&world.gateway).await?;
    raw.post(PATH, &[&authorization(world), TYPE, "Transfer-Encoding: chunked"]).await?;
    for chunk in body_of(LIMIT).chunks(100_000) {
        raw.chunk(chunk).await?;
    }
    raw.chunk(&[]).await?;
    let response = raw.response().await?;
    assert_eq!((response.status, &response.json()["status"]), (200, &json!("valid")), "{response:?}");
    Ok(())
}

/// The gateway does not wait for the body.
pub(crate) async fn declared_length_above_limit_is_rejected_without_the_body(world: &World) -> TestResult {
    for length in ["4194305", "99999999999"] {
        let mut raw = Raw::connect(&world.gateway).await?;
        raw.post(PATH, &[&authorization(world), TYPE, &format!("Content-Length: {length}")]).await?;
        raw.response().await?.assert_problem(413, TOO_LARGE, &[]);
    }
    Ok(())
}

/// The stream never ends, so the gateway must count while it reads.
pub(crate) async fn stream_is_rejected_once_it_exceeds_the_limit(world: &World) -> TestResult {
    let mut raw = Raw::connect(&world.gateway).await?;
    raw.post(PATH, &[&authorization(world), TYPE, "Transfer-Encoding: chunked"]).await?;
    raw.chunk(&body_of(LIMIT)).await?;
    raw.chunk(b" ").await?;
    raw.response().await?.assert_problem(413, TOO_LARGE, &[]);
    Ok(())
}

/// Two lengths for one body are a means of request smuggling (RFC 9112, section 6.3). The limit holds for either
/// length.
pub(crate) async fn body_above_limit_is_rejected_despite_a_smaller_declared_length(world: &World) -> TestResult {
    let mut raw = Raw::connect(&world.gateway).await?;
    raw.post(PATH, &[&authorization(world), TYPE, "Content-Length: 10", "Transfer-Encoding: chunked"]).await?;
    raw.chunk(&body_of(LIMIT)).await?;
    raw.chunk(b" ").await?;
    raw.response().await?.assert_problem(413, TOO_LARGE, &[]);
    Ok(())
}
