//! Figures of unevenness: quantiles, and the largest against the median as a ratio and as a difference.

use serde::Serialize;

/// Quantiles of a quantity over tasks or shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Spread {
    pub(crate) count: u64,
    pub(crate) min: u64,
    pub(crate) p25: u64,
    pub(crate) median: u64,
    pub(crate) p75: u64,
    pub(crate) max: u64,
}

impl Spread {
    /// Computes the quantiles of `values`; none of nothing.
    pub(crate) fn of(values: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut sorted: Vec<_> = values.into_iter().collect();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        let at = |share: f64| sorted[(last as f64 * share).round() as usize];
        Some(Self {
            count: sorted.len() as u64,
            min: sorted[0],
            p25: at(0.25),
            median: at(0.5),
            p75: at(0.75),
            max: sorted[last],
        })
    }

    /// Returns the largest value over the median; none if the median is 0.
    pub(crate) fn skew(&self) -> Option<f64> {
        (self.median > 0).then(|| self.max as f64 / self.median as f64)
    }

    /// Returns the largest value less the median: what evenness would save.
    pub(crate) fn excess(&self) -> u64 {
        self.max - self.median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occur() {
        let spread = Spread::of([5, 1, 9, 3, 7]).expect("five values");
        assert_eq!((spread.min, spread.p25, spread.median, spread.p75, spread.max), (1, 3, 5, 7, 9));
        assert_eq!((spread.skew(), spread.excess()), (Some(1.8), 4));
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([0, 0]).and_then(|spread| spread.skew()), None);
    }
}
