//! WebCrypto: RS256 and PS256.

use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::CryptoKey;

use super::{Workers, promise};
use crate::runtime::{Signer, Verifier};
use crate::secret::SecretBytes;

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = importKey)]
    fn import_key(promise_id: u32, n: &str, e: &str);
    fn verify(promise_id: u32, key: &CryptoKey, signature: &[u8], message: &[u8]);
    fn sign(promise_id: u32, pkcs8: &[u8], message: &[u8]);
}

impl Verifier for Workers {
    type Key = CryptoKey;

    async fn import_rs256(&self, n: &str, e: &str) -> Option<CryptoKey> {
        let key = promise::start(|promise_id| import_key(promise_id, n, e)).await.ok()?;
        Some(key.unchecked_into())
    }

    async fn verify_rs256(&self, key: &CryptoKey, message: &[u8], signature: &[u8]) -> bool {
        let verified = promise::start(|promise_id| verify(promise_id, key, signature, message)).await;
        verified.is_ok_and(|verified| verified == true)
    }
}

impl Signer for Workers {
    async fn sign_ps256(&self, pkcs8: &SecretBytes, message: &[u8]) -> Option<Vec<u8>> {
        let signature = promise::start(|promise_id| sign(promise_id, pkcs8.expose(), message)).await.ok()?;
        Some(signature.unchecked_into::<Uint8Array>().to_vec())
    }
}
