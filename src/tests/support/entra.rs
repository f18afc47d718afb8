//! Entra ID's tokens, RSA keys and published key sets. The `rsa` crate signs the tokens.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rsa::PrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::traits::PublicKeyParts;
use serde_json::{Map, Value, json};

use super::runtime::START;
use super::upstream::Reply;
use super::{AUDIENCE, AUDIENCE_GUID, KEYS_V1, KEYS_V2, PLAYBOOK, TENANT};

/// Text that must not appear in a log. Every [`Draft`] has it in claims that the gateway must ignore.
pub(crate) const PERSONAL: &str = "hannah.j@contoso.com";

/// RSA key with its ID.
pub(crate) struct Key {
    pub(crate) kid: &'static str,
    pub(crate) private: PrivateKey,
}

impl Key {
    fn of(seed: u64, kid: &'static str, bits: usize) -> Self {
        let private = PrivateKey::new(&mut StdRng::seed_from_u64(seed), bits).unwrap();
        Self { kid, private }
    }

    /// Returns the key as Entra ID publishes it.
    pub(crate) fn jwk(&self) -> Value {
        json!({ "kty": "RSA", "use": "sig", "kid": self.kid, "x5t": self.kid, "n": self.n(), "e": "AQAB" })
    }

    /// Returns the modulus in base64url.
    pub(crate) fn n(&self) -> String {
        base64url(self.private.n_bytes())
    }

    /// Returns the RS256 signature of `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        SigningKey::<Sha256>::new(self.private.clone()).sign(message).to_vec()
    }
}

/// Current key of both versions.
pub(crate) static CURRENT: LazyLock<Key> = LazyLock::new(|| Key::of(1, "current-key-of-entra", 2048));
/// Key of the next rollover.
pub(crate) static NEXT: LazyLock<Key> = LazyLock::new(|| Key::of(2, "next-key-of-entra", 2048));
/// Key that only version 1.0 publishes.
pub(crate) static ONLY_V1: LazyLock<Key> = LazyLock::new(|| Key::of(3, "key-of-version-1.0", 2048));
/// Attacker's key, which is never published.
pub(crate) static FOREIGN: LazyLock<Key> = LazyLock::new(|| Key::of(4, "key-of-an-attacker", 2048));
/// Published key that is too weak.
pub(crate) static WEAK: LazyLock<Key> = LazyLock::new(|| Key::of(5, "weak-key-of-entra", 1024));

/// Returns the initial key sets: [`CURRENT`] and [`WEAK`] in both versions, [`ONLY_V1`] in version 1.0, and keys that
/// are not for signatures.
pub(crate) fn key_sets() -> [(&'static str, Reply); 2] {
    let other = json!({ "kty": "EC", "use": "sig", "kid": "elliptic", "crv": "P-256", "x": "AQ", "y": "AQ" });
    let encryption = json!({ "kty": "RSA", "use": "enc", "kid": "for-encryption", "n": CURRENT.n(), "e": "AQAB" });
    let foreign_issuer = {
        let mut key = CURRENT.jwk();
        key["kid"] = json!("of-another-issuer");
        key["issuer"] = json!("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0");
        key
    };
    let common = [CURRENT.jwk(), WEAK.jwk(), other, encryption, foreign_issuer];
    let with_v1: Vec<&Value> = common.iter().collect();
    let only_v1 = ONLY_V1.jwk();
    let v1: Vec<&Value> = with_v1.iter().copied().chain([&only_v1]).collect();
    [(KEYS_V1, Reply::json(&json!({ "keys": v1 }))), (KEYS_V2, Reply::json(&json!({ "keys": common })))]
}

/// Returns a key set of these keys.
pub(crate) fn key_set(keys: &[&Key]) -> Reply {
    Reply::json(&json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }))
}

/// Encodes in base64url without padding.
pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Unsigned token. It starts as a valid token and can be changed in any way.
#[derive(Clone)]
pub(crate) struct Draft {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    header_bytes: Option<Vec<u8>>,
    claims_bytes: Option<Vec<u8>>,
    key: &'static Key,
    signature: Option<Vec<u8>>,
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("not an object: {other}"),
    }
}

