//! The gateway authenticates with `CLIENT_CERTIFICATE` instead of a secret, in real workerd.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use acceptance::{Failure, Gateway, Response, TestResult, World, payload, tests};
use sandbox::{ClientCertificate, Endpoint, Sandbox, SelfSigned, Settings, TokenRequest};
use serde_json::json;

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        remediation_with_client_certificate_is_accepted,
        certificate_unknown_to_entra_returns_502_and_is_logged,
        invalid_certificate_is_logged_without_its_value,
    ])
}

/// A gateway with only `CLIENT_CERTIFICATE`, for this Entra.
async fn gateway(world: &World, entra: &Sandbox, pem: &str) -> Result<Gateway, Failure> {
    let url = entra.base_url();
    let over = json!({ "CLIENT_SECRET": null, "CLIENT_CERTIFICATE": pem, "LOGIN_URL": url, "GRAPH_URL": url });
    world.gateway_with(over).await
}

async fn remediate(gateway: &Gateway, entra: &Sandbox) -> Result<Response, Failure> {
    let token = entra.issue_token(&TokenRequest::default());
    Response::to(gateway.post("/remediate").bearer_auth(token).json(&payload())).await
}

/// The log contains no part of the key or the certificate, whose base64 begins with `MII`, and no assertion, up to this
/// response's entry.
async fn assert_nothing_leaked(gateway: &Gateway, response: &Response) -> TestResult {
    gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
    let output = gateway.output().join("\n");
    assert!(!output.contains("MII") && !output.contains("eyJ"), "{output}");
    Ok(())
}

async fn remediation_with_client_certificate_is_accepted(world: &World) -> TestResult {
    let own = SelfSigned::until(2100);
    let mut settings = Settings::new("a secret as well");
    settings.client_certificates.push(ClientCertificate::from_pem(&own.certificate)?);
    let entra = Sandbox::start(settings).await?;
    let gateway = gateway(world, &entra, &format!("{}{}", own.key, own.certificate)).await?;
    let response = remediate(&gateway, &entra).await?;
    assert_eq!((response.status, &response.json()["status"]), (202, &json!("accepted")), "{response:?}");
    assert_eq!(entra.accepted().len(), 1);
    assert_nothing_leaked(&gateway, &response).await
}

async fn certificate_unknown_to_entra_returns_502_and_is_logged(world: &World) -> TestResult {
    let own = SelfSigned::until(2100);
    let gateway = gateway(world, &world.sandbox, &format!("{}{}", own.certificate, own.key)).await?;
    let response = remediate(&gateway, &world.sandbox).await?;
    response.assert_problem(502, "graphCredentialRejected", &["ratelimit", "ratelimit-policy"]);
    assert_eq!(world.sandbox.recorded_at(Endpoint::Token).len(), 1);
    gateway.wait_for_line(|line| line.contains("AADSTS700027")).await?;
    assert_nothing_leaked(&gateway, &response).await
}

async fn invalid_certificate_is_logged_without_its_value(world: &World) -> TestResult {
    let (own, other, expired) = (SelfSigned::until(2100), SelfSigned::until(2100), SelfSigned::until(2025));
    for (pem, problem) in [
        (format!("{}{}", own.key, other.certificate), "does not belong to the private key"),
        (format!("{}{}", expired.key, expired.certificate), "has expired"),
    ] {
        let gateway = gateway(world, &world.sandbox, &pem).await?;
        let response = remediate(&gateway, &world.sandbox).await?;
        let body = response.assert_problem(500, "misconfigured", &[]);
        assert!(!body.to_string().contains("CLIENT_CERTIFICATE"), "{body}");
        gateway.wait_for_line(|line| line.contains("CLIENT_CERTIFICATE") && line.contains(problem)).await?;
        assert_nothing_leaked(&gateway, &response).await?;
    }
    assert!(world.sandbox.recorded_at(Endpoint::Token).is_empty());
    Ok(())
}
