//! The gzip format (RFC 1952), decompressed under a limit.
//!
//! The runtime's `DecompressionStream` cannot be bounded: it decompresses each write completely before anything is read,
//! up to 1,032 bytes for each byte. This module stops at the limit, whatever the input is.

use std::io::Read;

use flate2::bufread::GzDecoder;

/// The reason why a body was not decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// The decompressed body exceeds the limit.
    #[error("the decompressed body is too large")]
    TooLarge,
    /// The body does not begin with gzip's magic number.
    #[error("Content-Encoding is gzip, but the body is not gzip")]
    NotGzip,
    /// The body begins as gzip, and is truncated, damaged, or fails its checksum.
    #[error("the gzip body is truncated or damaged")]
    Damaged,
    /// More bytes follow the first gzip member. Two readers could disagree on whether they belong to the body.
    #[error("the gzip body has bytes after its end")]
    Trailing,
}

/// Returns whether `body` begins with gzip's magic number and its one compression method, deflate.
#[must_use]
pub fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(&[0x1f, 0x8b, 8])
}

/// Decompresses `body`, one gzip member, to at most `limit` bytes.
///
/// # Errors
///
/// [`GzipError`].
pub fn decompress(body: &[u8], limit: usize) -> Result<Vec<u8>, GzipError> {
    if !is_gzip(body) {
        return Err(GzipError::NotGzip);
    }
    let mut decoder = GzDecoder::new(body);
    let mut decompressed = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.by_ref().take(bound).read_to_end(&mut decompressed).map_err(|_| GzipError::Damaged)?;
    if decompressed.len() > limit {
        return Err(GzipError::TooLarge);
    }
    if decoder.into_inner().is_empty() { Ok(decompressed) } else { Err(GzipError::Trailing) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 4 * 1024 * 1024;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn damaged_gzip_is_rejected_by_its_cause() {
        let good = gzip(b"{\"a\":1}");
        let changed = |at: usize| {
            let mut changed = good.clone();
            changed[at] ^= 1;
            changed
        };
        let (length, end) = (good.len() - 1, good.len());
        for (name, body, expected) in [
            ("nothing", Vec::new(), GzipError::NotGzip),
            ("JSON", b"{}".to_vec(), GzipError::NotGzip),
            ("zlib", vec![0x78, 0x9c, 0x03, 0, 0, 0, 0, 1], GzipError::NotGzip),
            ("the magic number alone", good[..3].to_vec(), GzipError::Damaged),
            ("the header alone", good[..10].to_vec(), GzipError::Damaged),
            ("no trailer", good[..end - 8].to_vec(), GzipError::Damaged),
            ("all but one byte", good[..length].to_vec(), GzipError::Damaged),
            ("a wrong checksum", changed(end - 8), GzipError::Damaged),
            ("a wrong length", changed(length), GzipError::Damaged),
            ("a reserved block type", [&good[..10], &[0xff; 9]].concat(), GzipError::Damaged),
            ("one byte after the end", [&good[..], b"x"].concat(), GzipError::Trailing),
            ("zeros after the end", [&good[..], &[0; 64]].concat(), GzipError::Trailing),
            ("two members", [&good[..], &good[..]].concat(), GzipError::Trailing),
        ] {
            assert_eq!(decompress(&body, LIMIT), Err(expected), "{name}");
        }
    }

    #[test]
    fn decompression_stops_at_the_limit() {
        for (length, expected) in
            [(LIMIT, None), (LIMIT + 1, Some(GzipError::TooLarge)), (64 * LIMIT, Some(GzipError::TooLarge))]
        {
            let decompressed = decompress(&gzip(&vec![0; length]), LIMIT);
            assert_eq!(decompressed.map(|body| body.len()), expected.map_or(Ok(length), Err), "{length}");
        }
    }

    proptest! {
        #[test]
        fn compressed_body_comes_back(body in prop::collection::vec(any::<u8>(), 0..4_096)) {
            prop_assert_eq!(decompress(&gzip(&body), LIMIT), Ok(body));
        }

        #[test]
        fn arbitrary_bytes_never_exceed_the_limit(tail in prop::collection::vec(any::<u8>(), 0..512)) {
            let body = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0][..], &tail].concat();
            prop_assert!(decompress(&body, 1_024).is_ok_and(|body| body.len() <= 1_024) || decompress(&body, 1_024).is_err());
        }
    }
}
