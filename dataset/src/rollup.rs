//! Computes rollups again, plainly, to compare them with the written ones.
//!
//! Buckets are aligned to the UNIX epoch. NaN is left out of every aggregate, so a bucket of NaN alone has no row.
//! Sums start at the first value and add in time order; min and max follow IEEE 754 total order.

use format::part::{RollupColumns, RollupRow};
use model::series::canonical_sum;
use model::{Columns, RollupStep, TimestampMs};

/// Builds the rollup rows of one series from its points in time order.
#[derive(Debug)]
pub(crate) struct RollupBuilder {
    step: RollupStep,
    open: Option<RollupRow>,
    closed: RollupColumns,
}

impl RollupBuilder {
    pub(crate) fn new(step: RollupStep) -> Self {
        Self { step, open: None, closed: RollupColumns::default() }
    }

    /// Adds the next points of the series.
    pub(crate) fn add(&mut self, points: &Columns) {
        for (at, value) in points.timestamps.iter().zip(&points.values) {
            if !value.is_nan() {
                self.add_value(self.step.bucket_start(*at), *value);
            }
        }
    }

    /// Returns the rows whose buckets are closed; at the series' end, also the last one.
    pub(crate) fn take(&mut self, is_end: bool) -> RollupColumns {
        if is_end {
            self.close();
        }
        std::mem::take(&mut self.closed)
    }

    fn add_value(&mut self, bucket_start_ms: TimestampMs, value: f64) {
        match &mut self.open {
            Some(bucket) if bucket.bucket_start_ms == bucket_start_ms => {
                bucket.count += 1;
                bucket.sum += value;
                bucket.min = std::cmp::min_by(bucket.min, value, f64::total_cmp);
                bucket.max = std::cmp::max_by(bucket.max, value, f64::total_cmp);
                bucket.last = value;
            }
            _ => {
                self.close();
                let (sum, min, max, first, last) = (value, value, value, value, value);
                self.open = Some(RollupRow { bucket_start_ms, count: 1, sum, min, max, first, last });
            }
        }
    }

    fn close(&mut self) {
        if let Some(mut bucket) = self.open.take() {
            bucket.sum = canonical_sum(bucket.sum);
            self.closed.push(bucket);
        }
    }
}

#[cfg(test)]
mod tests;
