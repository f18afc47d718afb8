//! Certificates for the gateway's own credential, and keys in all their encodings, by the `rcgen` and `rsa` crates.

use rcgen::{
    CertificateParams, DnType, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData, SerialNumber,
    SignatureAlgorithm, SigningKey, date_time_ymd,
};
use rsa::PrivateKey;
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};

use super::entra;

/// A text that no log may show: the subject of every certificate here.
pub(crate) const SUBJECT: &str = "the-subject-of-the-certificate";

/// Who signs a certificate.
struct CertificateIssuer<'a> {
    key: &'a entra::Key,
    public: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl PublicKeyData for CertificateIssuer<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl SigningKey for CertificateIssuer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.key.sign(message))
    }
}

/// A self-signed certificate in DER, valid from the one day to the other.
fn certificate(
    key: &entra::Key,
    algorithm: &'static SignatureAlgorithm,
    (from_year, from_month, from_day): (i32, u8, u8),
    (to_year, to_month, to_day): (i32, u8, u8),
) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, SUBJECT);
    params.serial_number = Some(SerialNumber::from(0x1234_5678_9abc_def0_u64));
    params.not_before = date_time_ymd(from_year, from_month, from_day);
    params.not_after = date_time_ymd(to_year, to_month, to_day);
    let public = key.private.to_public_key().to_pkcs1_der().unwrap().into_vec();
    params.self_signed(&CertificateIssuer { key, public, algorithm }).unwrap().der().to_vec()
}

/// A certificate of this key, valid on these days.
pub(crate) fn der(key: &entra::Key, from: (i32, u8, u8), to: (i32, u8, u8)) -> Vec<u8> {
    certificate(key, &PKCS_RSA_SHA256, from, to)
}

/// A block of PEM.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let base64 = base64::prelude::BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The key as `openssl genpkey` writes it.
pub(crate) fn pkcs8(key: &PrivateKey) -> String {
    key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}

/// The key as older tools write it.
pub(crate) fn pkcs1(key: &PrivateKey) -> String {
    key.to_pkcs1_pem(LineEnding::LF).unwrap().to_string()
}

/// The certificate of [`of`], in DER.
pub(crate) fn good_der(key: &entra::Key) -> Vec<u8> {
    der(key, (2026, 1, 1), (2028, 1, 1))
}

/// A certificate of this key, valid through the years around [`crate::tests::support::runtime::START`].
pub(crate) fn of(key: &entra::Key) -> String {
    pem("CERTIFICATE", &good_der(key))
}

/// A certificate whose key is of an elliptic curve, by its own account.
pub(crate) fn elliptic(key: &entra::Key) -> String {
    pem("CERTIFICATE", &certificate(key, &PKCS_ECDSA_P256_SHA256, (2026, 1, 1), (2028, 1, 1)))
}
