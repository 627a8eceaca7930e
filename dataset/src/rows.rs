//! Rows of one series, as all verbs pass them: points, or rollup buckets, in columns.

use std::ops::Range;

use format::part::{RollupColumns, RollupRow};
use futures::future::BoxFuture;
use model::{Columns, SeriesKey, TimestampMs};

use crate::error::DatasetError;

/// Rows of one series.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// Rows of a raw part.
    Points(Columns),
    /// Rows of a rollup part.
    Buckets(RollupColumns),
}

/// Chunk of one series' rows, in time order; a long series comes in several.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Key of the series.
    pub key: SeriesKey,
    /// Opaque metadata; comes with the last rows of the series in a part, and is empty in rollups.
    pub metadata: Option<Vec<u8>>,
    /// Rows of the chunk; at least one.
    pub rows: Rows,
}

impl Rows {
    /// Returns the timestamps of the rows.
    pub fn timestamps(&self) -> &[TimestampMs] {
        match self {
            Self::Points(points) => &points.timestamps,
            Self::Buckets(buckets) => &buckets.bucket_start_ms,
        }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.timestamps().len()
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the rows in `range`.
    pub fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Points(points) => Self::Points(Columns {
                timestamps: points.timestamps[range.clone()].to_vec(),
                values: points.values[range].to_vec(),
            }),
            Self::Buckets(buckets) => {
                let mut slice = RollupColumns::default();
                range.for_each(|at| slice.push(buckets.row(at)));
                Self::Buckets(slice)
            }
        }
    }

    /// True if row `at` equals row `other_at` of `other`, bit for bit, timestamps included.
    pub(crate) fn is_same(&self, at: usize, other: &Self, other_at: usize) -> bool {
        match (self, other) {
            (Self::Points(one), Self::Points(two)) => {
                one.timestamps[at] == two.timestamps[other_at]
                    && one.values[at].to_bits() == two.values[other_at].to_bits()
            }
            (Self::Buckets(one), Self::Buckets(two)) => bits(one.row(at)) == bits(two.row(other_at)),
            _ => false,
        }
    }

    /// Formats row `at` without its time, for messages, with the bits if the digits would not show a difference.
    pub(crate) fn describe(&self, at: usize) -> String {
        let show = |value: f64| {
            if value.is_nan() { format!("NaN {:#018x}", value.to_bits()) } else { format!("{value:?}") }
        };
        match self {
            Self::Points(points) => show(points.values[at]),
            Self::Buckets(buckets) => {
                let row = buckets.row(at);
                let [sum, min, max, first, last] = [row.sum, row.min, row.max, row.first, row.last].map(show);
                format!("count {} sum {sum} min {min} max {max} first {first} last {last}", row.count)
            }
        }
    }
}

fn bits(row: RollupRow) -> (TimestampMs, u64, [u64; 5]) {
    let doubles = [row.sum, row.min, row.max, row.first, row.last];
    (row.bucket_start_ms, row.count, doubles.map(f64::to_bits))
}

/// Source of chunks, ordered by series and time.
pub(crate) trait ChunkSource: Send {
    /// Returns the next chunk, or `None` after the last.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>, DatasetError>>;
}
