//! A cheap digest of texts, for sorting and comparing them.

/// Adds `word` to the digest `sum`: multiply and rotate.
pub(super) const fn mix(sum: u64, word: u64) -> u64 {
    /// 2^64 divided by the golden ratio: an odd number without a pattern.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    (sum.rotate_left(29) ^ word).wrapping_mul(SPREAD)
}

/// Returns a digest that is equal for texts that are equal ignoring case. It need not resist an attack (see
/// [`super::duplicates`]), so it is the cheapest one that spreads well: multiply and rotate, eight bytes at a time.
#[must_use]
pub fn digest(text: &str) -> u64 {
    /// The bit in which lower and upper case of ASCII differ, in each byte. It also makes a few other characters equal,
    /// which a digest may do.
    const LOWER: u64 = 0x2020_2020_2020_2020;
    if text.is_ascii() {
        let (words, rest) = text.as_bytes().as_chunks();
        let sum = words.iter().fold(0, |sum, word| mix(sum, u64::from_le_bytes(*word) | LOWER));
        mix(sum, rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte | 0x20)))
    } else {
        text.chars().flat_map(char::to_lowercase).fold(0, |sum, c| mix(sum, u64::from(c)))
    }
}
