//! Merges slices: series ascend, and the points of a series by time; equal timestamps come in source order.
//!
//! The slices are given in source order, and the chunks of a series in one slice ascend without overlap. So a merge
//! holds, beside the chunk it takes, only points of chunks that overlap it: at most one chunk a slice.
//!
//! ```text
//! slice 0:  [a    ] [b ]      [c ]
//! slice 1:       [x   ]                 take a: its last is after x's first, so it waits in `pending`,
//!                                       merged with x, and goes out up to b's first; c goes out whole
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use format::column::ColumnDecoder;
use format::run::ChunkHeader;
use model::{Columns, SeriesKey, TimestampMs};

use super::slice::SliceCursor;
use crate::WorkError;

/// Several slices as one ordered stream of series.
#[derive(Debug)]
pub(crate) struct Merger {
    cursors: Vec<SliceCursor>,
    /// Next series of each cursor, smallest first.
    keys: BinaryHeap<Reverse<(SeriesKey, usize)>>,
    /// Next chunk of each cursor that has the current series, by its first timestamp.
    chunks: BinaryHeap<Reverse<(TimestampMs, usize)>>,
    pending: Pending,
    metadata: Vec<u8>,
    decoder: ColumnDecoder,
    taken: Columns,
}

/// Points that wait because a chunk not yet taken may hold earlier ones.
#[derive(Debug, Default)]
struct Pending {
    columns: Columns,
    /// The slice of each point: source order among equal timestamps.
    slices: Vec<usize>,
}

impl Merger {
    /// Creates a merger of `cursors`, which are in source order.
    pub(crate) fn new(cursors: Vec<SliceCursor>) -> Self {
        let keys = cursors.iter().enumerate().filter_map(|(slice, cursor)| Some(Reverse((cursor.key()?, slice))));
        Self {
            keys: keys.collect(),
            cursors,
            chunks: BinaryHeap::new(),
            pending: Pending::default(),
            metadata: Vec::new(),
            decoder: ColumnDecoder::new(),
            taken: Columns::default(),
        }
    }

    /// Goes to the next series; its predecessor must have been read to the end.
    pub(crate) fn next_series(&mut self) -> Result<Option<SeriesKey>, WorkError> {
        let Some(Reverse((key, _))) = self.keys.peek().copied() else { return Ok(None) };
        self.metadata.clear();
        while let Some(Reverse((_, slice))) = self.keys.peek().copied().filter(|Reverse((next, _))| *next == key) {
            self.keys.pop();
            self.begin_series(slice)?;
        }
        Ok(Some(key))
    }

    /// Begins the series in one slice. Slices come in source order, so the last metadata that is not empty stays.
    fn begin_series(&mut self, slice: usize) -> Result<(), WorkError> {
        let cursor = &mut self.cursors[slice];
        let before = self.metadata.len();
        cursor.begin_series(&mut self.metadata)?;
        if self.metadata.len() > before {
            self.metadata.drain(..before);
        }
        self.queue(slice);
        Ok(())
    }

    /// Queues a cursor by its position: a chunk of this series, or a later series.
    fn queue(&mut self, slice: usize) {
        let cursor = &self.cursors[slice];
        if let Some(chunk) = cursor.chunk() {
            self.chunks.push(Reverse((chunk.first, slice)));
        } else if let Some(key) = cursor.key() {
            self.keys.push(Reverse((key, slice)));
        }
    }

    /// Returns the metadata of the current series.
    pub(crate) fn metadata(&self) -> &[u8] {
        &self.metadata
    }

    /// Appends the next points of the current series; returns false when there are no more. Points with equal
    /// timestamps come from one call, or from calls that follow one another.
    pub(crate) fn next_points(&mut self, out: &mut Columns) -> Result<bool, WorkError> {
        let Some(Reverse((_, slice))) = self.chunks.pop() else { return Ok(false) };
        // A chunk without overlap is appended directly: the usual case.
        let is_alone = self.pending.columns.is_empty() && self.is_before_all_others(slice);
        if is_alone {
            self.cursors[slice].take_chunk(&mut self.decoder, out)?;
        } else {
            self.taken.clear();
            self.cursors[slice].take_chunk(&mut self.decoder, &mut self.taken)?;
            self.pending.merge(&self.taken, slice);
        }
        self.queue(slice);
        if !is_alone {
            let horizon = self.chunks.peek().map(|Reverse((first, _))| *first);
            self.pending.emit_before(horizon, out);
        }
        Ok(true)
    }

    /// Hands the next chunk of the current series to `take` as it is packed, and goes on behind it, if the chunk overlaps
    /// with no other. Returns false if it does, or if there is none.
    pub(crate) fn copy_chunk(
        &mut self,
        take: impl FnOnce(&ChunkHeader, &[u8]) -> Result<(), WorkError>,
    ) -> Result<bool, WorkError> {
        let Some(Reverse((first, slice))) = self.chunks.pop() else { return Ok(false) };
        if !self.pending.columns.is_empty() || !self.is_before_all_others(slice) {
            self.chunks.push(Reverse((first, slice)));
            return Ok(false);
        }
        self.cursors[slice].copy_chunk(take)?;
        self.queue(slice);
        Ok(true)
    }

    /// True if points are waiting that the next chunks may precede.
    pub(crate) fn is_overlapping(&self) -> bool {
        !self.pending.columns.is_empty()
    }

    fn is_before_all_others(&self, slice: usize) -> bool {
        let last = self.cursors[slice].chunk().map(|chunk| chunk.last);
        let next = self.chunks.peek().map(|Reverse((first, _))| *first);
        next.is_none_or(|next| last < Some(next))
    }
}

impl Pending {
    /// Merges a chunk's points into `pending` by (timestamp, slice); points of one slice keep their order.
    fn merge(&mut self, chunk: &Columns, slice: usize) {
        if self.columns.is_empty() {
            self.columns.clone_from(chunk);
            self.slices.resize(chunk.len(), slice);
            return;
        }
        let old = std::mem::take(self);
        let mut left = 0;
        for (timestamp, value) in chunk.timestamps.iter().zip(&chunk.values) {
            while left < old.slices.len() && (old.columns.timestamps[left], old.slices[left]) <= (*timestamp, slice) {
                self.push(old.columns.timestamps[left], old.columns.values[left], old.slices[left]);
                left += 1;
            }
            self.push(*timestamp, *value, slice);
        }
        for at in left..old.slices.len() {
            self.push(old.columns.timestamps[at], old.columns.values[at], old.slices[at]);
        }
    }

    fn push(&mut self, timestamp: TimestampMs, value: f64, slice: usize) {
        self.columns.push(timestamp, value);
        self.slices.push(slice);
    }

    /// Appends the pending points before `horizon`, or all of them without one.
    fn emit_before(&mut self, horizon: Option<TimestampMs>, out: &mut Columns) {
        let Columns { timestamps, values } = &mut self.columns;
        let count = horizon.map_or(timestamps.len(), |horizon| timestamps.partition_point(|at| *at < horizon));
        out.timestamps.extend(timestamps.drain(..count));
        out.values.extend(values.drain(..count));
        self.slices.drain(..count);
    }
}
