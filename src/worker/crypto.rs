//! WebCrypto: RS256, PS256 and random GUIDs.

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Crypto, CryptoKey, WorkerGlobalScope};

use super::{Workers, tasks};
use crate::runtime::{Signer, Verifier};
use crate::secret::SecretBytes;

/// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2), which with SHA-256 is RS256.
const ALGORITHM: &str = "RSASSA-PKCS1-v1_5";
/// RSASSA-PSS (RFC 8017 section 8.1), which with SHA-256 and a salt as long as its digest is PS256.
const PSS: &str = "RSA-PSS";
/// That length, in bytes.
const SALT: u8 = 32;

#[wasm_bindgen(raw_module = "./glue.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = verify)]
    fn start_verifying(algorithm: &str, key: &CryptoKey, signature: &[u8], message: &[u8]) -> Result<Promise, JsValue>;
}

fn crypto() -> Result<Crypto, JsValue> {
    global().crypto()
}

fn object(members: &[(&str, &str)]) -> Result<Object, JsValue> {
    let object = Object::new();
    for (name, value) in members {
        Reflect::set(&object, &JsValue::from_str(name), &JsValue::from_str(value))?;
    }
    Ok(object)
}

async fn import(n: &str, e: &str) -> Result<CryptoKey, JsValue> {
    let key = object(&[("kty", "RSA"), ("alg", "RS256"), ("n", n), ("e", e)])?;
    let algorithm = object(&[("name", ALGORITHM), ("hash", "SHA-256")])?;
    let usages = Array::of1(&JsValue::from_str("verify"));
    let promise = crypto()?.subtle().import_key_with_object("jwk", &key, &algorithm, false, &usages)?;
    tasks::outcome_of(&promise).await?.dyn_into()
}

async fn verify(key: &CryptoKey, message: &[u8], signature: &[u8]) -> Result<bool, JsValue> {
    Ok(tasks::outcome_of(&start_verifying(ALGORITHM, key, signature, message)?).await?.is_truthy())
}

async fn sign(pkcs8: &[u8], message: &[u8]) -> Result<Vec<u8>, JsValue> {
    let subtle = crypto()?.subtle();
    let algorithm = object(&[("name", PSS), ("hash", "SHA-256")])?;
    let usages = Array::of1(&JsValue::from_str("sign"));
    let promise = subtle.import_key_with_object("pkcs8", &Uint8Array::from(pkcs8), &algorithm, false, &usages)?;
    let key: CryptoKey = tasks::outcome_of(&promise).await?.dyn_into()?;
    let algorithm = object(&[("name", PSS)])?;
    Reflect::set(&algorithm, &JsValue::from_str("saltLength"), &JsValue::from(SALT))?;
    let signature = tasks::outcome_of(&subtle.sign_with_object_and_u8_array(&algorithm, &key, message)?).await?;
    Ok(Uint8Array::new(&signature).to_vec())
}

impl Verifier for Workers {
    type Key = CryptoKey;

    async fn import_rs256(&self, n: &str, e: &str) -> Option<CryptoKey> {
        import(n, e).await.ok()
    }

    async fn verify_rs256(&self, key: &CryptoKey, message: &[u8], signature: &[u8]) -> bool {
        verify(key, message, signature).await.unwrap_or(false)
    }
}

impl Signer for Workers {
    async fn sign_ps256(&self, pkcs8: &SecretBytes, message: &[u8]) -> Option<Vec<u8>> {
        sign(pkcs8.expose(), message).await.ok()
    }
}

/// The global scope of the Worker.
fn global() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}
