//! Valid and invalid certificates and keys, and other bytes.

use std::sync::LazyLock;

use proptest::prelude::*;
use rsa::pkcs8::EncodePrivateKey;

use crate::config::ClientCertificate;
use crate::config::certificate::CertificateError;
use crate::config::certificate::CertificateError::{
    CertificateMissing, CertificateUnreadable, Expired, KeyMissing, KeyUnfit, Mismatch, NotYetValid,
};
use crate::tests::support::certificate::{der, good_der, of, pem, pkcs1, pkcs8};
use crate::tests::support::entra::{CURRENT, NEXT, WEAK, base64url};
use crate::tests::support::runtime::START;
use crate::time::Timestamp;

/// Marks of an elliptic-curve key: version, `id-ecPublicKey`, and some octets.
const ELLIPTIC: &[u8] = &[0x30, 0x12, 2, 1, 0, 0x30, 9, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 4, 2, 0x30, 0];

static KEY: LazyLock<String> = LazyLock::new(|| pkcs8(&CURRENT.private));
static CERTIFICATE: LazyLock<String> = LazyLock::new(|| of(&CURRENT));
static PEM: LazyLock<String> = LazyLock::new(|| format!("{}{}", *KEY, *CERTIFICATE));

fn read_at(text: &str, seconds: u64) -> Result<ClientCertificate, Vec<CertificateError>> {
    ClientCertificate::read(text, Timestamp::from_seconds(seconds))
}

fn read(text: &str) -> Result<ClientCertificate, Vec<CertificateError>> {
    read_at(text, START)
}

