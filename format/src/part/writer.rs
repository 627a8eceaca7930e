//! Writing a part: series in, bytes out.

use model::{ByteRange, Columns, MetricId, SeriesKey, TimestampMs, limits};

use crate::column::{ColumnEncoder, Encoding, timestamps};

use super::directory::{self, AS_BEFORE, DirectoryColumns, REGULAR, Sections};
use super::footer::{BlockInfo, PartFooter};
use super::layout::{self, BLOCK_METADATA_BYTES_MAX, PartKind, PartSummary};
use super::{RollupColumns, rollup_codec};

/// zstd's default: metadata repeats itself, and higher levels find no more of that.
const ZSTD_LEVEL: i32 = 3;

/// Points a series, on average, below which a block tries zstd on its values: the columns of short series repeat one
/// another's heads and shapes. Longer ones leave zstd nothing.
const SHORT_SERIES_POINTS: usize = 64;

/// Writes a part, series by series in key order, without doing any I/O: bytes are taken off it as they become final.
///
/// It holds at most two blocks' points: the one being filled, and the piece of the series that is being appended.
pub struct PartWriter {
    kind: PartKind,
    encoding: Encoding,
    /// Series begun and not ended.
    open_key: Option<SeriesKey>,
    last_key: Option<SeriesKey>,
    piece: Piece,
    block: BlockBuilder,
    blocks: Vec<BlockInfo>,
    metrics: Option<(MetricId, MetricId)>,
    /// Finished bytes that were not taken yet.
    out: Vec<u8>,
    /// Offset in the part of the block being filled; 0 for the first, which the header belongs to.
    block_start: u64,
    /// Bytes that were taken.
    taken: u64,
}

/// Points of the open series that are in no block yet; at most a block's.
enum Piece {
    Raw(Columns),
    Rollup(RollupColumns),
}

impl Piece {
    fn timestamps(&self) -> &[TimestampMs] {
        match self {
            Self::Raw(columns) => &columns.timestamps,
            Self::Rollup(columns) => &columns.bucket_start_ms,
        }
    }

    fn room(&self) -> usize {
        limits::BLOCK_POINTS_MAX - self.timestamps().len()
    }

    fn clear(&mut self) {
        match self {
            Self::Raw(columns) => columns.clear(),
            Self::Rollup(columns) => columns.clear(),
        }
    }
}

impl PartWriter {
    /// A writer of an empty part.
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
        assert!(self.last_key < Some(key), "DT-2: {key} comes after {:?} in a part", self.last_key);
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

    /// Ends the open series. One without points leaves nothing behind, not even its metadata.
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
        std::mem::take(&mut self.out)
    }

    /// Bytes held, final or not: what a memory budget counts.
    pub fn buffered_bytes(&self) -> usize {
        let bytes_a_point = match self.piece {
            Piece::Raw(_) => 16,
            Piece::Rollup(_) => 56,
        };
        self.out.len() + self.block.bytes() + self.piece.timestamps().len() * bytes_a_point
    }

    /// Ends the part and returns the bytes that were not taken yet.
    pub fn finish(mut self) -> (Vec<u8>, PartSummary) {
        assert!(self.open_key.is_none(), "the last series has ended");
        self.seal_block();
        let footer = PartFooter::of_blocks(self.kind, self.encoding, self.blocks, self.metrics);
        footer.encode(&mut self.block.encoder, &mut self.out);
        (self.out, footer.summary())
    }

    fn check_ascending(&self, timestamps: &[TimestampMs]) {
        assert!(self.open_key.is_some(), "points belong to a series that has begun");
        let last = self.piece.timestamps().last();
        let is_ascending =
            timestamps.is_sorted() && last.is_none_or(|last| timestamps.first().is_none_or(|t| last <= t));
        assert!(is_ascending, "DT-2: the timestamps of {:?} ascend", self.open_key);
    }

    /// Makes room in the piece for some of `wanted` points, and says for how many.
    fn make_room(&mut self, wanted: usize) -> usize {
        // A full piece is placed only now that the series is known to go on, so that the last one is never empty.
        if self.piece.room() == 0 {
            self.place_piece(&[]);
        }
        wanted.min(self.piece.room())
    }

    /// Moves the piece into a block: the one being filled, or a new one when it does not fit there.
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

    /// Appends the block being filled, if anything is in it, to the finished bytes.
    fn seal_block(&mut self) {
        let Some(mut info) = self.block.info() else { return };
        info.directory_bytes = self.block.seal(&mut self.out);
        let end = self.taken + self.out.len() as u64;
        info.range = ByteRange::new(self.block_start, end);
        self.block_start = end;
        self.blocks.push(info);
    }
}

/// A block that is being filled.
struct BlockBuilder {
    encoding: Encoding,
    encoder: ColumnEncoder,
    rollup_scratch: rollup_codec::Scratch,
    compressor: zstd::bulk::Compressor<'static>,
    columns: DirectoryColumns,
    points: usize,
    metadata: Vec<u8>,
    timestamps: Vec<u8>,
    values: Vec<u8>,
    /// The timestamps of the latest series, for the next to be compared with.
    before: Vec<TimestampMs>,
    compressed_metadata: Vec<u8>,
    compressed_values: Vec<u8>,
}

