//! Series: the key, the points in columns, and the rules for equal timestamps.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{MetricId, OrgId, ParseIdError, PartitionId};
use crate::time::TimestampMs;

/// Key of a series; its order is the order of every part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesKey {
    /// Organisation that owns the metric.
    pub org: OrgId,
    /// Metric within the organisation.
    pub metric: MetricId,
}

impl SeriesKey {
    /// Creates the key of `metric` of `org`.
    pub const fn new(org: u64, metric: u64) -> Self {
        Self { org: OrgId(org), metric: MetricId(metric) }
    }

    /// Returns the partition that holds this series, of `partitions` (at least 1): XXH3-64 of the two ids,
    /// little-endian, org first, mapped to the range by multiplication. The rule is frozen: a change would scatter a
    /// series over a replay's partitions.
    #[inline]
    pub fn partition(&self, partitions: u32) -> PartitionId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.org.0.to_le_bytes());
        bytes[8..].copy_from_slice(&self.metric.0.to_le_bytes());
        let hash = xxhash_rust::xxh3::xxh3_64(&bytes);
        PartitionId(((u128::from(hash) * u128::from(partitions)) >> 64) as u32)
    }
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "org {} metric {}", self.org, self.metric)
    }
}

/// Points in columns: ascending timestamps with one value each. Values are compared and kept as bits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// Timestamps in milliseconds since the UNIX epoch.
    pub timestamps: Vec<TimestampMs>,
    /// Values, as many as timestamps.
    pub values: Vec<f64>,
}

impl Columns {
    /// Returns the number of points.
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// True if there is no point.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Removes all points and keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
    }

    /// Adds one point at the end.
    #[inline]
    pub fn push(&mut self, timestamp: TimestampMs, value: f64) {
        self.timestamps.push(timestamp);
        self.values.push(value);
    }
}

/// Replaces any NaN by a single one. Which NaN an addition gives depends on the processor and on the compiler's order
/// of the operands, and the same plan must give the same bytes on every machine (DT-3).
#[inline]
pub fn canonical_sum(sum: f64) -> f64 {
    const QUIET_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0000);
    if sum.is_nan() { QUIET_NAN } else { sum }
}

/// Prefers a number to a NaN, as IEEE 754-2019 maximumNumber does; two numbers, or two NaNs, are left to `fold`. So a
/// fold by total order gives the same value for any order of the points.
#[inline]
fn number_or(kept: f64, later: f64, fold: impl FnOnce() -> f64) -> f64 {
    match (kept.is_nan(), later.is_nan()) {
        (true, false) => later,
        (false, true) => kept,
        _ => fold(),
    }
}

/// Rule for points of one series with equal timestamps; "last" and "first" refer to source order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateRule {
    /// Keeps the last in source order.
    #[default]
    Last,
    /// Keeps the first in source order.
    First,
    /// Keeps the largest number by IEEE 754 total order; a number wins over NaN.
    Max,
    /// Keeps the smallest number by IEEE 754 total order; a number wins over NaN.
    Min,
    /// Keeps the sum, added in source order; NaN if one of the points is NaN.
    Sum,
    /// Keeps every point, in source order.
    Keep,
}

impl DuplicateRule {
    /// Every rule with its name on the command line.
    pub const ALL: [(&'static str, Self); 6] = [
        ("last", Self::Last),
        ("first", Self::First),
        ("max", Self::Max),
        ("min", Self::Min),
        ("sum", Self::Sum),
        ("keep", Self::Keep),
    ];

    /// Combines a kept value with one that is `later` in source order and has the same timestamp. Not called for
    /// [`Self::Keep`].
    #[inline]
    pub fn fold(self, kept: f64, later: f64) -> f64 {
        match self {
            Self::Last | Self::Keep => later,
            Self::First => kept,
            Self::Max => number_or(kept, later, || std::cmp::max_by(kept, later, f64::total_cmp)),
            Self::Min => number_or(kept, later, || std::cmp::min_by(kept, later, f64::total_cmp)),
            Self::Sum => canonical_sum(kept + later),
        }
    }
}

impl fmt::Display for DuplicateRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, rule)| rule == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for DuplicateRule {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, rule)| *rule).ok_or_else(|| ParseIdError {
            text: text.to_owned(),
            expected: "a duplicate rule (last, first, max, min, sum or keep)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_of_a_series_is_frozen() {
        let keys = [(1, 1), (1, 2), (1_000_000, 0xdead_beef), (u64::MAX, u64::MAX)];
        let partitions = keys.map(|(org, metric)| SeriesKey::new(org, metric).partition(1000).0);
        assert_eq!(partitions, FROZEN_OF_1000);
        assert!(keys.iter().all(|(org, metric)| SeriesKey::new(*org, *metric).partition(1).0 == 0));
    }

    const FROZEN_OF_1000: [u32; 4] = [424, 30, 824, 445];

    #[test]
    fn duplicates_fold_by_total_order_and_source_order() {
        let bits = |rule: DuplicateRule, kept: f64, later: f64| rule.fold(kept, later).to_bits();
        assert_eq!(bits(DuplicateRule::Min, 0.0, -0.0), (-0.0f64).to_bits());
        assert_eq!(bits(DuplicateRule::Max, -0.0, 0.0), 0.0f64.to_bits());
        assert_eq!(bits(DuplicateRule::First, 1.0, 2.0), 1.0f64.to_bits());
        assert_eq!(bits(DuplicateRule::Last, 1.0, 2.0), 2.0f64.to_bits());
        assert_eq!(bits(DuplicateRule::Sum, 1.0, 2.0), 3.0f64.to_bits());
    }

    #[test]
    fn a_number_wins_over_nan_in_any_order() {
        let stale = f64::from_bits(0x7ff0_0000_0000_0002);
        let negative = f64::from_bits(0xfff8_0000_0000_0001);
        let folded = |rule: DuplicateRule, values: [f64; 4]| {
            values.into_iter().reduce(|kept, later| rule.fold(kept, later)).expect("four values").to_bits()
        };
        let values = [stale, 5.0, negative, f64::NEG_INFINITY];
        for turn in 0..4 {
            let mut turned = values;
            turned.rotate_left(turn);
            assert_eq!(folded(DuplicateRule::Max, turned), 5.0f64.to_bits(), "{turned:?}");
            assert_eq!(folded(DuplicateRule::Min, turned), f64::NEG_INFINITY.to_bits(), "{turned:?}");
        }
        assert_eq!(
            DuplicateRule::Max.fold(negative, stale).to_bits(),
            stale.to_bits(),
            "of NaNs alone the total order"
        );
        assert_eq!(DuplicateRule::Min.fold(negative, stale).to_bits(), negative.to_bits());
    }

    #[test]
    fn a_sum_that_is_no_number_is_one_and_the_same_nan() {
        let payload = f64::from_bits(0xfff8_0000_dead_beef);
        for (kept, later) in [(f64::INFINITY, f64::NEG_INFINITY), (payload, 1.0), (1.0, payload), (payload, f64::NAN)] {
            assert_eq!(DuplicateRule::Sum.fold(kept, later).to_bits(), 0x7ff8_0000_0000_0000);
        }
    }

    #[test]
    fn a_rule_parses_back_from_its_name() {
        for (name, rule) in DuplicateRule::ALL {
            assert_eq!((rule.to_string().as_str(), name.parse()), (name, Ok(rule)));
        }
    }
}
