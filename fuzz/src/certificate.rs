//! Certificate and private key of the gateway.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use remediation_gateway::config::{ClientCertificate, Config, Credential};
use serde_json::json;
use sha2::{Digest, Sha256};
use x509_cert::der::Decode;

use crate::world::{FakeRuntime, NOW, variables};

/// `rsaEncryption` with its NULL parameters.
const RSA: &[u8] = &[0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];

/// Checks the text of `CLIENT_CERTIFICATE`, in which `{key}` and `{certificate}` are placeholders for a valid pair.
///
/// With the prefix `key:` or `certificate:`, the input is the DER of one part, and the other part is valid. An accepted
/// part is stored unchanged. The gateway accepts a certificate that another X.509 parser accepts, if the certificate is
/// valid now, matches the key and has a signature of complete bytes. Both parsers read the same expiry.
///
/// Returns whether the gateway accepts the certificate and the key.
///
/// # Panics
///
/// Panics if a property does not hold.
#[must_use]
pub fn certificate(bytes: &[u8]) -> bool {
    let modulus = modulus();
    let (key, certificate) = (pkcs8(&modulus), x509(&modulus));
    if let Some(key) = bytes.strip_prefix(b"key:") {
        let parsed = parse(&pem_text(key, &certificate));
        if let Some(parsed) = &parsed {
            assert_eq!(parsed.private_key.expose(), key);
            check_certificate(parsed, &certificate);
        }
        parsed.is_some()
    } else if let Some(certificate) = bytes.strip_prefix(b"certificate:") {
        let parsed = parse(&pem_text(&key, certificate));
        let expiry = expiry_if_valid(certificate, &modulus);
        if let Some(parsed) = &parsed {
            assert_eq!(parsed.private_key.expose(), key);
            check_certificate(parsed, certificate);
        }
        match (&parsed, expiry) {
            (Some(parsed), Some(expiry)) => assert_eq!(parsed.not_after.millis() / 1000, expiry),
            (None, Some(_)) => panic!("a valid certificate is rejected"),
            // The gateway ignores the fields that it does not need, so it accepts a few invalid certificates.
            (_, None) => {}
        }
        parsed.is_some()
    } else {
        let text = String::from_utf8_lossy(bytes);
        let pem = text.replace("{key}", &base64(&key)).replace("{certificate}", &base64(&certificate));
        let parsed = parse(&pem);
        if let Some(parsed) = &parsed {
            assert!(pem.contains("-----BEGIN PRIVATE KEY-----") && pem.contains("-----BEGIN CERTIFICATE-----"));
            assert!(!format!("{parsed:?}").contains(&base64(&key)));
        }
        parsed.is_some()
    }
}

/// Parses a text as the gateway does. Errors must not contain the text.
fn parse(text: &str) -> Option<ClientCertificate> {
    let mut variables = variables();
    variables.remove("CLIENT_SECRET");
    variables.insert("CLIENT_CERTIFICATE", json!(text));
    match Config::check(&variables, &FakeRuntime::default(), NOW) {
        Ok(Config { credential: Credential::Certificate(certificate), .. }) => Some(certificate),
        Ok(_) => panic!("a certificate was given"),
        Err(errors) => {
            for error in errors {
                // The gateway's own error texts contain only short words of base64 characters, so a long one comes from
                // the input.
                let longest = error.problem.split(|c: char| !c.is_ascii_alphanumeric()).map(str::len).max();
                assert!(
                    error.variable.starts_with("CLIENT_") && error.problem.is_ascii() && longest < Some(16),
                    "{error}"
                );
            }
            None
        }
    }
}

/// Checks that `parsed` has the thumbprint of the certificate and has not expired.
fn check_certificate(parsed: &ClientCertificate, certificate: &[u8]) {
    assert_eq!(parsed.thumbprint, BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(certificate)));
    assert!(NOW <= parsed.not_after);
}

/// Returns the expiry of a certificate by another parser, if the certificate is valid now, has this modulus, and has a
/// signature of complete bytes.
fn expiry_if_valid(certificate: &[u8], modulus: &[u8]) -> Option<u64> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let tbs = certificate.tbs_certificate();
    let info = tbs.subject_public_key_info();
    let is_rsa = info.algorithm.oid.to_string() == "1.2.840.113549.1.1.1";
    let matches_key = info.subject_public_key.as_bytes() == Some(&public_key(modulus));
    let [start, end] =
        [tbs.validity().not_before, tbs.validity().not_after].map(|time| time.to_unix_duration().as_secs());
    let has_complete_bytes = certificate.signature().unused_bits() == 0;
    (is_rsa && matches_key && has_complete_bytes && (start..=end).contains(&(NOW.millis() / 1000))).then_some(end)
}

fn pem_text(key: &[u8], certificate: &[u8]) -> String {
    let block = |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(der));
    block("PRIVATE KEY", key) + &block("CERTIFICATE", certificate)
}

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// Returns a modulus of 2,048 bits without known factors. No key with it can sign.
fn modulus() -> Vec<u8> {
    [0xc0, 0xff, 0xee, 0x01].repeat(64)
}

/// Encodes a DER element.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("it is short").to_be_bytes();
    let length = match length {
        [0, low @ 0..0x80] => vec![low],
        [0, low] => vec![0x81, low],
        [high, low] => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), content].concat()
}

fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    element(0x30, &elements.concat())
}

/// Encodes a positive integer.
fn integer(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if number.first() >= Some(&0x80) { &[0] } else { &[] };
    element(2, &[sign, number].concat())
}

/// Encodes an `RSAPublicKey` (RFC 8017, appendix A.1.1).
fn public_key(modulus: &[u8]) -> Vec<u8> {
    sequence(&[&integer(modulus), &integer(&[1, 0, 1])])
}

/// Encodes a `PrivateKeyInfo` with this modulus, whose secret numbers are all 1.
fn pkcs8(modulus: &[u8]) -> Vec<u8> {
    let one = integer(&[1]);
    let key =
        sequence(&[&element(2, &[0]), &integer(modulus), &integer(&[1, 0, 1]), &one, &one, &one, &one, &one, &one]);
    sequence(&[&element(2, &[0]), RSA, &element(4, &key)])
}

/// Encodes a certificate for this modulus, valid from 2026 to 2028, with an invalid signature.
fn x509(modulus: &[u8]) -> Vec<u8> {
    let name = sequence(&[]);
    let validity = sequence(&[&element(0x17, b"260101000000Z"), &element(0x17, b"280101000000Z")]);
    let bits = |bytes: &[u8]| element(3, &[&[0], bytes].concat());
    let info = sequence(&[RSA, &bits(&public_key(modulus))]);
    let version = element(0xa0, &element(2, &[2]));
    let tbs = sequence(&[&version, &integer(&[1]), RSA, &name, &validity, &name, &info]);
    sequence(&[&tbs, RSA, &bits(b"signature")])
}
