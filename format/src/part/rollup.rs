//! Columns of a rollup.

use model::TimestampMs;

/// Aggregates of one bucket of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollupRow {
    /// First instant of the bucket.
    pub bucket_start_ms: TimestampMs,
    /// Points in the bucket.
    pub count: u64,
    /// Sum of the points, added in time order.
    pub sum: f64,
    /// Smallest value by IEEE 754 total order.
    pub min: f64,
    /// Largest value by IEEE 754 total order.
    pub max: f64,
    /// Value of the earliest point.
    pub first: f64,
    /// Value of the latest point.
    pub last: f64,
}

/// Rows of a series in columns of equal length, buckets ascending.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RollupColumns {
    /// First instant of each bucket.
    pub bucket_start_ms: Vec<TimestampMs>,
    /// Points in each bucket.
    pub count: Vec<u64>,
    /// Sum of each bucket.
    pub sum: Vec<f64>,
    /// Smallest value of each bucket.
    pub min: Vec<f64>,
    /// Largest value of each bucket.
    pub max: Vec<f64>,
    /// Earliest value of each bucket.
    pub first: Vec<f64>,
    /// Latest value of each bucket.
    pub last: Vec<f64>,
}

impl RollupColumns {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.bucket_start_ms.len()
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.bucket_start_ms.is_empty()
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.bucket_start_ms.clear();
        self.count.clear();
        for column in self.doubles_mut() {
            column.clear();
        }
    }

    /// Adds one row at the end.
    pub fn push(&mut self, row: RollupRow) {
        self.bucket_start_ms.push(row.bucket_start_ms);
        self.count.push(row.count);
        let doubles = [row.sum, row.min, row.max, row.first, row.last];
        for (column, double) in self.doubles_mut().into_iter().zip(doubles) {
            column.push(double);
        }
    }

    /// Returns the row at `index`.
    pub fn row(&self, index: usize) -> RollupRow {
        RollupRow {
            bucket_start_ms: self.bucket_start_ms[index],
            count: self.count[index],
            sum: self.sum[index],
            min: self.min[index],
            max: self.max[index],
            first: self.first[index],
            last: self.last[index],
        }
    }

    /// Adds the rows of `other` in `range`.
    pub(super) fn extend_from_range(&mut self, other: &Self, range: std::ops::Range<usize>) {
        self.bucket_start_ms.extend_from_slice(&other.bucket_start_ms[range.clone()]);
        self.count.extend_from_slice(&other.count[range.clone()]);
        for (column, from) in self.doubles_mut().into_iter().zip(other.doubles()) {
            column.extend_from_slice(&from[range.clone()]);
        }
    }

    fn doubles(&self) -> [&Vec<f64>; 5] {
        [&self.sum, &self.min, &self.max, &self.first, &self.last]
    }

    fn doubles_mut(&mut self) -> [&mut Vec<f64>; 5] {
        [&mut self.sum, &mut self.min, &mut self.max, &mut self.first, &mut self.last]
    }
}
