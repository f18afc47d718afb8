//! Signing keys of Entra ID and their published set.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use getrandom::SysRng;
use rsa::{
    PrivateKey,
    pkcs1v15::SigningKey,
    sha2::{Digest as _, Sha256},
    signature::{RandomizedSigner as _, SignatureEncoding as _},
    traits::PublicKeyParts as _,
};
use serde_json::{Map, Value, json};

/// RSA key of 2,048 bits with its ID.
pub(crate) struct Key {
    kid: String,
    private: PrivateKey,
    signing: SigningKey<Sha256>,
}

impl Key {
    #[expect(clippy::expect_used, reason = "fails only if the operating system has no random bytes")]
    fn generate() -> Self {
        let private = PrivateKey::new(&mut SysRng, 2048).expect("an RSA key of 2,048 bits");
        // Entra ID's key IDs are opaque. The sandbox uses a hash of the modulus, so that two keys never share an ID.
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(private.n_bytes()).get(..20).unwrap_or_default());
        Self { kid, signing: SigningKey::new(private.clone()), private }
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs a compact JWT with RS256 (facts, section 3).
    #[expect(clippy::expect_used, reason = "fails only if the operating system has no random bytes")]
    pub(crate) fn sign(&self, header: &Value, claims: &Map<String, Value>) -> String {
        let claims = Value::Object(claims.clone()).to_string();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.signing.try_sign_with_rng(&mut SysRng, signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    /// Returns the key as Entra ID publishes it, without `alg`. There is no certificate, and so neither `x5t` nor
    /// `x5c`.
    fn jwk(&self, issuer: Option<&str>) -> Value {
        let mut jwk = json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "n": URL_SAFE_NO_PAD.encode(self.private.n_bytes()),
            "e": URL_SAFE_NO_PAD.encode(self.private.e_bytes()),
        });
        if let (Some(members), Some(issuer)) = (jwk.as_object_mut(), issuer) {
            members.insert("issuer".to_owned(), issuer.into());
        }
        jwk
    }
}

/// Current key and former keys.
pub(crate) struct KeyRing {
    pub(crate) current: Key,
    former: Vec<Key>,
}

impl KeyRing {
    pub(crate) fn generate() -> Self {
        Self { current: Key::generate(), former: Vec::new() }
    }

    /// Creates a new signing key and keeps the former keys published (facts, section 3: keys can roll at any time).
    pub(crate) fn rotate(&mut self) {
        let former = std::mem::replace(&mut self.current, Key::generate());
        self.former.push(former);
    }

    pub(crate) fn published(&self, issuer: Option<&str>) -> Value {
        let keys: Vec<Value> =
            std::iter::once(&self.current).chain(self.former.iter().rev()).map(|key| key.jwk(issuer)).collect();
        json!({ "keys": keys })
    }
}
