//! Writer of a part: series in, bytes out.

use model::{ByteRange, Columns, Invariant, MetricId, SeriesKey, TimestampMs, limits};

use crate::column::Encoding;

use super::RollupColumns;
use super::block_builder::{BlockBuilder, Piece};
use super::footer::{BlockInfo, PartFooter};
use super::layout::{self, PartKind, PartSummary};

/// Writes a part, series by series in key order, without any I/O: the caller takes bytes as they become final.
///
/// The writer holds at most two blocks' points: the block being filled, and the piece of the series that is being
/// appended. Series or timestamps out of order (DT-2), points outside a series and rows in a raw part are bugs of the
/// caller, on which the writer panics.
pub struct PartWriter {
    kind: PartKind,
    encoding: Encoding,
    /// Key of the series that was begun and not ended.
    open_key: Option<SeriesKey>,
    last_key: Option<SeriesKey>,
    piece: Piece,
    block: BlockBuilder,
    blocks: Vec<BlockInfo>,
    metrics: Option<(MetricId, MetricId)>,
    /// Final bytes that were not taken yet.
    out: Vec<u8>,
    /// Offset in the part of the block being filled; 0 for the first, which includes the header.
    block_start: u64,
    /// Bytes that were taken so far.
    taken: u64,
}

impl PartWriter {
    /// Creates a writer of an empty part.
    pub fn new(kind: PartKind, encoding: Encoding) -> Self {
        let piece = match kind {
            PartKind::Raw => Piece::Raw(Columns::default()),
            PartKind::Rollup(_) => Piece::Rollup(RollupColumns::default()),
        };
        Self {
            kind,
            encoding,
            open_key: None,
            last_key: None,
            piece,
            block: BlockBuilder::new(encoding),
            blocks: Vec::new(),
            metrics: None,
            out: layout::header(kind, encoding).to_vec(),
            block_start: 0,
            taken: 0,
        }
    }

    /// Begins a series; its key must come after all before it.
    pub fn begin_series(&mut self, key: SeriesKey) {
        assert!(self.open_key.is_none(), "{key} begins before its predecessor has ended");
        if self.last_key >= Some(key) {
            Invariant::Dt2.broken(format_args!("{key} comes after {:?} in a part", self.last_key));
        }
        self.open_key = Some(key);
    }

    /// Appends points to the open series of a raw part. Timestamps ascend, within a call and from call to call.
    pub fn append(&mut self, timestamps: &[TimestampMs], values: &[f64]) {
        assert_eq!(timestamps.len(), values.len(), "each point has a timestamp and a value");
        self.check_ascending(timestamps);
        let mut start = 0;
        while start < timestamps.len() {
            let end = self.make_room(timestamps.len() - start) + start;
            let Piece::Raw(piece) = &mut self.piece else { panic!("a rollup part takes rows, by append_rollup") };
            piece.timestamps.extend_from_slice(&timestamps[start..end]);
            piece.values.extend_from_slice(&values[start..end]);
            start = end;
        }
    }

    /// Appends rows to the open series of a rollup part. Buckets ascend, within a call and from call to call.
    pub fn append_rollup(&mut self, rows: &RollupColumns) {
        self.check_ascending(&rows.bucket_start_ms);
        let mut start = 0;
        while start < rows.len() {
            let end = self.make_room(rows.len() - start) + start;
            let Piece::Rollup(piece) = &mut self.piece else { panic!("a raw part takes points, by append") };
            piece.extend_from_range(rows, start..end);
            start = end;
        }
    }

    /// Ends the open series. A series without points leaves nothing behind, not even its metadata.
    pub fn end_series(&mut self, metadata: &[u8]) {
        let key = self.open_key.expect("a series is ended after it began");
        assert!(metadata.len() <= limits::METADATA_BYTES_MAX, "{key} has {} bytes of metadata", metadata.len());
        if !self.piece.timestamps().is_empty() {
            self.place_piece(metadata);
            self.last_key = Some(key);
        }
        self.open_key = None;
    }

    /// Takes the bytes that have become final since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        self.taken += self.out.len() as u64;
        let next = Vec::with_capacity(self.out.len());
        std::mem::replace(&mut self.out, next)
    }

    /// Bytes held, final or not, for a memory budget.
    pub fn buffered_bytes(&self) -> usize {
        let bytes_a_point = match self.piece {
            Piece::Raw(_) => 16,
            Piece::Rollup(_) => 56,
        };
        self.out.len() + self.block.bytes() + self.piece.timestamps().len() * bytes_a_point
    }

    /// Ends the part; returns the bytes that were not taken yet.
    pub fn finish(mut self) -> (Vec<u8>, PartSummary) {
        assert!(self.open_key.is_none(), "the last series has ended");
        self.seal_block();
        let footer = PartFooter::of_blocks(self.kind, self.encoding, self.blocks, self.metrics);
        footer.encode(self.block.encoder(), &mut self.out);
        (self.out, footer.summary())
    }

    fn check_ascending(&self, timestamps: &[TimestampMs]) {
        assert!(self.open_key.is_some(), "points belong to a series that has begun");
        let last = self.piece.timestamps().last();
        let is_ascending =
            timestamps.is_sorted() && last.is_none_or(|last| timestamps.first().is_none_or(|t| last <= t));
        if !is_ascending {
            Invariant::Dt2.broken(format_args!("the timestamps of {:?} do not ascend", self.open_key));
        }
    }

    /// Makes room in the piece for some of `wanted` points; returns for how many.
    fn make_room(&mut self, wanted: usize) -> usize {
        // A full piece is placed only once the series is known to continue, so that the last piece is never empty.
        if self.piece.room() == 0 {
            self.place_piece(&[]);
        }
        wanted.min(self.piece.room())
    }

    /// Moves the piece into the current block, or into a new one if it does not fit.
    fn place_piece(&mut self, metadata: &[u8]) {
        let key = self.open_key.expect("pieces are of the open series");
        if !self.block.has_room(self.piece.timestamps().len(), metadata.len()) {
            self.seal_block();
        }
        self.block.push(key, &self.piece, metadata);
        self.piece.clear();
        let metric = key.metric;
        let (min, max) = self.metrics.unwrap_or((metric, metric));
        self.metrics = Some((min.min(metric), max.max(metric)));
    }

    /// Appends the current block to the final bytes, unless it is empty.
    fn seal_block(&mut self) {
        let Some(mut info) = self.block.info() else { return };
        info.directory_bytes = self.block.seal(&mut self.out);
        let end = self.taken + self.out.len() as u64;
        info.range = ByteRange::new(self.block_start, end);
        self.block_start = end;
        self.blocks.push(info);
    }
}