impl Draft {
    fn new(version: &Value) -> Self {
        let key = &CURRENT;
        let mut claims = object(json!({
            "tid": TENANT, "oid": PLAYBOOK, "sub": PLAYBOOK, "idtyp": "app",
            "iat": START - 60, "nbf": START - 60, "exp": START + 3600,
            "uti": "b3xk", "rh": "0.AXs", "name": PERSONAL, "preferred_username": PERSONAL, "upn": PERSONAL,
        }));
        claims.append(&mut object(version.clone()));
        let header = object(json!({ "typ": "JWT", "alg": "RS256", "x5t": key.kid, "kid": key.kid }));
        Self { header, claims, header_bytes: None, claims_bytes: None, key, signature: None }
    }

    /// Returns a valid app-only token of version 1.0 for [`PLAYBOOK`].
    pub(crate) fn v1() -> Self {
        Self::new(&json!({
            "ver": "1.0", "iss": format!("https://sts.windows.net/{TENANT}/"), "aud": AUDIENCE,
            "appid": "22222222-0000-0000-0000-000000000001", "appidacr": "2",
        }))
    }

    /// Returns a valid app-only token of version 2.0 for [`PLAYBOOK`].
    pub(crate) fn v2() -> Self {
        Self::new(&json!({
            "ver": "2.0", "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "aud": AUDIENCE_GUID,
            "azp": "22222222-0000-0000-0000-000000000001", "azpacr": "2",
        }))
    }

    /// Makes it a user's token with these scopes, as Entra ID issues it if the resource does not request `idtyp`.
    pub(crate) fn delegated(self, scopes: &str) -> Self {
        self.of_user().claim("scp", scopes)
    }

    /// Makes it a user's token without `scp`.
    pub(crate) fn of_user(self) -> Self {
        self.without_claim("idtyp").claim("sub", "pairwise-subject-of-a-user")
    }

    /// Makes it a managed identity's token, as issued if the resource does not request `idtyp`: no claim names a
    /// person.
    pub(crate) fn of_managed_identity(self) -> Self {
        ["idtyp", "name", "preferred_username", "upn"].into_iter().fold(self, Self::without_claim)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name).expect("the header has it");
        self
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name).expect("the claims have it");
        self
    }

    /// Rewrites the header to bytes that no JSON library produces.
    pub(crate) fn rewrite_header(mut self, rewrite: impl FnOnce(String) -> Vec<u8>) -> Self {
        self.header_bytes = Some(rewrite(Value::Object(self.header.clone()).to_string()));
        self
    }

    /// Rewrites the claims to bytes that no JSON library produces.
    pub(crate) fn rewrite_claims(mut self, rewrite: impl FnOnce(String) -> Vec<u8>) -> Self {
        self.claims_bytes = Some(rewrite(Value::Object(self.claims.clone()).to_string()));
        self
    }

    /// Signs with another key, which `kid` names.
    pub(crate) fn by(self, key: &'static Key) -> Self {
        Self { key, ..self }.header("kid", key.kid)
    }

    /// Signs with another key and leaves `kid` unchanged.
    pub(crate) fn forged_by(self, key: &'static Key) -> Self {
        Self { key, ..self }
    }

    /// Sets the signature to these bytes.
    pub(crate) fn signature(self, signature: impl Into<Vec<u8>>) -> Self {
        Self { signature: Some(signature.into()), ..self }
    }

    /// Returns the signed text: header and claims.
    pub(crate) fn signed(&self) -> String {
        let part = |bytes: &Option<Vec<u8>>, members: &Map<String, Value>| match bytes {
            Some(bytes) => base64url(bytes),
            None => base64url(Value::Object(members.clone()).to_string()),
        };
        format!("{}.{}", part(&self.header_bytes, &self.header), part(&self.claims_bytes, &self.claims))
    }

    /// Returns the token.
    pub(crate) fn token(&self) -> String {
        let signed = self.signed();
        let signature = self.signature.clone().unwrap_or_else(|| self.key.sign(signed.as_bytes()));
        format!("{signed}.{}", base64url(signature))
    }

    /// Returns the three parts of the token.
    pub(crate) fn parts(&self) -> [String; 3] {
        let token = self.token();
        let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
        parts.try_into().unwrap()
    }
}
