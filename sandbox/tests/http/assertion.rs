//! Client assertions (facts, section 2): a certificate instead of a secret.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{
    sha2::Sha256,
    signature::{RandomizedSigner as _, SignatureEncoding as _},
};
use sandbox::{CLIENT_ID, ClientCertificate, Sandbox, SelfSigned, Settings, TENANT_ID};
use serde_json::{Value, json};

use crate::{
    client::{SECRET, send},
    entra::{FORM, encode_form, without},
};

/// A certificate that the sandbox knows, and assertions signed with its key. They are valid except for a test's change.
struct Signer {
    own: SelfSigned,
    thumbprint: String,
}

impl Signer {
    fn new() -> Self {
        let own = SelfSigned::until(2100);
        let base64: String = own.certificate.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
        Self { own, thumbprint: URL_SAFE_NO_PAD.encode(<Sha256 as rsa::sha2::Digest>::digest(der)) }
    }

    fn assertion(&self, sandbox: &Sandbox, header: &Value, claims: &Value, salt: usize) -> String {
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
        let mut parts = [
            json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint }),
            json!({
                "aud": format!("{}/{TENANT_ID}/oauth2/v2.0/token", sandbox.base_url()), "iss": CLIENT_ID, "sub": CLIENT_ID,
                "jti": uuid::Uuid::new_v4(), "nbf": now, "iat": now, "exp": now + 600,
            }),
        ];
        for (parts, changes) in parts.iter_mut().zip([header, claims]) {
            for (name, change) in changes.as_object().unwrap() {
                // A time is in seconds from now.
                parts[name] = if ["nbf", "iat", "exp"].contains(&name.as_str()) {
                    json!(now + change.as_i64().unwrap())
                } else {
                    change.clone()
                };
            }
        }
        let signed = parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let key = rsa::pss::SigningKey::<Sha256>::new_with_salt_len(self.own.private().clone(), salt);
        let signature = key.try_sign_with_rng(&mut getrandom::SysRng, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

async fn assert_response(sandbox: &Sandbox, assertion: &str, number: Option<u32>) {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let pairs = [without("client_secret"), vec![("client_assertion_type", kind)]].concat();
    let body = format!("{}&client_assertion={assertion}", encode_form(&pairs));
    let reply = send(sandbox, "POST", &format!("/{TENANT_ID}/oauth2/v2.0/token"), &[FORM], body).await;
    let answer = reply.json();
    assert_eq!(reply.status, if number.is_none() { 200 } else { 401 }, "{answer}");
    if let Some(number) = number {
        assert_eq!(
            (&answer["error"], &answer["error_codes"]),
            (&json!("invalid_client"), &json!([number])),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn valid_assertion_gets_one_token_and_invalid_assertion_gets_none() {
    let (signer, stranger) = (Signer::new(), Signer::new());
    let mut settings = Settings::new(SECRET);
    settings.client_certificates.push(ClientCertificate::from_pem(&signer.own.certificate).unwrap());
    let sandbox = Sandbox::start(settings).await.unwrap();
    let none = json!({});
    let good = signer.assertion(&sandbox, &none, &none, 32);
    assert_response(&sandbox, &good, None).await;
    assert_response(&sandbox, &good, Some(50_013)).await;
    for (header, claims, number) in [
        (json!({ "alg": "RS256" }), none.clone(), 50_027),
        (json!({ "typ": "jwt+x" }), none.clone(), 50_027),
        (json!({ "kid": "x" }), none.clone(), 50_027),
        (json!({ "x5t#S256": stranger.thumbprint }), none.clone(), 700_027),
        (none.clone(), json!({ "aud": "https://login.microsoftonline.com" }), 700_023),
        (none.clone(), json!({ "iss": TENANT_ID }), 700_021),
        (none.clone(), json!({ "iss": TENANT_ID, "sub": TENANT_ID }), 700_021),
        (none.clone(), json!({ "jti": "no GUID" }), 50_027),
        (none.clone(), json!({ "exp": 605 }), 700_024),
        (none.clone(), json!({ "exp": -1 }), 700_024),
        (none.clone(), json!({ "nbf": 400, "exp": 800 }), 700_024),
        (none.clone(), json!({ "iat": -400 }), 700_024),
    ] {
        assert_response(&sandbox, &signer.assertion(&sandbox, &header, &claims, 32), Some(number)).await;
    }
    assert_response(&sandbox, &signer.assertion(&sandbox, &none, &none, 20), Some(700_027)).await;
    assert_response(&sandbox, &stranger.assertion(&sandbox, &none, &none, 32), Some(700_027)).await;
    let forged = json!({ "x5t#S256": signer.thumbprint });
    assert_response(&sandbox, &stranger.assertion(&sandbox, &forged, &none, 32), Some(700_027)).await;
    assert_response(&sandbox, "a.b", Some(50_027)).await;
    assert_eq!(sandbox.issued_tokens().len(), 1);
}
