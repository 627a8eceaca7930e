//! A batch of merged series: what the stages behind the merge work on at a time.
//!
//! It is small enough for the cache and large enough that timing its stages costs nothing. A series that is longer than
//! a batch comes in several, the hot one of a shard in thousands.

use model::{Columns, DuplicateRule, SeriesKey};

use super::merge::Merger;
use crate::WorkError;

/// Series of a batch at most.
const SERIES_MAX: usize = 2048;

/// A stretch of one series.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    /// The series.
    pub(crate) key: SeriesKey,
    /// Its points in the batch.
    pub(crate) points: std::ops::Range<usize>,
    /// Whether its first points are here.
    pub(crate) begins: bool,
    /// Where its metadata lies, if its last points are here.
    pub(crate) ends: Option<std::ops::Range<usize>>,
}

/// Merged points without duplicates.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Points that fill it, roughly.
    points: usize,
    /// The points of all stretches.
    pub(crate) columns: Columns,
    /// The stretches, in key order.
    pub(crate) stretches: Vec<Stretch>,
    metadata: Vec<u8>,
    /// Points that gave way to another of the same timestamp.
    pub(crate) duplicates: u64,
    /// The series that the batch before ended inside of.
    open: Option<Open>,
}

/// A series that goes on in the next batch.
#[derive(Debug)]
struct Open {
    key: SeriesKey,
    /// Its last point, kept back: the next one may have the same timestamp.
    last: Option<(i64, f64)>,
    /// Nothing of it was in the batch before.
    begins: bool,
}

impl Batch {
    /// A batch that `points` fill.
    pub(crate) fn new(points: usize) -> Self {
        Self {
            points,
            columns: Columns::default(),
            stretches: Vec::new(),
            metadata: Vec::new(),
            duplicates: 0,
            open: None,
        }
    }

    /// Forgets everything of the last partition.
    pub(crate) fn reset(&mut self) {
        self.clear();
        self.open = None;
    }

    fn clear(&mut self) {
        self.columns.clear();
        self.stretches.clear();
        self.metadata.clear();
        self.duplicates = 0;
    }

    /// The metadata of a stretch that ends its series.
    pub(crate) fn metadata(&self, ends: &std::ops::Range<usize>) -> &[u8] {
        &self.metadata[ends.clone()]
    }

    /// Fills the batch from `merger`; false when there is nothing left.
    pub(crate) fn fill(&mut self, merger: &mut Merger, rule: DuplicateRule) -> Result<bool, WorkError> {
        self.clear();
        while self.columns.len() < self.points && self.stretches.len() < SERIES_MAX {
            let start = self.columns.len();
            let (key, begins) = match self.open.take() {
                Some(open) => {
                    self.columns.timestamps.extend(open.last.map(|(timestamp, _)| timestamp));
                    self.columns.values.extend(open.last.map(|(_, value)| value));
                    (open.key, open.begins)
                }
                None => match merger.next_series()? {
                    Some(key) => (key, true),
                    None => break,
                },
            };
            self.add_stretch(merger, rule, Stretch { key, points: start..start, begins, ends: None })?;
            // A series that goes on goes on in the next batch: here it would only come and go, a point at a time.
            if self.open.is_some() {
                break;
            }
        }
        Ok(!self.stretches.is_empty() || self.open.is_some())
    }

    /// Adds points of a series until it ends or the batch is full. What the last batch kept back is there already.
    fn add_stretch(&mut self, merger: &mut Merger, rule: DuplicateRule, mut stretch: Stretch) -> Result<(), WorkError> {
        let is_more = loop {
            let before = self.columns.len();
            let is_more = merger.next_points(&mut self.columns)?;
            self.fold_duplicates(rule, stretch.points.start.max(before.saturating_sub(1)));
            if !is_more || self.columns.len() >= self.points {
                break is_more;
            }
        };
        if is_more {
            let last = (rule != DuplicateRule::Keep).then(|| self.keep_back()).flatten();
            // A stretch whose one point was kept back is none: the series begins with the next batch.
            let begins = stretch.begins && stretch.points.start == self.columns.len();
            self.open = Some(Open { key: stretch.key, last, begins });
            if begins {
                return Ok(());
            }
        } else {
            let metadata = self.metadata.len();
            self.metadata.extend_from_slice(merger.metadata());
            stretch.ends = Some(metadata..self.metadata.len());
        }
        stretch.points.end = self.columns.len();
        self.stretches.push(stretch);
        Ok(())
    }

    fn keep_back(&mut self) -> Option<(i64, f64)> {
        self.columns.timestamps.pop().zip(self.columns.values.pop())
    }

    /// Makes one point of those with equal timestamps, from position `from` on.
    fn fold_duplicates(&mut self, rule: DuplicateRule, from: usize) {
        let Columns { timestamps, values } = &mut self.columns;
        let is_strict = timestamps[from..].windows(2).fold(true, |strict, pair| strict & (pair[0] < pair[1]));
        if is_strict || rule == DuplicateRule::Keep {
            return;
        }
        let mut kept = from;
        for at in from + 1..timestamps.len() {
            if timestamps[at] == timestamps[kept] {
                values[kept] = rule.fold(values[kept], values[at]);
            } else {
                kept += 1;
                timestamps[kept] = timestamps[at];
                values[kept] = values[at];
            }
        }
        self.duplicates += (timestamps.len() - kept - 1) as u64;
        timestamps.truncate(kept + 1);
        values.truncate(kept + 1);
    }
}
