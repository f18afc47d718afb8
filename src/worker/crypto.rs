//! WebCrypto: RS256 and PS256.

use js_sys::{Boolean, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::CryptoKey;

use super::Workers;
use crate::runtime::{Signer, Verifier};
use crate::secret::SecretBytes;

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = importKey)]
    async fn import_key(n: &str, e: &str) -> Result<CryptoKey, JsValue>;
    #[wasm_bindgen(catch)]
    async fn verify(key: &CryptoKey, signature: &[u8], message: &[u8]) -> Result<Boolean, JsValue>;
    #[wasm_bindgen(catch)]
    async fn sign(pkcs8: &[u8], message: &[u8]) -> Result<Uint8Array, JsValue>;
}

impl Verifier for Workers {
    type Key = CryptoKey;

    async fn import_rs256(&self, n: &str, e: &str) -> Option<CryptoKey> {
        import_key(n, e).await.ok()
    }

    async fn verify_rs256(&self, key: &CryptoKey, message: &[u8], signature: &[u8]) -> bool {
        verify(key, signature, message).await.is_ok_and(|verified| verified == true)
    }
}

impl Signer for Workers {
    async fn sign_ps256(&self, pkcs8: &SecretBytes, message: &[u8]) -> Option<Vec<u8>> {
        Some(sign(pkcs8.expose(), message).await.ok()?.to_vec())
    }
}
