//! PEM: the textual encodings of RFC 7468, in the lenient form that its section 2 allows.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// One block, not yet decoded.
pub(super) struct Block<'a> {
    /// Label after `BEGIN`.
    pub(super) label: &'a str,
    base64: &'a str,
}

/// Returns the blocks of `text` in order, without the text around them. Returns `None` if there is no block, or one
/// without an end.
pub(super) fn blocks(text: &str) -> Option<Vec<Block<'_>>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, block)) = rest.split_once("-----BEGIN ") {
        let (label, block) = block.split_once("-----")?;
        let (base64, end) = block.split_once("-----END ")?;
        rest = end.strip_prefix(label)?.strip_prefix("-----")?;
        blocks.push(Block { label, base64 });
    }
    (!blocks.is_empty()).then_some(blocks)
}

impl Block<'_> {
    /// Returns the bytes. Lines may have any length and indentation.
    pub(super) fn decode(&self) -> Option<Vec<u8>> {
        let base64: Vec<u8> = self.base64.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        BASE64_STANDARD.decode(base64).ok()
    }
}
