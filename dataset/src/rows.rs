//! Rows of one series as they pass through every verb: points, or rollup buckets; columns either way.

use std::ops::Range;

use futures::future::BoxFuture;
use model::{Columns, SeriesKey, TimestampMs};

use crate::error::DatasetError;

/// Rollup rows of one series in columns, ascending by bucket.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets {
    /// First instant of each bucket.
    pub starts: Vec<TimestampMs>,
    /// Points in it, NaN left out.
    pub counts: Vec<u64>,
    /// Their sum, added in time order.
    pub sums: Vec<f64>,
    /// The smallest by IEEE 754 total order.
    pub mins: Vec<f64>,
    /// The largest by IEEE 754 total order.
    pub maxs: Vec<f64>,
    /// The earliest.
    pub firsts: Vec<f64>,
    /// The latest.
    pub lasts: Vec<f64>,
}

impl Buckets {
    fn values(&self) -> [&Vec<f64>; 5] {
        [&self.sums, &self.mins, &self.maxs, &self.firsts, &self.lasts]
    }
}

/// Rows of one series.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// Of a raw part.
    Points(Columns),
    /// Of a rollup part.
    Buckets(Buckets),
}

/// Some rows of one series, in time order; a long series comes in several.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// The series.
    pub key: SeriesKey,
    /// Opaque; empty where the series has none, and in rollups.
    pub metadata: Vec<u8>,
    /// Its rows; at least one.
    pub rows: Rows,
}

impl Rows {
    /// When the rows are.
    pub fn timestamps(&self) -> &[TimestampMs] {
        match self {
            Self::Points(points) => &points.timestamps,
            Self::Buckets(buckets) => &buckets.starts,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.timestamps().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows in `range`.
    pub fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Points(points) => Self::Points(Columns {
                timestamps: points.timestamps[range.clone()].to_vec(),
                values: points.values[range].to_vec(),
            }),
            Self::Buckets(buckets) => {
                let [sums, mins, maxs, firsts, lasts] = buckets.values().map(|column| column[range.clone()].to_vec());
                let (starts, counts) = (buckets.starts[range.clone()].to_vec(), buckets.counts[range].to_vec());
                Self::Buckets(Buckets { starts, counts, sums, mins, maxs, firsts, lasts })
            }
        }
    }

    /// Whether row `at` is row `other_at` of `other`, bit for bit; the timestamps are compared too.
    pub(crate) fn is_same(&self, at: usize, other: &Self, other_at: usize) -> bool {
        match (self, other) {
            (Self::Points(one), Self::Points(two)) => {
                one.timestamps[at] == two.timestamps[other_at]
                    && one.values[at].to_bits() == two.values[other_at].to_bits()
            }
            (Self::Buckets(one), Self::Buckets(two)) => {
                let mut pairs = one.values().into_iter().zip(two.values());
                one.starts[at] == two.starts[other_at]
                    && one.counts[at] == two.counts[other_at]
                    && pairs.all(|(one, two)| one[at].to_bits() == two[other_at].to_bits())
            }
            _ => false,
        }
    }

    /// Row `at` without its time, for messages: the bits where the digits would not tell.
    pub(crate) fn describe(&self, at: usize) -> String {
        let show = |value: f64| {
            if value.is_nan() { format!("NaN {:#018x}", value.to_bits()) } else { format!("{value:?}") }
        };
        match self {
            Self::Points(points) => show(points.values[at]),
            Self::Buckets(buckets) => {
                let [sum, min, max, first, last] = buckets.values().map(|column| show(column[at]));
                let count = buckets.counts[at];
                format!("count {count} sum {sum} min {min} max {max} first {first} last {last}")
            }
        }
    }
}

/// Chunks ordered by series and time, one after the other.
pub(crate) trait ChunkSource: Send {
    /// The next chunk, or `None` after the last.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>, DatasetError>>;
}
