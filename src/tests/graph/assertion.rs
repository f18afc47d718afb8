//! Client assertion, from the certificate to the form for Entra ID.

use crate::graph::error::{GraphOperation, TokenEndpointError};
use crate::graph::settings::GraphSettings;
use crate::runtime::Clock;
use crate::secret::Secret;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rsa::pss::{Signature, VerifyingKey};
use rsa::sha2::Sha256;
use rsa::signature::Verifier;
use serde_json::{Value, json};
use std::time::Duration;

use crate::code::Code;
use crate::config::{Config, Variables};
use crate::graph::app_token::AppTokenCache;
use crate::graph::assertion::*;
use crate::problem::error::GatewayError;
use crate::runtime::SendError;
use crate::secret::SecretBytes;
use crate::tests::support::certificate::{good_der, of, pkcs8};
use crate::tests::support::entra::{CURRENT, base64url};
use crate::tests::support::gateway::TOKEN_URL;
use crate::tests::support::runtime::START;
use crate::tests::support::stage::Stage;
use crate::tests::support::upstream::Reply;
use crate::tests::support::{AUDIENCE_GUID, error_response, variables};

fn by_certificate() -> Variables {
    let mut variables = variables();
    variables.remove("CLIENT_SECRET");
    variables.insert("CLIENT_CERTIFICATE", json!(format!("{}{}", pkcs8(&CURRENT.private), of(&CURRENT))));
    variables
}

/// Requests a token, with a configuration that may be corrupted after its validation.
fn token(stage: &mut Stage, change: impl FnOnce(&mut Config)) -> Result<Secret, TokenEndpointError> {
    let runtime = stage.runtime.clone();
    let mut config = runtime.check(&by_certificate()).unwrap();
    change(&mut config);
    let started = stage.start(async move {
        let until = runtime.now().plus(Duration::from_mins(1));
        AppTokenCache::default().get(&runtime, &GraphSettings::of(&config), until).await
    });
    stage.finish(started)
}

/// Returns the form of each call so far.
fn forms(stage: &Stage) -> Vec<String> {
    stage.runtime.upstream().calls().into_iter().map(|request| request.body.unwrap()).collect()
}

fn part(part: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn assertion_has_the_documented_form_and_a_valid_signature() {
    let mut stage = Stage::default();
    stage.runtime.upstream().respond(
        TOKEN_URL,
        Reply::json(&json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "graph.token" })),
    );
    assert_eq!(token(&mut stage, |_| ()), Ok(Secret::new("graph.token".to_owned())));
    let forms = forms(&stage);
    let [form] = forms.as_slice() else { panic!("{forms:?}") };
    let (before, assertion) = form.split_once("&client_assertion=").unwrap();
    assert_eq!(
        before,
        format!(
            "grant_type=client_credentials&client_id={AUDIENCE_GUID}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default\
             &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        )
    );
    let [header, claims, signature] = assertion.split('.').collect::<Vec<_>>()[..] else { panic!("{assertion}") };
    let thumbprint = {
        use rsa::sha2::Digest;
        base64url(Sha256::digest(good_der(&CURRENT)))
    };
    assert_eq!(part(header), json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint }));
    assert_eq!(
        part(claims),
        json!({
            "aud": TOKEN_URL, "iss": AUDIENCE_GUID, "sub": AUDIENCE_GUID,
            "jti": part(claims)["jti"], "nbf": START, "iat": START, "exp": START + 300,
        })
    );
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = VerifyingKey::<Sha256>::new_with_salt_len(CURRENT.private.to_public_key(), 32);
    let signed = format!("{header}.{claims}");
    assert!(key.verify(signed.as_bytes(), &Signature::try_from(signature.as_slice()).unwrap()).is_ok());
}

#[test]
fn token_request_retry_has_a_new_assertion_id() {
    let mut stage = Stage::default();
    stage.runtime.upstream().respond(TOKEN_URL, Reply::Failure(SendError::Connection));
    assert_eq!(token(&mut stage, |_| ()), Err(TokenEndpointError::Send(SendError::Connection)));
    let jti = |form: &String| part(form.rsplit_once('=').unwrap().1.split('.').nth(1).unwrap())["jti"].clone();
    let forms = forms(&stage);
    let [first, second] = forms.as_slice() else { panic!("{forms:?}") };
    assert_ne!(jti(first), jti(second));
}

#[test]
fn unusable_certificate_is_misconfigured_and_sends_nothing() {
    type ConfigChange = fn(&mut Config);
    let unusable: ConfigChange = |config| {
        if let crate::config::Credential::Certificate(certificate) = &mut config.credential {
            certificate.private_key = SecretBytes::new(b"no key".to_vec());
        }
    };
    let expired: ConfigChange = |config| {
        if let crate::config::Credential::Certificate(certificate) = &mut config.credential {
            certificate.not_after = crate::time::Timestamp::from_seconds(START - 1);
        }
    };
    for (change, expected) in [(unusable, AssertionError::NotSigned), (expired, AssertionError::CertificateExpired)] {
        let mut stage = Stage::default();
        let expected = TokenEndpointError::from(expected);
        assert_eq!(token(&mut stage, change), Err(expected));
        assert!(forms(&stage).is_empty());
        let error = GatewayError::from(GraphOperation::Remediate.error(expected));
        assert_eq!(error_response(&error).0, Code::Misconfigured);
        assert!(error.to_string().contains("CLIENT_CERTIFICATE"), "{error}");
    }
}
