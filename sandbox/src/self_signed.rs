//! Self-signed certificates for tests, like those of `openssl req -x509`.

use getrandom::SysRng;
use rcgen::{CertificateParams, PKCS_RSA_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm, date_time_ymd};
use rsa::{
    PrivateKey,
    pkcs1::EncodeRsaPublicKey as _,
    pkcs1v15::SigningKey,
    pkcs8::{EncodePrivateKey as _, LineEnding},
    sha2::Sha256,
    signature::{RandomizedSigner as _, SignatureEncoding as _},
};

/// New RSA key of 2,048 bits with its certificate, both in PEM.
pub struct SelfSigned {
    /// Private key in PKCS#8.
    pub key: String,
    /// Certificate.
    pub certificate: String,
    private: PrivateKey,
}

struct Issuer {
    signing: SigningKey<Sha256>,
    public: Vec<u8>,
}

impl PublicKeyData for Issuer {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for Issuer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.signing.try_sign_with_rng(&mut SysRng, message);
        signature.map(|signature| signature.to_vec()).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

impl SelfSigned {
    /// Creates a certificate that is valid from the start of 2024 to the start of `year`.
    ///
    /// # Panics
    /// Panics if the operating system cannot supply random bytes.
    #[must_use]
    #[expect(clippy::expect_used, reason = "fails only if the operating system has no random bytes")]
    pub fn until(year: i32) -> Self {
        let private = PrivateKey::new(&mut SysRng, 2048).expect("an RSA key of 2,048 bits");
        let key = private.to_pkcs8_pem(LineEnding::LF).expect("a new key as PKCS#8").to_string();
        let public = private.to_public_key().to_pkcs1_der().expect("a new key as PKCS#1").into_vec();
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        params.serial_number = Some(SerialNumber::from(1));
        let issuer = Issuer { signing: SigningKey::new(private.clone()), public };
        let certificate = params.self_signed(&issuer).expect("a certificate").pem();
        Self { key, certificate, private }
    }

    /// Returns the private key, for assertions that a test builds.
    #[must_use]
    pub fn private(&self) -> &PrivateKey {
        &self.private
    }
}
