//! A run: the sorted shuffle data of one map attempt.
//!
//! ```text
//! run:    magic "TLRRUN01" | slices | index | index length u32 | index crc32c u32 | magic
//! slice:  series, ascending by (org, metric)
//! series: org u64 | metric u64 | metadata length varint | metadata | chunks | 0 varint
//! chunk:  points varint << 1 | strict | first zigzag varint | span varint | body length varint | body
//! body:   timestamps column | values column                      (see `column`)
//! index:  per slice: partition u32 | spill u32 | layer u32 | crc32c u32 | offset u64 | length u64 | points u64
//! ```
//!
//! All fixed-width numbers are little-endian. A map attempt spills whenever its buffer is full, and once at the end: a
//! spill writes one slice for each partition that has points. Several spills are merged into one, numbered 0, before
//! the run is written; runs of older versions hold all of them. The chunks of one series in one slice ascend and do not
//! overlap, so that a merge holds one decoded chunk per slice. If a series overlaps itself so heavily that sorting it
//! would break the memory budget, the spill writes it in several *layers*. Slices of one partition in the order
//! (map task, spill, layer) are in source order wherever timestamps are equal.

use model::limits::{CHUNK_POINTS_MAX, METADATA_BYTES_MAX};
use model::{PartitionId, SeriesKey, TimestampMs};

use crate::column::{ColumnError, varint};

/// Magic at both ends of a run.
pub const MAGIC: [u8; 8] = *b"TLRRUN01";

/// Bytes at a run's end that are usually enough for its index: that of a thousand slices fits in them.
pub const TAIL_BYTES: u64 = 48 << 10;

/// Bytes behind the index: its length, its checksum, the magic.
pub const TRAILER_BYTES: usize = 16;

/// Most bytes of a series' or a chunk's header, without metadata and body.
pub const HEADER_BYTES_MAX: usize = 40;

const ENTRY_BYTES: usize = 40;

/// Most bytes of a chunk's body: two columns of incompressible words with their headers.
pub const CHUNK_BODY_BYTES_MAX: usize = 2 * (CHUNK_POINTS_MAX * 10 + 64);

/// Error in the bytes of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The bytes are not a run, or were cut short.
    #[error("it is not a run of this version, or its end is missing")]
    NotARun,
    /// The index was changed after it was written.
    #[error("its index is damaged: crc32c {found:08x}, expected {expected:08x}")]
    DamagedIndex {
        /// Checksum of the bytes found.
        found: u32,
        /// Checksum as written.
        expected: u32,
    },
    /// A slice was changed after it was written.
    #[error("its slice at {offset} is damaged: crc32c {found:08x}, expected {expected:08x}")]
    DamagedSlice {
        /// Offset at which the slice starts.
        offset: u64,
        /// Checksum of the bytes found.
        found: u32,
        /// Checksum as written.
        expected: u32,
    },
    /// A slice does not parse.
    #[error("its slice at {offset} is damaged: {what}")]
    Malformed {
        /// Offset at which the slice starts.
        offset: u64,
        /// Message of the parser.
        what: String,
    },
}

/// Index entry of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceEntry {
    /// Partition of its points.
    pub partition: PartitionId,
    /// Number of the attempt's spill, counted from 0.
    pub spill: u32,
    /// Layer of the spill, counted from 0.
    pub layer: u32,
    /// crc32c of the slice's bytes.
    pub crc: u32,
    /// Offset at which the slice starts.
    pub offset: u64,
    /// Length of the slice in bytes.
    pub len: u64,
    /// Points in the slice.
    pub points: u64,
}

/// Slices of a run, ordered by (partition, spill, layer).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunIndex {
    slices: Vec<SliceEntry>,
}

impl RunIndex {
    /// Creates an index of `slices`, given in any order.
    pub fn new(mut slices: Vec<SliceEntry>) -> Self {
        slices.sort_by_key(|slice| (slice.partition, slice.spill, slice.layer));
        Self { slices }
    }

