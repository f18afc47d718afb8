//! The gateway proves itself by `CLIENT_CERTIFICATE` in place of a secret, in the runtime that it is deployed to.

use acceptance::{Bindings, Failure, Gateway, TestResult, World, tests};
use sandbox::{ClientCertificate, Endpoint, Sandbox, SelfSigned, Settings, TokenRequest};
use serde_json::{Value, json};

fn main() -> std::process::ExitCode {
    acceptance::run(tests![
        a_remediation_is_accepted_by_the_word_of_a_certificate,
        a_certificate_that_entra_does_not_know_is_a_rejected_credential,
        an_unfit_certificate_is_named_in_the_log_without_a_value,
    ])
}

/// A gateway with `CLIENT_CERTIFICATE` alone, towards this Entra.
async fn gateway(world: &World, entra: &Sandbox, pem: &str) -> Result<Gateway, Failure> {
    let mut bindings: Bindings = world.bindings();
    bindings.remove("CLIENT_SECRET");
    bindings.insert("CLIENT_CERTIFICATE".to_owned(), Value::from(pem));
    for name in ["LOGIN_URL", "GRAPH_URL"] {
        bindings.insert(name.to_owned(), Value::from(entra.base_url()));
    }
    Gateway::start(&bindings).await
}

async fn remediate(gateway: &Gateway, entra: &Sandbox) -> Result<(u16, Value), Failure> {
    let body = json!({
        "displayName": "Clean up", "description": "Delete email", "severity": "medium", "action": "softDelete",
        "remediateSendersCopy": false,
        "analyzedEmails": [{
            "networkMessageId": "73ca4154-58d8-43d0-a890-08dc18c52e6d",
            "recipientEmailAddress": "hannah.jarvis@contoso.com",
        }],
    });
    let token = entra.issue_token(&TokenRequest::default());
    let answer = gateway.post("/remediate").bearer_auth(token).json(&body).send().await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

/// No part of the key or the certificate, which both are base64 that begins with `MII`, and no assertion is logged.
fn assert_nothing_leaked(gateway: &Gateway) {
    let output = gateway.output().join("\n");
    assert!(!output.contains("MII") && !output.contains("eyJ"), "{output}");
}

async fn a_remediation_is_accepted_by_the_word_of_a_certificate(world: &World) -> TestResult {
    let own = SelfSigned::until(2100);
    let mut settings = Settings::new("a secret as well");
    settings.client_certificates.push(ClientCertificate::from_pem(&own.certificate)?);
    let entra = Sandbox::start(settings).await?;
    let gateway = gateway(world, &entra, &format!("{}{}", own.key, own.certificate)).await?;
    let (status, answer) = remediate(&gateway, &entra).await?;
    assert_eq!((status, answer.pointer("/status")), (202, Some(&json!("accepted"))), "{answer}");
    assert_eq!(entra.accepted().len(), 1);
    assert_nothing_leaked(&gateway);
    Ok(())
}

async fn a_certificate_that_entra_does_not_know_is_a_rejected_credential(world: &World) -> TestResult {
    let own = SelfSigned::until(2100);
    let gateway = gateway(world, &world.sandbox, &format!("{}{}", own.certificate, own.key)).await?;
    let (status, answer) = remediate(&gateway, &world.sandbox).await?;
    assert_eq!((status, answer.pointer("/error/code")), (502, Some(&json!("graphCredentialRejected"))), "{answer}");
    assert_eq!(world.sandbox.recorded_at(Endpoint::Token).len(), 1);
    gateway.wait_for_line(|line| line.contains("AADSTS700027")).await?;
    assert_nothing_leaked(&gateway);
    Ok(())
}

async fn an_unfit_certificate_is_named_in_the_log_without_a_value(world: &World) -> TestResult {
    let (own, other, expired) = (SelfSigned::until(2100), SelfSigned::until(2100), SelfSigned::until(2025));
    for (pem, problem) in [
        (format!("{}{}", own.key, other.certificate), "not that of the private key"),
        (format!("{}{}", expired.key, expired.certificate), "has expired"),
    ] {
        let gateway = gateway(world, &world.sandbox, &pem).await?;
        let (status, answer) = remediate(&gateway, &world.sandbox).await?;
        assert_eq!((status, answer.pointer("/error/code")), (500, Some(&json!("misconfigured"))), "{answer}");
        assert!(!answer.to_string().contains("CLIENT_CERTIFICATE"), "{answer}");
        gateway.wait_for_line(|line| line.contains("CLIENT_CERTIFICATE") && line.contains(problem)).await?;
        assert_nothing_leaked(&gateway);
    }
    assert!(world.sandbox.recorded_at(Endpoint::Token).is_empty());
    Ok(())
}
