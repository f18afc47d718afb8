//! Types for secrets. Their debug output is redacted, comparisons take constant time, and dropping a secret overwrites
//! its memory with zeros.

use secrecy::{ExposeSecret, SecretBox, SecretString};
use subtle::ConstantTimeEq;

/// A text that must not be logged or shown: a token, a key, a client secret.
#[derive(Clone, Debug)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes ownership of `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// Returns the text. A review looks at each call.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Bytes that must not be logged or shown: a private key.
#[derive(Clone, Debug)]
pub struct SecretBytes(SecretBox<[u8]>);

impl SecretBytes {
    /// Takes ownership of `bytes`.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// Returns the bytes. A review looks at each call.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for Secret {}

impl Eq for SecretBytes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_does_not_show_the_secret() {
        for debug in [
            format!("{:?}", Some(Secret::new("hunter2".into()))),
            format!("{:?}", Some(SecretBytes::new(b"hunter2".into()))),
        ] {
            assert!(debug.contains("REDACTED"), "{debug}");
            assert!(!debug.contains("hunter2") && !debug.contains("104"), "{debug}");
        }
    }
}
