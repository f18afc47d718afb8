//! Certificates for the gateway's credential, and keys in all encodings, made by the `rcgen` and `rsa` crates.

use rcgen::{
    CertificateParams, DnType, PKCS_RSA_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey,
    date_time_ymd,
};
use rsa::PrivateKey;
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};

use super::entra;

/// Subject of every certificate here, which must not appear in a log.
pub(crate) const SUBJECT: &str = "the-subject-of-the-certificate";

/// Issuer of a certificate.
struct CertificateIssuer<'a> {
    key: &'a entra::Key,
    public: Vec<u8>,
}

impl PublicKeyData for CertificateIssuer<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for CertificateIssuer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.key.sign(message))
    }
}

/// Returns a self-signed certificate in DER, valid between these days.
pub(crate) fn der(
    key: &entra::Key,
    (from_year, from_month, from_day): (i32, u8, u8),
    (to_year, to_month, to_day): (i32, u8, u8),
) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, SUBJECT);
    params.serial_number = Some(SerialNumber::from(0x1234_5678_9abc_def0_u64));
    params.not_before = date_time_ymd(from_year, from_month, from_day);
    params.not_after = date_time_ymd(to_year, to_month, to_day);
    let public = key.private.to_public_key().to_pkcs1_der().unwrap().into_vec();
    params.self_signed(&CertificateIssuer { key, public }).unwrap().der().to_vec()
}

/// Returns a PEM block.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let base64 = base64::prelude::BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Returns the key in the form of `openssl genpkey`.
pub(crate) fn pkcs8(key: &PrivateKey) -> String {
    key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}

/// Returns the key in the form of older tools.
pub(crate) fn pkcs1(key: &PrivateKey) -> String {
    key.to_pkcs1_pem(LineEnding::LF).unwrap().to_string()
}

/// Returns the certificate of [`of`], in DER.
pub(crate) fn good_der(key: &entra::Key) -> Vec<u8> {
    der(key, (2026, 1, 1), (2028, 1, 1))
}

/// Returns a certificate of this key, valid in the years around [`crate::tests::support::runtime::START`].
pub(crate) fn of(key: &entra::Key) -> String {
    pem("CERTIFICATE", &good_der(key))
}
