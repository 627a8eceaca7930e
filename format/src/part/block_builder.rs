//! Builder of one block: series are encoded as they come, and sealed under one checksum.

use model::{ByteRange, Columns, SeriesKey, TimestampMs, limits};

use crate::column::{ColumnEncoder, Encoding, timestamps};

use super::directory::{self, AS_BEFORE, DirectoryColumns, REGULAR, Sections};
use super::footer::BlockInfo;
use super::layout::BLOCK_METADATA_BYTES_MAX;
use super::{RollupColumns, rollup_codec};

/// zstd's default level. Metadata repeats itself, and higher levels find no more repetitions.
const ZSTD_LEVEL: i32 = 3;

/// Mean points per series below which a block tries zstd on its values: the columns of short series repeat each
/// other's heads and shapes. The columns of longer series are already incompressible.
const SHORT_SERIES_POINTS: usize = 64;

/// Points of the open series that are not in a block yet; at most a block's worth.
pub(super) enum Piece {
    Raw(Columns),
    Rollup(RollupColumns),
}

impl Piece {
    /// Returns the timestamps of points, or the bucket starts of rows.
    pub(super) fn timestamps(&self) -> &[TimestampMs] {
        match self {
            Self::Raw(columns) => &columns.timestamps,
            Self::Rollup(columns) => &columns.bucket_start_ms,
        }
    }

    /// Counts the points that still fit.
    pub(super) fn room(&self) -> usize {
        limits::BLOCK_POINTS_MAX - self.timestamps().len()
    }

    /// Removes all points and keeps the memory.
    pub(super) fn clear(&mut self) {
        match self {
            Self::Raw(columns) => columns.clear(),
            Self::Rollup(columns) => columns.clear(),
        }
    }
}

/// Block that is being filled.
pub(super) struct BlockBuilder {
    encoding: Encoding,
    encoder: ColumnEncoder,
    rollup_scratch: rollup_codec::Scratch,
    compressor: zstd::bulk::Compressor<'static>,
    columns: DirectoryColumns,
    points: usize,
    metadata: Vec<u8>,
    timestamps: Vec<u8>,
    values: Vec<u8>,
    /// Timestamps of the latest series, compared with those of the next.
    before: Vec<TimestampMs>,
    compressed_metadata: Vec<u8>,
    compressed_values: Vec<u8>,
}

impl BlockBuilder {
    /// Creates an empty block.
    pub(super) fn new(encoding: Encoding) -> Self {
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

    /// Returns the encoder, so that the footer can share its scratch memory.
    pub(super) fn encoder(&mut self) -> &mut ColumnEncoder {
        &mut self.encoder
    }

    fn series(&self) -> usize {
        self.columns.orgs.len()
    }

    /// Counts the bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.metadata.len() + self.timestamps.len() + self.values.len() + self.series() * size_of::<[i64; 8]>()
    }

    /// True if a piece and its metadata fit.
    pub(super) fn has_room(&self, points: usize, metadata_bytes: usize) -> bool {
        self.points + points <= limits::BLOCK_POINTS_MAX
            && self.series() < limits::BLOCK_SERIES_MAX
            && self.metadata.len() + metadata_bytes <= BLOCK_METADATA_BYTES_MAX
    }

    /// Adds a piece; the caller has checked that it fits.
    pub(super) fn push(&mut self, key: SeriesKey, piece: &Piece, metadata: &[u8]) {
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

    /// Stores the timestamps of a series unless they can be derived; returns their code.
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

    /// Builds the footer's entry of the block, without its position in the part.
    pub(super) fn info(&self) -> Option<BlockInfo> {
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

    /// Appends the block's bytes to `out`, and empties the block. Returns the length of its directory.
    pub(super) fn seal(&mut self, out: &mut Vec<u8>) -> usize {
        let is_short = self.points < self.series() * SHORT_SERIES_POINTS;
        let metadata_max = self.metadata.len();
        let metadata = compress(&mut self.compressor, &self.metadata, metadata_max, &mut self.compressed_metadata);
        // Packed values are compressed only if that saves a twentieth, which repays the reader's time.
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

/// Compresses `plain` to one zstd frame, if that takes fewer than `bytes_max` bytes.
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
