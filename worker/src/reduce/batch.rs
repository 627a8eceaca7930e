//! Batch of merged series: the unit of work for the stages behind the merge.
//!
//! A batch is small enough for the cache and large enough that timing its stages costs nothing. A series longer than
//! a batch is spread over several, the hottest series of a shard over thousands.

use model::{Columns, DuplicateRule, SeriesKey};

use crate::WorkError;
use crate::runs::Merger;

/// Most series of a batch.
const SERIES_MAX: usize = 2048;

/// Part of one series that lies in the batch.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    /// Key of the series.
    pub(crate) key: SeriesKey,
    /// Positions of its points in the batch.
    pub(crate) points: std::ops::Range<usize>,
    /// True if the series begins in this batch.
    pub(crate) begins: bool,
    /// Position of the metadata if the series ends in this batch.
    pub(crate) ends: Option<std::ops::Range<usize>>,
}

/// Merged points without duplicates.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Points that fill the batch, roughly.
    points: usize,
    /// The points of all stretches.
    pub(crate) columns: Columns,
    /// The stretches, in key order.
    pub(crate) stretches: Vec<Stretch>,
    metadata: Vec<u8>,
    /// Points that were replaced by another of the same timestamp.
    pub(crate) duplicates: u64,
    /// Series that the previous batch did not finish.
    open: Option<Open>,
}

/// Series that continues in the next batch.
#[derive(Debug)]
struct Open {
    key: SeriesKey,
    /// Last point of the series, kept back because the next may have the same timestamp.
    last: Option<(i64, f64)>,
    /// True if no point of the series was in a previous batch.
    begins: bool,
}

impl Batch {
    /// Creates a batch of about `points` points.
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

    /// Forgets the last partition.
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

    /// Returns the metadata of a stretch that ends its series.
    pub(crate) fn metadata(&self, ends: &std::ops::Range<usize>) -> &[u8] {
        &self.metadata[ends.clone()]
    }

    /// Fills the batch from `merger`; returns false when nothing is left.
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
            // Stop here: inside this batch the unfinished series would come and go a point at a time.
            if self.open.is_some() {
                break;
            }
        }
        Ok(!self.stretches.is_empty() || self.open.is_some())
    }

    /// Adds points of a series until it ends or the batch is full. The point that the last batch kept back is already
    /// there.
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
            // A stretch whose only point was kept back is left out: the series then begins with the next batch.
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

    /// Merges points of equal timestamps into one, from position `from` on.
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
