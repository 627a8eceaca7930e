//! Merges slices: series ascend, and the points of a series by time; equal timestamps come in source order.
//!
//! The slices are given in source order, and the chunks of a series in one slice ascend without overlap. So a merge
//! holds, beside the chunk it takes, only chunks that overlap it: at most one a slice, and the last point of another.
//!
//! ```text
//! slice 0:  [a    ] [b ]      [c ]
//! slice 1:       [x   ]                 take a: its last is after x's first, so its points from there on wait;
//!                                       take x: the points of both up to b's first are sorted, and go out;
//!                                       c goes out whole
//! ```
//!
//! A waiting chunk stays as it was decoded, and each of its points is sorted once: a series that was sent again in
//! hundreds of segments costs a comparison more for each doubling of these.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

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
}

/// Chunks that wait because one not yet taken may hold earlier points.
#[derive(Debug, Default)]
struct Pending {
    /// In source order, which is the order among equal timestamps.
    chunks: Vec<Waiting>,
    /// Earliest timestamp that waits; none if nothing does.
    first: Option<TimestampMs>,
    /// Points that go out together.
    sorted: Vec<(TimestampMs, f64)>,
    /// Memory of chunks that have gone out.
    free: Vec<Columns>,
}

/// Chunk whose points up to `out` have gone out.
#[derive(Debug)]
struct Waiting {
    slice: usize,
    columns: Columns,
    out: usize,
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
        let is_alone = self.pending.is_empty() && self.is_before_all_others(slice);
        if is_alone {
            self.cursors[slice].take_chunk(&mut self.decoder, out)?;
        } else {
            let mut columns = self.pending.free.pop().unwrap_or_default();
            self.cursors[slice].take_chunk(&mut self.decoder, &mut columns)?;
            self.pending.add(slice, columns);
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
        if !self.pending.is_empty() || !self.is_before_all_others(slice) {
            self.chunks.push(Reverse((first, slice)));
            return Ok(false);
        }
        self.cursors[slice].copy_chunk(take)?;
        self.queue(slice);
        Ok(true)
    }

    /// True if points are waiting that the next chunks may precede.
    pub(crate) fn is_overlapping(&self) -> bool {
        !self.pending.is_empty()
    }

    fn is_before_all_others(&self, slice: usize) -> bool {
        let last = self.cursors[slice].chunk().map(|chunk| chunk.last);
        let next = self.chunks.peek().map(|Reverse((first, _))| *first);
        next.is_none_or(|next| last < Some(next))
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    fn add(&mut self, slice: usize, columns: Columns) {
        let chunk = Waiting { slice, columns, out: 0 };
        self.first = [self.first, chunk.first()].into_iter().flatten().min();
        let at = self.chunks.partition_point(|other| other.slice <= slice);
        self.chunks.insert(at, chunk);
    }

    /// Appends the waiting points before `horizon`, or all of them without one.
    fn emit_before(&mut self, horizon: Option<TimestampMs>, out: &mut Columns) {
        if horizon.is_some_and(|horizon| self.first >= Some(horizon)) {
            return;
        }
        let mut going = self.chunks.iter().filter(|chunk| !chunk.before(horizon).is_empty());
        match (going.next(), going.next()) {
            (None, _) => {}
            (Some(chunk), None) => {
                let range = chunk.before(horizon);
                out.timestamps.extend_from_slice(&chunk.columns.timestamps[range.clone()]);
                out.values.extend_from_slice(&chunk.columns.values[range]);
            }
            _ => self.emit_sorted(horizon, out),
        }
        for chunk in &mut self.chunks {
            chunk.out = chunk.before(horizon).end;
        }
        for chunk in self.chunks.extract_if(.., |chunk| chunk.out == chunk.columns.len()) {
            let mut columns = chunk.columns;
            columns.clear();
            self.free.push(columns);
        }
        self.first = self.chunks.iter().filter_map(Waiting::first).min();
    }

    /// The sort is stable, and it merges ascending stretches as they are: each chunk is one.
    fn emit_sorted(&mut self, horizon: Option<TimestampMs>, out: &mut Columns) {
        self.sorted.clear();
        for chunk in &self.chunks {
            let range = chunk.before(horizon);
            let timestamps = chunk.columns.timestamps[range.clone()].iter().copied();
            self.sorted.extend(timestamps.zip(chunk.columns.values[range].iter().copied()));
        }
        self.sorted.sort_by_key(|(timestamp, _)| *timestamp);
        out.timestamps.extend(self.sorted.iter().map(|(timestamp, _)| *timestamp));
        out.values.extend(self.sorted.iter().map(|(_, value)| *value));
    }
}

impl Waiting {
    /// Returns the next timestamp that goes out.
    fn first(&self) -> Option<TimestampMs> {
        self.columns.timestamps.get(self.out).copied()
    }

    /// Returns the positions of the waiting points before `horizon`.
    fn before(&self, horizon: Option<TimestampMs>) -> Range<usize> {
        let waiting = &self.columns.timestamps[self.out..];
        let count = horizon.map_or(waiting.len(), |horizon| waiting.partition_point(|at| *at < horizon));
        self.out..self.out + count
    }
}
