//! Statistics of measured figures.

use serde::Serialize;

/// Median with its spread.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Spread {
    /// Median.
    pub(crate) median: f64,
    /// Minimum.
    pub(crate) least: f64,
    /// Maximum.
    pub(crate) most: f64,
}

impl Spread {
    /// Returns the median and spread of the figures.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_unstable_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or_default();
        let (last, half) = (figures.len().saturating_sub(1), figures.len() / 2);
        let median = if figures.len().is_multiple_of(2) {
            f64::midpoint(at(half.saturating_sub(1)), at(half))
        } else {
            at(half)
        };
        Self { median, least: at(0), most: at(last) }
    }
}

/// Returns the quantile `parts`/`of` of sorted figures.
pub(crate) fn quantile(sorted: &[u32], parts: usize, of: usize) -> u32 {
    let index = (sorted.len().saturating_mul(parts) / of).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

/// Converts a count to a floating-point number. Counts are far below 2^52, so the result is exact.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "exact below 2^52")]
pub(crate) const fn count_to_f64(count: u64) -> f64 {
    count as f64
}

/// Converts a length to a floating-point number.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "exact below 2^52")]
pub(crate) const fn length_to_f64(length: usize) -> f64 {
    length as f64
}

/// Returns the ratio of two sizes.
pub(crate) const fn ratio_of_sizes(size: usize, of: usize) -> f64 {
    length_to_f64(size) / length_to_f64(of)
}

/// Truncates a figure to a count of at least zero.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates at both ends"
)]
pub(crate) const fn f64_to_count(figure: f64) -> u64 {
    figure as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_has_the_median_minimum_and_maximum() {
        for (figures, expected) in [
            (&[][..], (0.0, 0.0, 0.0)),
            (&[4.0], (4.0, 4.0, 4.0)),
            (&[4.0, 2.0], (3.0, 2.0, 4.0)),
            (&[9.0, 1.0, 5.0], (5.0, 1.0, 9.0)),
        ] {
            let Spread { median, least, most } = Spread::of(figures.iter().copied());
            assert!((median, least, most) == expected, "{figures:?}: {median} {least} {most}");
        }
    }

    #[test]
    fn quantile_is_one_of_the_figures_or_zero_if_empty() {
        let sorted: Vec<u32> = (0..100).collect();
        assert_eq!((quantile(&sorted, 1, 2), quantile(&sorted, 99, 100), quantile(&sorted, 1, 1)), (50, 99, 99));
        assert_eq!(quantile(&[], 1, 2), 0);
    }
}
