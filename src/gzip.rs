//! The start of a body in the gzip format (RFC 1952). The platform decompresses the body: see
//! [`crate::http::RequestBody`].

/// Returns whether `body` begins with gzip's magic number and its one compression method, deflate.
#[must_use]
pub fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(&[0x1f, 0x8b, 8])
}
