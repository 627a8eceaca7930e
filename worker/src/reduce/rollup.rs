//! Rollups: the points of a series in buckets of one step, aligned to the UNIX epoch.
//!
//! NaN stays out of every aggregate; a bucket of NaN alone has no row. Minimum and maximum follow IEEE 754 total
//! order (-0.0 < 0.0). Sums add in time order from the bucket's first value, so that they are the same on every run.

use format::part::{RollupColumns, RollupRow};
use model::series::canonical_sum;
use model::{RollupStep, TimestampMs};

/// Rolls up one series after the other to one step.
#[derive(Debug)]
pub(crate) struct Roller {
    step: RollupStep,
    open: Option<Bucket>,
    /// The rows that are complete.
    pub(crate) rows: RollupColumns,
}

/// Bucket that may get more points.
#[derive(Debug)]
struct Bucket {
    row: RollupRow,
    /// Last instant inside the bucket, because its end may not be representable.
    last_ms: TimestampMs,
}

impl Roller {
    /// Creates a roller with buckets of `step`.
    pub(crate) fn new(step: RollupStep) -> Self {
        Self { step, open: None, rows: RollupColumns::default() }
    }

    /// Adds points of the current series, in time order.
    pub(crate) fn add(&mut self, timestamps: &[TimestampMs], values: &[f64]) {
        for (timestamp, value) in timestamps.iter().zip(values) {
            if value.is_nan() {
                continue;
            }
            match &mut self.open {
                Some(bucket) if *timestamp <= bucket.last_ms => bucket.add(*value),
                _ => {
                    self.close();
                    self.open = Some(Bucket::new(self.step, *timestamp, *value));
                }
            }
        }
    }

    /// Ends the open bucket: the series ends, or a later bucket begins.
    pub(crate) fn close(&mut self) {
        if let Some(Bucket { mut row, .. }) = self.open.take() {
            row.sum = canonical_sum(row.sum);
            self.rows.push(row);
        }
    }
}

impl Bucket {
    fn new(step: RollupStep, timestamp: TimestampMs, value: f64) -> Self {
        let bucket_start_ms = step.bucket_start(timestamp);
        let row =
            RollupRow { bucket_start_ms, count: 1, sum: value, min: value, max: value, first: value, last: value };
        // At the edges of time a bucket is cut short; it never wraps around.
        let last_ms = timestamp.saturating_add(step.ms() - 1 - timestamp.rem_euclid(step.ms()));
        Self { row, last_ms }
    }

    #[inline]
    fn add(&mut self, value: f64) {
        let row = &mut self.row;
        row.count += 1;
        row.sum += value;
        row.min = smaller(row.min, value);
        row.max = larger(row.max, value);
        row.last = value;
    }
}

/// Minimum by total order. NaN is excluded earlier, so only the sign of zeros needs care.
#[inline]
fn smaller(a: f64, b: f64) -> f64 {
    if b < a || (b == a && b.is_sign_negative()) { b } else { a }
}

/// Maximum by total order, as in [`smaller`].
#[inline]
fn larger(a: f64, b: f64) -> f64 {
    if b > a || (b == a && a.is_sign_negative()) { b } else { a }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn roll(points: &[(i64, f64)], step_ms: u64) -> Vec<RollupRow> {
        let mut roller = Roller::new(RollupStep::try_from(step_ms).expect("a step"));
        for (timestamp, value) in points {
            roller.add(&[*timestamp], &[*value]);
        }
        roller.close();
        (0..roller.rows.len()).map(|row| roller.rows.row(row)).collect()
    }

    #[test]
    fn a_bucket_of_nan_alone_has_no_row_and_nan_leaves_no_trace_elsewhere() {
        let rows = roll(&[(0, f64::NAN), (1000, f64::NAN), (1001, 2.0), (1002, f64::NAN), (1003, -1.0)], 1000);
        assert_eq!(rows.len(), 1);
        let row = rows[0];
        assert_eq!((row.bucket_start_ms, row.count, row.sum, row.min, row.max), (1000, 2, 1.0, -1.0, 2.0));
        assert_eq!((row.first, row.last), (2.0, -1.0));
    }

    #[test]
    fn buckets_reach_both_ends_of_time() {
        let rows = roll(&[(i64::MIN, 1.0), (i64::MIN + 1, 2.0), (-1, 3.0), (0, 4.0), (i64::MAX, 5.0)], 1000);
        assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [2, 1, 1, 1]);
        assert_eq!(rows[0].bucket_start_ms, i64::MIN);
    }

    proptest! {
        #[test]
        fn minimum_and_maximum_follow_total_order(a in prop::num::f64::ANY, b in prop::num::f64::ANY) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert_eq!(smaller(a, b).to_bits(), std::cmp::min_by(a, b, f64::total_cmp).to_bits());
            prop_assert_eq!(larger(a, b).to_bits(), std::cmp::max_by(a, b, f64::total_cmp).to_bits());
        }
    }
}
