//! `CLIENT_CERTIFICATE`: the key that signs client assertions, and its certificate, which Entra knows (facts, section
//! 2).
//!
//! The readers `pem` and `der` are the project's own, because they add 6 KiB of compressed Wasm. The crates
//! `x509-cert`, `pkcs8` and `pkcs1` would add 35 KiB.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::der::Reader;
use super::pem::{self, Block};
use crate::secret::SecretBytes;
use crate::time::Timestamp;

/// The OID of `rsaEncryption`, 1.2.840.113549.1.1.1, as DER has it. The other one for RSA keys, `id-RSASSA-PSS`, is not imported by WebCrypto.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// PS256 wants a modulus of 2,048 bits at least (RFC 7518, section 3.5): 256 bytes, the first bit of them set.
const MIN_MODULUS_BYTES: usize = 2048 / 8;

/// The gateway's certificate with its key.
#[derive(Debug)]
pub struct ClientCertificate {
    /// The key, PKCS#8 in DER.
    pub private_key: SecretBytes,
    /// The SHA-256 of the certificate in DER, base64url: the `x5t#S256` of RFC 7515, section 4.1.8.
    pub thumbprint: String,
    /// The last moment of the certificate.
    pub not_after: Timestamp,
}

/// What is wrong with `CLIENT_CERTIFICATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("is not PEM: it must hold a PRIVATE KEY block and a CERTIFICATE block, each with its BEGIN and END line")]
    NotPem,
    #[error("has no PRIVATE KEY block")]
    KeyMissing,
    #[error("has more than one PRIVATE KEY block")]
    SeveralKeys,
    #[error(
        "holds an encrypted key, which needs a passphrase; `openssl pkey -in key.pem -out plain.pem` makes a plain one of it"
    )]
    KeyEncrypted,
    #[error(
        "holds a key in PKCS#1 (RSA PRIVATE KEY); `openssl pkey -in key.pem -out pkcs8.pem` makes PKCS#8 (PRIVATE KEY) of it"
    )]
    KeyPkcs1,
    #[error("has a PRIVATE KEY block that is not PKCS#8 in base64")]
    KeyUnreadable,
    #[error("holds a key that is not RSA")]
    KeyNotRsa,
    #[error("holds a key of less than 2048 bits")]
    KeyWeak,
    #[error("has no CERTIFICATE block")]
    CertificateMissing,
    #[error("has a first CERTIFICATE block that is not an X.509 certificate in base64")]
    CertificateUnreadable,
    #[error("holds a first certificate whose key is not RSA")]
    CertificateNotRsa,
    #[error("holds a first certificate that is not that of the private key")]
    Mismatch,
    #[error("holds a certificate that is not valid yet; once it is, deploy again")]
    NotYetValid,
    #[error("holds a certificate that has expired")]
    Expired,
}

/// An RSA public key: modulus and exponent, big-endian, without leading zeros.
type PublicKey = (Vec<u8>, Vec<u8>);

impl ClientCertificate {
    /// Reads the key and the certificate of `text` as they are at `now`. Further certificates are a chain, which Entra does not want: the
    /// first must be the key's.
    ///
    /// # Errors
    ///
    /// Every error.
    pub(crate) fn read(text: &str, now: Timestamp) -> Result<Self, Vec<CertificateError>> {
        let blocks = pem::blocks(text).ok_or_else(|| vec![CertificateError::NotPem])?;
        match (private_key(&blocks), leaf(&blocks)) {
            (Ok((private_key, public_key)), Ok(leaf)) => {
                let errors: Vec<_> = [
                    (public_key != leaf.public_key, CertificateError::Mismatch),
                    (now < leaf.not_before, CertificateError::NotYetValid),
                    (now > leaf.not_after, CertificateError::Expired),
                ]
                .into_iter()
                .filter_map(|(is_so, error)| is_so.then_some(error))
                .collect();
                let Leaf { thumbprint, not_after, .. } = leaf;
                if errors.is_empty() { Ok(Self { private_key, thumbprint, not_after }) } else { Err(errors) }
            }
            (key, leaf) => Err(key.err().into_iter().chain(leaf.err()).collect()),
        }
    }
}

