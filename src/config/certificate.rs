//! `CLIENT_CERTIFICATE`: the key that signs client assertions, and the certificate that Entra knows it by (facts, section 2).
//!
//! Read by `pem` and `der` beside this, which alone are 6 KiB of compressed Wasm; `x509-cert`, `pkcs8` and `pkcs1`, doing the same, are
//! 35 KiB.

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
pub(super) enum CertificateFault {
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
    /// Every fault.
    pub(super) fn read(text: &str, now: Timestamp) -> Result<Self, Vec<CertificateFault>> {
        let blocks = pem::blocks(text).ok_or_else(|| vec![CertificateFault::NotPem])?;
        match (private_key(&blocks), leaf(&blocks)) {
            (Ok((private_key, public_key)), Ok(leaf)) => {
                let faults: Vec<_> = [
                    (public_key != leaf.public_key, CertificateFault::Mismatch),
                    (now < leaf.not_before, CertificateFault::NotYetValid),
                    (now > leaf.not_after, CertificateFault::Expired),
                ]
                .into_iter()
                .filter_map(|(is_so, fault)| is_so.then_some(fault))
                .collect();
                let Leaf { thumbprint, not_after, .. } = leaf;
                if faults.is_empty() { Ok(Self { private_key, thumbprint, not_after }) } else { Err(faults) }
            }
            (key, leaf) => Err(key.err().into_iter().chain(leaf.err()).collect()),
        }
    }
}