#[test]
fn key_and_certificate_are_read_in_any_order_and_layout() {
    let (key, certificate) = (KEY.as_str(), CERTIFICATE.as_str());
    let other = of(&NEXT);
    for text in [
        format!("{key}{certificate}"),
        format!("{certificate}{key}"),
        format!("Bag Attributes\n  friendlyName: x\n{key}\nsubject=CN = gateway\n{certificate}\n-----the end-----\n"),
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
fn invalid_key_or_certificate_is_rejected_with_distinct_error() {
    let (key, certificate) = (KEY.as_str(), CERTIFICATE.as_str());
    let weak = pkcs8(&WEAK.private);
    let cut = |text: &str| text.replacen("MII", "MI", 1);
    let past = pem("CERTIFICATE", &der(&CURRENT, (2024, 1, 1), (2026, 1, 1)));
    let future = pem("CERTIFICATE", &der(&CURRENT, (2028, 1, 1), (2029, 1, 1)));
    let of_next_in_past = pem("CERTIFICATE", &der(&NEXT, (2024, 1, 1), (2026, 1, 1)));
    let mut seen = std::collections::BTreeSet::new();
    for (text, expected) in [
        ("the-certificate".to_owned(), vec![KeyMissing, CertificateMissing]),
        (key.replace("-----END", "-----END "), vec![KeyMissing, CertificateMissing]),
        (certificate.to_owned(), vec![KeyMissing]),
        (format!("{}{certificate}", pem("PUBLIC KEY", b"x")), vec![KeyMissing]),
        (format!("{}{certificate}", pem("ENCRYPTED PRIVATE KEY", b"x")), vec![KeyMissing]),
        (format!("{}{certificate}", pem("EC PRIVATE KEY", b"x")), vec![KeyMissing]),
        (format!("{}{certificate}", pkcs1(&CURRENT.private)), vec![KeyMissing]),
        (key.to_owned(), vec![CertificateMissing]),
        (format!("{}{certificate}", pem("PRIVATE KEY", b"x")), vec![KeyUnfit]),
        (format!("{}{certificate}", pem("PRIVATE KEY", ELLIPTIC)), vec![KeyUnfit]),
        (format!("{}{certificate}", cut(key)), vec![KeyUnfit]),
        (format!("{}{certificate}", key.replace('\n', "\\n")), vec![KeyUnfit]),
        (format!("{weak}{}", of(&WEAK)), vec![KeyUnfit]),
        (format!("{key}{}", pem("CERTIFICATE", b"x")), vec![CertificateUnreadable]),
        (format!("{key}{}", cut(certificate)), vec![CertificateUnreadable]),
        (format!("{key}{}", of(&NEXT)), vec![Mismatch]),
        (format!("{key}{}{certificate}", of(&NEXT)), vec![Mismatch]),
        (format!("{}{key}{certificate}", pkcs8(&NEXT.private)), vec![Mismatch]),
        (format!("{key}{future}"), vec![NotYetValid]),
        (format!("{key}{past}"), vec![Expired]),
        (format!("{key}{of_next_in_past}"), vec![Mismatch, Expired]),
        (format!("{weak}{}", pem("CERTIFICATE", b"x")), vec![KeyUnfit, CertificateUnreadable]),
    ] {
        assert_eq!(read(&text).unwrap_err(), expected, "{text}");
        seen.extend(expected.iter().map(ToString::to_string));
    }
    assert_eq!(seen.len(), 7, "{seen:#?}");
}

#[test]
fn certificate_is_accepted_from_first_to_last_second_of_validity() {
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
fn truncated_key_or_certificate_is_rejected() {
    let key = CURRENT.private.to_pkcs8_der().unwrap();
    let certificate = good_der(&CURRENT);
    for length in 0..key.as_bytes().len() {
        let text = format!("{}{}", pem("PRIVATE KEY", &key.as_bytes()[..length]), *CERTIFICATE);
        assert_eq!(read(&text).unwrap_err(), [KeyUnfit]);
    }
    for length in 0..certificate.len() {
        let text = format!("{}{}", *KEY, pem("CERTIFICATE", &certificate[..length]));
        assert_eq!(read(&text).unwrap_err(), [CertificateUnreadable]);
    }
}

/// Both forms of RFC 5280, section 4.1.2.5, as notAfter of the certificate.
#[test]
fn certificate_expiry_is_parsed_as_utc_or_generalized_time() {
    const UTC: &[u8] = b"\x17\x0d280101000000Z";
    let certificate = good_der(&CURRENT);
    let place = certificate.windows(UTC.len()).position(|part| part == UTC).unwrap();
    let with = |time: &[u8]| {
        let mut der = certificate.clone();
        der[place..place + UTC.len()].copy_from_slice(time);
        // Another element of the same length keeps the lengths around it right.
        read(&format!("{}{}", *KEY, pem("CERTIFICATE", &der)))
    };
    for (time, expected) in [
        (&b"\x17\x0d270115080000Z"[..], Ok(START)),
        (b"\x17\x0d491231235959Z", Ok(2_524_607_999)),
        (b"\x17\x0d500101000000Z", Err(vec![Expired])),
        (b"\x17\x0d991231235959Z", Err(vec![Expired])),
        (b"\x17\x0d280230000000Z", Err(vec![CertificateUnreadable])),
        (b"\x17\x0d281301000000Z", Err(vec![CertificateUnreadable])),
        (b"\x17\x0d280101240000Z", Err(vec![CertificateUnreadable])),
        (b"\x17\x0d280101000060Z", Err(vec![CertificateUnreadable])),
        (b"\x17\x0d2801010000000", Err(vec![CertificateUnreadable])),
        (b"\x17\x0d2801 1000000Z", Err(vec![CertificateUnreadable])),
        (b"\x17\x0d28010100000\xffZ", Err(vec![CertificateUnreadable])),
        (b"\x04\x0d280101000000Z", Err(vec![CertificateUnreadable])),
    ] {
        assert_eq!(with(time).map(|read| read.not_after.millis() / 1000), expected, "{time:?}");
    }
    let far = der(&CURRENT, (2026, 1, 1), (2050, 1, 1));
    assert!(far.windows(17).any(|part| part == b"\x18\x0f20500101000000Z"));
    let read = read(&format!("{}{}", *KEY, pem("CERTIFICATE", &far))).unwrap();
    assert_eq!(read.not_after, Timestamp::from_utc((2050, 1, 1), (0, 0, 0)).unwrap());
}

#[test]
fn debug_output_shows_no_key() {
    let shown = format!("{:?}", read(&PEM).unwrap());
    assert!(shown.contains("private_key: SecretBytes(SecretBox<[u8]>([REDACTED]))"), "{shown}");
}

proptest! {
    #[test]
    fn random_certificate_text_is_rejected(text in "(-----|BEGIN |END |PRIVATE KEY|CERTIFICATE|MII|[A-Za-z0-9+/=\\n]|\\PC){0,60}") {
        prop_assert!(read(&text).is_err());
    }

    #[test]
    fn random_bytes_as_key_or_certificate_are_rejected(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (key, certificate) = (pem("PRIVATE KEY", &bytes), pem("CERTIFICATE", &bytes));
        let no_key = read(&format!("{key}{}", *CERTIFICATE));
        prop_assert!(no_key.is_err());
        let no_certificate = read(&format!("{}{certificate}", *KEY));
        prop_assert!(no_certificate.is_err());
    }

    /// A mutated certificate never has another certificate's thumbprint, which is the hash of its bytes.
    #[test]
    fn mutated_der_is_rejected_or_has_thumbprint_of_its_certificate(place in any::<prop::sample::Index>(), byte: u8, of_the_key: bool) {
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
    fn mutated_pem_text_causes_no_panic(place in any::<prop::sample::Index>(), byte in 0_u8..128) {
        let mut text = PEM.clone().into_bytes();
        *place.get_mut(&mut text) = byte;
        let _ = read(&String::from_utf8(text).unwrap());
    }
}