    /// Lists all slices of the run.
    pub fn slices(&self) -> &[SliceEntry] {
        &self.slices
    }

    /// Lists the slices of one partition, in source order.
    pub fn of_partition(&self, partition: PartitionId) -> &[SliceEntry] {
        let start = self.slices.partition_point(|slice| slice.partition < partition);
        let end = self.slices.partition_point(|slice| slice.partition <= partition);
        &self.slices[start..end]
    }

    /// Serialises index and trailer, which follow the last slice.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.slices.len() * ENTRY_BYTES + TRAILER_BYTES);
        for slice in &self.slices {
            for word in [slice.partition.0, slice.spill, slice.layer, slice.crc] {
                out.extend_from_slice(&word.to_le_bytes());
            }
            for word in [slice.offset, slice.len, slice.points] {
                out.extend_from_slice(&word.to_le_bytes());
            }
        }
        let (len, crc) = (out.len() as u32, crc32c::crc32c(&out));
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&MAGIC);
        out
    }

    /// Reads the length of the index from the run's last [`TRAILER_BYTES`].
    ///
    /// # Errors
    /// [`RunError::NotARun`].
    pub fn len_in(trailer: &[u8]) -> Result<usize, RunError> {
        let (len, _) = split_trailer(trailer)?;
        Ok(len)
    }

    /// Parses the index and the trailer behind it.
    ///
    /// # Errors
    /// [`RunError::NotARun`] or [`RunError::DamagedIndex`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RunError> {
        let split = bytes.len().checked_sub(TRAILER_BYTES).ok_or(RunError::NotARun)?;
        let (index, trailer) = bytes.split_at(split);
        let (len, expected) = split_trailer(trailer)?;
        let found = crc32c::crc32c(index);
        if len != index.len() || found != expected {
            return Err(RunError::DamagedIndex { found, expected });
        }
        let (entries, []) = index.as_chunks::<ENTRY_BYTES>() else { return Err(RunError::NotARun) };
        Ok(Self { slices: entries.iter().map(read_entry).collect() })
    }
}

/// Continues the checksum of a slice.
pub fn crc_append(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}

fn split_trailer(trailer: &[u8]) -> Result<(usize, u32), RunError> {
    let Some(trailer) = trailer.last_chunk::<TRAILER_BYTES>().filter(|trailer| trailer[8..] == MAGIC) else {
        return Err(RunError::NotARun);
    };
    Ok((word(trailer, 0) as usize, word(trailer, 4)))
}

fn read_entry(entry: &[u8; ENTRY_BYTES]) -> SliceEntry {
    let long = |at: usize| u64::from(word(entry, at)) | u64::from(word(entry, at + 4)) << 32;
    SliceEntry {
        partition: PartitionId(word(entry, 0)),
        spill: word(entry, 4),
        layer: word(entry, 8),
        crc: word(entry, 12),
        offset: long(16),
        len: long(24),
        points: long(32),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Header before the chunks of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesHeader {
    /// Organisation and metric of the points.
    pub key: SeriesKey,
    /// Bytes of metadata that follow.
    pub metadata_len: usize,
}

impl SeriesHeader {
    /// Appends the header to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.org.0.to_le_bytes());
        out.extend_from_slice(&self.key.metric.0.to_le_bytes());
        varint::put(out, self.metadata_len as u64);
    }

    /// Takes a header off the front of `input`.
    ///
    /// # Errors
    /// A column error for bytes that are not a header.
    pub fn read(input: &mut &[u8]) -> Result<Self, ColumnError> {
        let org = take_word(input)?;
        let metric = take_word(input)?;
        let metadata_len = bounded("the length of metadata", varint::take(input)?, METADATA_BYTES_MAX as u64)? as usize;
        Ok(Self { key: SeriesKey::new(org, metric), metadata_len })
    }
}

/// Byte behind the last chunk of a series.
pub const SERIES_END: u8 = 0;

/// Header before the body of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkHeader {
    /// Points in the chunk, at least 1.
    pub points: usize,
    /// True if no two timestamps are equal.
    pub is_strict: bool,
    /// First timestamp of the chunk.
    pub first: TimestampMs,
    /// Last timestamp of the chunk.
    pub last: TimestampMs,
    /// Bytes of the body that follows.
    pub body_len: usize,
}