fn private_key(blocks: &[Block<'_>]) -> Result<(SecretBytes, PublicKey), CertificateError> {
    let labelled = |label: &str| blocks.iter().any(|block| block.label == label);
    let mut keys = blocks.iter().filter(|block| block.label == "PRIVATE KEY");
    let Some(key) = keys.next() else {
        return Err(if labelled("ENCRYPTED PRIVATE KEY") {
            CertificateError::KeyEncrypted
        } else if labelled("RSA PRIVATE KEY") {
            CertificateError::KeyPkcs1
        } else if labelled("EC PRIVATE KEY") {
            CertificateError::KeyNotRsa
        } else {
            CertificateError::KeyMissing
        });
    };
    if keys.next().is_some() {
        return Err(CertificateError::SeveralKeys);
    }
    let der = key.decode().ok_or(CertificateError::KeyUnreadable)?;
    let public_key =
        public_of(&der).ok_or(CertificateError::KeyUnreadable)?.map_err(|NotRsa| CertificateError::KeyNotRsa)?;
    let is_strong = match public_key.0.as_slice() {
        [first, rest @ ..] => rest.len() >= MIN_MODULUS_BYTES || rest.len() == MIN_MODULUS_BYTES - 1 && *first >= 0x80,
        [] => false,
    };
    if is_strong { Ok((SecretBytes::new(der), public_key)) } else { Err(CertificateError::KeyWeak) }
}

/// A key of another kind.
struct NotRsa;

/// The public half of a `PrivateKeyInfo` (RFC 5208, section 5; RFC 5958 adds a public key to it) that holds an `RSAPrivateKey` (RFC 8017,
/// appendix A.1.2).
fn public_of(der: &[u8]) -> Option<Result<PublicKey, NotRsa>> {
    let mut info = Reader::of_sequence(der)?;
    info.integer().filter(|version| matches!(version, [0 | 1]))?;
    if info.sequence()?.oid()? != RSA_ENCRYPTION {
        return Some(Err(NotRsa));
    }
    let mut key = Reader::of_sequence(info.octets()?)?;
    key.integer().filter(|version| *version == [0])?;
    Some(Ok((key.positive()?.to_vec(), key.positive()?.to_vec())))
}

/// What there is to know of the certificate.
struct Leaf {
    public_key: PublicKey,
    thumbprint: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

fn leaf(blocks: &[Block<'_>]) -> Result<Leaf, CertificateError> {
    let block = blocks.iter().find(|block| block.label == "CERTIFICATE").ok_or(CertificateError::CertificateMissing)?;
    let der = block.decode().ok_or(CertificateError::CertificateUnreadable)?;
    let certificate = certificate(&der).ok_or(CertificateError::CertificateUnreadable)?;
    certificate.map_err(|NotRsa| CertificateError::CertificateNotRsa)
}

/// A `Certificate` (RFC 5280, section 4.1). Its signature is Entra's to judge, which knows the certificate by its hash.
fn certificate(der: &[u8]) -> Option<Result<Leaf, NotRsa>> {
    let mut certificate = Reader::of_sequence(der)?;
    let mut tbs = certificate.sequence()?;
    certificate.sequence()?; // signatureAlgorithm
    certificate.bits()?; // signatureValue
    certificate.end()?;

    tbs.skip_optional(0)?; // version
    tbs.integer()?; // serialNumber
    tbs.sequence()?; // signature
    tbs.sequence()?; // issuer
    let mut validity = tbs.sequence()?;
    let (not_before, not_after) = (validity.time()?, validity.time()?);
    tbs.sequence()?; // subject
    let mut info = tbs.sequence()?;
    if info.sequence()?.oid()? != RSA_ENCRYPTION {
        return Some(Err(NotRsa));
    }
    let mut key = Reader::of_sequence(info.bits()?)?;
    let public_key = (key.positive()?.to_vec(), key.positive()?.to_vec());
    let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(der));
    Some(Ok(Leaf { public_key, thumbprint, not_before, not_after }))
}