impl BlockBuilder {
    fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            encoder: ColumnEncoder::new(),
            rollup_scratch: rollup_codec::Scratch::default(),
            compressor: zstd::bulk::Compressor::new(ZSTD_LEVEL).expect("the level is one of zstd's"),
            columns: DirectoryColumns::default(),
            points: 0,
            metadata: Vec::new(),
            timestamps: Vec::new(),
            values: Vec::new(),
            before: Vec::new(),
            compressed_metadata: Vec::new(),
            compressed_values: Vec::new(),
        }
    }

    fn series(&self) -> usize {
        self.columns.orgs.len()
    }

    fn bytes(&self) -> usize {
        self.metadata.len() + self.timestamps.len() + self.values.len() + self.series() * size_of::<[i64; 8]>()
    }

    fn has_room(&self, points: usize, metadata_bytes: usize) -> bool {
        self.points + points <= limits::BLOCK_POINTS_MAX
            && self.series() < limits::BLOCK_SERIES_MAX
            && self.metadata.len() + metadata_bytes <= BLOCK_METADATA_BYTES_MAX
    }

    fn push(&mut self, key: SeriesKey, piece: &Piece, metadata: &[u8]) {
        let timestamps = piece.timestamps();
        let (first, last) = (timestamps[0], timestamps[timestamps.len() - 1]);
        let timestamp_code = self.push_timestamps(timestamps);
        let values_start = self.values.len();
        match piece {
            Piece::Raw(columns) => self.encoder.values(&columns.values, self.encoding, &mut self.values),
            Piece::Rollup(rows) => {
                let scratch = &mut self.rollup_scratch;
                rollup_codec::encode(scratch, &mut self.encoder, self.encoding, rows, &mut self.values);
            }
        }
        self.points += timestamps.len();
        self.metadata.extend_from_slice(metadata);
        let row = [
            key.org.0 as i64,
            key.metric.0 as i64,
            timestamps.len() as i64,
            first,
            last.wrapping_sub(first),
            metadata.len() as i64,
            timestamp_code,
            (self.values.len() - values_start) as i64,
        ];
        self.columns.all_mut().into_iter().zip(row).for_each(|(column, number)| column.push(number));
    }

    /// Stores the timestamps of a series, if they need it, and returns their code.
    fn push_timestamps(&mut self, timestamps: &[TimestampMs]) -> i64 {
        if timestamps::is_regular(timestamps) {
            self.before.clear();
            return REGULAR;
        }
        if self.before == timestamps {
            return AS_BEFORE;
        }
        self.before.clear();
        self.before.extend_from_slice(timestamps);
        let start = self.timestamps.len();
        self.encoder.timestamps(timestamps, self.encoding, &mut self.timestamps);
        let bytes = (self.timestamps.len() - start) as i64;
        assert!(bytes > AS_BEFORE, "a column of irregular timestamps has a head and a body");
        bytes
    }

    /// What the footer keeps of the block, but for its place in the part.
    fn info(&self) -> Option<BlockInfo> {
        let columns = &self.columns;
        let last = self.series().checked_sub(1)?;
        let key = |i: usize| SeriesKey::new(columns.orgs[i] as u64, columns.metrics[i] as u64);
        let ends = columns.firsts.iter().zip(&columns.spans).map(|(first, span)| first.wrapping_add(*span));
        Some(BlockInfo {
            range: ByteRange::new(0, 0),
            directory_bytes: 0,
            first_key: key(0),
            last_key: key(last),
            series: self.series(),
            points: self.points,
            timestamp_min_ms: columns.firsts.iter().copied().min().expect("the block has a series"),
            timestamp_max_ms: ends.max().expect("the block has a series"),
        })
    }

    /// Appends the block's bytes to `out`, empties it, and returns the length of its directory.
    fn seal(&mut self, out: &mut Vec<u8>) -> usize {
        let is_short = self.points < self.series() * SHORT_SERIES_POINTS;
        let metadata_max = self.metadata.len();
        let metadata = compress(&mut self.compressor, &self.metadata, metadata_max, &mut self.compressed_metadata);
        // Values that are packed already must repay the reader's time with a twentieth.
        let values_max = if is_short { self.values.len() - self.values.len() / 20 } else { 0 };
        let values = compress(&mut self.compressor, &self.values, values_max, &mut self.compressed_values);
        let metadata_bytes = metadata.unwrap_or(&self.metadata);
        let value_bytes = values.unwrap_or(&self.values);
        let sections = Sections {
            metadata_is_zstd: metadata.is_some(),
            values_are_zstd: values.is_some(),
            metadata_stored: metadata_bytes.len(),
            values_stored: value_bytes.len(),
        };
        let start = out.len();
        directory::encode(&mut self.columns, sections, &mut self.encoder, out);
        let directory_bytes = out.len() - start;
        for section in [metadata_bytes, &self.timestamps, value_bytes] {
            out.extend_from_slice(section);
        }
        let crc = crc32c::crc32c(&out[start..]);
        out.extend_from_slice(&crc.to_le_bytes());
        self.clear();
        directory_bytes
    }

    fn clear(&mut self) {
        self.columns.all_mut().into_iter().for_each(Vec::clear);
        self.points = 0;
        self.metadata.clear();
        self.timestamps.clear();
        self.values.clear();
        self.before.clear();
    }
}

/// One zstd frame of `plain`, if it takes fewer than `bytes_max` bytes.
fn compress<'a>(
    compressor: &mut zstd::bulk::Compressor<'_>,
    plain: &[u8],
    bytes_max: usize,
    out: &'a mut Vec<u8>,
) -> Option<&'a [u8]> {
    if bytes_max == 0 {
        return None;
    }
    out.clear();
    out.reserve(zstd::zstd_safe::compress_bound(plain.len()));
    let compressed = compressor.compress_to_buffer(plain, out).expect("the buffer has zstd's own bound");
    (compressed < bytes_max).then_some(out.as_slice())
}
