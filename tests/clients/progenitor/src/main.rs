//! Calls the gateway through the generated client. `../progenitor.sh` runs this beside a gateway.

use std::{env, error::Error, time::Duration};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use uuid::Uuid;

use generated_client::{Client, Error as GatewayError, ResponseValue, types};

/// Response to a remediation, or its error.
type Outcome = Result<ResponseValue<types::RemediationResult>, GatewayError<types::Problem>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = env::var("SANDBOX_URL")?;
    let token: Value = reqwest::get(format!("{sandbox}/sandbox/token")).await?.json().await?;
    let token = token["access_token"].as_str().ok_or("the sandbox issued no token")?;
    let with_key = client("X-API-Key", &env::var("API_KEY")?)?;
    let with_token = client("Authorization", &format!("Bearer {token}"))?;

    // Success, with an API key.
    let (message, key) = (Uuid::new_v4(), Uuid::new_v4());
    let first = remediate(&with_key, message, key, "hannah.jarvis@contoso.com").await?;
    assert_eq!((first.status().as_u16(), replayed(&first)), (202, false));
    let link = tracking_url(&first)?;
    assert!(link.starts_with("https://security.microsoft.com/"), "{link}");

    // Error: the client validates the ID and the pattern, and the gateway rejects an address that the pattern allows.
    let rewritten = "SRS0=a=b=contoso.com=hannah.jarvis@contoso.com";
    let Err(error) = remediate(&with_key, Uuid::new_v4(), Uuid::new_v4(), rewritten).await else {
        return Err("a bad remediation was accepted".into());
    };
    let shown = error.to_string();
    let GatewayError::ErrorResponse(problem) = error else { return Err(shown.into()) };
    assert_eq!((problem.status().as_u16(), problem.error.code.as_str()), (400, "invalidPayload"));
    let pointer = problem.errors.first().map(|fault| fault.pointer.as_str());
    assert_eq!(pointer, Some("/analyzedEmails/0/recipientEmailAddress"));
    assert!(problem.error.message.contains("Nothing was sent."), "{}", problem.error.message);
    assert!(shown.contains(&problem.error.message), "{shown}");

    // Retry, with a token of the same caller.
    let again = remediate(&with_token, message, key, "hannah.jarvis@contoso.com").await?;
    assert_eq!((again.status().as_u16(), replayed(&again)), (202, true));
    assert_eq!(tracking_url(&again)?, link);

    println!("progenitor ok: success, error, retry, from OpenAPI 3.0");
    Ok(())
}

/// Returns a client that sends this header with each request.
///
/// The generated client does not read the document's security schemes.
fn client(name: &'static str, value: &str) -> Result<Client, Box<dyn Error>> {
    let headers = HeaderMap::from_iter([(HeaderName::try_from(name)?, HeaderValue::try_from(value)?)]);
    // A remediation can take 90 s, and the generated client waits 15 s by default.
    let client = reqwest::Client::builder().default_headers(headers).timeout(Duration::from_secs(100)).build()?;
    Ok(Client::new_with_client(&env::var("GATEWAY_URL")?, client))
}

async fn remediate(client: &Client, message: Uuid, key: Uuid, recipient: &str) -> Outcome {
    let email = types::AnalyzedEmail::builder().network_message_id(message).recipient_email_address(recipient);
    let email: types::AnalyzedEmail =
        email.try_into().map_err(|error| GatewayError::InvalidRequest(format!("{error}")))?;
    let remediation = types::Remediation::builder()
        .display_name("Clean up Phish email")
        .description("Delete email")
        .severity(types::Severity::Medium)
        .action(types::Action::SoftDelete)
        .remediate_senders_copy(false);
    client.remediate().idempotency_key(key.to_string()).body(remediation.analyzed_emails(vec![email])).send().await
}

fn replayed(response: &ResponseValue<types::RemediationResult>) -> bool {
    response.headers().get("Idempotency-Replayed").is_some_and(|value| value == "true")
}

fn tracking_url(response: &ResponseValue<types::RemediationResult>) -> Result<String, Box<dyn Error>> {
    match &**response {
        types::RemediationResult::Accepted(accepted) => Ok(accepted.tracking_url.clone()),
        types::RemediationResult::Valid(_) => Err("the gateway only validated".into()),
    }
}
