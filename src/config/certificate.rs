//! `CLIENT_CERTIFICATE`: the key that signs client assertions, and its certificate for Entra (facts, section 2).
//!
//! Reads only the thumbprint, the validity, and whether the certificate belongs to the key. Entra checks the rest.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::secret::SecretBytes;
use crate::time::Timestamp;

/// Minimum size of the modulus in bits (RFC 7518, section 3.5).
const MIN_MODULUS_BITS: usize = 2048;

/// Tags of DER (X.690).
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// Tag of a certificate's version, which version 1 omits.
const VERSION: u8 = 0xa0;

/// The gateway's certificate with its key.
#[derive(Debug)]
pub struct ClientCertificate {
    /// The key, PKCS#8 in DER.
    pub private_key: SecretBytes,
    /// The SHA-256 of the certificate in DER, base64url: the `x5t#S256` of RFC 7515, section 4.1.8.
    pub thumbprint: String,
    /// End of the certificate's validity.
    pub not_after: Timestamp,
}

/// Error in `CLIENT_CERTIFICATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error(
        "has no PRIVATE KEY block; `openssl pkey -in key.pem -out plain.pem` converts an encrypted or PKCS#1 key to one"
    )]
    KeyMissing,
    #[error("has a PRIVATE KEY block that is not an RSA key of at least 2048 bits, in PKCS#8 and base64")]
    KeyUnfit,
    #[error("has no CERTIFICATE block")]
    CertificateMissing,
    #[error("has a first CERTIFICATE block that is not an X.509 certificate in base64")]
    CertificateUnreadable,
    #[error("has a first certificate that does not belong to the private key")]
    Mismatch,
    #[error("has a certificate that is not valid yet; deploy again when it is valid")]
    NotYetValid,
    #[error("has a certificate that has expired")]
    Expired,
}

impl ClientCertificate {
    /// Reads the first key and the first certificate of `text`, as of `now`.
    ///
    /// # Errors
    ///
    /// All errors of the text.
    pub(crate) fn read(text: &str, now: Timestamp) -> Result<Self, Vec<CertificateError>> {
        match (private_key(text), certificate(text)) {
            (Ok(key), Ok((certificate, not_before, not_after))) => {
                let is_of_key =
                    modulus(&key).is_some_and(|modulus| certificate.windows(modulus.len()).any(|part| part == modulus));
                let errors: Vec<_> = [
                    (!is_of_key, CertificateError::Mismatch),
                    (now < not_before, CertificateError::NotYetValid),
                    (now > not_after, CertificateError::Expired),
                ]
                .into_iter()
                .filter_map(|(is_so, error)| is_so.then_some(error))
                .collect();
                let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(certificate));
                let private_key = SecretBytes::new(key);
                if errors.is_empty() { Ok(Self { private_key, thumbprint, not_after }) } else { Err(errors) }
            }
            (key, certificate) => Err(key.err().into_iter().chain(certificate.err()).collect()),
        }
    }
}

/// Returns the first key, in DER.
fn private_key(text: &str) -> Result<Vec<u8>, CertificateError> {
    let base64 = pem_block(text, "PRIVATE KEY").ok_or(CertificateError::KeyMissing)?;
    let der = BASE64_STANDARD.decode(base64).ok();
    // DER adds a zero byte before the modulus, because its first bit is set and the integer is signed.
    let is_fit = |der: &[u8]| modulus(der).is_some_and(|modulus| modulus.len() > MIN_MODULUS_BITS / 8);
    der.filter(|der| is_fit(der)).ok_or(CertificateError::KeyUnfit)
}

/// Returns the first certificate, in DER, and its validity.
fn certificate(text: &str) -> Result<(Vec<u8>, Timestamp, Timestamp), CertificateError> {
    let base64 = pem_block(text, "CERTIFICATE").ok_or(CertificateError::CertificateMissing)?;
    let read = BASE64_STANDARD.decode(base64).ok().and_then(|der| {
        let (not_before, not_after) = validity(&der)?;
        Some((der, not_before, not_after))
    });
    read.ok_or(CertificateError::CertificateUnreadable)
}

/// Returns the base64 of the first PEM block (RFC 7468) with this label. Lines may be of any length, and indented.
fn pem_block(text: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (base64, _) = rest.split_once(&format!("-----END {label}-----"))?;
    Some(base64.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect())
}

/// Returns the modulus of a `PrivateKeyInfo` (RFC 5208, section 5) with an `RSAPrivateKey` (RFC 8017, appendix A.1.2).
fn modulus(der: &[u8]) -> Option<&[u8]> {
    let mut info = take_content(&mut &*der, SEQUENCE)?;
    take_content(&mut info, INTEGER)?; // version
    take_content(&mut info, SEQUENCE)?; // privateKeyAlgorithm
    let mut key = take_content(&mut take_content(&mut info, OCTET_STRING)?, SEQUENCE)?;
    take_content(&mut key, INTEGER)?; // version
    take_content(&mut key, INTEGER)
}

/// Returns the validity of a `Certificate` (RFC 5280, section 4.1).
fn validity(der: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let mut tbs = take_content(&mut take_content(&mut &*der, SEQUENCE)?, SEQUENCE)?;
    if take_element(&mut tbs)?.0 == VERSION {
        take_element(&mut tbs)?; // serialNumber
    }
    take_element(&mut tbs)?; // signature
    take_element(&mut tbs)?; // issuer
    let mut validity = take_content(&mut tbs, SEQUENCE)?;
    Some((take_time(&mut validity)?, take_time(&mut validity)?))
}

/// Takes a `Time` of RFC 5280, section 4.1.2.5. Two-digit years from 50 on are of the 20th century.
fn take_time(bytes: &mut &[u8]) -> Option<Timestamp> {
    let (tag, text) = take_element(bytes)?;
    let century = match (tag, text) {
        (UTC_TIME, [b'5'..=b'9', ..]) => "19",
        (UTC_TIME, _) => "20",
        (GENERALIZED_TIME, _) => "",
        _ => return None,
    };
    let text = format!("{century}{}", str::from_utf8(text).ok()?);
    let part = |from, to| text.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, rest) = (part(8, 10)?, part(10, 12)?, text.get(12..)?);
    Timestamp::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{rest}"))
}

/// Takes an element with this tag, and returns its content.
fn take_content<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    take_element(bytes).filter(|(found, _)| *found == tag).map(|(_, content)| content)
}

/// Takes the first element of DER, and returns its tag and content.
fn take_element<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match usize::from(first) {
        short @ 0..0x80 => (short, rest),
        long => {
            let (digits, rest) = rest.split_at_checked(long - 0x80)?;
            let add = |sum: usize, digit: &u8| Some(sum.checked_mul(0x100)? + usize::from(*digit));
            (digits.iter().try_fold(0, add)?, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some((tag, content))
}