impl ChunkHeader {
    /// Appends the header to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        varint::put(out, (self.points as u64) << 1 | u64::from(self.is_strict));
        varint::put_signed(out, self.first);
        varint::put(out, self.last.wrapping_sub(self.first).cast_unsigned());
        varint::put(out, self.body_len as u64);
    }

    /// Takes a header off the front of `input`; none at the end of a series.
    ///
    /// # Errors
    /// A column error for bytes that are not a header.
    pub fn read(input: &mut &[u8]) -> Result<Option<Self>, ColumnError> {
        let points = varint::take(input)?;
        if points == u64::from(SERIES_END) {
            return Ok(None);
        }
        let is_strict = points & 1 == 1;
        let points = bounded("the points of a chunk", points >> 1, CHUNK_POINTS_MAX as u64)? as usize;
        let first = varint::take_signed(input)?;
        let last = first.wrapping_add(varint::take(input)?.cast_signed());
        let body_len = bounded("the length of a chunk", varint::take(input)?, CHUNK_BODY_BYTES_MAX as u64)? as usize;
        Ok(Some(Self { points, is_strict, first, last, body_len }))
    }
}

fn take_word(input: &mut &[u8]) -> Result<u64, ColumnError> {
    let have = input.len();
    let (word, rest) =
        input.split_first_chunk().ok_or(ColumnError::Truncated { what: "a series' header", need: 8, have })?;
    *input = rest;
    Ok(u64::from_le_bytes(*word))
}

fn bounded(what: &'static str, value: u64, max: u64) -> Result<u64, ColumnError> {
    if value <= max { Ok(value) } else { Err(ColumnError::OutOfRange { what, value, max }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(partition: u32, spill: u32) -> SliceEntry {
        let offset = u64::from(partition) << 33;
        SliceEntry { partition: PartitionId(partition), spill, layer: 0, crc: !spill, offset, len: 9, points: 3 }
    }

    #[test]
    fn an_index_reads_back_and_finds_a_partition() {
        let index = RunIndex::new(vec![entry(2, 1), entry(1, 0), entry(2, 0)]);
        let bytes = index.to_bytes();
        assert_eq!(RunIndex::len_in(&bytes), Ok(bytes.len() - TRAILER_BYTES));
        assert_eq!(RunIndex::from_bytes(&bytes), Ok(index.clone()));
        assert_eq!(index.of_partition(PartitionId(2)), [entry(2, 0), entry(2, 1)]);
        assert_eq!(index.of_partition(PartitionId(0)), []);
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_of_an_index_is_found() {
        let bytes = RunIndex::new(vec![entry(1, 0), entry(2, 0)]).to_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(RunIndex::from_bytes(&flipped).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(RunIndex::from_bytes(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    proptest! {
        #[test]
        fn headers_read_back(org: u64, metric: u64, first: i64, last: i64, is_strict: bool) {
            let mut bytes = Vec::new();
            let series = SeriesHeader { key: SeriesKey::new(org, metric), metadata_len: 100 };
            let chunk = ChunkHeader { points: CHUNK_POINTS_MAX, is_strict, first, last, body_len: 7 };
            series.write(&mut bytes);
            prop_assert!(bytes.len() <= HEADER_BYTES_MAX);
            chunk.write(&mut bytes);
            let mut input = bytes.as_slice();
            prop_assert_eq!(SeriesHeader::read(&mut input), Ok(series));
            prop_assert!(input.len() <= HEADER_BYTES_MAX);
            prop_assert_eq!(ChunkHeader::read(&mut input), Ok(Some(chunk)));
            prop_assert!(input.is_empty());
        }
    }
}
