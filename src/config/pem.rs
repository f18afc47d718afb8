//! PEM: the textual encodings of RFC 7468, as leniently as its section 2 lets a parser be.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// One block, not yet decoded.
pub(super) struct Block<'a> {
    /// What follows `BEGIN`.
    pub(super) label: &'a str,
    base64: &'a str,
}

/// The blocks of `text`, in order. What stands around them is passed over. `None` where there is no block, or one that does not end.
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
    /// The bytes. Lines may be of any length, and indented.
    pub(super) fn decode(&self) -> Option<Vec<u8>> {
        let base64: Vec<u8> = self.base64.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        BASE64_STANDARD.decode(base64).ok()
    }
}