fn private_key(blocks: &[Block<'_>]) -> Result<(SecretBytes, PublicKey), CertificateFault> {
    let labelled = |label: &str| blocks.iter().any(|block| block.label == label);
    let mut keys = blocks.iter().filter(|block| block.label == "PRIVATE KEY");
    let Some(key) = keys.next() else {
        return Err(if labelled("ENCRYPTED PRIVATE KEY") {
            CertificateFault::KeyEncrypted
        } else if labelled("RSA PRIVATE KEY") {
            CertificateFault::KeyPkcs1
        } else if labelled("EC PRIVATE KEY") {
            CertificateFault::KeyNotRsa
        } else {
            CertificateFault::KeyMissing
        });
    };
    if keys.next().is_some() {
        return Err(CertificateFault::SeveralKeys);
    }
    let der = key.decode().ok_or(CertificateFault::KeyUnreadable)?;
    let public_key =
        public_of(&der).ok_or(CertificateFault::KeyUnreadable)?.map_err(|NotRsa| CertificateFault::KeyNotRsa)?;
    let is_strong = match public_key.0.as_slice() {
        [first, rest @ ..] => rest.len() >= MIN_MODULUS_BYTES || rest.len() == MIN_MODULUS_BYTES - 1 && *first >= 0x80,
        [] => false,
    };
    if is_strong { Ok((SecretBytes::new(der), public_key)) } else { Err(CertificateFault::KeyWeak) }
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

fn leaf(blocks: &[Block<'_>]) -> Result<Leaf, CertificateFault> {
    let block = blocks.iter().find(|block| block.label == "CERTIFICATE").ok_or(CertificateFault::CertificateMissing)?;
    let der = block.decode().ok_or(CertificateFault::CertificateUnreadable)?;
    let certificate = certificate(&der).ok_or(CertificateFault::CertificateUnreadable)?;
    certificate.map_err(|NotRsa| CertificateFault::CertificateNotRsa)
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

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use rsa::pkcs8::EncodePrivateKey;

    use super::CertificateFault::{
        CertificateMissing, CertificateNotRsa, CertificateUnreadable, Expired, KeyEncrypted, KeyMissing, KeyNotRsa,
        KeyPkcs1, KeyUnreadable, KeyWeak, Mismatch, NotPem, NotYetValid, SeveralKeys,
    };
    use super::*;
    use crate::testing::certificate::{der, elliptic, good_der, of, pem, pkcs1, pkcs8};
    use crate::testing::entra::{CURRENT, NEXT, WEAK, base64url};
    use crate::testing::platform::START;

    /// What tells an elliptic-curve key: version, `id-ecPublicKey`, and some octets.
    const ELLIPTIC: &[u8] = &[0x30, 0x12, 2, 1, 0, 0x30, 9, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 4, 2, 0x30, 0];

    static KEY: LazyLock<String> = LazyLock::new(|| pkcs8(&CURRENT.private));
    static CERTIFICATE: LazyLock<String> = LazyLock::new(|| of(&CURRENT));
    static PEM: LazyLock<String> = LazyLock::new(|| format!("{}{}", *KEY, *CERTIFICATE));

    fn read_at(text: &str, seconds: u64) -> Result<ClientCertificate, Vec<CertificateFault>> {
        ClientCertificate::read(text, Timestamp::from_seconds(seconds))
    }

    fn read(text: &str) -> Result<ClientCertificate, Vec<CertificateFault>> {
        read_at(text, START)
    }

    #[test]
    fn a_key_and_its_certificate_are_read_however_they_stand_in_the_text() {
        let (key, certificate) = (KEY.as_str(), CERTIFICATE.as_str());
        let other = of(&NEXT);
        for text in [
            format!("{key}{certificate}"),
            format!("{certificate}{key}"),
            format!(
                "Bag Attributes\n  friendlyName: x\n{key}\nsubject=CN = gateway\n{certificate}\n-----the end-----\n"
            ),
            format!("{key}{certificate}").replace('\n', "\r\n"),
            format!("{key}{certificate}").replace('\n', "\n\t "),
            format!("{key}{certificate}").replace('\n', " "),
            format!("{key}{certificate}{other}"),
            format!("{}{key}{certificate}", pem("PUBLIC KEY", b"whatever")),
        ] {
            let read = read(&text).unwrap();
            assert_eq!(read.private_key.expose(), CURRENT.private.to_pkcs8_der().unwrap().as_bytes());
            assert_eq!(read.thumbprint, base64url(rsa_sha256(&good_der(&CURRENT))));
            assert_eq!(read.not_after, Timestamp::from_utc((2028, 1, 1), (0, 0, 0)).unwrap());
        }
    }

    fn rsa_sha256(bytes: &[u8]) -> Vec<u8> {
        use rsa::sha2::Digest as _;
        rsa::sha2::Sha256::digest(bytes).to_vec()
    }

    #[test]
    fn each_fault_is_told_by_its_own_text_and_shows_nothing_of_the_value() {
        let (key, certificate) = (KEY.as_str(), CERTIFICATE.as_str());
        let weak = pkcs8(&WEAK.private);
        let cut = |text: &str| text.replacen("MII", "MI", 1);
        let past = pem("CERTIFICATE", &der(&CURRENT, (2024, 1, 1), (2026, 1, 1)));
        let future = pem("CERTIFICATE", &der(&CURRENT, (2028, 1, 1), (2029, 1, 1)));
        let of_next_in_past = pem("CERTIFICATE", &der(&NEXT, (2024, 1, 1), (2026, 1, 1)));
        let mut seen = std::collections::BTreeSet::new();
        for (text, expected) in [
            ("the-certificate".to_owned(), vec![NotPem]),
            (key.replace("-----END", "-----END "), vec![NotPem]),
            (format!("-----BEGIN PRIVATE KEY-----\n{certificate}"), vec![NotPem]),
            (certificate.to_owned(), vec![KeyMissing]),
            (format!("{}{certificate}", pem("PUBLIC KEY", b"x")), vec![KeyMissing]),
            (pem("PUBLIC KEY", b"x"), vec![KeyMissing, CertificateMissing]),
            (key.to_owned(), vec![CertificateMissing]),
            (format!("{key}{certificate}{key}"), vec![SeveralKeys]),
            (format!("{}{certificate}", pem("ENCRYPTED PRIVATE KEY", b"x")), vec![KeyEncrypted]),
            (format!("{}{certificate}", pkcs1(&CURRENT.private)), vec![KeyPkcs1]),
            (format!("{}{certificate}", pem("PRIVATE KEY", b"x")), vec![KeyUnreadable]),
            (format!("{}{certificate}", cut(key)), vec![KeyUnreadable]),
            (format!("{}{certificate}", key.replace('\n', "\\n")), vec![KeyUnreadable]),
            (format!("{}{certificate}", pem("EC PRIVATE KEY", b"x")), vec![KeyNotRsa]),
            (format!("{}{certificate}", pem("PRIVATE KEY", ELLIPTIC)), vec![KeyNotRsa]),
            (format!("{weak}{}", of(&WEAK)), vec![KeyWeak]),
            (format!("{key}{}", pem("CERTIFICATE", b"x")), vec![CertificateUnreadable]),
            (format!("{key}{}", cut(certificate)), vec![CertificateUnreadable]),
            (format!("{key}{}", elliptic(&CURRENT)), vec![CertificateNotRsa]),
            (format!("{key}{}", of(&NEXT)), vec![Mismatch]),
            (format!("{key}{}{certificate}", of(&NEXT)), vec![Mismatch]),
            (format!("{key}{future}"), vec![NotYetValid]),
            (format!("{key}{past}"), vec![Expired]),
            (format!("{key}{of_next_in_past}"), vec![Mismatch, Expired]),
            (format!("{weak}{}", pem("CERTIFICATE", b"x")), vec![KeyWeak, CertificateUnreadable]),
        ] {
            assert_eq!(read(&text).unwrap_err(), expected, "{text}");
            seen.extend(expected.iter().map(ToString::to_string));
        }
        assert_eq!(seen.len(), 14, "{seen:#?}");
    }

    #[test]
    fn a_certificate_is_valid_from_its_first_second_to_its_last() {
        let not_before = Timestamp::from_utc((2026, 1, 1), (0, 0, 0)).unwrap().millis() / 1000;
        let not_after = Timestamp::from_utc((2028, 1, 1), (0, 0, 0)).unwrap().millis() / 1000;
        for (second, expected) in [
            (not_before - 1, Err(vec![NotYetValid])),
            (not_before, Ok(())),
            (not_after, Ok(())),
            (not_after + 1, Err(vec![Expired])),
        ] {
            assert_eq!(read_at(&PEM, second).map(|_| ()), expected);
        }
    }

    #[test]
    fn no_key_or_certificate_that_is_cut_or_grown_is_taken() {
        let key = CURRENT.private.to_pkcs8_der().unwrap();
        let certificate = good_der(&CURRENT);
        for length in 0..key.as_bytes().len() {
            let text = format!("{}{}", pem("PRIVATE KEY", &key.as_bytes()[..length]), *CERTIFICATE);
            assert_eq!(read(&text).unwrap_err(), [KeyUnreadable]);
        }
        for length in 0..certificate.len() {
            let text = format!("{}{}", *KEY, pem("CERTIFICATE", &certificate[..length]));
            assert_eq!(read(&text).unwrap_err(), [CertificateUnreadable]);
        }
        let longer = pem("CERTIFICATE", &[certificate, vec![0]].concat());
        assert_eq!(read(&format!("{}{longer}", *KEY)).unwrap_err(), [CertificateUnreadable]);
    }

    #[test]
    fn debug_output_shows_no_key() {
        let shown = format!("{:?}", read(&PEM).unwrap());
        assert!(shown.contains("private_key: SecretBytes(…)"), "{shown}");
    }

    proptest! {
        #[test]
        fn random_texts_are_refused(text in "(-----|BEGIN |END |PRIVATE KEY|CERTIFICATE|MII|[A-Za-z0-9+/=\\n]|\\PC){0,60}") {
            prop_assert!(read(&text).is_err());
        }

        #[test]
        fn random_bytes_as_key_or_certificate_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (key, certificate) = (pem("PRIVATE KEY", &bytes), pem("CERTIFICATE", &bytes));
            let no_key = read(&format!("{key}{}", *CERTIFICATE));
            prop_assert!(no_key.is_err());
            let no_certificate = read(&format!("{}{certificate}", *KEY));
            prop_assert!(no_certificate.is_err());
        }

        /// What is read from a mutated certificate cannot be another's: the thumbprint is that of its bytes.
        #[test]
        fn mutated_bytes_never_panic(place in any::<prop::sample::Index>(), byte: u8, of_the_key: bool) {
            let mut key = CURRENT.private.to_pkcs8_der().unwrap().as_bytes().to_vec();
            let mut certificate = good_der(&CURRENT);
            let mutated = if of_the_key { &mut key } else { &mut certificate };
            *place.get_mut(mutated) = byte;
            let text = format!("{}{}", pem("PRIVATE KEY", &key), pem("CERTIFICATE", &certificate));
            if let Ok(read) = read(&text) {
                prop_assert_eq!(read.thumbprint, base64url(rsa_sha256(&certificate)));
            }
        }

        #[test]
        fn mutated_texts_never_panic(place in any::<prop::sample::Index>(), byte in 0_u8..128) {
            let mut text = PEM.clone().into_bytes();
            *place.get_mut(&mut text) = byte;
            let _ = read(&String::from_utf8(text).unwrap());
        }
    }
}
